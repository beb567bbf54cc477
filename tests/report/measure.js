// What is wrong with how the page is laid out: a list of sentences, empty where nothing is.
(() => {
  const found = [];
  const root = document.documentElement;
  const name = (e) => `${e.tagName.toLowerCase()}.${e.getAttribute("class") || ""} "${e.textContent.trim().slice(0, 30)}"`;
  if (root.scrollWidth > innerWidth) found.push(`the page scrolls sideways: ${root.scrollWidth} > ${innerWidth}`);
  for (const image of document.images) {
    if (!image.complete || image.naturalWidth === 0) found.push(`an image is not loaded: ${image.alt}`);
    if (!image.alt) found.push("an image has no words");
  }
  for (const svg of document.querySelectorAll("svg")) {
    if (svg.getAttribute("role") !== "img" || !svg.getAttribute("aria-label")) found.push("a chart has no words");
  }
  // What is wider than the window stands in something that scrolls by itself.
  const scrolls = (e) => e && (e.matches(".wide") || scrolls(e.parentElement));
  const cut = (e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "visible";
  for (const e of document.body.querySelectorAll("p, li, td, th, h1, h2, h3, figcaption, .tiles li")) {
    const box = e.getBoundingClientRect();
    if (box.width && box.right > innerWidth + 1 && !scrolls(e)) found.push(`beyond the window: ${name(e)}`);
    if (e.clientWidth && cut(e) && !e.closest("svg")) found.push(`wider than its box: ${name(e)}`);
  }
  // Boxes of the same parent, and texts of the same chart, do not cover each other.
  const covers = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1.5;
  const compare = (elements) => {
    const boxes = elements.map((e) => [e, e.getBoundingClientRect()]).filter(([, box]) => box.width && box.height);
    boxes.forEach(([a, one], i) => boxes.slice(i + 1).forEach(([b, other]) => {
      if (covers(one, other)) found.push(`${name(a)} covers ${name(b)}`);
    }));
  };
  for (const parent of document.querySelectorAll("main, section, .columns, .charts, .pictures, .tiles, figure, tr, ul, header")) {
    compare([...parent.children]);
  }
  for (const svg of document.querySelectorAll("svg")) compare([...svg.querySelectorAll("text")]);
  return [...new Set(found)].slice(0, 20);
})();

"use strict";
// Heads of tables become buttons that sort; without a script the tables are read as they are.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const original = [...body.rows];
  const key = (row, at) => row.cells[at].dataset.key;
  const compare = (at) => (one, other) => {
    const a = key(one, at), b = key(other, at);
    if (a !== undefined && b !== undefined) return a - b;
    if (a !== undefined || b !== undefined) return a !== undefined ? -1 : 1;
    return one.cells[at].textContent.localeCompare(other.cells[at].textContent, undefined, { numeric: true });
  };
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] || "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      const rows = [...original];
      if (next !== "none") {
        head.setAttribute("aria-sort", next);
        rows.sort(compare(at));
        if (next === "descending") rows.reverse();
      }
      body.append(...rows);
    });
  });
}

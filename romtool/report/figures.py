"""Charts as inline SVG that takes its colours and its font from the page, in light and in dark."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from romtool.types import Floats

N_COLOURS = 6
"""Colours of lines that the style sheet has: --line-1 …"""

_COLOURS = {
    "#000001": "var(--ink-soft)",
    "#000002": "var(--axis)",
    "#000003": "var(--grid)",
    "#000004": "var(--line-rest)",
    "#000005": "var(--card)",
    **{f"#0000{i + 16:x}": f"var(--line-{i + 1})" for i in range(N_COLOURS)},
}
"""Colour that matplotlib writes -> the style sheet's; the first two are text and axes."""

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "romtool",
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "font.size": 8.6,
    "text.color": "#000001",
    "axes.labelcolor": "#000001",
    "xtick.labelcolor": "#000001",
    "ytick.labelcolor": "#000001",
    "xtick.color": "#000002",
    "ytick.color": "#000002",
    "axes.edgecolor": "#000002",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#000003",
    "grid.linewidth": 0.7,
    "axes.unicode_minus": True,
}
SMALLEST = 1e-30
"""Values up to which logarithmic axes leave out."""
_MAX_MARKERS = 60
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Parameters
    ----------
    label: for the legend.
    x, y: (n,) float; NaN leaves a gap.
    upper: (n,) float, where the line is the lower edge of a band.
    colour: 0 … N_COLOURS - 1, or -1 for a thin line in the background.
    dashed: for a reference.
    solid_markers: how many markers are filled; None for all.
    scatter: markers alone.
    """

    label: str
    x: Floats
    y: Floats
    upper: Floats | None = None
    colour: int = 0
    dashed: bool = False
    solid_markers: int | None = None
    scatter: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart of lines over one axis.

    Parameters
    ----------
    title: above it, on the page.
    x_label, y_label: with units.
    lines: at least one.
    log: logarithmic values; what is not above `SMALLEST` is left out.
    log_x: the axis below is logarithmic, too.
    bars: bars instead of lines (whole numbers over time).
    marks: x positions of dashed vertical lines.
    note: below it, on the page.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log: bool = False
    log_x: bool = False
    bars: bool = False
    marks: tuple[float, ...] = ()
    note: str = ""


def draw(chart: Chart, identity: str) -> str:
    """Draw a chart as an `<svg>` element for inclusion in a page.

    Colours are variables of the style sheet (`--ink-soft`, `--axis`, `--grid`, `--card`, `--line-1` …); title and
    legend are left to the page; the element has an `aria-label` that tells what is seen.

    Parameters
    ----------
    chart: what is drawn.
    identity: prefix of the ids inside, unique on the page.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)  # the page's font has the last word
        figure, layout = Figure(figsize=(4.7, 2.7)), ConstrainedLayoutEngine()
        FigureCanvasSVG(figure)
        _plot(figure.add_subplot(), chart)
        layout.execute(figure)  # once; as the figure's own it would run, and draw, a second time
        text = _svg(figure)
    return _inline(text, identity, describe(chart))


def _svg(figure: Any) -> str:
    """Return the SVG document of a figure, without metadata."""
    from io import StringIO

    stream = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    return stream.getvalue()


def _inline(text: str, identity: str, label: str) -> str:
    """Turn an SVG document into an element of an HTML page, with its own ids and the page's colours."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<defs>\s*<style.*?</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'\s(?:xmlns(?::\w+)?|version|width|height)="[^"]*"', "", text.partition(">")[0]) + (
        f' role="img" aria-label="{escape(label)}">{text.partition(">")[2]}'
    )
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{identity}-', text)
    text = text.replace('xlink:href="#', f'href="#{identity}-').replace("url(#", f"url(#{identity}-")
    for written, variable in _COLOURS.items():
        text = text.replace(written, variable)
    return text.strip()


def _plot(axes: Any, chart: Chart) -> None:
    """Put a chart on axes."""
    log = chart.log and any(np.any(line.y > SMALLEST) for line in chart.lines)
    for line in chart.lines:
        _draw_line(axes, line, log, chart.bars)
    for position in chart.marks:
        axes.axvline(position, color="#000002", linewidth=0.9, linestyle=(0, (3, 3)))
    if log:
        axes.set_yscale("log")
    if chart.log_x:
        axes.set_xscale("log")
    _label(axes, chart, log)


def _draw_line(axes: Any, line: Line, log: bool, bars: bool) -> None:
    """Draw one line, band or row of bars."""
    colour = f"#0000{line.colour + 16:x}" if line.colour >= 0 else "#000004"
    y = np.where(line.y > SMALLEST, line.y, np.nan) if log else line.y
    if bars:
        step = float(np.min(np.diff(line.x), initial=np.inf)) if len(line.x) > 1 else 1.0
        axes.bar(line.x, y, width=0.6 * step, color=colour)
        return
    if line.upper is not None and np.any(line.upper != line.y):
        axes.fill_between(line.x, line.y, line.upper, color=colour, alpha=0.25, linewidth=0.0)
        axes.plot(line.x, line.upper, color=colour, linewidth=1.4)
    if line.scatter:
        _draw_markers(axes, line, y, colour)
        return
    shape = {"linestyle": (0, (5, 3)) if line.dashed else "-", "linewidth": 1.6 if line.colour >= 0 else 0.8}
    axes.plot(line.x, y, color=colour, **shape)
    if len(line.x) <= _MAX_MARKERS and line.colour >= 0:
        _draw_markers(axes, line, y, colour)


def _draw_markers(axes: Any, line: Line, y: Floats, colour: str) -> None:
    """Draw filled markers, and hollow ones where a line asks for them; larger for a reference, behind the other."""
    solid = len(y) if line.solid_markers is None else line.solid_markers
    hollow = 0 if line.dashed else solid
    face = {"markersize": 6.4 if line.dashed else 3.4, "linestyle": "none", "markeredgecolor": colour}
    axes.plot(line.x[:hollow], y[:hollow], marker="o", markerfacecolor=colour, **face)
    axes.plot(line.x[hollow:], y[hollow:], marker="o", markerfacecolor="#000005", markeredgewidth=1.1, **face)


def _label(axes: Any, chart: Chart, log: bool) -> None:
    """Label axes and ticks, in characters that need no mathematics."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    if not chart.log_x:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    axes.tick_params(which="both", length=3.0)
    for logarithmic, axis in ((chart.log_x, axes.xaxis), (log, axes.yaxis)):
        if logarithmic:
            axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
            axis.set_minor_formatter(NullFormatter())
            _whole_decades(axis)
    if log:
        return
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=chart.bars))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    if not axes.get_ylim()[0] < axes.get_ylim()[1]:
        axes.set_ylim(-1.0, 1.0)


def _whole_decades(axis: Any) -> None:
    """Widen a logarithmic axis to whole decades, so that at least two ticks have numbers."""
    low, high = axis.get_view_interval()
    first, last = np.floor(np.log10(low)), np.ceil(np.log10(high))
    axis.set_view_interval(10.0**first, 10.0 ** max(last, first + 1.0), ignore=True)


def _number(value: float) -> str:
    """Return a tick value with a true minus sign."""
    return f"{value + 0.0:.6g}".replace("-", "−")


def _power(value: float) -> str:
    """Return a power of ten as 10ⁿ.

    >>> _power(0.001)
    '10⁻³'
    """
    return "10" + str(round(float(np.log10(value)))).translate(_SUPERSCRIPTS)


def describe(chart: Chart) -> str:
    """Tell in words what a chart shows: its axes and where each line starts, ends and is largest."""
    lines = [text for text in map(_tell, chart.lines) if text]
    shown = "; ".join(lines[:8]) + (f"; and {len(lines) - 8} more lines" if len(lines) > 8 else "")
    return f"{chart.title}: {chart.y_label} over {chart.x_label}. {shown}."


def _tell(line: Line) -> str:
    """Tell one line in words."""
    values = line.y if line.upper is None else line.upper
    finite = np.flatnonzero(np.isfinite(values))
    if not len(finite):
        return ""
    if line.scatter:
        low, high = values[finite].min(), values[finite].max()
        return f"{line.label}: {len(finite)} points between {low:.3g} and {high:.3g}"
    first, last, top = finite[0], finite[-1], finite[np.argmax(values[finite])]
    return (
        f"{line.label}: from {values[first]:.3g} at {line.x[first]:.3g} to {values[last]:.3g} at {line.x[last]:.3g}, "
        f"largest {values[top]:.3g} at {line.x[top]:.3g}"
    )


def series(labels: Sequence[str], x: Floats, columns: Sequence[Floats]) -> tuple[Line, ...]:
    """Return one line per column over a common axis, each in its colour; beyond the colours, in the background.

    Parameters
    ----------
    labels: one per column.
    x: (n,) float.
    columns: (n,) float each.
    """
    return tuple(
        Line(label, x, column, colour=i if i < N_COLOURS else -1)
        for i, (label, column) in enumerate(zip(labels, columns, strict=True))
    )

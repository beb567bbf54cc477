"""Figures of a law on a path: stress over strain, and what happens over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from romtool.io.atomic import atomic_file
from romtool.types import Floats

MAX_COLUMNS = 3


@dataclass(frozen=True)
class Panel:
    """One diagram: labels of the axes, the common x (n,), and name -> y (n,)."""

    x_label: str
    y_label: str
    x: Floats
    lines: Mapping[str, Floats]


def save_panels(panels: Sequence[Panel], title: str, path: Path) -> None:
    """Draw diagrams in rows and write them to a file whose suffix says the format (.png, .svg, .pdf).

    Parameters
    ----------
    panels: at least one.
    title: above them.
    path: the file.

    Raises
    ------
    OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_columns = min(len(panels), MAX_COLUMNS)
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(4.6 * n_columns, 3.4 * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    for number, panel in enumerate(panels, 1):
        axes = figure.add_subplot(n_rows, n_columns, number)
        for name, values in panel.lines.items():
            axes.plot(panel.x, values, label=name, linewidth=1.4)
        axes.set_xlabel(panel.x_label)
        axes.set_ylabel(panel.y_label)
        axes.grid(linewidth=0.4)
        if len(panel.lines) > 1:
            axes.legend(fontsize="small")
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lstrip(".").lower() or "png", dpi=150)

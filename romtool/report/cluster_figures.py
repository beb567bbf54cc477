"""Figures of clustered simulations: dissimilarities in the order of the clusters, a map, errors against modes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from romtool.types import Floats, Ints

MOST_NAMES = 40
"""Items whose names fit in a figure."""

_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "romtool", "font.size": 9.0}


@dataclass(frozen=True)
class ClusterFacts:
    """What the figures show.

    Parameters
    ----------
    names: of the items.
    labels: (n_items,) the cluster of each.
    medoids: (n_clusters,) items.
    dissimilarity: (n_items, n_items); `measure` says which.
    measure: its words.
    positions: (n_items, 2) of the map.
    curves: (n_counts, n_max + 1) mean held-out error of K = 1 … clusters with 0, 1, … modes.
    n_modes: of the common online cost, with one basis.
    """

    names: Sequence[str]
    labels: Ints
    medoids: Ints
    dissimilarity: Floats
    measure: str
    positions: Floats
    curves: Floats
    n_modes: int


def save_cluster_figures(facts: ClusterFacts, folder: Path) -> tuple[str, ...]:
    """Draw all figures as SVG, and return the names of the files.

    Parameters
    ----------
    facts: what they show.
    folder: where to write.

    Raises
    ------
    OSError: a file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawings = {"dissimilarity.svg": _draw_matrix, "map.svg": _draw_map, "errors.svg": _draw_errors}
    for name, draw in drawings.items():
        with rc_context(_STYLE):  # type: ignore[arg-type]
            figure = Figure(figsize=(5.5, 4.4), layout="constrained")
            FigureCanvasSVG(figure)
            draw(figure.add_subplot(), facts)
            nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            figure.savefig(folder / name, format="svg", metadata=nothing)
    return tuple(drawings)


def _draw_matrix(axes: Any, facts: ClusterFacts) -> None:
    """Show the matrix, cluster after cluster."""
    order = np.argsort(facts.labels, kind="stable")
    top = 1.0 if facts.measure == "sine" else None
    image = axes.imshow(facts.dissimilarity[np.ix_(order, order)], cmap="viridis", vmin=0.0, vmax=top)
    axes.figure.colorbar(image, ax=axes, label=f"dissimilarity ({facts.measure})")
    for end in np.flatnonzero(np.diff(facts.labels[order])) + 0.5:
        axes.axhline(end, color="white", linewidth=1.2)
        axes.axvline(end, color="white", linewidth=1.2)
    if len(order) <= MOST_NAMES:
        shown = [facts.names[i] for i in order]
        axes.set_xticks(range(len(order)), shown, rotation=90, fontsize=6)
        axes.set_yticks(range(len(order)), shown, fontsize=6)
    axes.set_title("Dissimilarities, cluster after cluster")


def _draw_map(axes: Any, facts: ClusterFacts) -> None:
    """Show the items in a plane, medoids as stars."""
    for number, medoid in enumerate(facts.medoids):
        x, y = facts.positions[facts.labels == number].T
        drawn = axes.plot(x, y, "o", markersize=5, label=f"cluster {number + 1}: {facts.names[medoid]}")[0]
        star = {"marker": "*", "markersize": 14, "markeredgecolor": "black"}
        axes.plot(*facts.positions[medoid], color=drawn.get_color(), **star)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("first coordinate of the scaling")
    axes.set_ylabel("second")
    axes.legend(fontsize="x-small")
    axes.set_title("Map of the dissimilarities, medoids as stars")


def _draw_errors(axes: Any, facts: ClusterFacts) -> None:
    """Show the held-out error against the number of modes, of one basis and of K."""
    n_clusters = len(facts.medoids)
    for row, curve in enumerate(facts.curves):
        bold = row + 1 in (1, n_clusters)
        label = "one basis" if row == 0 else f"{row + 1} clusters"
        axes.semilogy(curve, label=label, linewidth=2.0 if bold else 0.8, linestyle="-" if bold else "--")
    axes.axvline(facts.n_modes, color="grey", linewidth=0.9, linestyle=":")
    axes.set_xlabel("modes")
    axes.set_ylabel("mean relative projection error, held out")
    axes.grid(linewidth=0.4)
    axes.legend(fontsize="x-small")
    axes.set_title("Simulations that the bases have not seen")

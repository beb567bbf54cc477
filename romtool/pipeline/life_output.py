"""The folder that `romtool life` writes: all points, a field for viewing, the critical spots, a picture."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import MissingPartError
from romtool.fem.partition import Subdomain, merge
from romtool.io.atomic import output_folder
from romtool.io.fields import write_series
from romtool.lifetime.result import LIVES, MEASURES, LifeResult, worst_of_owners
from romtool.pipeline.folders import read_head, write_head
from romtool.report.pictures import render
from romtool.types import FieldInfo, Floats, Mesh

COLUMNS = ("cycles_to_failure", "fatigue_damage", "creep_damage", *MEASURES)
SHOWN = "log10_cycles_to_failure"
LONGEST = 1e12
"""Cycles to failure above which a picture shows no differences."""


def write_life(
    out: Path, result: LifeResult, subdomains: Sequence[Subdomain], say: Callable[[str], None], *, overwrite: bool
) -> None:
    """Write `life.h5` (all points), `life.vtu`, `critical.csv` and `life.png`.

    Parameters
    ----------
    out: the folder.
    result: what is found.
    subdomains: of the mesh; none where only reduced points are known: then there is no field and no picture.
    say: told why there is no picture.
    overwrite: replace an existing folder.
    """
    with output_folder(out, overwrite=overwrite) as folder:
        write_head(folder / "life.h5", "life", result=result)
        _write_critical(folder / "critical.csv", result)
        if subdomains:
            mesh = subdomains[0].mesh if len(subdomains) == 1 else merge(subdomains).mesh
            fields = life_fields(result, mesh)
            location = "node" if result.points == "nodes" else "element"
            infos = {name: FieldInfo(location, ("",)) for name in fields}  # type: ignore[arg-type]
            write_series(folder / "life.vtu", mesh, np.zeros(1), infos, lambda name, i: fields[name][:, None])
            _draw(folder / "life.png", mesh, fields[SHOWN], say)


def read_life_result(folder: Path) -> LifeResult:
    """Read the life.h5 of a folder. Raises ModelError."""
    found: LifeResult = read_head(folder / "life.h5", "life", "result")
    return found


def life_fields(result: LifeResult, mesh: Mesh) -> dict[str, Floats]:
    """Return name -> (n_elements,) or (n_nodes,) values of the point with the shortest life of each; NaN without one.

    Where there is no damage, so that the life is endless, it is NaN too.

    Parameters
    ----------
    result: of all points.
    mesh: the whole mesh.
    """
    rows = worst_of_owners(result.lives)
    count = mesh.n_nodes if result.points == "nodes" else mesh.n_elements
    found = {}
    for name in (*LIVES, *MEASURES):
        field = np.full(count, np.nan)
        values = result.lives.values[name][rows]
        field[result.lives.owners[rows]] = np.where(np.isfinite(values), values, np.nan)
        found[name] = field
    return {SHOWN: np.log10(found["cycles_to_failure"]), **found}


def _write_critical(path: Path, result: LifeResult) -> None:
    """Write a line per critical spot."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(critical_spots(result)[0]) if len(result.worst) else ["element"])
        writer.writeheader()
        writer.writerows(critical_spots(result))


def critical_spots(result: LifeResult) -> list[dict[str, Any]]:
    """Return what is known of each critical spot, the shortest life first."""
    lives = result.lives
    spots = []
    for row in result.worst.tolist():
        entity, local = lives.ids[row].tolist()
        place = {"node": entity} if result.points == "nodes" else {"element": entity, "point": local}
        xyz = dict(zip("xyz", lives.coordinates[row].tolist(), strict=True))
        spots.append({**place, **xyz, **{name: float(lives.values[name][row]) for name in COLUMNS}})
    return spots


def _draw(path: Path, mesh: Mesh, values: Floats, say: Callable[[str], None]) -> None:
    """Draw the field; without the means to draw, say so."""
    title = "log10 of cycles to failure, shortest of each element"
    try:
        render(mesh, np.minimum(values, np.log10(LONGEST)), title=title, unit="", path=path)
    except MissingPartError as error:
        say(f"no picture: {error}")


def life_summary(result: LifeResult, folder: Path) -> dict[str, Any]:
    """Return what `life --json` prints."""
    return {
        "name": result.name,
        "source": result.source,
        "points": result.points,
        "n_points": len(result.lives.ids),
        "cycles": result.cycles.tolist(),
        "changes": [vars(change) for change in result.changes],
        "tolerance": result.tolerance,
        "stabilised": result.stabilised,
        "cycles_to_failure": result.minimum,
        "sets": {name: dict(values) for name, values in result.sets.items()},
        "critical": critical_spots(result),
        "warnings": list(result.warnings),
        "folder": str(folder),
    }

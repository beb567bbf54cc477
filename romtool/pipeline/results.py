"""Open anything that holds a history, from solver files to reduced answers, as `SolverResults`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from romtool.convert.registry import read_results
from romtool.errors import ModelError
from romtool.fem.partition import Subdomain, merge
from romtool.pipeline.folders import (
    Provenance,
    read_head,
    read_mode_field,
    read_model,
    read_subdomain,
)
from romtool.pipeline.solution_files import read_solution, read_solution_mesh
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ModeShapes, ReducedModel
from romtool.reduced.reconstruct import displacement, dual
from romtool.types import FieldInfo, Floats, SolverResults

VECTOR = ("x", "y", "z")
TENSOR = ("xx", "yy", "zz", "xy", "yz", "zx")


ReadField = Callable[[str, int], Floats]


@dataclass(frozen=True)
class Pieces:
    """A history that romtool keeps per subdomain.

    Parameters
    ----------
    format: what it is.
    folder: of the history.
    times: (n_times,) float [time].
    fields: name -> location and components.
    n_subdomains: how many pieces.
    open: `open(index)` returns one subdomain and how a field is read on it.
    warnings: sentences that a user should read.
    """

    format: str
    folder: Path
    times: Floats
    fields: Mapping[str, FieldInfo]
    n_subdomains: int
    open: Callable[[int], tuple[Subdomain, ReadField]]
    warnings: tuple[str, ...] = ()


def open_history(path: Path) -> SolverResults:
    """Open an online result, a built-in solution, a folder that holds one of them, or solver files.

    Raises
    ------
    ModelError: a folder that holds none, or several.
    ReaderError: solver files that cannot be read.
    """
    return whole(open_pieces(path)) if path.is_dir() else read_results(path)


def open_pieces(folder: Path) -> Pieces:
    """Open an online result, a built-in solution, or a folder that holds one of them; no subdomain is read yet.

    Raises
    ------
    ModelError: a folder that holds none, or several.
    """
    if (folder / "result.h5").is_file():
        return _open_online(folder)
    if (folder / "solution.h5").is_file():
        return _open_solution(folder)
    children = [child for child in sorted(folder.iterdir()) if is_history(child)]
    if len(children) != 1:
        found = ", ".join(child.name for child in children) or "none"
        raise ModelError(
            f"{folder}: expected one result of `romtool online` or `romtool solve`, found {found}; name one"
        )
    return open_pieces(children[0])


def whole(pieces: Pieces) -> SolverResults:
    """Return all pieces as results on the whole mesh."""
    opened = [pieces.open(index) for index in range(pieces.n_subdomains)]
    merged = merge([subdomain for subdomain, _ in opened])

    def read(name: str, i: int) -> Floats:
        values = [read_piece(name, i) for _, read_piece in opened]
        nodal = pieces.fields[name].location == "node"
        return merged.join_nodes(values) if nodal else merged.join_points(values)

    return SolverResults(
        pieces.format, (pieces.folder,), merged.mesh, pieces.times, pieces.fields, read, pieces.warnings
    )


def is_history(path: Path) -> bool:
    """Tell whether a folder is an online result or a built-in solution."""
    return (path / "result.h5").is_file() or (path / "solution.h5").is_file()


def field_info(name: str, n_components: int, location: str = "point") -> FieldInfo:
    """Return the description of one of romtool's own fields."""
    components = {1: ("",), 3: VECTOR, 6: TENSOR}.get(n_components, tuple(str(i) for i in range(n_components)))
    return FieldInfo("node" if location == "node" else "point", components, source="romtool")


def source_model(folder: Path, provenance: Provenance) -> Path:
    """Return the model folder behind an online result.

    Raises
    ------
    ModelError: it is not where it was, or is another model.
    """
    candidates = [folder / provenance.source, Path(provenance.source)]
    for candidate in candidates:
        if candidate.exists():
            try:
                read_model(candidate, provenance.source_id)
            except ModelError as error:
                raise ModelError(f"{folder} was made with another model than what is there: {error}") from error
            return candidate
    raise ModelError(f"{folder}: its model {provenance.source} is not there; put the model back, or run online again")


def _open_online(folder: Path) -> Pieces:
    """Open an online result; fields are reconstructed when they are read, and only the modes of those are loaded."""
    history: ReducedHistory = read_head(folder / "result.h5", "result", "history")
    provenance: Provenance = read_head(folder / "result.h5", "result", "provenance")
    source = source_model(folder, provenance)
    model = read_model(source, provenance.source_id)
    return online_pieces(folder, history, (source, model), provenance.stopped)


def online_pieces(folder: Path, history: ReducedHistory, behind: tuple[Path, ReducedModel], stopped: str) -> Pieces:
    """Return a reduced answer, whose fields are reconstructed when they are read.

    Parameters
    ----------
    folder: of the answer.
    history: the answer.
    behind: folder of the model, and the model.
    stopped: why the run ended before its last time; "" where it did not.

    Raises
    ------
    ModelError: a model of an earlier version.
    """
    source, model = behind
    fields = {"u": field_info("u", 3, "node")}
    fields |= {name: field_info(name, basis.components) for name, basis in model.duals.items()}

    def open_piece(index: int) -> tuple[Subdomain, ReadField]:
        subdomain = read_subdomain(source, model.model_id, index)

        @cache
        def modes_of(name: str) -> ModeShapes:
            return replace(read_mode_field(source, model.model_id, index, name), subdomain=subdomain)

        def read(name: str, i: int) -> Floats:
            modes = modes_of(name)
            return displacement(modes, history, i) if name == "u" else dual(modes, history, name, i)

        return subdomain, read

    count = model.statistics.get("n_subdomains")
    if not isinstance(count, int):
        raise ModelError(f"{source}: made by an earlier version of romtool; train it anew")
    warnings = (f"incomplete: {stopped}",) if stopped else ()
    return Pieces("romtool-online", folder, history.times, fields, count, open_piece, warnings)


def _open_solution(folder: Path) -> Pieces:
    """Open the folder of a built-in solution."""
    head: Provenance = read_head(folder / "solution.h5", "solution", "provenance")
    times: Floats = read_head(folder / "solution.h5", "solution", "times")
    shapes: dict[str, int] = read_head(folder / "solution.h5", "solution", "fields")
    count: int = read_head(folder / "solution.h5", "solution", "n_subdomains")
    nodal = {"u", "T"}
    fields = {name: field_info(name, width, "node" if name in nodal else "point") for name, width in shapes.items()}

    def open_piece(index: int) -> tuple[Subdomain, ReadField]:
        def read(name: str, i: int) -> Floats:
            return read_solution(folder, index, head.source_id, name, np.array([range(len(times))[i]]))[0]

        return read_solution_mesh(folder, index, head.source_id), read

    return Pieces("romtool-solve", folder, times, fields, count, open_piece)

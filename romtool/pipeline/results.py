"""Open anything that holds a history, from solver files to reduced answers, as `SolverResults`."""

from pathlib import Path

import numpy as np

from romtool.convert.registry import read_results
from romtool.errors import ModelError
from romtool.fem.partition import Subdomain, merge
from romtool.pipeline.folders import (
    Provenance,
    model_file,
    part_name,
    part_reader,
    read_head,
    read_model,
    read_modes,
    read_record,
)
from romtool.reduced.march import ReducedHistory
from romtool.reduced.reconstruct import displacement, dual
from romtool.types import FieldInfo, Floats, SolverResults

VECTOR = ("x", "y", "z")
TENSOR = ("xx", "yy", "zz", "xy", "yz", "zx")


def open_history(path: Path) -> SolverResults:
    """Open an online result, a built-in solution, a folder that holds one of them, or solver files.

    Raises
    ------
    ModelError: a folder that holds none, or several.
    ReaderError: solver files that cannot be read.
    """
    if not path.is_dir():
        return read_results(path)
    if (path / "result.h5").is_file():
        return _open_online(path)
    if (path / "solution.h5").is_file():
        return _open_solution(path)
    children = [child for child in sorted(path.iterdir()) if is_history(child)]
    if len(children) != 1:
        found = ", ".join(child.name for child in children) or "none"
        raise ModelError(f"{path}: expected one result of `romtool online` or `romtool solve`, found {found}; name one")
    return open_history(children[0])


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
            found = read_model(candidate).model_id
            if found != provenance.source_id:
                raise ModelError(
                    f"{candidate}: is model {found}, but {folder} was made with {provenance.source_id}; "
                    "run online again"
                )
            return candidate
    raise ModelError(f"{folder}: its model {provenance.source} is not there; put the model back, or run online again")


def _open_online(folder: Path) -> SolverResults:
    """Open an online result; fields are reconstructed when they are read."""
    history: ReducedHistory = read_head(folder / "result.h5", "result", "history")
    provenance: Provenance = read_head(folder / "result.h5", "result", "provenance")
    source = source_model(folder, provenance)
    model = read_model(source)
    n_parts = sum(1 for _ in model_file(source).parent.glob("subdomain-*.h5"))
    modes = [read_modes(source, model.model_id, index) for index in range(max(n_parts, 1))]
    merged = merge([entry.subdomain for entry in modes])
    fields = {"u": field_info("u", 3, "node")}
    fields |= {name: field_info(name, basis.components) for name, basis in model.duals.items()}

    def read(name: str, i: int) -> Floats:
        if name == "u":
            return merged.join_nodes([displacement(entry, history, i) for entry in modes])
        return merged.join_points([dual(entry, history, name, i) for entry in modes])

    warnings = (f"incomplete: {provenance.stopped}",) if provenance.stopped else ()
    return SolverResults("romtool-online", (folder,), merged.mesh, history.times, fields, read, warnings)


def _open_solution(folder: Path) -> SolverResults:
    """Open the folder of a built-in solution."""
    head: Provenance = read_head(folder / "solution.h5", "solution", "provenance")
    times: Floats = read_head(folder / "solution.h5", "solution", "times")
    shapes: dict[str, int] = read_head(folder / "solution.h5", "solution", "fields")
    count: int = read_head(folder / "solution.h5", "solution", "n_subdomains")
    parts: list[Subdomain] = []
    for index in range(count):
        with part_reader(folder, "solution-part", index, head.source_id) as file:
            parts.append(read_record(file, "subdomain"))
    merged = merge(parts)
    nodal = {"u", "T"}
    fields = {name: field_info(name, width, "node" if name in nodal else "point") for name, width in shapes.items()}

    def read(name: str, i: int) -> Floats:
        values = []
        for index in range(count):
            with part_reader(folder, "solution-part", index, head.source_id) as file:
                values.append(np.asarray(file[f"fields/{name}"][i]))
        return merged.join_nodes(values) if name in nodal else merged.join_points(values)

    return SolverResults("romtool-solve", (folder,), merged.mesh, times, fields, read)


def part_files(folder: Path) -> list[Path]:
    """Return the subdomain files of a folder, in order."""
    return sorted(folder.glob(part_name(0).replace("0000", "*")))

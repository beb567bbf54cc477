"""Results of Ansys MAPDL (`.rst`) through ansys-mapdl-reader, one time at a time.

The package's own check of the file is none, and its compiled part may crash on a damaged one; so the header and the
pointers of the file are checked here first (layout: `fdresu.inc` of Ansys).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from romtool.convert.ansys_elements import RawElements, build_parts
from romtool.convert.parts import assemble, set_rows
from romtool.errors import ReaderError
from romtool.types import FieldInfo, Floats, Ints, Mesh, SolverResults

_MAGIC, _RESULT_HEADER = 100, 103
_HISTORIES = (0, 4, 5)
"""Analysis types with a history: static, full transient, transient by mode superposition."""
_ANALYSES = {1: "buckling", 2: "modal", 3: "harmonic", 7: "substructure", 8: "spectrum"}
_VECTOR, _TENSOR = ("x", "y", "z"), ("xx", "yy", "zz", "xy", "yz", "zx")
_ENGINEERING = np.array([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])


@dataclass(frozen=True)
class _Source:
    """Where a field comes from: method of the package, columns of its values, factor on them."""

    method: str
    columns: tuple[int, ...]
    factor: Floats | float = 1.0


@dataclass(frozen=True)
class History:
    """Reads values by field name and time index; index 0 is the added initial state where `offset` is 1."""

    path: Path
    result: Any
    mesh: Mesh
    offset: int
    sources: Mapping[str, _Source]
    fields: Mapping[str, FieldInfo]

    def read(self, name: str, index: int) -> Floats:
        """Return field `name` at time `index` (see `romtool.types.SolverResults`), NaN where Ansys wrote nothing."""
        source = self.sources[name]
        out = np.full((self.mesh.n_nodes, len(source.columns)), np.nan)
        if index < self.offset:
            return out if name == "T" else np.zeros_like(out)
        ids, values = _call(self.path, lambda: getattr(self.result, source.method)(index - self.offset))
        at = np.searchsorted(ids, self.mesh.node_ids)
        found = ids[np.minimum(at, len(ids) - 1)] == self.mesh.node_ids
        rows = np.asarray(values, dtype=np.float64).reshape(len(ids), -1)[at[found]]
        out[found] = rows[:, list(source.columns)] * source.factor
        return out


def read_results(path: Path) -> SolverResults:
    """Open a `.rst` file.

    Raises
    ------
    ReaderError: not a result file, truncated, damaged, cyclic symmetry, no elements that can be shown.
    """
    check_header(path)
    result = _call(path, lambda: _open(path))
    if "Cyclic" in type(result).__name__:
        raise ReaderError(f"{path}: results of a cyclic sector; expected those of a whole structure")
    mesh, warnings = _mesh(path, result)
    head = result._resultheader
    kan, written = int(head["kan"]), np.asarray(result.time_values, dtype=np.float64)
    if kan not in _HISTORIES:
        kind = _ANALYSES.get(kan, f"type {kan}")
        warnings.append(
            f"{len(written)} results of a {kind} analysis are left out: a reduced model needs a history in time "
            "(static or transient)"
        )
        written = written[:0]
    if (np.diff(written) <= 0).any():
        raise ReaderError(f"{path}: its times do not increase ({written[np.argmax(np.diff(written) <= 0)]:g} …)")
    offset = int(len(written) > 0 and written[0] > 0.0)
    sources, fields = _fields(result) if len(written) else ({}, {})
    history = History(path, result, mesh, offset, sources, fields)
    if "T" in fields and offset:
        warnings.append("the initial temperature is not in the file: T at the added time 0 is NaN")
    times = np.concatenate([np.zeros(offset), written])
    return SolverResults("ansys", (path,), mesh, times, fields, history.read, tuple(warnings))


def check_header(path: Path) -> None:
    """Check the first record, the kind of file, and that its pointers lie inside it.

    Raises
    ------
    ReaderError: with the byte at which it is wrong.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            words = np.frombuffer(stream.read(4 * 256), dtype=np.uint8)
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror}); give an Ansys result file (.rst)") from error
    if len(words) < 4 * 256:
        raise ReaderError(f"{path}: ends at byte {size}; expected the header of an Ansys result file (1024 bytes)")
    order = next((o for o in "<>" if int(words[:4].view(f"{o}i4")[0]) == _MAGIC), None)
    if order is None:
        raise ReaderError(f"{path}: byte 0 holds {words[:4].tobytes()!r}; expected 100, as in Ansys results")
    head = words.view(f"{order}i4").astype(np.int64)
    if head[2] != 12:
        raise ReaderError(f"{path}: byte 8 says file format {head[2]}; expected 12 (structural results, .rst)")
    if head[_RESULT_HEADER] != 80 and head[_RESULT_HEADER] != 40:
        raise ReaderError(
            f"{path}: byte {4 * _RESULT_HEADER} says {head[_RESULT_HEADER]}; expected the length 80 of the result "
            "header (write the file without compression: /FCOMP,RST,0)"
        )
    _check_end(path, size, head[_RESULT_HEADER + 2 :])


def _check_end(path: Path, size: int, header: Ints) -> None:
    """Check the result header's counts and its (64 bit) pointer to the end of the file."""
    for name, k in (("nodes", 2), ("degrees of freedom", 4), ("elements", 6), ("results", 8)):
        if header[k] <= 0:
            raise ReaderError(f"{path}: byte {4 * (_RESULT_HEADER + 2 + k)} says {header[k]} {name}; expected some")
    low, high = (int(word) for word in header[22:24])
    end = 4 * ((low & 0xFFFFFFFF) + (high << 32))
    if not 0 < end <= size:
        raise ReaderError(f"{path}: ends at byte {size}, its header says {end}; it is truncated: copy it again")


def _open(path: Path) -> Any:
    """Open a file with the package."""
    from ansys.mapdl import reader

    return reader.read_binary(str(path))


def _call(path: Path, function: Any) -> Any:
    """Call the package; whatever it raises becomes one line."""
    try:
        return function()
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ReaderError(
            f"{path}: damaged, or of a version that ansys-mapdl-reader does not know: {reason}"
        ) from error


def _mesh(path: Path, result: Any) -> tuple[Mesh, list[str]]:
    """Return the mesh with components as sets, and sentences."""
    found = result.mesh
    order = np.argsort(found.nnum, kind="stable")
    parts, warnings = build_parts(_raw(found, result._element_table))
    if not parts:
        raise ReaderError(f"{path}: holds no solids, shells or beams; expected a structure")
    points = np.asarray(found.nodes, dtype=np.float64)[order]
    mesh = assemble(np.asarray(found.nnum, dtype=np.int64)[order], points, parts, path)
    nodes = {
        name: set_rows(mesh.node_ids, np.asarray(ids, dtype=np.int64)) for name, ids in found.node_components.items()
    }
    elements = {
        name: set_rows(mesh.element_ids, np.asarray(ids, dtype=np.int64))
        for name, ids in found.element_components.items()
    }
    return Mesh(mesh.points, mesh.node_ids, mesh.blocks, nodes, elements), warnings


def _raw(found: Any, table: Mapping[str, Any]) -> RawElements:
    """Return the elements of the package's flat list: ten numbers, then the nodes, for each element."""
    flat, starts = np.asarray(found._elem, dtype=np.int64), np.asarray(found._elem_off, dtype=np.int64)
    counts = np.diff(starts) - 10
    nodes = np.zeros((len(counts), int(counts.max(initial=0))), dtype=np.int64)
    inside = np.arange(nodes.shape[1]) < counts[:, None]
    nodes[inside] = flat[(starts[:-1, None] + 10 + np.arange(nodes.shape[1]))[inside]]
    return RawElements(
        ids=flat[starts[:-1] + 8],
        types=flat[starts[:-1] + 1],
        nodes=nodes,
        routines={int(a): int(b) for a, b in table["ekey"]},
        options={int(key): tuple(map(int, values)) for key, values in table["keyopts"].items()},
    )


def _fields(result: Any) -> tuple[dict[str, _Source], dict[str, FieldInfo]]:
    """Return where the fields of the first result come from, and what they are."""
    freedoms = list(result.result_dof(0))
    sources: dict[str, _Source] = {}
    if all(name in freedoms for name in ("UX", "UY", "UZ")):
        sources["u"] = _Source("nodal_solution", tuple(freedoms.index(name) for name in ("UX", "UY", "UZ")))
    if "TEMP" in freedoms:
        sources["T"] = _Source("nodal_solution", (freedoms.index("TEMP"),))
    elif "EPT" in list(result.available_results):
        sources["T"] = _Source("nodal_temperature", (0,))
    for label, name, method in _NODAL:
        if label in list(result.available_results):
            factor = 1.0 if label == "ENS" else _ENGINEERING
            sources[name] = _Source(method, tuple(range(6)), factor)
    shapes = {1: ("",), 3: _VECTOR, 6: _TENSOR}
    return sources, {n: FieldInfo("node", shapes[len(s.columns)], s.method) for n, s in sources.items()}


_NODAL = (
    ("ENS", "stress_nodal", "nodal_stress"),
    ("EEL", "elastic_strain_nodal", "nodal_elastic_strain"),
    ("EPL", "plastic_strain_nodal", "nodal_plastic_strain"),
)
"""Label in the file, name, method: values at the element's corners, averaged at nodes; engineering shear."""

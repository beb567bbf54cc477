"""Results of Nastran (`.op2`) through pyNastran.

pyNastran reads all times of the tables that are asked for at once; only displacements, temperatures and the
stresses of solids are asked for. Displacements come in the output systems of the nodes (CD) and leave in the basic one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from romtool.convert.nastran_cards import read_cards
from romtool.convert.nastran_mesh import NastranMesh, build_mesh, guarded, read_bulk, silent_log
from romtool.convert.parts import rows_of
from romtool.errors import ReaderError
from romtool.types import FieldInfo, Floats, Ints, Mesh, SolverResults

_STATIC, _HISTORIES = 1, (6, 10)
"""Analysis codes: linear statics; transient, nonlinear statics."""
_ANALYSES = {2: "modal", 5: "frequency response", 7: "buckling", 8: "buckling", 9: "complex modal"}
_DECKS = (".bdf", ".dat", ".nas")
_SINGLE = 6e-8
_STRESS = "stress_centroid"
_SOLIDS = ("ctetra_stress", "cpenta_stress", "chexa_stress", "cpyram_stress")
_VECTOR, _TENSOR = ("x", "y", "z"), ("xx", "yy", "zz", "xy", "yz", "zx")

_MARKERS = (b"\4\0\0\0", b"\0\0\0\4", b"\10\0\0\0", b"\0\0\0\10")
"""Markers of 4 and 8 byte records, little and big endian; the end mark is such a record that holds 0."""

Slice = tuple[Any, int]
"""A table of pyNastran and the index of a time in it."""


@dataclass(frozen=True)
class History:
    """Reads values by field name and time index; index 0 is the added initial state where `offset` is 1.

    Parameters
    ----------
    mesh: the mesh.
    offset: 1 where the initial state was added, else 0.
    nodal: "u" or "T" -> one slice per written time.
    stress: the tables of solid elements' stresses, one list per written time.
    """

    mesh: Mesh
    offset: int
    nodal: Mapping[str, Sequence[Slice]]
    stress: Sequence[Sequence[Slice]]

    def read(self, name: str, index: int) -> Floats:
        """Return field `name` at time `index` (see `romtool.types.SolverResults`), NaN where there is none."""
        if name == _STRESS:
            return self._stress(index)
        width = 3 if name == "u" else 1
        if index < self.offset:
            return np.full((self.mesh.n_nodes, width), 0.0 if name == "u" else np.nan)
        table, i = self.nodal[name][index - self.offset]
        return _placed(self.mesh.node_ids, table.node_gridtype[:, 0], table.data[i][:, :width])

    def _stress(self, index: int) -> Floats:
        """Return the stress at the centroids of solids."""
        ids = self.mesh.element_ids
        if index < self.offset:
            return np.zeros((len(ids), 6))
        parts = [(t.element_node[:, 1] == 0, t, i) for t, i in self.stress[index - self.offset]]
        elements = np.concatenate([t.element_node[centre, 0] for centre, t, _ in parts])
        values = np.concatenate([t.data[i][centre, :6] for centre, t, i in parts])
        return _placed(ids, elements, values)


def _placed(wanted: Ints, ids: Ints, values: Floats) -> Floats:
    """Return the float64 rows of `values` that belong to the wanted ids, NaN where there is none."""
    out = np.full((len(wanted), values.shape[1]), np.nan)
    order = np.argsort(ids, kind="stable")
    at = rows_of(ids[order].astype(np.int64), wanted)
    out[at >= 0] = values[order[at[at >= 0]]]
    return out


def read_results(path: Path) -> SolverResults:
    """Open an `.op2` file; the mesh is its own, else that of the deck beside it.

    Raises
    ------
    ReaderError: not an `.op2` file, truncated or damaged, no mesh.
    """
    check_ends(path)
    model = _open(path)
    notes: list[str] = []
    found = _mesh(path, model)
    _to_basic(path, model, notes)
    times, nodal = _nodal(model, notes)
    stress = _stresses(model, nodal["u"]) if "u" in nodal else []
    offset = int(len(times) > 0 and times[0] > 0.0)
    history = History(found.mesh, offset, nodal, stress)
    if "T" in nodal and offset:
        notes.append("the initial temperature is not in the file: T at the added time 0 is NaN")
    return SolverResults(
        format="nastran",
        paths=(path,),
        mesh=found.mesh,
        times=np.concatenate([np.zeros(offset), times]),
        fields=_fields(nodal, stress),
        read=history.read,
        warnings=(*found.warnings, *notes),
    )


def check_ends(path: Path) -> None:
    """Check that a file begins with a Fortran record marker and ends with one.

    Raises
    ------
    ReaderError: with the byte at which it is wrong.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            first = stream.read(4)
            stream.seek(max(size - 16, 0))
            last = stream.read(16)
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror}); give a Nastran result file (.op2)") from error
    if first not in _MARKERS:
        raise ReaderError(f"{path}: byte 0 holds {first!r}; expected a record marker (4 or 8): is it an .op2 file?")
    end = first + bytes(max(first)) + first
    if not last.endswith(end):
        raise ReaderError(
            f"{path}: byte {size - len(end)} does not begin the end mark; the file is truncated: copy it again"
        )


def _open(path: Path) -> Any:
    """Read geometry, displacements, temperatures and stresses of solids with pyNastran, which is kept silent."""
    from pyNastran.op2.op2_geom import OP2Geom

    model = OP2Geom(debug=None, log=silent_log(), mode=None)
    model.set_results(["displacements", "temperatures", *(f"stress.{name}" for name in _SOLIDS)])
    with guarded(lambda: f"{path}: damaged {_place(path)}, or not known to pyNastran"):
        model.read_op2(str(path), combine=True, build_dataframe=False)
    return model


def _place(path: Path) -> str:
    """Return where the chain of records breaks: each has its length before and behind it."""
    data = path.read_bytes()
    order: Literal["little", "big"] = "little" if data[0] else "big"
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], order)
        if data[at : at + 4] != data[at + 4 + size : at + 8 + size]:
            return f"at byte {at} (expected a record of {size} bytes with its length behind it)"
        at += size + 8
    return "inside a record"


def _mesh(path: Path, model: Any) -> NastranMesh:
    """Return the mesh of the file, else of the deck beside it."""
    if model.nodes and model.elements:
        return build_mesh(model, (), path)
    beside = next((p for p in map(path.with_suffix, _DECKS) if p.is_file()), None)
    if beside is None:
        raise ReaderError(
            f"{path}: holds no mesh, and there is no deck (.bdf, .dat) of its name beside it: put it there"
        )
    bulk = read_cards(beside)
    deck = read_bulk(bulk)
    model.nodes, model.coords = deck.nodes, deck.coords
    return build_mesh(deck, bulk.warnings, beside)


def _to_basic(path: Path, model: Any, notes: list[str]) -> None:
    """Turn displacements from the output systems of the nodes into the basic one."""
    if not any(node.Cd() for node in model.nodes.values()):
        return
    with guarded(lambda: f"{path}: displacements cannot be turned into the basic system"):
        into, _, _, table = model.get_displacement_index_xyz_cp_cd(fdtype="float64", idtype="int64")
        points = np.array([model.nodes[node].get_position() for node in table[:, 0]])
        model.transform_displacements_to_global(into, model.coords, xyz_cid0=points)


def _nodal(model: Any, notes: list[str]) -> tuple[Floats, dict[str, list[Slice]]]:
    """Return the times and the slices of u and T at them."""
    tables = {"u": list(model.displacements.values()), "T": list(model.temperatures.values())}
    left = sorted({_ANALYSES.get(t.analysis_code, "other") for same in tables.values() for t in same
                   if t.analysis_code not in (_STATIC, *_HISTORIES)})  # fmt: skip
    if left or model.eigenvectors:
        kinds = ", ".join(left) or "modal"
        notes.append(f"results of a {kinds} analysis are left out: a reduced model needs a history in time")
    times, nodal = np.zeros(0), {}
    for name, same in tables.items():
        own, slices = _history(same, notes)
        if len(own) and (not len(times) or np.array_equal(own, times)):
            times, nodal[name] = own, slices
        elif len(own):
            notes.append(f"{name} has other times than the displacements; it is left out")
    return times, nodal


def _history(tables: Sequence[Any], notes: list[str]) -> tuple[Floats, list[Slice]]:
    """Return times and slices of the first subcase with a history, else of all linear static subcases."""
    moving = [table for table in tables if table.analysis_code in _HISTORIES]
    if moving:
        if len(moving) > 1:
            notes.append(f"{len(moving)} subcases have a history; the first one is read")
        times, first = np.unique(np.asarray(moving[0]._times, dtype=np.float64), return_index=True)
        return times, [(moving[0], int(i)) for i in first]
    static = [table for table in tables if table.analysis_code == _STATIC]
    if static:
        notes.append(f"linear statics has no time: its subcases ({len(static)}) stand at the times 1, 2, …")
    return np.arange(1.0, len(static) + 1.0), [(table, 0) for table in static]


def _stresses(model: Any, slices: Sequence[Slice]) -> list[list[Slice]]:
    """Return the stress tables at each time; none where one is missing or not in the basic system."""
    tables = [table for name in _SOLIDS for table in getattr(model.op2_results.stress, name).values()]
    if any((table.element_cid[:, 1] > 0).any() for table in tables):
        return []
    found = [[(table, _index(table, *of)) for table in tables if _index(table, *of) >= 0] for of in slices]
    return found if all(found) else []


def _index(table: Any, nodal: Any, i: int) -> int:
    """Return the index in a stress table of the time that a nodal table has at index `i`, -1 where it has none."""
    if (table.isubcase, table.analysis_code) != (nodal.isubcase, nodal.analysis_code):
        return -1
    if nodal.analysis_code == _STATIC:
        return 0
    same = np.flatnonzero(np.asarray(table._times) == np.asarray(nodal._times)[i])
    return int(same[0]) if len(same) else -1


def _fields(nodal: Mapping[str, Sequence[Slice]], stress: Sequence[Sequence[Slice]]) -> dict[str, FieldInfo]:
    """Return what the fields are."""
    found = {
        name: FieldInfo("node", _VECTOR if name == "u" else ("",), slices[0][0].table_name_str, _precision(slices[0]))
        for name, slices in nodal.items()
    }
    if stress:
        found[_STRESS] = FieldInfo("element", _TENSOR, "OES1", _precision(stress[0][0]))
    return found


def _precision(of: Slice) -> float:
    """Return the relative precision of a table."""
    return 0.0 if of[0].data.dtype.itemsize == 8 else _SINGLE

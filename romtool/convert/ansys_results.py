"""Results of Ansys MAPDL (`.rst`) as a history, one time at a time.

Displacements leave the nodes' systems, stresses those of the elements; stresses and temperatures of elements are
averaged at nodes. Ansys writes no result at time 0; the initial state is added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.convert.ansys_file import AnsysFile, long, open_file
from romtool.convert.ansys_geometry import Geometry, read_geometry
from romtool.convert.ansys_kernels import add_at_nodes, turn_vectors
from romtool.convert.parts import rows_of
from romtool.errors import ReaderError
from romtool.types import FieldInfo, Floats, Ints, SolverResults

_HISTORIES = (0, 4, 5)
"""Analysis types with a history: static, full transient, transient by mode superposition."""
_ANALYSES = {1: "buckling", 2: "modal", 3: "harmonic", 7: "substructure", 8: "spectrum"}
_COMPONENTS = {1: ("",), 3: ("x", "y", "z"), 6: ("xx", "yy", "zz", "xy", "yz", "zx")}
_FREEDOMS = {1: "UX", 2: "UY", 3: "UZ", 20: "TEMP"}
_STRESS, _ANGLES, _TEMPERATURE = 2, 9, 16
"""Places in an element's table of results; the bit of what a file holds is one more."""
_INVALID = 2.0**100
_NO_CYCLES = 1


@dataclass(frozen=True)
class History:
    """Reads values by field name and time index; index 0 is the added initial state where `offset` is 1.

    Parameters
    ----------
    file: the file.
    geometry: its mesh.
    node_ids: (n,) ids of the nodes in the order of the nodal results.
    results: (n_written,) words where the results begin.
    offset: 1 where the initial state was added, else 0.
    freedoms: columns of the nodal results, by name.
    """

    file: AnsysFile
    geometry: Geometry
    node_ids: Ints
    results: Ints
    offset: int
    freedoms: Mapping[str, int]

    def read(self, name: str, index: int) -> Floats:
        """Return field `name` at time `index` (see `romtool.types.SolverResults`), NaN where Ansys wrote nothing."""
        width = {"u": 3, "T": 1, "stress_nodal": 6}[name]
        if index < self.offset:
            return np.full((self.geometry.mesh.n_nodes, width), np.nan if name == "T" else 0.0)
        at = int(self.results[index - self.offset])
        header = self.file.integers(at, 512, "the header of a result", 120)
        if name == "stress_nodal":
            return self._averaged(at, header, _STRESS, self.geometry.stress_nodes, width)
        if name == "T" and "TEMP" not in self.freedoms:
            return self._averaged(at, header, _TEMPERATURE, self.geometry.force_nodes, width)
        return self._nodal(at, header, name)

    def _nodal(self, at: int, header: Ints, name: str) -> Floats:
        """Return a field of the nodal solution."""
        n_columns, begin = int(header[19] + header[97]), at + long(header, 104, 105)
        limit = 2 * max(n_columns, 1) * len(self.node_ids)
        values = self.file.reals(begin, limit, "the nodal results")
        ids = self.node_ids
        rows = values[: len(values) // n_columns * n_columns].reshape(-1, n_columns)
        if len(rows) < len(ids):
            chosen = self.file.integers(
                begin + int(self.file.words[begin]) + 3, 2 * len(ids), "the nodes of the results"
            )
            if len(chosen) < len(rows) or (chosen < 1).any() or (chosen > len(ids)).any():
                raise self.file.error(begin, "the results name nodes that are not there")
            ids = ids[chosen[: len(rows)] - 1]
        columns = [self.freedoms[f] for f in (("UX", "UY", "UZ") if name == "u" else ("TEMP",))]
        found = self._placed(ids, rows[: len(ids), columns])
        if name == "u":
            turn_vectors(found, self.geometry.angles)
        return found

    def _placed(self, ids: Ints, values: Floats) -> Floats:
        """Return values in the mesh's node order, NaN where there is none."""
        out = np.full((self.geometry.mesh.n_nodes, values.shape[1]), np.nan)
        at = rows_of(self.geometry.mesh.node_ids, ids)
        out[at[at >= 0]] = values[at >= 0]
        out[out == _INVALID] = np.nan
        return out

    def _averaged(self, at: int, header: Ints, column: int, nodes: Ints, width: int) -> Floats:
        """Return an element result, averaged at the nodes."""
        mesh = self.geometry.mesh
        sums, hits = np.zeros((mesh.n_nodes, width)), np.zeros(mesh.n_nodes, dtype=np.int64)
        begin, count = at + long(header, 118, 119), len(nodes)
        if begin > at:
            table = self.file.integers(begin, 2 * count, "where the element results are", 2 * count)[: 2 * count]
            offsets = (table[0::2] & 0xFFFFFFFF) + (table[1::2] << 32)
            places = np.where(offsets != 0, begin + offsets, 0)
            angles = _ANGLES if width == 6 else -1
            bad = add_at_nodes(self.file.words, places, column, angles, nodes, sums, hits)
            if bad < count:
                raise self.file.error(int(places[bad]), f"the result of element {bad + 1} of {count} is not there")
        return np.where(hits[:, None] > 0, sums / np.maximum(hits, 1)[:, None], np.nan)


def read_results(path: Path) -> SolverResults:
    """Open a `.rst` file.

    Raises
    ------
    ReaderError: not a result file, truncated, damaged, compressed, cyclic symmetry, nothing that can be shown.
    """
    file = open_file(path)
    if file.header[20] > _NO_CYCLES:
        raise ReaderError(f"{path}: results of a cyclic sector; expected those of a whole structure")
    geometry = read_geometry(file)
    node_ids = file.integers(file.pointer("nodes"), 2 * file.n_nodes, "the nodes in use", file.n_nodes)[: file.n_nodes]
    warnings = list(geometry.warnings)
    results, times = _written(file, warnings)
    offset = int(len(times) > 0 and times[0] > 0.0)
    freedoms = _freedoms(file, results)
    history = History(file, geometry, node_ids, results, offset, freedoms)
    fields = _fields(file, freedoms) if len(times) else {}
    if "T" in fields and offset:
        warnings.append("the initial temperature is not in the file: T at the added time 0 is NaN")
    times = np.concatenate([np.zeros(offset), times])
    return SolverResults("ansys", (path,), geometry.mesh, times, fields, history.read, tuple(warnings))


def _written(file: AnsysFile, warnings: list[str]) -> tuple[Ints, Floats]:
    """Return where the results of a history are, and their times; none of an analysis that has no history."""
    count, room = file.n_results, int(file.header[3])
    if not count <= room <= len(file.words):
        raise file.error(file.pointer("dsi"), f"the header says {count} results in a table of {room}")
    table = file.integers(file.pointer("dsi"), 2 * room, "where the results are", room + count)
    results = (table[:count] & 0xFFFFFFFF) + (table[room : room + count] << 32)
    times = file.reals(file.pointer("times"), 2 * room, "the times", count)[:count]
    kan = int(file.header[7])
    if kan not in _HISTORIES:
        kind = _ANALYSES.get(kan, f"type {kan}")
        warnings.append(
            f"{count} results of a {kind} analysis are left out: a reduced model needs a history in time "
            "(static or transient)"
        )
        return results[:0], times[:0]
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise file.error(file.pointer("times"), "the times do not increase")
    for at in results.tolist():
        header = file.integers(at, 512, "the header of a result", 120)
        file.check(at + long(header, 104, 105), "the nodal results")
    return results, times


def _freedoms(file: AnsysFile, results: Ints) -> dict[str, int]:
    """Return the columns of the nodal results of the first time, by the name of the degree of freedom."""
    if not len(results):
        return {}
    header = file.integers(int(results[0]), 512, "the header of a result", 120)
    numbers = header[20 : 20 + min(int(header[19]), 30)].tolist()
    return {_FREEDOMS[number]: k for k, number in enumerate(numbers) if number in _FREEDOMS}


def _fields(file: AnsysFile, freedoms: Mapping[str, int]) -> dict[str, FieldInfo]:
    """Return the fields of the file."""
    held, found = int(file.header[35]), {}
    if {"UX", "UY", "UZ"} <= set(freedoms):
        found["u"] = FieldInfo("node", _COMPONENTS[3], "NSL")
    if "TEMP" in freedoms or held >> (_TEMPERATURE + 1) & 1:
        found["T"] = FieldInfo("node", _COMPONENTS[1], "NSL" if "TEMP" in freedoms else "EPT")
    if held >> (_STRESS + 1) & 1:
        found["stress_nodal"] = FieldInfo("node", _COMPONENTS[6], "ENS")
    return found

"""Geometry of an Ansys result file: element types, nodes with their systems, elements, components."""

from dataclasses import dataclass

import numpy as np

from romtool.convert.ansys_archive import LARGEST_ID, written_out
from romtool.convert.ansys_elements import NAMES, RawElements, build_parts
from romtool.convert.ansys_file import AnsysFile, long
from romtool.convert.ansys_kernels import read_rows
from romtool.convert.parts import assemble, rows_of, set_rows
from romtool.errors import ReaderError
from romtool.types import Floats, Ints, Mesh

_NODE_WORDS, _ELEMENT_WORDS, _TYPE_WORDS = 64, 128, 512
_NUMBERS = 10
"""Numbers of an element before its nodes: material, type, …, its own number at place 8."""


@dataclass(frozen=True)
class Geometry:
    """What a file says about the mesh.

    Parameters
    ----------
    mesh: the mesh, components as sets.
    angles: (n_nodes, 3) float [degree] of the nodes' systems, by row of the mesh.
    stress_nodes, force_nodes: (n_elements of the file, n) rows of the mesh's nodes for the nodes at which Ansys stores
        stresses (corners) and temperatures; -1: not a node of the mesh, or a repeated one; -2: not stored.
    warnings: sentences for the user.
    """

    mesh: Mesh
    angles: Floats
    stress_nodes: Ints
    force_nodes: Ints
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Types:
    """Element types by reference number: type number, KEYOPTs, nodes with stresses, nodes with forces."""

    routines: dict[int, int]
    options: dict[int, tuple[int, ...]]
    n_stress: dict[int, int]
    n_force: dict[int, int]


def read_geometry(file: AnsysFile) -> Geometry:
    """Read the geometry of a file. Raises ReaderError."""
    header = file.integers(file.pointer("geometry"), 256, "the geometry header", 52)
    types = _types(file, header)
    ids, points, angles = _nodes(file, header)
    raw = _elements(file, header, types)
    parts, warnings = build_parts(raw)
    if not parts:
        raise ReaderError(f"{file.path}: holds no solids, shells or beams; expected a structure")
    mesh = assemble(ids, points, parts, file.path)
    nodes, elements = _components(file, header)
    mesh = Mesh(
        mesh.points,
        mesh.node_ids,
        mesh.blocks,
        {name: set_rows(mesh.node_ids, members) for name, members in nodes.items()},
        {name: set_rows(mesh.element_ids, members) for name, members in elements.items()},
    )
    rows = rows_of(mesh.node_ids, raw.nodes)
    return Geometry(
        mesh=mesh,
        angles=angles[rows_of(ids, mesh.node_ids)],
        stress_nodes=_stored(raw, rows, types, types.n_stress),
        force_nodes=_stored(raw, rows, types, types.n_force),
        warnings=tuple(warnings),
    )


def _types(file: AnsysFile, header: Ints) -> _Types:
    """Return the element types."""
    first = long(header, 20, 21)
    table = file.integers(first, int(file.words[min(first, len(file.words) - 1)]) + 8, "the element types")
    if len(header) > 64 and header[64]:
        table = file.integers(first + int(file.words[first]) + 3, 2 * len(table) + 8, "the element types")
    types = _Types({}, {}, {}, {})
    for pointer in table[table > 0].tolist():
        record = file.integers(first + pointer, _TYPE_WORDS, "an element type", 94)
        number = int(record[0])
        types.routines[number] = int(record[1])
        types.options[number] = tuple(map(int, record[2:13]))
        types.n_force[number], types.n_stress[number] = int(record[62]), int(record[93])
    return types


def _nodes(file: AnsysFile, header: Ints) -> tuple[Ints, Floats, Floats]:
    """Return ascending ids, coordinates and angles of the nodes."""
    count = _checked(file, int(header[3]), "nodes")
    first = long(header, 26, 27)
    rows = np.zeros((count, _NODE_WORDS), dtype=np.int32)
    sizes = np.zeros(count, dtype=np.int64)
    bad = read_rows(file.words, first, np.zeros(0, dtype=np.int64), rows, sizes)
    if bad < count:
        raise file.error(first, f"node record {bad + 1} of {count} is not there")
    values = rows.view(np.float64)[:, :7]
    order = np.argsort(values[:, 0], kind="stable")
    ids = values[order, 0]
    if not (np.isfinite(values).all() and (ids == np.floor(ids)).all() and (ids >= 1).all()):
        raise file.error(first, "the nodes have no whole positive numbers or finite coordinates")
    return ids.astype(np.int64), values[order, 1:4].copy(), values[order, 4:7].copy()


def _checked(file: AnsysFile, count: int, what: str) -> int:
    """Return a count that the file can hold. Raises ReaderError."""
    if not 0 < count <= len(file.words):
        raise file.error(file.pointer("geometry"), f"the geometry header says {count} {what}")
    return count


def _elements(file: AnsysFile, header: Ints, types: _Types) -> RawElements:
    """Return the elements."""
    count = _checked(file, int(header[4]), "elements")
    first = long(header, 28, 29)
    table = file.integers(first, 2 * count, "where the elements are", 2 * count)[: 2 * count]
    places = first + (table[0::2] & 0xFFFFFFFF) + (table[1::2] << 32)
    rows = np.zeros((count, _ELEMENT_WORDS), dtype=np.int32)
    sizes = np.zeros(count, dtype=np.int64)
    bad = read_rows(file.words, 0, places, rows, sizes)
    if bad < count:
        raise file.error(int(places[bad]), f"element record {bad + 1} of {count} is not there")
    nodes = rows[:, _NUMBERS:].astype(np.int64)
    nodes[np.arange(nodes.shape[1]) >= (sizes - _NUMBERS)[:, None]] = 0
    width = max(int((nodes != 0).any(axis=0).nonzero()[0].max(initial=0)) + 1, 1)
    return RawElements(
        ids=rows[:, 8].astype(np.int64),
        types=rows[:, 1].astype(np.int64),
        nodes=nodes[:, :width],
        routines=types.routines,
        options=types.options,
    )


def _stored(raw: RawElements, rows: Ints, types: _Types, counts: dict[int, int]) -> Ints:
    """Return rows of nodes in the order in which an element stores values; see `Geometry`."""
    known = {number for number, routine in types.routines.items() if routine in NAMES}
    count = np.array([counts[t] if t in known else 0 for t in raw.types.tolist()], dtype=np.int64)
    width = min(int(count.max(initial=1)), raw.nodes.shape[1])
    nodes = raw.nodes[:, :width]
    out = np.where(nodes > 0, rows[:, :width], -1)
    for k in range(1, width):
        out[(nodes[:, :k] == nodes[:, k : k + 1]).any(axis=1), k] = -1
    out[np.arange(width) >= count[:, None]] = -2
    return out


def _components(file: AnsysFile, header: Ints) -> tuple[dict[str, Ints], dict[str, Ints]]:
    """Return the node and element components, name -> ids."""
    found: tuple[dict[str, Ints], dict[str, Ints]] = ({}, {})
    at, count = long(header, 50, 51), int(header[48])
    for _ in range(count if at else 0):
        table = file.integers(at, 2 * len(file.words), "a component", 9)
        name = b"".join(int(word & 0xFFFFFFFF).to_bytes(4, "big") for word in table[1:9]).decode("latin-1")
        if table[0] in (1, 2):
            numbers = table[9:]
            if np.abs(numbers).max(initial=0) > LARGEST_ID:
                raise file.error(at, f"a component has ids above {LARGEST_ID:g}")
            found[int(table[0]) - 1][name.strip("\0 ")] = written_out(numbers[numbers != 0])
        at += int(file.words[at]) + 3
    return found

"""Writers of CalculiX, Abaqus, Ansys, Nastran and Z-set files for tests, made from the formats' documents.

Meshes have one block; u and T are (n_times, n_nodes, 3) and (n_times, n_nodes).
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from romtool.cells import CELLS
from romtool.types import Floats, Ints, Mesh

UPRIGHT_BEFORE_TOP = {
    "hexahedron20": [*range(12), 16, 17, 18, 19, 12, 13, 14, 15],
    "wedge15": [*range(9), 12, 13, 14, 9, 10, 11],
}
"""Order of `.frd` and Nastran: mid-side nodes of the bottom, of the upright edges, of the top."""

FRD_NUMBERS = {"hexahedron": 1, "wedge": 2, "tetra": 3, "hexahedron20": 4, "wedge15": 5, "tetra10": 6}
ABAQUS_TYPES = {
    "tetra": "C3D4",
    "tetra10": "C3D10",
    "hexahedron": "C3D8",
    "hexahedron20": "C3D20",
    "wedge": "C3D6",
    "wedge15": "C3D15",
}
NASTRAN_NAMES = {"hexa": "CHEXA", "wedg": "CPENTA", "tetr": "CTETRA"}
BRICKS = {
    "hexahedron": list(range(8)),
    "wedge": [0, 1, 2, 2, 3, 4, 5, 5],
    "tetra": [0, 1, 2, 2, 3, 3, 3, 3],
    "hexahedron20": list(range(20)),
    "wedge15": [0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 2, 8, 9, 10, 5, 11, 12, 13, 14, 14],
    "tetra10": [0, 1, 2, 2, 3, 3, 3, 3, 4, 5, 2, 6, 3, 3, 3, 3, 7, 8, 9, 9],
}
"""Nodes of SOLID185 and SOLID186 (I … P, Q … B) of the shapes that they fold to."""

ZSET_TYPES = {
    "tetra": ("c3d4", "0 1 2 3"),
    "hexahedron": ("c3d8", "0 1 2 3 4 5 6 7"),
    "wedge": ("c3d6", "0 1 2 3 4 5"),
    "tetra10": ("c3d10", "0 1 2 01 12 20 03 13 23 3"),
    "hexahedron20": ("c3d20", "0 01 1 12 2 23 3 30 04 15 26 37 4 45 5 56 6 67 7 74"),
    "wedge15": ("c3d15", "0 01 1 12 2 20 03 14 25 3 34 4 45 5 53"),
}
"""Z-set's type, and its nodes: corners, and the corners of the edge of a mid-side node."""


def cells_of(mesh: Mesh, orders: dict[str, list[int]] | None = None) -> Ints:
    """Return the node ids of each cell, in a format's order where it differs from VTK's."""
    (block,) = mesh.blocks
    nodes = mesh.node_ids[block.connectivity]
    return nodes[:, (orders or {}).get(block.cell_type, slice(None))]  # type: ignore[no-any-return]


def numbered(mesh: Mesh) -> zip:  # type: ignore[type-arg]
    """Return pairs of node id and coordinates."""
    return zip(mesh.node_ids.tolist(), mesh.points.tolist(), strict=True)


def write_deck(path: Path, mesh: Mesh, heading: str = "") -> Path:
    """Write mesh and node order as CalculiX and Abaqus have them, which is VTK's."""
    (block,) = mesh.blocks
    lines = [heading] if heading else []
    lines += ["*NODE, NSET=NALL", *(f"{i}, {x:.16g}, {y:.16g}, {z:.16g}" for i, (x, y, z) in numbered(mesh))]
    lines += [f"*ELEMENT, TYPE={ABAQUS_TYPES[block.cell_type]}, ELSET=EALL"]
    for number, nodes in zip(block.element_ids, cells_of(mesh), strict=True):
        words = [str(number), *map(str, nodes)]
        lines += [", ".join(words[:10]) + ("," if len(words) > 10 else "")]
        lines += [", ".join(words[10:])] if len(words) > 10 else []
    path.write_text("\n".join(lines) + "\n")
    return path


def frd_rows(ids: Ints, values: Floats, flag: int) -> bytes:
    """Return rows of id and up to six values: text (1), float32 (2) or float64 (3)."""
    if flag == 1:
        rows = zip(ids.tolist(), values.tolist(), strict=True)
        text = "".join(f" -1{i:10d}" + "".join(f"{x:12.5E}" for x in row) + "\n" for i, row in rows)
        return text.encode() + b" -3\n"
    out = np.zeros(len(ids), [("id", "<i4"), ("v", "<f4" if flag == 2 else "<f8", values.shape[1:])])
    out["id"], out["v"] = ids, values
    return out.tobytes()


def frd_result(mesh: Mesh, name: str, step: int, time: float, values: Floats, flag: int) -> bytes:
    """Return one result: DISP (three columns) or NDTEMP (one)."""
    names = ("D1", "D2", "D3", "ALL") if values.shape[1] == 3 else ("T",)
    text = f"    1PSTEP{'':14}{step:12d}{step:12d}{1:12d}\n"
    text += f"  100CL  101{time:12.5f}{len(values):12d}{'':20} 0{step:5d}{'':10}{flag:2d}\n"
    text += f" -4  {name:8s}{len(names):5d}    1\n"
    for k, component in enumerate(names):
        text += f" -5  {component:8s}    1{2 if len(names) > 1 else 1:5d}{k + 1:5d}    0{int(component == 'ALL'):5d}\n"
    return text.encode() + frd_rows(mesh.node_ids, values, flag)


def write_frd(path: Path, mesh: Mesh, times: Sequence[float], u: Floats, temperature: Floats, flag: int) -> Path:
    """Write results of CalculiX; nothing at time 0, as it does."""
    (block,) = mesh.blocks
    cells, kind = cells_of(mesh, UPRIGHT_BEFORE_TOP), FRD_NUMBERS[block.cell_type]
    parts = [f"    1C\n    2C{'':18}{mesh.n_nodes:12d}{'':37}{1 if flag == 1 else 3}\n".encode()]
    parts += [frd_rows(mesh.node_ids, mesh.points, 1 if flag == 1 else 3)]
    parts += [f"    3C{'':18}{len(cells):12d}{'':37}{1 if flag == 1 else 2}\n".encode()]
    for number, nodes in zip(block.element_ids.tolist(), cells.tolist(), strict=True):
        if flag != 1:
            parts += [np.array([number, kind, 0, 1, *nodes], "<i4").tobytes()]
            continue
        lines = [nodes[i : i + 10] for i in range(0, len(nodes), 10)]
        text = "".join(" -2" + "".join(f"{n:10d}" for n in line) + "\n" for line in lines)
        parts += [f" -1{number:10d}{kind:5d}    0    1\n{text}".encode()]
    parts += [b" -3\n"] if flag == 1 else []
    for i, time in enumerate(times):
        if time > 0.0:
            parts += [frd_result(mesh, "DISP", i, time, u[i], flag)]
            parts += [frd_result(mesh, "NDTEMP", i, time, temperature[i][:, None], flag)]
    path.write_bytes(b"".join(parts) + b" 9999\n")
    return path


def fil_word(value: float | int | str) -> str:
    """Return a word of an ASCII `.fil`."""
    if isinstance(value, str):
        return f"A{value:<8}"[:9]
    if isinstance(value, int):
        return f"I{len(str(value)):2d}{value}"
    mantissa, _, exponent = f"{value: .15E}".partition("E")
    return f"D{mantissa}D{int(exponent):+03d}"


def fil_record(key: int, *words: float | int | str) -> str:
    """Return a record of an ASCII `.fil`."""
    return "*" + fil_word(2 + len(words)) + fil_word(key) + "".join(map(fil_word, words))


def fil_lines(text: str) -> str:
    """Return text in lines of 80, the last one filled up, a blank one behind."""
    text = text.ljust(-(-len(text) // 80) * 80)
    return "".join(text[i : i + 80] + "\n" for i in range(0, len(text), 80)) + " " * 80 + "\n"


def write_fil(path: Path, mesh: Mesh, times: Sequence[float], u: Floats, temperature: Floats) -> Path:
    """Write results of Abaqus with every digit; nothing at time 0, as it does."""
    (block,) = mesh.blocks
    ids, kind = mesh.node_ids.tolist(), ABAQUS_TYPES[block.cell_type]
    model = fil_record(1921, "6.23-1", "07-Nov-2", "024", "16:50:01", mesh.n_elements, mesh.n_nodes, 1.0)
    for number, nodes in zip(block.element_ids.tolist(), cells_of(mesh).tolist(), strict=True):
        model += fil_record(1900, number, kind, *nodes)
    model += "".join(fil_record(1901, i, *point) for i, point in numbered(mesh))
    parts = [fil_lines(model + fil_record(2001))]
    for i, time in enumerate(times):
        if time > 0.0:
            text = fil_record(2000, time, time, 0.0, 0.0, 1, 1, 1, 0, 0.0, 0.0, 0.5, *["title"] * 10)
            text += "".join(fil_record(101, n, *row) for n, row in zip(ids, u[i].tolist(), strict=True))
            text += "".join(fil_record(201, n, x) for n, x in zip(ids, temperature[i].tolist(), strict=True))
            parts.append(fil_lines(text + fil_record(2001)))
    path.write_text("".join(parts))
    return path


def write_archive(path: Path, mesh: Mesh) -> Path:
    """Write an archive of Ansys: all shapes as folded bricks."""
    (block,) = mesh.blocks
    quadratic = CELLS[block.cell_type].n_nodes > CELLS[block.cell_type].n_corners
    size = f"{mesh.n_nodes:10d}{mesh.n_nodes:10d}"
    text = f"/PREP7\nET,        1,{186 if quadratic else 185}\nNBLOCK,6,SOLID,{size}\n(3i9,6e21.13e3)\n"
    for i, point in numbered(mesh):
        numbers = [f"{x:.13E}".partition("E") for x in point]
        text += f"{i:9d}{0:9d}{0:9d}" + "".join(f"{m}E{int(e):+04d}".rjust(21) for m, _, e in numbers) + "\n"
    text += f"N,R5.3,LOC,       -1,\nEBLOCK,19,SOLID,{mesh.n_elements:10d}{mesh.n_elements:10d}\n(19i10)\n"
    for number, nodes in zip(block.element_ids.tolist(), cells_of(mesh, BRICKS).tolist(), strict=True):
        row = [1, 1, 1, 1, 0, 0, 0, 0, len(nodes), 0, number, *nodes[:8]]
        text += "".join(f"{n:10d}" for n in row) + "\n"
        text += "".join(f"{n:10d}" for n in nodes[8:]) + ("\n" if nodes[8:] else "")
    path.write_text(text + f"{-1:10d}\n/GO\nFINISH\n")
    return path


def nastran_card(name: str, *fields: object) -> str:
    """Return a card of free fields, eight to a line."""
    rows = [fields[i : i + 8] for i in range(0, len(fields), 8)]
    return "".join(f"{name if not k else ''},{','.join(map(str, row))}\n" for k, row in enumerate(rows))


def write_bulk(path: Path, mesh: Mesh) -> Path:
    """Write bulk data of Nastran."""
    (block,) = mesh.blocks
    name, cells = NASTRAN_NAMES[block.cell_type[:4]], cells_of(mesh, UPRIGHT_BEFORE_TOP).tolist()
    text = "SOL 101\nCEND\nBEGIN BULK\nPSOLID,1,1\nMAT1,1,2.1+5,,0.3\n"
    text += "".join(nastran_card("GRID", i, "", *point) for i, point in numbered(mesh))
    text += "".join(nastran_card(name, i, 1, *row) for i, row in zip(block.element_ids, cells, strict=True))
    path.write_text(text + "ENDDATA\n")
    return path


def zset_order(cell_type: str) -> list[int]:
    """Return VTK's local node for each node of a Z-set element."""
    cell, (_, walk) = CELLS[cell_type], ZSET_TYPES[cell_type]
    places = {frozenset(edge): cell.n_corners + i for i, edge in enumerate(cell.edges)}
    return [int(w) if len(w) == 1 else places[frozenset(map(int, w))] for w in walk.split()]


def write_geof(path: Path, mesh: Mesh) -> Path:
    """Write a text mesh of Z-set."""
    (block,) = mesh.blocks
    nodes = [f"{i} {x!r} {y!r} {z!r}" for i, (x, y, z) in numbered(mesh)]
    rows = zip(block.element_ids, mesh.node_ids[block.connectivity[:, zset_order(block.cell_type)]], strict=True)
    cells = [f"{i} {ZSET_TYPES[block.cell_type][0]} {' '.join(map(str, row))}" for i, row in rows]
    head = ["***geometry", "**node", f"{len(nodes)} 3", *nodes, "**element", str(len(cells)), *cells]
    path.write_text("\n".join([*head, "***return", ""]))
    return path


def write_geo(path: Path, mesh: Mesh) -> Path:
    """Write a binary mesh of Z-set: nodes of elements by their place among the nodes."""
    (block,) = mesh.blocks
    text = lambda word: struct.pack(">i", len(word) + 1) + word.encode() + b"\0"  # noqa: E731
    section = lambda name: b"Z7BINARYGEOF\0" + text(name)  # noqa: E731
    order = zset_order(block.cell_type)
    data = section("node") + struct.pack(">2i", mesh.n_nodes, 3)
    data += b"".join(struct.pack(">i3d", i, *point) for i, point in numbered(mesh))
    data += section("element") + struct.pack(">3i", mesh.n_elements, 1, mesh.n_elements)
    data += text(ZSET_TYPES[block.cell_type][0]) + struct.pack(">i", len(order))
    for k, number in enumerate(block.element_ids):
        data += np.array([number, k, *block.connectivity[k, order]], ">i4").tobytes()
    for name in ("nset", "elset", "bset", "ipset"):
        data += section(name) + struct.pack(">i", 0)
    path.write_bytes(data + section("return"))
    return path

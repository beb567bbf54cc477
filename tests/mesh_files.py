"""Writers of Exodus and MED files for tests, made from the formats' documents and not from romtool's readers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from romtool.cells import CELLS
from romtool.types import Floats, Ints, Mesh

EXODUS_TYPES = {
    "tetra": "TETRA4",
    "tetra10": "TETRA10",
    "hexahedron": "HEX8",
    "hexahedron20": "HEX20",
    "wedge": "WEDGE6",
    "wedge15": "WEDGE15",
    "quad": "SHELL4",
}
EXODUS_EDGES = {
    "tetra10": ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)),
    "hexahedron20": (
        *((0, 1), (1, 2), (2, 3), (3, 0)),
        *((0, 4), (1, 5), (2, 6), (3, 7)),
        *((4, 5), (5, 6), (6, 7), (7, 4)),
    ),
    "wedge15": ((0, 1), (1, 2), (2, 0), (0, 3), (1, 4), (2, 5), (3, 4), (4, 5), (5, 3)),
}
"""Corners of the edge that each mid-side node of the file lies on, in the file's order."""

EXODUS_SIDES = {
    4: ((0, 1, 3), (1, 2, 3), (0, 3, 2), (0, 2, 1)),
    6: ((0, 1, 4, 3), (1, 2, 5, 4), (0, 3, 5, 2), (0, 2, 1), (3, 4, 5)),
    8: ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (0, 4, 7, 3), (0, 3, 2, 1), (4, 5, 6, 7)),
}
"""Corners of the sides by the number of corners of the cell."""

MED_TYPES = {
    "tetra": "TE4",
    "tetra10": "T10",
    "hexahedron": "HE8",
    "hexahedron20": "H20",
    "wedge": "PE6",
    "wedge15": "P15",
    "triangle": "TR3",
    "triangle6": "TR6",
    "quad": "QU4",
    "quad8": "QU8",
}
MED_GEOMETRY = {"TE4": 304, "T10": 310, "HE8": 308, "H20": 320, "PE6": 306, "P15": 315, "TR3": 203, "QU4": 204}
MED_CORNERS = {4: (0, 2, 1, 3), 6: (0, 2, 1, 3, 5, 4), 8: (0, 3, 2, 1, 4, 7, 6, 5)}
"""VTK's corner for each corner of the file, of solids: MED counts the first face the other way round."""
MED_EDGES = {
    "tetra10": ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)),
    "hexahedron20": (
        *((0, 1), (1, 2), (2, 3), (3, 0)),
        *((4, 5), (5, 6), (6, 7), (7, 4)),
        *((0, 4), (1, 5), (2, 6), (3, 7)),
    ),
    "wedge15": ((0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 3), (1, 4), (2, 5)),
}
NO_STEP = "-0000000000000000001-0000000000000000001"


def file_order(cell_type: str, corners: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return VTK's local node for each node of a file whose corners and edges (in its own corners) are given."""
    middle = {frozenset(edge): len(corners) + i for i, edge in enumerate(CELLS[cell_type].edges)}
    return [*corners, *(middle[frozenset((corners[a], corners[b]))] for a, b in edges)]


def exodus_order(cell_type: str) -> list[int]:
    """Return VTK's local node for each node of an Exodus element."""
    if cell_type not in CELLS:
        return list(range({"quad": 4}[cell_type]))
    return file_order(cell_type, range(CELLS[cell_type].n_corners), EXODUS_EDGES.get(cell_type, ()))


def med_order(cell_type: str) -> list[int]:
    """Return VTK's local node for each node of a MED cell."""
    if cell_type not in CELLS:
        return list(range({"triangle": 3, "quad": 4, "triangle6": 6, "quad8": 8}[cell_type]))
    return file_order(cell_type, MED_CORNERS[CELLS[cell_type].n_corners], MED_EDGES.get(cell_type, ()))


def write_exodus(
    path: Path,
    mesh: Mesh,
    times: Sequence[float] = (),
    nodal: Mapping[str, Floats] = {},
    element: Mapping[str, Floats] = {},
    kind: str = "NETCDF3_64BIT_OFFSET",
) -> Path:
    """Write a mesh with its sets; variables are (n_times, n_nodes), (n_times, n_elements). Skip without netCDF4."""
    netcdf = pytest.importorskip("netCDF4", reason="Exodus files are NetCDF: pip install 'romtool[exodus]'")
    with netcdf.Dataset(path, "w", format=kind) as file:
        word = np.float32(5.1)
        file.setncatts(
            {"api_version": word, "version": word, "floating_point_word_size": 8, "file_size": 1, "title": "t"}
        )
        for name, size in {
            "len_name": 33,
            "len_string": 33,
            "num_dim": 3,
            "num_nodes": mesh.n_nodes,
            "num_elem": mesh.n_elements,
        }.items():
            file.createDimension(name, size)
        file.createDimension("time_step", None)
        put(file, "time_whole", ("time_step",), np.asarray(times, dtype=float))
        for k, axis in enumerate("xyz"):
            put(file, f"coord{axis}", ("num_nodes",), mesh.points[:, k])
        put(file, "node_num_map", ("num_nodes",), mesh.node_ids.astype("i4"))
        put(file, "elem_num_map", ("num_elem",), mesh.element_ids.astype("i4"))
        put_blocks(file, mesh)
        put_sets(file, mesh)
        put_variables(file, mesh, nodal, element)
    return path


def put(file: Any, name: str, dimensions: tuple[str, ...], values: Any) -> Any:
    """Write a variable."""
    variable = file.createVariable(name, np.asarray(values).dtype, dimensions)
    variable[:] = values
    return variable


def put_names(file: Any, name: str, dimension: str, names: Sequence[str]) -> None:
    """Write names as characters."""
    put(file, name, (dimension, "len_name"), np.array([list(n.ljust(33, "\0")) for n in names], dtype="S1"))


def put_blocks(file: Any, mesh: Mesh) -> None:
    """Write the elements, one block each."""
    file.createDimension("num_el_blk", len(mesh.blocks))
    put(file, "eb_prop1", ("num_el_blk",), 10 * np.arange(1, len(mesh.blocks) + 1, dtype="i4")).setncattr("name", "ID")
    put_names(file, "eb_names", "num_el_blk", [f"part {k + 1}" for k in range(len(mesh.blocks))])
    for k, block in enumerate(mesh.blocks, 1):
        dimensions = f"num_el_in_blk{k}", f"num_nod_per_el{k}"
        nodes = block.connectivity[:, exodus_order(block.cell_type)] + 1
        for dimension, size in zip(dimensions, nodes.shape, strict=True):
            file.createDimension(dimension, size)
        put(file, f"connect{k}", dimensions, nodes.astype("i4")).elem_type = EXODUS_TYPES[block.cell_type]


def put_sets(file: Any, mesh: Mesh) -> None:
    """Write node sets and side sets."""
    for short, sets in (("ns", mesh.node_sets), ("ss", mesh.side_sets)):
        if sets:
            dimension = {"ns": "num_node_sets", "ss": "num_side_sets"}[short]
            file.createDimension(dimension, len(sets))
            put(file, f"{short}_prop1", (dimension,), np.arange(1, len(sets) + 1, dtype="i4")).setncattr("name", "ID")
            put_names(file, f"{short}_names", dimension, list(sets))
    for k, rows in enumerate(mesh.node_sets.values(), 1):
        if not len(rows):
            continue
        file.createDimension(f"num_nod_ns{k}", len(rows))
        put(file, f"node_ns{k}", (f"num_nod_ns{k}",), (rows + 1).astype("i4"))
    for k, sides in enumerate(mesh.side_sets.values(), 1):
        if not len(sides):
            continue
        file.createDimension(f"num_side_ss{k}", len(sides))
        put(file, f"elem_ss{k}", (f"num_side_ss{k}",), (sides[:, 0] + 1).astype("i4"))
        put(file, f"side_ss{k}", (f"num_side_ss{k}",), exodus_sides(mesh, sides).astype("i4"))


def exodus_sides(mesh: Mesh, sides: Ints) -> Ints:
    """Return the file's sides, from 1, of (element, local face) by the corners that they have."""
    kinds = [block.cell_type for block in mesh.blocks for _ in block.element_ids]
    found = []
    for element, face in sides:
        cell = CELLS[kinds[element]]
        corners = {node for node in cell.faces[face] if node < cell.n_corners}
        found.append([set(side) for side in EXODUS_SIDES[cell.n_corners]].index(corners) + 1)
    return np.array(found)


def put_variables(file: Any, mesh: Mesh, nodal: Mapping[str, Floats], element: Mapping[str, Floats]) -> None:
    """Write nodal and element variables."""
    for short, names in (("nod", nodal), ("elem", element)):
        if names:
            file.createDimension(f"num_{short}_var", len(names))
            put_names(file, f"name_{short}_var", f"num_{short}_var", list(names))
    for k, values in enumerate(nodal.values(), 1):
        put(file, f"vals_nod_var{k}", ("time_step", "num_nodes"), values)
    ends = np.cumsum([len(block.element_ids) for block in mesh.blocks])[:-1]
    for k, values in enumerate(element.values(), 1):
        for b, part in enumerate(np.split(values, ends, axis=1), 1):
            put(file, f"vals_elem_var{k}eb{b}", ("time_step", f"num_el_in_blk{b}"), part)


def write_med(path: Path, mesh: Mesh, faces: Mapping[str, tuple[str, Ints]] = {}, name: str = "mesh") -> Path:
    """Write a mesh; sets are groups, `faces` are further flat cells: group -> (cell type, nodes)."""
    with h5py.File(path, "w") as file:
        file.create_group("INFOS_GENERALES").attrs.update(MAJ=4, MIN=1, REL=0)
        top = file.create_group(f"ENS_MAA/{name}")
        top.attrs.update(DIM=3, ESP=3, TYP=0, REP=0, SRT=0, NXI=-1, NXT=-1, NOM=np.bytes_(b""), UNI=np.bytes_(b""))
        top.attrs.update(UNT=np.bytes_(b""), DES=np.bytes_(b""))
        step = top.create_group(NO_STEP)
        step.attrs.update(CGT=1, NDT=-1, NOR=-1, NXI=-1, NXT=-1, PDT=0.0, PVI=-1, PVT=-1)
        nodes = entity(step, "NOE")
        data(nodes, "COO", mesh.points.T.ravel(), mesh.n_nodes)
        data(nodes, "NUM", mesh.node_ids, mesh.n_nodes)
        put_families(
            file[f"FAS/{name}/NOEUD"] if "FAS" in file else file.create_group(f"FAS/{name}/NOEUD"),
            nodes,
            mesh.node_sets,
            mesh.n_nodes,
            1,
        )
        put_cells(file, name, step, mesh, faces)
        file.create_group(f"FAS/{name}/FAMILLE_ZERO").attrs["NUM"] = 0
    return path


def entity(step: h5py.Group, name: str, code: int | None = None) -> h5py.Group:
    """Make the group of nodes or of a type of cells."""
    group = step.create_group(name)
    group.attrs.update(CGT=1, CGS=1, PFL=np.bytes_(b"MED_NO_PROFILE_INTERNAL"))
    if code is not None:
        group.attrs["GEO"] = code
    return group


def data(group: h5py.Group, name: str, values: Any, count: int) -> None:
    """Write an array of a mesh."""
    group[name] = np.asarray(values)
    group[name].attrs.update(CGT=1, NBR=count)


def put_families(parent: h5py.Group, group: h5py.Group, sets: Mapping[str, Ints], count: int, sign: int) -> None:
    """Write sets as families: one per combination of sets."""
    member = np.array([np.isin(np.arange(count), rows) for rows in sets.values()], dtype=bool).reshape(len(sets), count)
    combinations, number = np.unique(member, axis=1, return_inverse=True)
    numbers = np.zeros(count, dtype=np.int64)
    for k, chosen in enumerate(combinations.T):
        if chosen.any():
            code = sign * (len(parent) + 1 + 10 * k)
            family = parent.create_group(f"FAM_{code}")
            family.attrs["NUM"] = code
            names = [name for name, inside in zip(sets, chosen, strict=True) if inside]
            rows = np.frombuffer(b"".join(n.encode().ljust(80, b"\0") for n in names), dtype=np.int8).reshape(-1, 80)
            family.create_group("GRO").attrs["NBR"] = len(names)
            kind = h5py.h5t.array_create(h5py.h5t.NATIVE_INT8, (80,))
            space = h5py.h5s.create_simple((len(names),))
            set_id = h5py.h5d.create(family["GRO"].id, b"NOM", kind, space)
            set_id.write(h5py.h5s.ALL, h5py.h5s.ALL, rows.copy(), mtype=kind)
            numbers[number.reshape(-1) == k] = code
    data(group, "FAM", numbers, count)


def put_cells(file: h5py.File, name: str, step: h5py.Group, mesh: Mesh, faces: Mapping[str, tuple[str, Ints]]) -> None:
    """Write the elements by type, then the flat cells with their groups."""
    step.create_group("MAI").attrs["CGT"] = 1
    families = file.create_group(f"FAS/{name}/ELEME")
    start = 0
    for block in mesh.blocks:
        rows = np.arange(start, start + len(block.element_ids))
        sets = {key: np.flatnonzero(np.isin(rows, members)) for key, members in mesh.element_sets.items()}
        put_cell_type(step, families, block.cell_type, block.connectivity, block.element_ids, sets)
        start += len(rows)
    number = int(mesh.element_ids.max()) + 1
    for group, (cell_type, nodes) in faces.items():
        put_cell_type(step, families, cell_type, nodes, number + np.arange(len(nodes)), {group: np.arange(len(nodes))})
        number += len(nodes)


def put_cell_type(
    step: h5py.Group, families: h5py.Group, cell_type: str, nodes: Ints, ids: Ints, sets: Mapping[str, Ints]
) -> None:
    """Write the cells of one type."""
    kind = MED_TYPES[cell_type]
    group = entity(step["MAI"], kind, MED_GEOMETRY.get(kind, 0))
    data(group, "NOD", (nodes[:, med_order(cell_type)] + 1).T.ravel(), len(nodes))
    data(group, "NUM", ids, len(nodes))
    put_families(families, group, sets, len(nodes), -1)


def add_med_field(
    path: Path,
    name: str,
    components: Sequence[str],
    times: Sequence[float],
    parts: Mapping[str, Sequence[Floats]],
    rules: Mapping[str, str] = {},
    profiles: Mapping[str, tuple[str, Ints]] = {},
    units: Sequence[str] = (),
    mesh: str = "mesh",
) -> None:
    """Add a field: entity ("NOE", "MAI.HE8") -> (n_rows, n_points, n_components) values per time.

    `rules` and `profiles` name the localisation and the profile (with rows from 0) of an entity.
    """
    pad = lambda words: np.bytes_("".join(w.ljust(16) for w in words).encode())  # noqa: E731
    with h5py.File(path, "r+") as file:
        field = file.require_group("CHA").create_group(name)
        field.attrs.update(MAI=np.bytes_(mesh.encode()), NCO=len(components), TYP=6, NOM=pad(components))
        field.attrs.update(UNI=pad(units or [""] * len(components)), UNT=np.bytes_(b""))
        for k, time in enumerate(times, 1):
            step = field.create_group(f"{k:020d}{-1:020d}")
            step.attrs.update(NDT=k, NOR=-1, PDT=float(time), RDT=-1, ROR=-1)
            for where, values in parts.items():
                profile, rows = profiles.get(where, ("MED_NO_PROFILE_INTERNAL", None))
                array = np.asarray(values[k - 1], dtype=np.float64)
                group = step.create_group(where)
                rule = np.bytes_(rules.get(where, "").encode())
                group.attrs.update(GAU=rule, PFL=np.bytes_(profile.encode()))
                part = group.create_group(profile)
                part.attrs.update(GAU=rule, NBR=len(array), NGA=array.shape[1])
                part["CO"] = array.transpose(2, 0, 1).ravel()
                if rows is not None and profile not in file.require_group("PROFILS"):
                    entry = file["PROFILS"].create_group(profile)
                    entry.attrs["NBR"] = len(rows)
                    entry["PFL"] = np.asarray(rows) + 1


def add_med_rule(path: Path, name: str, kind: str, nodes: Floats, points: Floats, weights: Floats) -> None:
    """Add a localisation: (n_cell_nodes, 3) nodes of its reference element in MED's order, points and weights."""
    with h5py.File(path, "r+") as file:
        group = file.require_group("GAUSS").create_group(name)
        group.attrs.update(DIM=3, GEO=MED_GEOMETRY[kind], NBR=len(points), INM=np.bytes_(b""))
        group["COO"], group["GAU"], group["VAL"] = nodes.T.ravel(), points.T.ravel(), weights

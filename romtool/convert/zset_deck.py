"""Z-set decks (`.inp`, `****calcul`): mesh, materials, supports, loads, temperature and increments."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from romtool.convert.zset_blocks import Command, Row, is_number, number, read_commands
from romtool.convert.zset_material import read_material
from romtool.convert.zset_mesh import ZsetMesh, read_mesh
from romtool.convert.zset_temperature import read_floats, read_temperature
from romtool.convert.zset_times import read_increments, read_tables, table_name, with_time
from romtool.errors import ReaderError
from romtool.loading import Deck, Dirichlet, Load, Loading, Material, Table, Temperature
from romtool.types import Floats, Mesh

_UNDERSTOOD = ("mesh", "resolution", "bc", "parameter", "table", "material")
_WITHOUT_EFFECT = ("linear_solver", "output", "verbose", "debug")
_DOFS = {"U1": 0, "U2": 1, "U3": 2}
_AXES = {"d1": (1.0, 0.0, 0.0), "d2": (0.0, 1.0, 0.0), "d3": (0.0, 0.0, 1.0)}
_ALL = "ALL_ELEMENT"
_ALL_NODES = "ALL_NODE"


def read_deck(path: Path) -> Deck:
    """Read a Z-set deck.

    Parameters
    ----------
    path: the `.inp` file; the files that it names lie where it says, from its own folder.

    Returns
    -------
    The deck; names of loads are those of their sets, with -2, -3 … where a name comes again. A pressure is
    along the faset's own normal in Z-set, here it is positive in compression.

    Raises
    ------
    ReaderError: files missing, or commands that romtool does not understand and that may change the physics
        (the message names command, file and line).
    MeshError: see `read_mesh`.
    """
    calcul = _calcul(path)
    ordered = read_mesh(_mesh_file(calcul, path.parent))
    increments = read_increments(calcul)
    end = float(increments.times[-1])
    tables = read_tables(calcul, end)
    mesh, dirichlet = _dirichlet(calcul, ordered.mesh, tables)
    loads = _loads(calcul, path.parent, ordered, tables)
    temperature = _temperature(calcul, path.parent, ordered, tables, end)
    materials, notes = _materials(calcul, path.parent, mesh)
    warnings = [*increments.warnings, *ordered.warnings, *notes, *_doubts(calcul, materials, mesh)]
    used = [support.table for support in dirichlet] + [load.table for load in loads]
    amplitudes = with_time(tables, used, end)
    loading = Loading(path.stem, increments.times, dirichlet, loads, amplitudes, temperature)
    return Deck(mesh, materials, loading, _results(path), increments.chosen_by_solver, tuple(warnings))


def _calcul(path: Path) -> Command:
    """Return `****calcul` of a mechanical computation whose blocks are all understood."""
    found = [command for command in read_commands(path) if command.title == "****calcul"]
    if len(found) != 1:
        raise ReaderError(f"{path}: {len(found)} ****calcul found, expected one; give the deck of a computation")
    if found[0].arguments.words not in ((), ("mechanical",)):
        raise ReaderError(
            f"{found[0].place}: ****calcul {found[0].arguments.text}: romtool reads mechanical computations only"
        )
    found[0].check((*_UNDERSTOOD, *_WITHOUT_EFFECT))
    return found[0]


def mesh_file(path: Path) -> Path:
    """Return the mesh file that a deck names. Raises ReaderError where it names none."""
    return _mesh_file(_calcul(path), path.parent)


def _mesh_file(calcul: Command, folder: Path) -> Path:
    commands = calcul.named("mesh")
    files = [word for command in commands for file in command.named("file") for word in file.words()]
    if len(files) != 1:
        raise ReaderError(f"{calcul.place}: ***mesh names {len(files)} files, expected one **file; correct it")
    commands[0].check(("file",))
    if commands[0].arguments.words not in ((), ("small_deformation",)):
        raise ReaderError(
            f"{commands[0].place}: ***mesh {commands[0].arguments.text}: romtool computes with small strain only"
        )
    return folder / files[0]


# supports and loads


def _conditions(calcul: Command, name: str) -> Iterator[tuple[Command, Row]]:
    """Yield every row of the boundary conditions of that name."""
    for block in calcul.named("bc"):
        block.check(("impose_nodal_dof", "pressure", "centrifugal"))
        for command in block.named(name):
            command.check(())
            yield from ((command, row) for row in command.all_rows())


def _wrong(command: Command, row: Row, expected: str) -> ReaderError:
    return ReaderError(
        f"{command.file}, line {row.line}: {command.title} {row.text!r} is not understood; expected `{expected}`"
    )


def _free_name(name: str, taken: Callable[[str], bool]) -> str:
    """Return the name, or the first of name-2, name-3 … that is not taken."""
    count = 1
    while taken(name if count == 1 else f"{name}-{count}"):
        count += 1
    return name if count == 1 else f"{name}-{count}"


def _dirichlet(calcul: Command, mesh: Mesh, tables: Mapping[str, Table]) -> tuple[Mesh, tuple[Dirichlet, ...]]:
    """Return the prescribed displacements, and the mesh with sets for single nodes and for all nodes."""
    found: dict[str, Dirichlet] = {}
    for command, row in _conditions(calcul, "impose_nodal_dof"):
        place, words = f"{command.file}, line {row.line}", row.words
        if len(words) < 3 or words[1] not in _DOFS or not is_number(words[2]):
            raise _wrong(command, row, "NSET U1 value [table]")
        mesh = _with_nodes(mesh, words[0], place)
        table = table_name(words[3:], tables, place)
        value = float(words[2])
        name = _free_name(words[0], found.__contains__)
        found[name] = Dirichlet(name, words[0], (_DOFS[words[1]],), value, table if value else None)
    return mesh, tuple(found.values())


def _with_nodes(mesh: Mesh, name: str, place: str) -> Mesh:
    """Return the mesh with node set `name`: there already, all nodes, or the node of that id."""
    if name in mesh.node_sets:
        return mesh
    rows = np.arange(mesh.n_nodes) if name == _ALL_NODES else np.zeros(0, dtype=np.int64)
    if re.fullmatch(r"\d+", name):
        rows = np.flatnonzero(mesh.node_ids == int(name))
    if not len(rows):
        raise ReaderError(f"{place}: the mesh has no node set {name!r}; pick one of {', '.join(mesh.node_sets)}")
    return replace(mesh, node_sets={**mesh.node_sets, name: rows.astype(np.int64)})


def _loads(calcul: Command, folder: Path, ordered: ZsetMesh, tables: Mapping[str, Table]) -> tuple[Load, ...]:
    found: dict[str, Load] = {}
    pressures = (_pressure(command, row, folder, ordered, tables) for command, row in _conditions(calcul, "pressure"))
    rotations = (
        _centrifugal(command, row, ordered.mesh, tables) for command, row in _conditions(calcul, "centrifugal")
    )
    for load in (*pressures, *rotations):
        name = _free_name(load.name, found.__contains__)
        found[name] = replace(load, name=name)
    return tuple(found.values())


def _pressure(command: Command, row: Row, folder: Path, ordered: ZsetMesh, tables: Mapping[str, Table]) -> Load:
    """Return the load of `FASET value [table]` or `FASET file NAME [table]` (a float32 for each face)."""
    place, words = f"{command.file}, line {row.line}", row.words
    name = words[0]
    if name not in ordered.mesh.side_sets:
        sets = ", ".join(ordered.mesh.side_sets) or "none"
        raise ReaderError(f"{place}: the mesh has no faset {name!r} on faces of solids; it has {sets}")
    outward = ordered.orientations[name].astype(np.float64)
    value: float | Floats
    if len(words) > 2 and words[1] == "file":
        value = -outward * read_floats(folder / words[2], len(outward), None, place)
        rest = words[3:]
    elif len(words) > 1 and is_number(words[1]):
        constant = float(words[1])
        value = -constant if np.all(outward > 0.0) else -outward * constant
        rest = words[2:]
    else:
        raise _wrong(command, row, "FASET value [table], or FASET file NAME [table]")
    return Load(name, "pressure", name, value, table=table_name(rest, tables, place))


def _centrifugal(command: Command, row: Row, mesh: Mesh, tables: Mapping[str, Table]) -> Load:
    """Return the load of `ELSET (x y z) d3 omega [table]`."""
    place = f"{command.file}, line {row.line}"
    form = re.fullmatch(r"(\S+)\s*\(([^)]*)\)\s*(\S+)\s+(\S+)\s*(.*)", row.text.strip())
    if form is None or form[3] not in _AXES:
        raise _wrong(command, row, "ELSET (x y z) d1|d2|d3 omega [table]")
    point = np.array([number(word, place) for word in form[2].replace(",", " ").split()])
    if len(point) != 3:
        raise _wrong(command, row, "ELSET (x y z) d1|d2|d3 omega [table]")
    region = _region(form[1], mesh, place)
    omega = number(form[4], place)
    table = table_name(tuple(form[5].split()), tables, place)
    axis = np.array(_AXES[form[3]])
    return Load(form[1], "centrifugal", region, omega, point=point, axis=axis, table=table)


def _region(name: str, mesh: Mesh, place: str) -> str:
    """Return romtool's name of an element set. Raises ReaderError where the mesh does not have it."""
    if name == _ALL and name not in mesh.element_sets:
        return "all"
    if name not in mesh.element_sets:
        sets = ", ".join([_ALL, *mesh.element_sets])
        raise ReaderError(f"{place}: the mesh has no element set {name!r}; pick one of {sets}")
    return name


# temperature and materials


def _temperature(
    calcul: Command, folder: Path, ordered: ZsetMesh, tables: Mapping[str, Table], end: float
) -> Temperature:
    found = Temperature()
    for block in calcul.named("parameter"):
        block.check(("file",))
        for command in block.children:
            if command.arguments.words != ("temperature",):
                raise ReaderError(
                    f"{command.place}: parameter {command.arguments.text!r}: romtool reads temperature only; "
                    "take it out where no material depends on it"
                )
            found = read_temperature(command, folder, ordered, tables, end)
    return found


def _materials(calcul: Command, folder: Path, mesh: Mesh) -> tuple[tuple[Material, ...], list[str]]:
    """Return a material for each `**elset`, or one for all elements; and warnings."""
    materials: list[Material] = []
    warnings: list[str] = []
    for block in calcul.named("material"):
        parts = [("all", block)] if block.named("file") else []
        parts += [
            (_region(" ".join(command.arguments.words), mesh, command.place), command)
            for command in block.named("elset")
        ]
        block.check(("elset", "file", "integration", "rotation"))
        for region, command in parts:
            material, notes = _material(region, command, folder)
            materials.append(material)
            warnings += notes
    if not materials:
        raise ReaderError(f"{calcul.place}: no ***material with *file; add it")
    return tuple(materials), warnings


def _material(region: str, command: Command, folder: Path) -> tuple[Material, tuple[str, ...]]:
    """Read the `*file NAME [instance]` of a material.

    Z-set's thermal strain is alpha(T)(T - ref) less its value at the initial temperature.
    """
    files = command.named("file")
    words = files[0].words() if len(files) == 1 else ()
    if not words:
        raise ReaderError(f"{command.place}: {command.title} with {len(files)} *file, expected one with a name")
    if command.name == "elset":
        command.check(("file", "integration", "rotation"))
    instance = int(number(words[1], files[0].place)) if len(words) > 1 else 1
    integration = next(iter(command.named("integration")), None)
    found = read_material(folder / words[0], instance, integration)
    material = Material(
        region,
        found.law,
        found.parameters,
        found.density,
        found.reference_temperature,
        from_initial="expansion" in found.parameters,
    )
    return material, found.warnings


def _doubts(calcul: Command, materials: tuple[Material, ...], mesh: Mesh) -> list[str]:
    """Return warnings about what the deck leaves open."""
    doubts = []
    if any("expansion" in material.parameters for material in materials) and not calcul.named("parameter"):
        doubts.append(f"{calcul.place}: a material expands, but the deck gives no temperature: it is 0 throughout")
    if any(block.solver_type == "c3d4" for block in mesh.blocks):
        doubts.append(
            "c3d4: Z-set has four integration points in these tetrahedra, romtool one; results differ where "
            "temperature varies within an element"
        )
    return doubts


def _results(path: Path) -> tuple[Path, ...]:
    """Return the results beside a deck: one file, or one per subdomain of a parallel computation."""
    whole = path.with_suffix(".ut")
    return (whole,) if whole.exists() else tuple(sorted(path.parent.glob(f"{path.stem}-[0-9][0-9][0-9].ut")))

"""What an Ansys archive (`.cdb`) says: the mesh, linear elastic materials, supports, and what else it holds.

Materials come from MPTEMP and MPDATA (or MP) and belong to the elements with their number (set `MAT1` …); supports from
D with the value 0 (node sets `D_xyz` …). The archive knows no history, and loads are not read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from romtool.convert.ansys_archive import Archive, Command, read_archive, read_components, read_elements, read_nodes
from romtool.convert.ansys_elements import build_parts
from romtool.convert.parts import assemble, name_of, set_rows
from romtool.errors import ReaderError
from romtool.loading import Deck, Dirichlet, Loading, Material, PartialDeckError
from romtool.types import Ints, Mesh

_FREEDOMS = {"UX": 0, "UY": 1, "UZ": 2}
_ROTATIONS = ("ROTX", "ROTY", "ROTZ")
_USED = {"EX": "young", "NUXY": "poisson", "PRXY": "poisson", "ALPX": "expansion"}
_OTHER = ("EY", "EZ", "GXY", "GYZ", "GXZ", "CTEX", "THSX")
"""Properties of materials that are not isotropic, or whose expansion is not the secant one."""
_ZERO = ("ACEL", "OMEGA", "DOMEGA", "CGLOC", "CGOMEGA", "DCGOMG", "CMOMEGA", "CMACEL")
"""Commands that matter where a number of theirs is not 0."""
_MATTER = (
    "F",
    "FBLOCK",
    "SF",
    "SFE",
    "SFEBLOCK",
    "SFA",
    "BF",
    "BFE",
    "BFBLOCK",
    "CE",
    "CP",
    "CERIG",
    "TB",
    "INISTATE",
    "CEQN",
)
_TINY = "_TINY"


def build_mesh(archive: Archive) -> tuple[Mesh, list[str]]:
    """Return the mesh of an archive, its components, materials (`MAT1` …), supports as sets, and sentences.

    Raises
    ------
    ReaderError: damaged blocks, elements with nodes that are not there, no elements that can be shown.
    """
    ids, points, _ = read_nodes(archive)
    raw, materials = read_elements(archive)
    parts, warnings = build_parts(raw)
    if not parts:
        raise ReaderError(f"{archive.path}: holds no solids, shells or beams; expected a structure")
    mesh = assemble(ids, points, parts, archive.path)
    nodes, elements = read_components(archive)
    nodes |= read_supports(archive)
    elements |= {f"MAT{number}": raw.ids[materials == number] for number in np.unique(materials)}
    return (
        Mesh(
            mesh.points,
            mesh.node_ids,
            mesh.blocks,
            {name: set_rows(mesh.node_ids, found) for name, found in nodes.items()},
            {name: set_rows(mesh.element_ids, found) for name, found in elements.items()},
        ),
        warnings,
    )


@dataclass(frozen=True)
class _Property:
    """One property of a material: temperatures and values."""

    temperatures: tuple[float, ...]
    values: tuple[float, ...]


def read_supports(archive: Archive) -> dict[str, Ints]:
    """Return the nodes that D fixes, by the set name that says which displacements: `D_xyz` …. Raises ReaderError."""
    turned = _turned(archive)
    fixed = [
        (number, _FREEDOMS[fields[2]])
        for number, fields in _zeros(archive)
        if fields[2] in _FREEDOMS and number not in turned
    ]
    table = np.array(fixed, dtype=np.int64).reshape(-1, 2)
    ids, rows = np.unique(table[:, 0], return_inverse=True)
    codes = np.zeros(len(ids), dtype=np.int64)
    np.bitwise_or.at(codes, rows, 1 << table[:, 1])
    return {_set_name(code): ids[codes == code] for code in np.unique(codes).tolist()}


def _set_name(code: int) -> str:
    """Return the name of a set of supports from the bits of its components."""
    return "D_" + "".join(axis for k, axis in enumerate("xyz") if code >> k & 1)


def _turned(archive: Archive) -> set[int]:
    """Return the nodes with systems of their own."""
    ids, _, angles = read_nodes(archive)
    return set(ids[angles.any(axis=1)].tolist())


def _zeros(archive: Archive) -> list[tuple[int, tuple[str, ...]]]:
    """Return the node and the fields of each D with the value 0."""
    found = []
    for command in archive.of("D"):
        fields = (*command.fields, "", "", "")
        if not _number(archive, command, fields[3]):
            found.append((int(_number(archive, command, fields[1])), fields))
    return found


def read_deck(path: Path) -> Deck:
    """Return what an archive says.

    Raises
    ------
    PartialDeckError: it holds loads, constraints, material laws beyond elasticity; with what was understood.
    ReaderError: damaged blocks, numbers that cannot be read.
    """
    archive = read_archive(path)
    mesh, warnings = build_mesh(archive)
    properties = _properties(archive)
    refused = _refused(archive)
    nonlinear = {int(_number(archive, c, c.fields[2])) for c in archive.of("TB") if len(c.fields) > 2}
    materials = [_material(archive, number, found) for number, found in properties.items() if number not in nonlinear]
    supports = tuple(
        Dirichlet(name, name_of(mesh.node_sets[name], mesh.node_sets, name), tuple(map("xyz".index, name[2:])))
        for name in read_supports(archive)
    )
    loading = Loading(archive.path.stem, np.zeros(0), dirichlet=supports)
    beside = tuple(p for p in (archive.path.with_suffix(".rst"),) if p.is_file())
    known = tuple(material for material in materials if material is not None and material.elements in mesh.element_sets)
    deck = Deck(mesh, known, loading, beside, True, tuple(warnings))
    if not refused:
        return deck
    raise PartialDeckError(refused[0], replace(deck, warnings=(*refused, *warnings)))


def _refused(archive: Archive) -> list[str]:
    """Return what matters in an archive and is not read, with the line of the first of each."""
    found: dict[str, list[Command]] = {}
    for command in archive.commands:
        name = command.fields[0]
        moves = name in _ZERO and any(_number(archive, command, text) for text in command.fields[1:])
        prescribed = name == "D" and _number(archive, command, (*command.fields, "", "", "")[3])
        if name in _MATTER or moves or prescribed:
            found.setdefault(name, []).append(command)
    turned = _turned(archive)
    own = sum(number in turned for number, _ in _zeros(archive))
    return [
        *(
            f"{archive.path}:{same[0].line}: {name} ({len(same)} of them) is not supported; write it into the case file"
            for name, same in found.items()
        ),
        *([f"{archive.path}: {own} D are on nodes with systems of their own; write them into the case"] if own else []),
    ]


def _properties(archive: Archive) -> dict[int, dict[str, _Property]]:
    """Return the properties of the materials by number and label."""
    found: dict[int, dict[str, _Property]] = {}
    temperatures: list[float] = []
    for command in archive.of("MPTEMP", "MPDATA", "MP"):
        name, *fields = command.fields
        if fields and fields[0].startswith("R5"):
            fields = fields[2:]  # the release and the number of values
        elif name == "MP" and len(fields) > 2:
            found.setdefault(int(_number(archive, command, fields[1])), {})[fields[0]] = _Property(
                (), (_number(archive, command, fields[2]),)
            )
            continue
        if name == "MPTEMP":
            start = int(_number(archive, command, "".join(fields[:1]))) or 1
            temperatures[max(start - 1, 0) :] = [_number(archive, command, text) for text in fields[1:] if text]
        elif len(fields) > 2:
            _add(archive, command, fields, temperatures, found)
    return found


def _add(
    archive: Archive,
    command: Command,
    fields: Sequence[str],
    temperatures: Sequence[float],
    found: dict[int, dict[str, _Property]],
) -> None:
    """Add the values of one MPDATA: label, material, place of the first value, values."""
    label, number, start = (
        fields[0],
        int(_number(archive, command, fields[1])),
        int(_number(archive, command, fields[2])),
    )
    values = tuple(_number(archive, command, text) for text in fields[3:] if text)
    before = found.setdefault(number, {}).get(label, _Property((), ())).values[: max(start - 1, 0)]
    together = before + values
    if len(temperatures) < len(together):
        raise archive.error(command.line, f"MPDATA has {len(together)} values for {len(temperatures)} temperatures")
    found[number][label] = _Property(tuple(temperatures[: len(together)]), together)


def _material(archive: Archive, number: int, found: Mapping[str, _Property]) -> Material | None:
    """Return the isotropic elastic material of some properties, None where it is another one."""
    if any(label in found for label in _OTHER) or "EX" not in found:
        return None
    parameters = {name: _value(found[label]) for label, name in _USED.items() if label in found}
    parameters.setdefault("poisson", 0.3)  # Ansys' own default
    reference = archive.of("TREF")
    own = found["REFT"].values[0] if "REFT" in found else None
    world = _number(archive, reference[-1], (*reference[-1].fields, "")[1]) if reference else 0.0
    density = found["DENS"].values[0] if "DENS" in found else None
    return Material(f"MAT{number}", "elastic", parameters, density, world if own is None else own)


def _value(found: _Property) -> object:
    """Return a number, or [[T, value], …]."""
    if len(found.values) == 1:
        return found.values[0]
    return [[t, v] for t, v in zip(found.temperatures, found.values, strict=True)]


def _number(archive: Archive, command: Command, text: str) -> float:
    """Return the number in a field, 0 where it is empty or Ansys' own tiny one. Raises ReaderError."""
    try:
        return float(text) if text and text != _TINY else 0.0
    except ValueError as error:
        name = command.fields[0]
        raise archive.error(command.line, f"{name}: found {text!r}, expected a number") from error

"""Mesh of a Nastran model (a deck, or the geometry in an `.op2`) through pyNastran."""

import warnings as python_warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from romtool.convert.nastran_cards import Bulk, BulkCard
from romtool.convert.nastran_constraints import CARDS
from romtool.convert.parts import (
    HEXA20_BY_LAYERS,
    WEDGE15_BY_LAYERS,
    Part,
    assemble,
    element_type,
    set_rows,
)
from romtool.errors import ReaderError
from romtool.types import Floats, Ints, Mesh

_SOLIDS: Mapping[str, tuple[tuple[str, str, tuple[int, ...] | None], ...]] = MappingProxyType(
    {
        "CTETRA": (("tetra10", "tet10", None), ("tetra", "tet4", None)),
        "CPENTA": (("wedge15", "", WEDGE15_BY_LAYERS), ("wedge", "", None)),
        "CHEXA": (("hexahedron20", "", HEXA20_BY_LAYERS), ("hexahedron", "", None)),
        "CPYRAM": (("pyramid13", "", None), ("pyramid", "", None)),
    }
)
"""Solids: quadratic and linear cell, formulation, node order. Bricks and wedges have bubble functions or reduced
shear by default (PSOLID), which no formulation here has."""

_SHOWN = {
    "quad": "CQUAD4 CQUADR CSHEAR CPLSTN4 CPLSTS4 CQUADX4",
    "triangle": "CTRIA3 CTRIAR CPLSTN3 CPLSTS3 CTRAX3",
    "quad8": "CQUAD8 CPLSTN8 CPLSTS8 CQUADX8",
    "triangle6": "CTRIA6 CPLSTN6 CPLSTS6 CTRAX6",
    "line": "CBAR CBEAM CROD CTUBE CONROD CELAS1 CELAS2 CBUSH CDAMP1 CDAMP2",
}
_CELLS = {name: cell for cell, names in _SHOWN.items() for name in names.split()}
_LINEAR = {"quad8": "quad", "triangle6": "triangle"}
_CORDS = ("CORD1R", "CORD1C", "CORD1S", "CORD2R", "CORD2C", "CORD2S")
_PHYSICS = ("SPC", "SPC1", "SPCADD", "PSOLID", "MAT1")
READ = frozenset({"GRID", *_CORDS, *_SOLIDS, *_CELLS, *_PHYSICS, *CARDS})
"""Cards that are read."""


@dataclass(frozen=True)
class NastranMesh:
    """A mesh and sentences for the user."""

    mesh: Mesh
    warnings: tuple[str, ...]


def silent_log() -> Any:
    """Return a logger of pyNastran that says nothing."""
    from cpylog import SimpleLogger

    return SimpleLogger(level="critical", log_func=lambda *message: None)


@contextmanager
def guarded(place: Callable[[], str]) -> Iterator[None]:
    """Run pyNastran without its prints and warnings; whatever it raises becomes one line.

    Raises
    ------
    ReaderError: what `place` returns, and pyNastran's reason.
    """
    try:
        with redirect_stdout(StringIO()), python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            yield
    except ReaderError:
        raise
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ReaderError(f"{place()}: {reason}") from error


def read_bulk(bulk: Bulk) -> Any:
    """Return the model of pyNastran with nodes, systems, elements, materials, supports and constraints of a deck.

    Raises
    ------
    ReaderError: a card that pyNastran does not understand (with its line).
    """
    from pyNastran.bdf.bdf import BDF

    model = BDF(debug=None, log=silent_log())
    model._stop_on_parsing_error = True
    for card in bulk.cards:
        if card.name == "GRDSET":
            raise ReaderError(f"{card.where}: GRDSET is not read; write the systems into the GRID cards")
        if card.name in READ:
            _add(model, card)
    return model


def _add(model: Any, card: BulkCard) -> None:
    """Add one card to a model. Raises ReaderError."""
    with guarded(lambda: f"{card.where}: {card.name} cannot be read"):
        model.add_card(list(card.lines), card.name, is_list=False, has_none=False)


def build_mesh(model: Any, notes: Sequence[str], path: Path) -> NastranMesh:
    """Return the mesh of a model.

    Elements of one property are a set `P<id>`, nodes of one single-point constraint set `SPC<id>`. Elements of
    other kinds (masses, rigid elements, heat boundaries) are left out.

    Raises
    ------
    ReaderError: no elements that can be shown, nodes or coordinate systems that are not defined.
    """
    warnings = list(notes)
    parts, properties = _parts(model, warnings)
    if not parts:
        raise ReaderError(f"{path}: defines no elements that can be shown; expected CTETRA, CHEXA, CQUAD4 …")
    ids, points = nodes_of(model, path)
    mesh = assemble(ids, points, parts, path)
    elements = {name: set_rows(mesh.element_ids, members) for name, members in properties.items()}
    nodes = {name: set_rows(mesh.node_ids, members) for name, members in _supports(model).items()}
    return NastranMesh(Mesh(mesh.points, mesh.node_ids, mesh.blocks, nodes, elements), tuple(warnings))


def nodes_of(model: Any, path: Path) -> tuple[Ints, Floats]:
    """Return ascending ids and (n, 3) coordinates in the basic system."""
    if not model.nodes:
        raise ReaderError(f"{path}: defines no nodes (GRID)")
    with guarded(lambda: f"{path}: the coordinates of its nodes cannot be found"):
        if len(model.coords) > 1:
            model._cross_reference_nodes()
            model._cross_reference_coordinates()
        _, systems, local, table = model.get_displacement_index_xyz_cp_cd(fdtype="float64", idtype="int64")
        unknown = sorted(set(systems) - set(model.coords))
        if unknown:
            raise ReaderError(f"{path}: nodes stand in coordinate system {unknown[0]}, which is not defined (CORD2R …)")
        points = model.transform_xyzcp_to_xyz_cid(local, table[:, 0], systems, cid=0)
    return np.asarray(table[:, 0], dtype=np.int64), np.asarray(points, dtype=np.float64)


def _parts(model: Any, warnings: list[str]) -> tuple[list[Part], dict[str, Ints]]:
    """Return the elements by type, and the element ids of each property."""
    found: dict[tuple[str, str], list[tuple[int, list[int]]]] = {}
    properties: dict[int, list[int]] = {}
    skipped: list[str] = []
    for element in model.elements.values():
        cell_type, nodes = _cell(element.type, [node or 0 for node in _node_ids(element)])
        if not cell_type:
            skipped.append(element.type)
            continue
        found.setdefault((element.type, cell_type), []).append((element.eid, nodes))
        if getattr(element, "pid", None):
            properties.setdefault(element.pid, []).append(element.eid)
    other = [*skipped, *(e.type for table in (model.masses, model.rigid_elements) for e in table.values())]
    if other:
        counts = ", ".join(f"{name} ({other.count(name)})" for name in dict.fromkeys(other))
        warnings.append(
            f"elements that are no bodies are left out: {counts}; what they transmit is not known to romtool"
        )
    parts = [_part(name, cell_type, rows) for (name, cell_type), rows in found.items()]
    return parts, {f"P{pid}": np.array(ids, dtype=np.int64) for pid, ids in properties.items()}


def _node_ids(element: Any) -> list[int | None]:
    """Return the nodes of an element, none where it has no list of them."""
    try:
        return list(element.node_ids)
    except (AttributeError, NotImplementedError):
        return []


def _cell(name: str, nodes: list[int]) -> tuple[str, list[int]]:
    """Return the cell type of an element and its nodes; linear where mid-side nodes are missing, "" if not known."""
    if name in _SOLIDS:
        shapes = [shape[0] for shape in _SOLIDS[name]]
    else:
        cell = _CELLS.get(name, "")
        shapes = [cell, *([_LINEAR[cell]] if cell in _LINEAR else [])] if cell else []
    for shape in shapes:
        count = element_type("", shape).n_nodes
        if len(nodes) >= count and all(nodes[:count]):
            return shape, nodes[:count]
    return "", []


def _part(name: str, cell_type: str, rows: list[tuple[int, list[int]]]) -> Part:
    """Return the elements of one type and cell."""
    formulation, order = next(((f, o) for c, f, o in _SOLIDS.get(name, ()) if c == cell_type), ("", None))
    kind = element_type(name, cell_type, formulation, order)
    nodes = np.array([row for _, row in rows], dtype=np.int64)
    return Part(kind, np.array([eid for eid, _ in rows], dtype=np.int64), nodes[:, list(kind.to_vtk)])


def _supports(model: Any) -> dict[str, Ints]:
    """Return the node ids of each set of single-point constraints."""
    found = {}
    for number, cards in model.spcs.items():
        nodes = [node for card in cards for node in getattr(card, "nodes", []) if isinstance(node, int | np.integer)]
        if nodes:
            found[f"SPC{number}"] = np.array(nodes, dtype=np.int64)
    return found

"""Reader of MED (Code_Aster, Salome): meshes and results over time, also at integration points."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import h5py
import numpy as np

from romtool.convert.grid import build_mesh
from romtool.convert.med_blocks import Layout, lay_out
from romtool.convert.med_fields import FieldValues, FileField, find_fields, state_parts, tabulate
from romtool.convert.med_file import CellType, MedMesh, open_med, read_med_mesh, text_of
from romtool.convert.med_names import symbol_of
from romtool.convert.med_rules import PointRule, read_rule
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import Ints, SolverResults


@final
@dataclass(frozen=True)
class MedReader:
    """Reads .med and .rmed; satisfies `romtool.protocols.Reader`."""

    name: str = "med"
    description: str = "MED: mesh or results of Code_Aster and Salome, also at integration points"
    extensions: tuple[str, ...] = (".med", ".rmed", ".mmed")
    deck_extensions: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()

    def read(self, path: Path) -> SolverResults:
        """Open a mesh or a history.

        Parameters
        ----------
        path: the file.

        Returns
        -------
        Mesh (groups as sets), times, fields at nodes, elements and integration points.

        Raises
        ------
        ReaderError: another kind of file, cut short or damaged; no mesh.
        """
        said: list[str] = []
        with open_med(Path(path)) as file:
            name = _mesh_name(file, Path(path), said)
            mesh = read_med_mesh(file, name, Path(path))
            fields = find_fields(file, name, said)
            layout = _layout(file, mesh, fields, Path(path), said)
        table = tabulate(fields, Path(path))
        read = FieldValues(Path(path), table, layout)
        warnings = (*mesh.warnings, *said, *table.warnings)
        return SolverResults("med", (Path(path),), layout.mesh, table.times, table.infos, read, warnings)

    def read_deck(self, path: Path) -> Deck:
        """Refuse: MED files hold no materials or loads. Raises ReaderError."""
        raise ReaderError(f"{path} is a MED file, not an input deck; give it as results or as mesh")


READER = MedReader()


def _mesh_name(file: h5py.File, path: Path, said: list[str]) -> str:
    """Return the mesh of the displacement, else of any field, else the first one."""
    meshes = list(file["ENS_MAA"])
    if not meshes:
        raise ReaderError(f"{path} holds no mesh; expected one in ENS_MAA")
    fields = dict(file["CHA"].items()) if "CHA" in file else {}
    used = {name: text_of(group.attrs["MAI"]) for name, group in fields.items()}
    moved = [mesh for name, mesh in used.items() if symbol_of(name) == "DEPL"]
    chosen = next((mesh for mesh in (*moved, *used.values()) if mesh in meshes), meshes[0])
    if len(meshes) > 1:
        said.append(f"the file holds {len(meshes)} meshes ({', '.join(meshes)}): {chosen} is taken")
    return chosen


def _layout(file: h5py.File, mesh: MedMesh, fields: Sequence[FileField], path: Path, said: list[str]) -> Layout:
    """Build the mesh with the rule of each element: that of the first field at integration points that gives it one."""
    built = build_mesh(mesh.grid, path)
    rule_of = np.full(sum(kind.count for kind in mesh.cell_types), -1, dtype=np.int64)
    rules: dict[str, PointRule] = {}
    for field, rule, cells in _rules_of_fields(file, fields, mesh.cell_types):
        rules.setdefault(rule.name, rule)
        number = list(rules).index(rule.name)
        others = int((~np.isin(rule_of[cells], (-1, number))).sum())
        if others:
            said.append(f"{field}: {others} cells have other points in an earlier field; its values there are left out")
        rule_of[cells[rule_of[cells] < 0]] = number
    layout = lay_out(built, mesh.cell_types, rule_of, tuple(rules.values()), len(mesh.grid.points))
    said += _remarks(layout, built.warnings)
    return layout


def _rules_of_fields(
    file: h5py.File, fields: Sequence[FileField], cell_types: Sequence[CellType]
) -> Iterator[tuple[str, PointRule, Ints]]:
    """Yield field, rule and cells of the values at integration points, by the first state of each field."""
    for field in (field for field in fields if field.location == "point"):
        for part in state_parts(file, file["CHA"][field.name][field.steps[0].group], cell_types):
            if part.kind is not None and part.rule:
                yield field.name, read_rule(file, part.rule, part.kind.name), part.rows


def _remarks(layout: Layout, of_grid: Sequence[str]) -> list[str]:
    """Return what is said about integration rules: those that are guessed, those that romtool does not have."""
    blocks = list(zip(layout.mesh.blocks, layout.rules, strict=True))
    guessed = sorted({f"{b.cell_type} {b.formulation}" for b, rule in blocks if rule is None and b.formulation})
    unknown = sorted({b.solver_type for b, rule in blocks if rule is not None and not b.formulation})
    found = [text for text in of_grid if "integration rules" not in text]
    if guessed:
        found.append(f"the file does not name integration rules, taken: {', '.join(guessed)}")
    if unknown:
        found.append(f"{', '.join(unknown)}: no formulation of romtool has these points; shown, not computed with")
    return found

"""Reader of Ansys archives (`.cdb`): mesh, element types, components, elastic materials, supports."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from romtool.convert.ansys_archive import Archive, read_archive, read_components, read_elements, read_nodes
from romtool.convert.ansys_deck import read_deck, read_supports
from romtool.convert.ansys_elements import build_parts
from romtool.convert.parts import assemble, set_rows
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import Floats, Mesh, SolverResults


@final
@dataclass(frozen=True)
class AnsysArchiveReader:
    """Reads `.cdb` (see `romtool.protocols.Reader`)."""

    name: str = "ansys-cdb"
    description: str = "Ansys MAPDL archive (.cdb)"
    extensions: tuple[str, ...] = ()
    deck_extensions: tuple[str, ...] = (".cdb",)
    requires: tuple[str, ...] = ()

    def read(self, path: Path) -> SolverResults:
        """Open the mesh of an archive. Raises ReaderError."""
        mesh, warnings = build_mesh(read_archive(Path(path)))

        def read(name: str, index: int) -> Floats:
            raise KeyError(name)

        return SolverResults(self.name, (Path(path),), mesh, np.zeros(0), {}, read, tuple(warnings))

    def read_deck(self, path: Path) -> Deck:
        """Read elastic materials and supports; loads are not read. Raises ReaderError."""
        archive = read_archive(Path(path))
        return read_deck(archive, *build_mesh(archive))


def build_mesh(archive: Archive) -> tuple[Mesh, list[str]]:
    """Return the mesh of an archive, its components, materials (`MAT1` …), supports as sets, and sentences.

    Raises
    ------
    ReaderError: damaged blocks, elements with nodes that are not there, no elements that can be shown.
    """
    ids, points = read_nodes(archive)
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


READER = AnsysArchiveReader()
"""The reader."""

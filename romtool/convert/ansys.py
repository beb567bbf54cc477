"""Reader of Ansys MAPDL: results (`.rst`) and archives (`.cdb`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from romtool.convert.ansys_archive import read_archive
from romtool.convert.ansys_deck import build_mesh, read_deck
from romtool.loading import Deck
from romtool.types import Floats, SolverResults


@final
@dataclass(frozen=True)
class AnsysReader:
    """Reads `.rst` and `.cdb` (see `romtool.protocols.Reader`)."""

    name: str = "ansys"
    description: str = "Ansys MAPDL results (.rst) and archives (.cdb)"
    extensions: tuple[str, ...] = (".rst",)
    deck_extensions: tuple[str, ...] = (".cdb",)
    requires: tuple[str, ...] = ()

    def read(self, path: Path) -> SolverResults:
        """Open results, or the mesh of an archive (without times). Raises ReaderError."""
        path = Path(path)
        if path.suffix.lower() in self.deck_extensions:
            return _read_mesh_only(path)
        from romtool.convert.ansys_results import read_results

        return read_results(path)

    def read_deck(self, path: Path) -> Deck:
        """Read mesh, elastic materials and supports of an archive; loads are not read. Raises ReaderError."""
        return read_deck(Path(path))


def _read_mesh_only(path: Path) -> SolverResults:
    """Return the mesh of an archive as results without times and fields."""
    mesh, warnings = build_mesh(read_archive(path))

    def read(name: str, index: int) -> Floats:
        raise KeyError(name)

    return SolverResults("ansys", (path,), mesh, np.zeros(0), {}, read, tuple(warnings))


READER = AnsysReader()
"""The reader."""

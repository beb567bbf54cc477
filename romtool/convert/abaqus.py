"""Reader of Abaqus: decks (`.inp`) with parts, instances and assembly, and ASCII results (`.fil`).

Results in an `.odb` are exported by `scripts/abaqus_odb.py`, which Abaqus' own Python runs, to XDMF.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from romtool.convert.abaqus_assembly import read_mesh
from romtool.convert.abaqus_deck import is_abaqus, read_deck
from romtool.convert.abaqus_results import read_results
from romtool.loading import Deck
from romtool.types import Floats, SolverResults


@final
@dataclass(frozen=True)
class AbaqusReader:
    """Reads Abaqus files (see `romtool.protocols.Reader`)."""

    name: str = "abaqus"
    description: str = "Abaqus decks (.inp) and ASCII results (.fil)"
    extensions: tuple[str, ...] = (".fil",)
    deck_extensions: tuple[str, ...] = (".inp",)
    requires: tuple[str, ...] = ()

    def read(self, path: Path) -> SolverResults:
        """Open results, or the mesh of a deck (without times). Raises ReaderError."""
        path = Path(path)
        return _read_mesh_only(path) if path.suffix.lower() in self.deck_extensions else read_results(path)

    def read_deck(self, path: Path) -> Deck:
        """Read materials, loads and steps of a deck. Raises ReaderError."""
        return read_deck(Path(path))

    def is_deck(self, path: Path) -> bool:
        """Tell whether a `.inp` file is Abaqus', not CalculiX' or Z-set's."""
        return is_abaqus(path)


def _read_mesh_only(path: Path) -> SolverResults:
    """Return the mesh of a deck as results without times and fields."""
    found = read_mesh(path)

    def read(name: str, index: int) -> Floats:
        raise KeyError(name)

    return SolverResults("abaqus", (path,), found.mesh, np.zeros(0), {}, read, found.warnings)


READER = AbaqusReader()
"""The reader."""

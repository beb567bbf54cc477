"""Reader of Abaqus: decks (`.inp`) with parts, instances and assembly, and ASCII results (`.fil`).

Results in an `.odb` are exported by `scripts/abaqus_odb.py`, which Abaqus' own Python runs, to XDMF.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from romtool.convert.abaqus_results import read_results
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import SolverResults


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
        return read_results(Path(path))

    def read_deck(self, path: Path) -> Deck:
        """Read materials, loads and steps of a deck. Raises ReaderError."""
        raise ReaderError(f"{path}")

    def is_deck(self, path: Path) -> bool:
        """Tell whether a `.inp` file is Abaqus', not CalculiX' or Z-set's."""
        return False


READER = AbaqusReader()
"""The reader."""

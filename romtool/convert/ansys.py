"""Reader of Ansys MAPDL results (`.rst`), by the package ansys-mapdl-reader (extra "ansys")."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from romtool.convert.ansys_results import read_results
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import SolverResults


@final
@dataclass(frozen=True)
class AnsysReader:
    """Reads `.rst` (see `romtool.protocols.Reader`)."""

    name: str = "ansys"
    description: str = "Ansys MAPDL results (.rst)"
    extensions: tuple[str, ...] = (".rst",)
    deck_extensions: tuple[str, ...] = ()
    requires: tuple[str, ...] = ("ansys.mapdl.reader",)

    def read(self, path: Path) -> SolverResults:
        """Open a result file; values are read one time at a time. Raises ReaderError."""
        return read_results(Path(path))

    def read_deck(self, path: Path) -> Deck:
        """Refuse: results are no deck. Raises ReaderError."""
        raise ReaderError(f"{path} is an Ansys result file, not an input deck; give it as results")


READER = AnsysReader()
"""The reader."""

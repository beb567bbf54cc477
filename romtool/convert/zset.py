"""Z-set: decks (`.inp`), meshes (`.geof` text, `.geo` binary) and results (`.ut` with its data files)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import final

from romtool.convert.zset_deck import mesh_file, read_deck
from romtool.convert.zset_results import open_mesh, open_results
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import SolverResults

_SNIFFED = 1_000_000
_CALCUL = re.compile(r"^[ \t]*\*{4}calcul\b", re.MULTILINE)


def is_deck(path: Path) -> bool:
    """Return whether an `.inp` file is a Z-set deck: a line `****calcul` in its first megabyte.

    False where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _CALCUL.search(file.read(_SNIFFED).decode("latin-1")) is not None
    except OSError:
        return False


@final
@dataclass(frozen=True)
class ZsetReader:
    """Reads the files of Z-set; satisfies `romtool.protocols.Reader`."""

    name: str = "zset"
    description: str = "Z-set: deck .inp, mesh .geof/.geo, results .ut with .node, .integ, .ctnod"
    extensions: tuple[str, ...] = (".ut", ".geof", ".geo")
    deck_extensions: tuple[str, ...] = (".inp",)
    requires: tuple[str, ...] = ()

    def read(self, path: Path) -> SolverResults:
        """Open a `.ut` (results), a `.geof`, `.geo` or the mesh of an `.inp` (without times).

        Raises
        ------
        ReaderError: another extension, files missing, truncated or damaged. MeshError: wrong ids.
        """
        suffix = path.suffix.lower()
        if suffix not in self.extensions + self.deck_extensions:
            raise ReaderError(f"{path}: Z-set results end in .ut, meshes in .geof or .geo; give one of these")
        if suffix == ".ut":
            return open_results(path)
        return open_mesh(mesh_file(path) if suffix in self.deck_extensions else path)

    def read_deck(self, path: Path) -> Deck:
        """Read an input deck; see `romtool.convert.zset_deck.read_deck`.

        Raises
        ------
        ReaderError: files missing, or commands that are not understood. MeshError: wrong ids.
        """
        return read_deck(path)

    def is_deck(self, path: Path) -> bool:
        """Return whether an `.inp` file is one of Z-set."""
        return is_deck(path)


READER = ZsetReader()

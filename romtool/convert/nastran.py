"""Reader of Nastran (MSC, NX, Simcenter, Optistruct dialects): decks (`.bdf`) and results (`.op2`), by pyNastran."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from romtool.convert.nastran_cards import is_deck, read_cards
from romtool.convert.nastran_deck import read_deck
from romtool.convert.nastran_mesh import build_mesh, read_bulk
from romtool.convert.nastran_results import read_results
from romtool.loading import Deck
from romtool.types import Floats, SolverResults

__all__ = ["READER", "NastranReader", "is_deck"]


@final
@dataclass(frozen=True)
class NastranReader:
    """Reads `.op2` and `.bdf`, `.nas`, `.dat` (see `romtool.protocols.Reader`)."""

    name: str = "nastran"
    description: str = "Nastran results (.op2) and bulk data (.bdf, .nas, .dat)"
    extensions: tuple[str, ...] = (".op2",)
    deck_extensions: tuple[str, ...] = (".bdf", ".nas", ".dat")
    requires: tuple[str, ...] = ("pyNastran",)

    def read(self, path: Path) -> SolverResults:
        """Open results, or the mesh of a deck (without times). Raises ReaderError."""
        path = Path(path)
        return read_results(path) if path.suffix.lower() == ".op2" else _read_mesh_only(path)

    def read_deck(self, path: Path) -> Deck:
        """Read mesh, isotropic elastic materials and supports of a deck; loads are not read. Raises ReaderError."""
        return read_deck(Path(path))

    def is_deck(self, path: Path) -> bool:
        """Tell whether a file is Nastran's by its content (`.dat` is everybody's)."""
        return is_deck(path)


def _read_mesh_only(path: Path) -> SolverResults:
    """Return the mesh of a deck as results without times and fields."""
    bulk = read_cards(path)
    found = build_mesh(read_bulk(bulk), bulk.warnings, path)

    def read(name: str, index: int) -> Floats:
        raise KeyError(name)

    return SolverResults("nastran", (path,), found.mesh, np.zeros(0), {}, read, found.warnings)


READER = NastranReader()
"""The reader."""

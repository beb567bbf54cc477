"""Reader of CalculiX: results (`.frd` with the `.dat` and `.sta` beside it) and decks (`.inp`).

The mesh comes from the deck of the same stem where it exists (all digits, element types, sets), else from
the `.frd`. CalculiX writes no dataset at time 0; one is added so that histories start from the initial
state: displacement and other nodal fields 0, T the initial temperature of the deck, point fields 0 where
they are printed at all. Integration-point fields come from the `.dat` only; STRESS, TOSTRAIN and PE of the
`.frd` are extrapolated to nodes and averaged, and are called stress_nodal, strain_nodal and p_nodal.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.convert.calculix_dat import has_tables
from romtool.convert.calculix_keywords import is_deck
from romtool.convert.calculix_mesh import read_mesh
from romtool.convert.calculix_results import read_results
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import Floats, SolverResults

__all__ = ["READER", "CalculixReader", "is_deck"]


@dataclass(frozen=True)
class CalculixReader:
    """Reads CalculiX files (see `romtool.protocols.Reader`)."""

    name: str = "calculix"
    description: str = "CalculiX results (.frd, with .dat and .sta beside) and decks (.inp)"
    extensions: tuple[str, ...] = (".frd", ".dat")
    deck_extensions: tuple[str, ...] = (".inp",)
    requires: tuple[str, ...] = ()

    def is_deck(self, path: Path) -> bool:
        """Tell whether a `.inp` is a CalculiX style deck, not one of Z-set; whether a `.dat` has tables of CalculiX."""
        return has_tables(path) if Path(path).suffix.lower() == ".dat" else is_deck(path)

    def read(self, path: Path) -> SolverResults:
        """Open a `.frd` with its companions, or the mesh of a deck (without times). Raises ReaderError."""
        path = Path(path)
        if not path.is_file():
            raise ReaderError(f"{path}: does not exist; give the path of a .frd file or of a deck (.inp)")
        if path.suffix.lower() == ".dat":
            return _read_beside(path)
        return _read_mesh_only(path) if path.suffix.lower() in self.deck_extensions else read_results(path)

    def read_deck(self, path: Path) -> Deck:
        """Read materials, loads and steps of a deck. Raises ReaderError."""
        from romtool.convert.calculix_deck import read_deck

        return read_deck(Path(path))


def _read_beside(path: Path) -> SolverResults:
    """Return the results that a `.dat` belongs to: those of the `.frd` beside it."""
    frd = path.with_suffix(".frd")
    if not frd.is_file():
        raise ReaderError(f"{path} holds tables without a mesh; expected {frd.name} beside it: put it there")
    return read_results(frd)


def _read_mesh_only(path: Path) -> SolverResults:
    """Return the mesh of a deck as results without times and fields."""
    found = read_mesh(path)

    def read(name: str, index: int) -> Floats:
        raise KeyError(name)

    return SolverResults("calculix", (path,), found.mesh, np.zeros(0), {}, read, found.warnings)


READER = CalculixReader()
"""The reader."""

"""Reader of Exodus II (MOOSE, Sierra, Cubit): NetCDF files, also those that a parallel run wrote per processor."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import final

from romtool.convert.exodus_fields import read_variables
from romtool.convert.exodus_file import open_dataset, piece_paths, read_piece
from romtool.convert.exodus_mesh import join_pieces
from romtool.errors import ReaderError
from romtool.loading import Deck
from romtool.types import SolverResults

_OPEN_FILES = 64


@final
@dataclass(frozen=True)
class ExodusReader:
    """Reads .e, .exo and others; satisfies `romtool.protocols.Reader`."""

    name: str = "exodus"
    description: str = "Exodus II: mesh or results of MOOSE, Sierra, Cubit; one file, or one per processor (.e.N.n)"
    extensions: tuple[str, ...] = (".e", ".exo", ".ex2", ".exii", ".g", ".gen")
    deck_extensions: tuple[str, ...] = ()
    requires: tuple[str, ...] = ("netCDF4",)

    def read(self, path: Path) -> SolverResults:
        """Open a mesh or a history; of a decomposed run any of its files stands for all.

        Parameters
        ----------
        path: the file.

        Returns
        -------
        Mesh (block names as element sets), times, nodal and element fields.

        Raises
        ------
        ReaderError: another kind of file, cut short or damaged; times that do not increase.
        """
        load = lru_cache(maxsize=_OPEN_FILES)(open_dataset)
        pieces = [read_piece(load(file), file) for file in piece_paths(Path(path))]
        mesh = join_pieces(pieces)
        read = read_variables(pieces, load, mesh)
        paths = tuple(piece.path for piece in pieces)
        return SolverResults("exodus", paths, mesh.mesh, read.times, read.fields, read, mesh.warnings)

    def read_deck(self, path: Path) -> Deck:
        """Refuse: Exodus files hold no materials or loads. Raises ReaderError."""
        raise ReaderError(f"{path} is an Exodus file, not an input deck; give it as results or as mesh")


READER = ExodusReader()

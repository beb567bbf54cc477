"""Interfaces between the parts: what a reader offers, what a linear solver can do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from romtool.loading import Deck
from romtool.types import Floats, SolverResults


class Reader(Protocol):
    """Reads the files of one solver.

    `name` is unique; `extensions` are lower case with the dot; `deck_extensions` are those of input decks
    (empty where the format has none); `requires` names the packages that must be installed.
    """

    name: str
    description: str
    extensions: tuple[str, ...]
    deck_extensions: tuple[str, ...]
    requires: tuple[str, ...]

    def read(self, path: Path) -> SolverResults:
        """Open results (or a mesh without times); no field value is read yet. Raises ReaderError."""
        ...

    def read_deck(self, path: Path) -> Deck:
        """Read an input deck. Raises ReaderError."""
        ...


class LinearSolver(Protocol):
    """Solves with the tangent matrix of a high-fidelity step."""

    def factorise(self, matrix: Any) -> None:
        """Take a new (n_dofs, n_dofs) matrix."""
        ...

    def solve(self, right_hand_side: Floats) -> Floats:
        """Return the (n_dofs,) solution."""
        ...


class Progress(Protocol):
    """Tells a person how far a long loop is; silent away from a terminal."""

    def __call__(self, items: Sequence[Any], label: str) -> Sequence[Any]:
        """Iterate over `items` while showing `label`."""
        ...

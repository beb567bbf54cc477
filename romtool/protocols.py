"""Interfaces between the parts: what a reader offers, what a linear solver can do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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


@dataclass(frozen=True)
class SolverMemory:
    """What a linear solver remembers of earlier matrices: with it, it goes on as if it had never been closed.

    Parameters
    ----------
    tangent: (n_points, 6, 6) moduli of this rank behind the factors or the preconditioner.
    fresh: whether these are still the last ones.
    worn: whether the preconditioner is to be renewed.
    first: iterations per digit when it was new.
    indefinite: whether a matrix was not positive definite.
    """

    tangent: Floats
    fresh: bool
    worn: bool = False
    first: float = 0.0
    indefinite: bool = False


class LinearSolver(Protocol):
    """Solves with the tangent stiffness of a high-fidelity problem on its free degrees of freedom."""

    def assemble(self, tangent: Floats) -> None:
        """Take new (n_points, 6, 6) moduli d sig / d eps (tensor shear) at the integration points of this rank."""
        ...

    def solve(self, force: Floats, accuracy: float) -> Floats:
        """Return the (n_nodes, 3) displacement, 0 where fixed, whose residual is below `accuracy` times `force`.

        `force` (n_nodes, 3) is complete at nodes that ranks share. Raises ConvergenceError.
        """
        ...

    def memory(self) -> SolverMemory | None:
        """Return what is remembered of earlier matrices; None where there was none."""
        ...

    def remember(self, memory: SolverMemory) -> None:
        """Go on from a memory; all ranks call this together. Raises ConvergenceError."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...

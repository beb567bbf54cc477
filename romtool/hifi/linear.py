"""Which linear solver a problem gets: PETSc where it is installed, else SciPy on one rank."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from romtool.errors import MissingPartError
from romtool.hifi.petsc_solver import PetscSolver
from romtool.hifi.problem import HifiProblem
from romtool.hifi.scipy_solver import SciPySolver
from romtool.protocols import LinearSolver
from romtool.settings import HifiSettings

_HOW = "install Debian's python3-petsc4py-real (scripts/setup.sh does it) or `pip install petsc petsc4py`"


def has_petsc() -> bool:
    """Tell whether petsc4py is installed."""
    return importlib.util.find_spec("petsc4py") is not None


def petsc_missing(settings: HifiSettings) -> str:
    """Return the sentence about what is used where PETSc is absent, or "" where it is there."""
    if has_petsc():
        return ""
    kind = " instead of an iterative one" if settings.solver == "iterative" else ""
    return f"petsc4py is not installed: SciPy's direct solver on one rank is used{kind}; {_HOW} for large models"


def linear_solver(problem: HifiProblem, settings: HifiSettings | None = None, petsc: str = "") -> LinearSolver:
    """Return a solver for the tangent matrices of a problem; all of its ranks call this together.

    Parameters
    ----------
    problem: the problem.
    settings: direct or iterative.
    petsc: options of PETSc, e.g. "-ksp_view -pc_type hypre".

    Raises
    ------
    MissingPartError: several ranks, or options for PETSc, and no petsc4py.
    CaseError: options that PETSc cannot read.
    """
    settings = settings or HifiSettings()
    if has_petsc():
        return PetscSolver(problem, settings, petsc)
    if problem.sharing.comm.size > 1 or petsc:
        what = "PETSc options need" if petsc else "solving on several ranks needs"
        raise MissingPartError(f"{what} petsc4py, which is not installed; {_HOW}")
    return SciPySolver(problem)


@contextmanager
def opened(problem: HifiProblem, solver: LinearSolver | None) -> Iterator[LinearSolver]:
    """Give a solver: the one that is given, else a new one that is closed at the end."""
    if solver is not None:
        yield solver
        return
    own = linear_solver(problem)
    try:
        yield own
    finally:
        own.close()

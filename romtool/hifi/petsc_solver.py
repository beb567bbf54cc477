"""The linear solver on PETSc: MUMPS or a preconditioned Krylov method, on the ranks of the problem.

The matrix holds all degrees of freedom, three per node (of reference nodes of constraints too), so that blocks and
rigid-body modes stay whole; rows and columns of prescribed and dependent ones are a multiple of the identity. Factors
and multigrid hierarchies of an earlier matrix precondition the next ones, until that takes too many iterations.
"""

import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from romtool.errors import CaseError, ConvergenceError
from romtool.fem.assembly import dependent_part, fix_blocks, is_symmetric, stiffness_blocks
from romtool.fem.sharing import Sharing
from romtool.hifi.problem import HifiProblem
from romtool.hifi.stability import rigid_motions
from romtool.protocols import SolverMemory
from romtool.settings import HifiSettings
from romtool.types import Bools, Floats, Ints

PREFIX = "hifi_"
_OWN = ("ksp_", "pc_", "mat_", "mg_")
_GMRES: dict[str, str | None] = {"ksp_type": "gmres", "ksp_pc_side": "right", "ksp_gmres_restart": "60"}
_DIRECT: dict[str, str | None] = {"ksp_max_it": "25", "pc_factor_mat_solver_type": "mumps"}
_ITERATIVE: dict[str, str | None] = {
    "ksp_max_it": "1000",
    "pc_type": "gamg",
    "pc_gamg_reuse_interpolation": "false",
    "mg_levels_ksp_type": "chebyshev",
    "mg_levels_ksp_max_it": "3",
    "mg_levels_ksp_chebyshev_esteig": "0,0.05,0,1.1",
    "mg_levels_pc_type": "jacobi",
}
_DIRECT_WEAR, _ITERATIVE_WEAR = (1.5, 4.0), (5.0, 10.0)
_DEPENDENT = 1e-8
_COUNT = itertools.count()


def load_petsc() -> Any:
    """Return petsc4py's module PETSc, initialised without a signal handler of its own."""
    import petsc4py

    if "petsc4py.PETSc" not in sys.modules:
        petsc4py.init(["romtool", "-no_signal_handler"])
    from petsc4py import PETSc

    return PETSc


def parse_options(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield name (without the dash) and value of options as PETSc's command line has them.

    Raises
    ------
    CaseError: a value without a name.
    """
    name: str | None = None
    value: str | None = None
    for word in text.split():
        if word.startswith("-") and word[1:2].isalpha():
            if name is not None:
                yield name, value
            name, value = word[1:], None
        elif name is None or value is not None:
            raise CaseError(f"PETSc options {text!r}: {word!r} belongs to no option; write '-name value -name value'")
        else:
            value = word
    if name is not None:
        yield name, value


class Layout:
    """Where the degrees of freedom of a problem are in PETSc's vectors and matrices.

    Only unknown nodes with a free degree of freedom are there (and one of each rank), three rows each; those owned by a
    rank are contiguous.
    """

    def __init__(self, petsc: Any, problem: HifiProblem) -> None:
        self.elimination, nodes = problem.elimination, problem.operators.node_pattern
        sharing, self.free = self.elimination.sharing, self.elimination.free
        self.comm = petsc.COMM_SELF if sharing.comm.size == 1 else sharing.comm
        kept = _kept(self.free, sharing)
        self.owned = np.flatnonzero(sharing.owned & kept)
        self.kept = np.flatnonzero(kept)
        numbers = sharing.number(kept).astype(petsc.IntType)
        self.map = petsc.LGMap().create(numbers, bsize=3, comm=self.comm)
        self.size = (3 * len(self.owned), petsc.DETERMINE)
        beyond = np.full(len(numbers) + 1 - len(nodes.indptr), nodes.indptr[-1])
        self.indptr = np.concatenate([nodes.indptr, beyond]).astype(petsc.IntType)
        self.indices = nodes.indices.astype(petsc.IntType)
        self.constrained = _constrained(problem)
        patterns = [(self.indptr, self.indices)]
        if self.constrained:
            ones = np.ones((len(self.indices), 3, 3))
            added = _added(problem, ones, abs(self.elimination.coefficients), 1.0)
            patterns.append((added.indptr, added.indices))
        self.lengths = _row_lengths(patterns, numbers, sharing)
        self.whole = petsc.Vec().create(comm=self.comm)
        self.whole.setSizes(self.size, bsize=3)
        self.whole.setUp()
        self.local = petsc.Vec().createSeq(3 * len(self.kept), bsize=3)
        wanted = petsc.IS().createBlock(3, numbers[self.kept], comm=petsc.COMM_SELF)
        self.scatter = petsc.Scatter().create(self.whole, wanted, self.local, None)
        wanted.destroy()

    def from_unknowns(self, values: Floats, vector: Any) -> None:
        """Put (n_unknown_nodes, 3) values into a distributed vector, 0 where not free."""
        vector.setArray(np.where(self.free, values, 0.0)[self.owned].ravel())

    def to_nodes(self, vector: Any) -> Floats:
        """Return the (n_nodes, 3) displacements of this rank's nodes that the unknowns in a distributed vector make."""
        self.scatter.scatter(vector, self.local)
        result = np.zeros(self.free.shape)
        result[self.kept] = self.local.getArray(readonly=True).reshape(-1, 3)
        return self.elimination.expand(result)  # without what a Krylov method leaves where nothing is free

    def destroy(self) -> None:
        """Destroy all objects."""
        _destroy(self.map, self.scatter, self.whole, self.local)


def _kept(free: Bools, sharing: Sharing) -> Bools:
    """Return which nodes have rows: those with a free one, and one of each rank, whose assembly else never ends."""
    kept = free.any(axis=1)
    if not (kept & sharing.owned).any():
        kept[np.flatnonzero(sharing.owned)[:1]] = True
    return np.asarray(sharing.add(kept.astype(np.float64)) > 0.0)


def _constrained(problem: HifiProblem) -> bool:
    """Tell whether some rank has dependent unknowns."""
    return any(problem.sharing.comm.allgather(bool(problem.elimination.dependent.any())))


def _added(problem: HifiProblem, blocks: Floats, matrix: Any, scale: float) -> Any:
    """Return what constraints add to the matrix (BSR): stiffness of dependent unknowns, a diagonal for reference nodes.

    `scale` stands where a reference node has an unknown that nothing depends on.
    """
    elimination = problem.elimination
    found = dependent_part(problem.operators, blocks, elimination.dependent, matrix)
    reference = np.zeros(len(elimination.free), dtype=np.bool_)
    reference[elimination.extra // 3] = True
    idle = ~elimination.free & (reference & elimination.sharing.owned)[:, None]
    total = (found + sparse.diags(np.where(idle.ravel(), scale, 0.0))).tobsr((3, 3))
    total.sort_indices()
    return total


def _row_lengths(patterns: Sequence[tuple[Ints, Ints]], numbers: Ints, sharing: Sharing) -> tuple[Ints, Ints]:
    """Return how many nodes each owned node is coupled to, those of the same rank and others: upper bounds."""
    rows = sharing.owned & (numbers >= 0)
    starts = np.cumsum([0, *sharing.comm.allgather(int(rows.sum()))])
    owner = np.searchsorted(starts, numbers, side="right") - 1
    counts = np.zeros((len(numbers), 2))
    for indptr, indices in patterns:
        same = np.repeat(owner, np.diff(indptr)) == owner[indices]
        other = ~same & (numbers[indices] >= 0)
        for column, chosen in enumerate((same, other)):
            counts[:, column] += np.diff(np.concatenate([[0], np.cumsum(chosen)])[indptr])
    both = np.rint(sharing.add(counts)[rows]).astype(np.int64)
    n_owned, n_all = int(rows.sum()), int(starts[-1])
    return np.minimum(both[:, 0], n_owned), np.minimum(both[:, 1], n_all - n_owned)


class PetscSolver:
    """See `romtool.protocols.LinearSolver`; `close` destroys all objects of PETSc.

    `n_setups` counts factorisations or set-ups of the preconditioner, `n_iterations` those of the Krylov method.
    """

    def __init__(self, problem: HifiProblem, settings: HifiSettings, options: str = "") -> None:
        self._petsc = load_petsc()
        self._problem, self._direct = problem, settings.solver == "direct"
        self._given, self._set = dict(parse_options(options)), list[str]()
        self._prefix = f"{PREFIX}{next(_COUNT)}_"
        self._layout = Layout(self._petsc, problem)
        self._matrix = self._build_matrix()
        self._right, self._solution = self._layout.whole.duplicate(), self._layout.whole.duplicate()
        self._ksp: Any = None
        self._symmetric = self._indefinite = self._fresh = self._worn = False
        self._first = 0.0
        self._last: Floats = np.zeros(0)
        self._behind: Floats | None = None
        self.n_setups = self.n_iterations = 0

    def _build_matrix(self) -> Any:
        """Return the empty matrix; for multigrid with the rigid-body modes, which are near its null space."""
        petsc, layout = self._petsc, self._layout
        matrix = petsc.Mat().create(comm=layout.comm)
        matrix.setSizes((layout.size, layout.size), bsize=3)
        matrix.setOptionsPrefix(self._prefix)
        matrix.setType("aij")
        matrix.setPreallocationNNZ(tuple(np.repeat(3 * part, 3).astype(petsc.IntType) for part in layout.lengths))
        matrix.setLGMap(layout.map, layout.map)
        if not self._direct:
            modes = self._rigid_modes()
            space = petsc.NullSpace().create(vectors=modes, comm=layout.comm)
            matrix.setNearNullSpace(space)
            _destroy(space, *modes)
        return matrix

    def _rigid_modes(self) -> list[Any]:
        """Return the rigid-body modes, 0 at fixed degrees of freedom, orthonormal; those that vanish are left out."""
        layout, modes = self._layout, list[Any]()
        motions = rigid_motions(self._problem.operators.mesh.points).reshape(-1, 18)
        for motion in np.moveaxis(layout.elimination.fetch(motions).reshape(-1, 3, 6), 2, 0):
            mode = layout.whole.duplicate()
            layout.from_unknowns(motion, mode)
            size = mode.norm()
            for _ in range(2):
                for other in modes:
                    mode.axpy(-other.dot(mode), other)
            if mode.normalize() > _DEPENDENT * size:
                modes.append(mode)
            else:
                mode.destroy()
        return modes

    def assemble(self, tangent: Floats) -> None:
        """Take new (n_points, 6, 6) moduli; a preconditioner that still serves is kept.

        Raises
        ------
        CaseError: options that PETSc refuses.
        """
        problem, layout = self._problem, self._layout
        elimination, mode = problem.elimination, self._petsc.InsertMode.ADD_VALUES
        data = stiffness_blocks(problem.operators, tangent)
        scale = max(problem.sharing.comm.allgather(float(np.abs(data).max(initial=0.0)))) or 1.0
        added = _added(problem, data, elimination.matrix, scale) if layout.constrained else None
        fix_blocks(problem.operators, data, elimination.held, np.where(problem.sharing.owned, scale, 0.0))
        self._matrix.zeroEntries()
        self._matrix.setValuesBlockedLocalIJV(layout.indptr, layout.indices, data.ravel(), addv=mode)
        if added is not None:
            places = (added.indptr.astype(layout.indptr.dtype), added.indices.astype(layout.indptr.dtype))
            self._matrix.setValuesBlockedLocalIJV(*places, added.data.ravel(), addv=mode)
        self._matrix.assemble()
        symmetric = problem.sharing.sums([float(is_symmetric(tangent))])[0] == problem.sharing.comm.size
        if self._ksp is None or symmetric != self._symmetric:
            self._symmetric = symmetric
            self._build_ksp()
        self._fresh, self._last = False, tangent

    def memory(self) -> SolverMemory | None:
        """Return the moduli behind the preconditioner; None where there is none."""
        if self._behind is None:
            return None
        return SolverMemory(self._behind, self._fresh, self._worn, self._first, self._indefinite)

    def remember(self, memory: SolverMemory) -> None:
        """Set the preconditioner up for the matrix of a memory."""
        self.assemble(memory.tangent)
        if memory.indefinite:
            self._indefinite = True
            self._build_ksp()
        self._ksp.getPC().setReusePreconditioner(False)
        self._ksp.setOperators(self._matrix)
        self._ksp.setUp()
        self._behind = memory.tangent
        self._fresh, self._worn, self._first = memory.fresh, memory.worn, memory.first

    def _build_ksp(self) -> None:
        """Make the Krylov method and its preconditioner for a symmetric or another matrix."""
        self._forget()
        self._matrix.setOption(self._petsc.Mat.Option.SYMMETRIC, self._symmetric)
        options = self._petsc.Options()
        for name, value in {**self._defaults(), **self._given}.items():
            full = self._prefix + name if name.startswith(_OWN) else name
            options.setValue(full, value)
            self._set.append(full)
        self._ksp = self._petsc.KSP().create(comm=self._layout.comm)
        self._ksp.setOptionsPrefix(self._prefix)
        self._ksp.setOperators(self._matrix)
        try:
            self._ksp.setNormType(self._petsc.KSP.NormType.UNPRECONDITIONED)
            self._ksp.setFromOptions()
        except self._petsc.Error as error:
            raise CaseError(f"PETSc refuses its options (error {error.ierr}): {self._given}; see --petsc") from error
        self._worn = True

    def _defaults(self) -> dict[str, str | None]:
        """Return the options that the setting stands for."""
        krylov = _GMRES if self._direct or not self._symmetric or self._indefinite else {"ksp_type": "cg"}
        if self._direct:
            return {**krylov, **_DIRECT, "pc_type": "cholesky" if self._symmetric else "lu"}
        return {**krylov, **_ITERATIVE}

    def solve(self, force: Floats, accuracy: float) -> Floats:
        """Return the (n_nodes, 3) displacement.

        Raises
        ------
        ConvergenceError: the matrix is singular, or the iteration too slow even with a fresh preconditioner.
        """
        self._layout.from_unknowns(self._layout.elimination.reduce(force), self._right)
        self._ksp.setTolerances(rtol=accuracy, atol=0.0)
        if not self._run(self._worn) and not self._fresh:
            self._run(True)
        if self._ksp.getConvergedReason() < 0 and self._ksp.getType() == "cg":
            self._indefinite = True  # softening material: conjugate gradients break down
            self._build_ksp()
            self._run(True)
        reason = self._ksp.getConvergedReason()
        if reason < 0:
            raise ConvergenceError(
                f"PETSc could not solve with the tangent matrix of {self._right.getSize()} unknowns (reason {reason}, "
                f"{self._ksp.getIterationNumber()} iterations); check that the supports hold every part of the "
                'structure, or try another [hifi] solver ("direct", "iterative")'
            )
        return self._layout.to_nodes(self._solution)

    def _run(self, renew: bool) -> bool:
        """Solve; `renew` sets the preconditioner up for the present matrix before. Tell whether it converged."""
        self._ksp.getPC().setReusePreconditioner(not renew)
        self._ksp.setOperators(self._matrix)
        self._ksp.solve(self._right, self._solution)
        n_iterations, (rtol, *_) = self._ksp.getIterationNumber(), self._ksp.getTolerances()
        rate = n_iterations / -np.log10(rtol)
        if renew:
            self._behind = self._last.copy()
            self.n_setups, self._first, self._fresh = self.n_setups + 1, rate, True
        slower, more = _DIRECT_WEAR if self._direct else _ITERATIVE_WEAR
        self._worn = rate > slower * self._first + more
        self.n_iterations += n_iterations
        return bool(self._ksp.getConvergedReason() > 0)

    def _forget(self) -> None:
        """Destroy the Krylov method and take its options back."""
        options = self._petsc.Options()
        for name in self._set:
            options.delValue(name)
        self._set.clear()
        if self._ksp is not None:
            self._ksp.destroy()
            self._ksp = None

    def close(self) -> None:
        """Destroy all objects."""
        self._forget()
        _destroy(self._matrix, self._right, self._solution)
        self._layout.destroy()


def _destroy(*items: Any) -> None:
    """Destroy objects of PETSc."""
    for item in items:
        item.destroy()

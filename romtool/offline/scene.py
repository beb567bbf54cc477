"""A training computation that is out of balance, made ready to be evaluated again under other assumptions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from romtool.fem.loads import load_factors, load_shapes, load_vectors
from romtool.laws import build_tables
from romtool.linalg.agreement import each_rank
from romtool.linalg.reduction import Comm, ordered_sum
from romtool.loading import Loading, Material
from romtool.offline.balance import Forces, Unknowns, common_nodes, forces_of, relative
from romtool.offline.consistency import check_run
from romtool.offline.parts import Increments, Part, build_part, recompute
from romtool.offline.training import TrainingRun
from romtool.types import Floats


class Change(NamedTuple):
    """Subdomains with other laws or elements, and what acts on each."""

    parts: Sequence[Part]
    loadings: Sequence[Loading]


@dataclass(frozen=True)
class Scene:
    """Increments of a run at which assumptions are tried.

    Parameters
    ----------
    parts, run, comm: the subdomains of this rank, the training computation, the ranks.
    unknowns: which displacements are free.
    increments: the first is where laws are evaluated again, the first one that fails; at all of them loads are.
    starts: per subdomain, internal variables at the beginning of the first.
    shapes: per subdomain, (n_loads, n_nodes_s, 3) nodal forces of all loads whose tables are one.
    nominal: the forces at the increments as the case has them.
    """

    parts: Sequence[Part]
    run: TrainingRun
    comm: Comm
    unknowns: Unknowns
    increments: tuple[int, ...]
    starts: Sequence[Floats]
    shapes: Sequence[Floats]
    nominal: Sequence[Forces]

    @property
    def time(self) -> float:
        """Return the time of the first increment."""
        return float(self.run.loading.times[self.increments[0]])

    def displacement(self) -> list[Floats]:
        """Return the (n_nodes_s, 3) displacements at the end of the first increment."""
        k = int(np.abs(self.run.times - self.time).argmin())
        return [history[k] for history in self.run.displacement]

    def unbalance(self, forces: Sequence[Forces], unknowns: Unknowns | None = None) -> float:
        """Return the largest unbalance of forces at the increments, relative to what acts there."""
        found = [(unknowns or self.unknowns).measure(entry) for entry in forces]
        return max(relative(residual, max(acting, absolute)) for residual, acting, absolute in found)

    def again(self, change: Change) -> list[Forces]:
        """Evaluate the first increment with other laws, temperatures or elements.

        Parameters
        ----------
        change: subdomains and loadings; where the integration points are others, the start is virgin.

        Raises
        ------
        ConvergenceError: a law that could not be integrated.
        """
        given = list(zip(*change, self.run.displacement, self.starts, strict=True))
        stresses = each_rank(self.comm, lambda: [self._stress(*entry) for entry in given])
        return [forces_of(change.parts, stresses, self._external(change))]

    def _external(self, change: Change) -> Sequence[Floats]:
        """Return the (n_nodes_s, 3) loads per subdomain at the first increment; elements have rules of their own."""
        pairs = list(zip(*change, strict=True))
        if all(part.operators is own.operators for (part, _), own in zip(pairs, self.parts, strict=True)):
            return self.nominal[0].external
        shapes = [(load_shapes(part.operators, local, part.materials), local) for part, local in pairs]
        return [next(load_vectors(shape, local, np.array([self.time]))) for shape, local in shapes]

    def throughout(self, change: Change) -> float:
        """Return the largest unbalance of the whole run with other laws, temperatures or elements."""
        run = replace(self.run, local=tuple(change.loadings))
        found = check_run(change.parts, run, self.comm)
        return float("inf") if found.problem else found.worst_unbalance

    def _stress(self, part: Part, loading: Loading, displacement: Any, start: Floats) -> Floats:
        """Return the (n_points, 6) stress at the end of the first increment on one subdomain."""
        number = self.increments[0]
        steps = Increments(part, loading, self.run.times, displacement)
        state = start if len(start) == len(part.material) else steps.virgin()
        return steps.cross(number, steps.moment(number - 1), steps.moment(number), state).stress

    def with_materials(self, materials: Sequence[Material]) -> Change:
        """Return the subdomains with other parameters of the laws. Raises LawError."""
        tables = build_tables(materials)
        parts = [replace(part, materials=tuple(materials), tables=tables) for part in self.parts]
        return Change(parts, self.run.local)

    def with_formulation(self, old: str, new: str) -> Change:
        """Return the subdomains with other elements in the place of some. Raises MeshError."""
        parts = each_rank(self.comm, lambda: [_with_formulation(part, old, new) for part in self.parts])
        return Change(parts, self.run.local)

    def is_virgin(self) -> bool:
        """Tell whether no material has flowed before the first increment."""
        gaps = []
        for part, local, history, start in zip(
            self.parts, self.run.local, self.run.displacement, self.starts, strict=True
        ):
            gap = np.abs(start - Increments(part, local, self.run.times, history).virgin())
            gaps.append(np.array(gap.max(initial=0.0)))
        return float(ordered_sum(self.comm, gaps)) < 1e-12

    def factors(self) -> list[Floats]:
        """Return per increment the (n_loads,) factors of the load shapes."""
        times = self.run.loading.times
        return [load_factors(self.run.loading, float(times[number])) for number in self.increments]

    def add_load(self, columns: Sequence[Sequence[Floats]], factor: float) -> list[Forces]:
        """Return the case's forces plus loads (n_nodes_s, 3) per increment and subdomain times a factor."""
        return [
            entry._replace(external=[e + factor * c for e, c in zip(entry.external, column, strict=True)])
            for entry, column in zip(self.nominal, columns, strict=False)
        ]


def _with_formulation(part: Part, old: str, new: str) -> Part:
    """Return a subdomain with another formulation in place of one."""
    mesh = part.subdomain.mesh
    blocks = tuple(replace(b, formulation=new) if b.formulation == old else b for b in mesh.blocks)
    return build_part(replace(part.subdomain, mesh=replace(mesh, blocks=blocks)), part.materials, part.tables)


def set_scene(parts: Sequence[Part], run: TrainingRun, comm: Comm, increments: Sequence[int]) -> Scene:
    """Recompute a run up to some increments and keep what is needed to evaluate them again.

    Parameters
    ----------
    parts, run, comm: as in `check_run`.
    increments: numbers of increments from 1; the first may not be later than the others.

    Raises
    ------
    ConvergenceError: a law that could not be integrated.
    """
    unknowns = Unknowns(parts, run, common_nodes(parts, (run,), comm), comm)
    shapes = [load_shapes(p.operators, local, p.materials) for p, local in zip(parts, run.local, strict=True)]
    given = list(zip(parts, run.local, [run.times] * len(parts), run.displacement, strict=True))
    histories = [recompute(*entry) for entry in given]
    states = starts = [Increments(*entry).virgin() for entry in given]
    nominal: dict[int, Forces] = {}
    for number in range(1, max(increments) + 1):
        starts = states if number == increments[0] else starts
        reached = each_rank(comm, lambda: [next(history) for history in histories])
        states = [entry.state for entry in reached]
        if number in increments:
            factors = load_factors(run.loading, float(run.loading.times[number]))
            external = [np.einsum("l,lni->ni", factors, shape) for shape in shapes]
            nominal[number] = forces_of(parts, [entry.stress for entry in reached], external)
    forces = [nominal[number] for number in increments]
    return Scene(parts, run, comm, unknowns, tuple(increments), starts, shapes, forces)

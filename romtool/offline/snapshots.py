"""Snapshots of the training: displacements without their lifting, and the dual fields behind them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.errors import CaseError, InputError
from romtool.fem.loads import load_shapes, load_vectors
from romtool.fem.operators import absolute_internal_force, internal_force
from romtool.laws import state_fields
from romtool.linalg.agreement import each_rank
from romtool.linalg.reduction import Comm, gather_subdomains, ordered_sum
from romtool.loading import Loading
from romtool.offline.parts import MaterialHistory, Part, recompute
from romtool.types import Bools, Floats, Ints


@dataclass(frozen=True)
class TrainingRun:
    """One training computation, on the subdomains of this rank.

    Parameters
    ----------
    name: of the simulation.
    loading: on the whole mesh; `loading.times` are the increments.
    local: the loading on each subdomain.
    times: (n_times,) output times.
    displacement: (n_times, n_nodes_s, 3) float [length] per subdomain.
    lifting: (n_times, n_liftings) amplitudes of the prescribed displacements.
    """

    name: str
    loading: Loading
    local: tuple[Loading, ...]
    times: Floats
    displacement: tuple[Floats, ...]
    lifting: Floats


def homogeneous_snapshots(runs: Sequence[TrainingRun], liftings: Sequence[Floats]) -> list[Floats]:
    """Return per subdomain the (3 n_nodes_s, n_snapshots) displacements minus their lifting, first times left out.

    Parameters
    ----------
    runs: the training.
    liftings: (n_liftings, n_nodes_s, 3) per subdomain.

    Raises
    ------
    InputError: values that are not finite.
    """
    result = []
    for s, shapes in enumerate(liftings):
        columns = []
        for run in runs:
            fields = run.displacement[s][1:] - np.tensordot(run.lifting[1:], shapes, axes=1)
            _check_finite(run, fields)
            columns.append(fields.reshape(len(fields), -1).T)
        result.append(np.hstack(columns))
    return result


def _check_finite(run: TrainingRun, fields: Floats) -> None:
    bad = np.flatnonzero(~np.isfinite(fields).all(axis=(1, 2)))
    if len(bad):
        raise InputError(
            f"simulation {run.name!r}: the displacement at time {run.times[1 + bad[0]]:g} holds NaN or infinity; "
            "expected finite values; check the solver's results"
        )


@dataclass(frozen=True)
class DualSnapshots:
    """Dual fields of all runs, recomputed with the material laws.

    Parameters
    ----------
    fields: name -> per subdomain (n_snapshots, n_points_s, n_components), run after run, increment after increment.
    starts: (n_runs + 1,) where each run's snapshots begin.
    unbalance: per run the (n_increments,) relative residual of the imported displacements on the free unknowns.
    """

    fields: dict[str, list[Floats]]
    starts: Ints
    unbalance: tuple[Floats, ...]


def dual_snapshots(
    parts: Sequence[Part], runs: Sequence[TrainingRun], names: Sequence[str], n_nodes: int, comm: Comm
) -> DualSnapshots:
    """Recompute the dual fields of all runs, and check the balance of each increment.

    Parameters
    ----------
    parts: the subdomains of this rank.
    runs: the training.
    names: dual fields: "stress" or internal variables of the laws.
    n_nodes: of the whole mesh.

    Raises
    ------
    CaseError: a field that the laws do not have.
    ConvergenceError: a law that could not be integrated.
    """
    columns = _columns(parts[0], names)
    counts = [len(run.loading.times) - 1 for run in runs]
    starts = np.concatenate([[0], np.cumsum(counts)])
    fields = {
        name: [np.zeros((starts[-1], len(part.material), _width(columns[name]))) for part in parts] for name in names
    }
    unbalance = []
    common = _common_nodes(parts, n_nodes, comm)
    for run, start in zip(runs, starts, strict=False):
        histories = [
            recompute(part, local, run.times, displacement)
            for part, local, displacement in zip(parts, run.local, run.displacement, strict=True)
        ]
        balance = _Balance(parts, run, common, comm)
        for i in range(len(run.loading.times) - 1):
            states = each_rank(comm, _advance, histories)
            for s, state in enumerate(states):
                for name in names:
                    fields[name][s][start + i] = state.stress if name == "stress" else state.state[:, columns[name]]
            balance.add([state.stress for state in states])
        unbalance.append(np.array(balance.values))
    return DualSnapshots(fields, starts, tuple(unbalance))


def _advance(histories: Sequence[Iterator[MaterialHistory]]) -> list[MaterialHistory]:
    """Return the next state on each subdomain."""
    return [next(history) for history in histories]


def _columns(part: Part, names: Sequence[str]) -> dict[str, slice]:
    known = {"stress": slice(0, 6), **state_fields(part.tables)}
    for name in names:
        if name not in known:
            raise CaseError(f"[duals] fields: {name!r} is no field of the material laws; pick from {', '.join(known)}")
    return {name: known[name] for name in names}


def _width(columns: slice) -> int:
    return int(columns.stop - columns.start)


class _Balance:
    """Relative residual of the imported displacements, increment after increment (METHODS 0).

    Forces of nodes inside a subdomain are complete there; those on common nodes are added in subdomain order.
    """

    def __init__(self, parts: Sequence[Part], run: TrainingRun, common: "_CommonNodes", comm: Comm) -> None:
        self.parts, self.common, self.comm = parts, common, comm
        self.free = [_free(part, run) for part in parts]
        self.free_common = ordered_sum(comm, [common.place(~mask, s) for s, mask in enumerate(self.free)]) == 0.0
        self.external = []
        for part, local in zip(parts, run.local, strict=True):
            shapes = load_shapes(part.operators, local, part.materials)
            self.external.append(load_vectors(shapes, local, run.loading.times[1:]))
        self.scale = 0.0
        self.values: list[float] = []

    def add(self, stresses: Sequence[Floats]) -> None:
        """Take the stresses of the next increment on all subdomains."""
        squares, sums = [], []
        for s, (part, stress, external) in enumerate(zip(self.parts, stresses, self.external, strict=True)):
            force, inner = next(external), internal_force(part.operators, stress)
            absolute = absolute_internal_force(part.operators, stress)
            fields = np.stack([inner - force, force, absolute], axis=1)
            inside = self.common.inside[s]
            squares.append(_squares(fields[inside], self.free[s][inside]))
            sums.append(self.common.place(fields, s))
        total = ordered_sum(self.comm, squares) + _squares(ordered_sum(self.comm, sums), self.free_common)
        free, reaction, external_force, absolute_force = np.sqrt(total).tolist()
        self.scale = max(self.scale, absolute_force)
        reference = max(external_force, reaction, self.scale)
        self.values.append(free / reference if reference > 0.0 else free)


def _squares(fields: Floats, free: Bools) -> Floats:
    """Return the sums of squares of free residual, reactions, external and absolute forces.

    Parameters
    ----------
    fields: (n, 3, 3) residual, external and absolute force of each node.
    free: (n, 3) whether an unknown is not prescribed.
    """
    residual = fields[:, 0] ** 2
    found = [residual[free].sum(), residual[~free].sum(), (fields[:, 1] ** 2).sum(), (fields[:, 2] ** 2).sum()]
    return np.array(found)


def _free(part: Part, run: TrainingRun) -> Bools:
    """Return the (n_nodes_s, 3) mask of unknowns that are not prescribed."""
    mask = np.ones((part.subdomain.mesh.n_nodes, 3), dtype=np.bool_)
    for entry in run.loading.dirichlet:
        mask[part.subdomain.mesh.node_sets[entry.nodes][:, None], list(entry.components)] = False
    return mask


@dataclass(frozen=True)
class _CommonNodes:
    """Nodes that several subdomains have.

    Parameters
    ----------
    count: how many there are in all.
    inside: (n_nodes_s,) bool per subdomain, nodes that are its alone.
    places: (n_s,) int per subdomain, positions of its others among all common nodes.
    """

    count: int
    inside: tuple[Bools, ...]
    places: tuple[Ints, ...]

    def place(self, values: Floats | Bools, s: int) -> Floats:
        """Return (count, …) zeros with the values (n_nodes_s, …) of a subdomain's common nodes in their places."""
        result = np.zeros((self.count, *values.shape[1:]))
        result[self.places[s]] = values[~self.inside[s]]
        return result


def _common_nodes(parts: Sequence[Part], n_nodes: int, comm: Comm) -> _CommonNodes:
    """Find the nodes that several subdomains have."""
    count = np.zeros(n_nodes, dtype=np.int64)
    for rows in gather_subdomains(comm, [part.subdomain.node_rows for part in parts]):
        count[rows] += 1
    common = np.flatnonzero(count > 1)
    inside = tuple(count[part.subdomain.node_rows] == 1 for part in parts)
    outside = (part.subdomain.node_rows[~mask] for part, mask in zip(parts, inside, strict=True))
    return _CommonNodes(len(common), inside, tuple(np.searchsorted(common, rows) for rows in outside))

"""Snapshots of the training: displacements without their lifting, and the dual fields behind them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.errors import CaseError, InputError
from romtool.laws import state_fields
from romtool.linalg.agreement import each_rank
from romtool.linalg.compression import Compression
from romtool.linalg.pod import Pod
from romtool.linalg.products import TENSOR_METRIC, Product, point_product
from romtool.linalg.reduction import Comm, ordered_sum
from romtool.offline.clock import Clock
from romtool.offline.parts import MaterialHistory, Part, recompute
from romtool.offline.training import TrainingRun, TrainingSet
from romtool.progress import Tick, untold
from romtool.settings import PodSettings
from romtool.types import Floats, Ints

GIGABYTE = 1e9

NEGLIGIBLE_STRAIN = 1e-10
"""Root mean square below which internal variables, all of them strains, count as zero."""


COLLECTED = "collected"
"""Name under which the dual fields of the computations so far are kept."""

Step = tuple[int, int]
"""An output time and the one that its displacement counts from, 0 for all of it: the body is undeformed there."""


def displacement_modes(
    training: TrainingSet,
    inner: Sequence[Product],
    settings: PodSettings,
    comm: Comm,
    steps: Sequence[Sequence[Step]] | None = None,
    tick: Tick = untold,
) -> Pod | None:
    """Return the modes of the displacements minus their lifting, first times left out; None where these are zero.

    Parameters
    ----------
    training: subdomains and training computations.
    inner: the inner product of each subdomain.
    settings: tolerance, largest number of modes, memory.
    comm: the ranks.
    steps: per computation the snapshots to take; all where None.
    tick: told of every snapshot.

    Raises
    ------
    InputError: values that are not finite.
    """
    steps = steps or [[(i, 0) for i in range(1, len(run.times))] for run in training.runs]
    n_snapshots = sum(map(len, steps))
    compression = Compression(
        inner,
        [3 * part.subdomain.mesh.n_nodes for part in training.parts],
        comm,
        tolerance=settings.tolerance,
        n_snapshots=n_snapshots,
        memory=settings.memory * GIGABYTE,
    )
    wanted = [(run, step) for run, chosen in zip(training.runs, steps, strict=True) for step in chosen]
    for done, (run, step) in enumerate(wanted):
        tick(done, n_snapshots, run.name)
        compression.add(each_rank(comm, _change, run, training.liftings, step))
    tick(n_snapshots, n_snapshots, "decomposition")
    ids = [(3 * part.subdomain.mesh.node_ids[:, None] + np.arange(3)).ravel() for part in training.parts]
    return compression.finish(max_modes=settings.max_modes, dof_ids=ids)


def _change(run: TrainingRun, liftings: Sequence[Floats], step: Step) -> list[Floats]:
    """Return per subdomain the (n_nodes_s, 3) change of the displacement without its lifting."""
    end, start = step
    last = _homogeneous(run, liftings, end)
    if start == 0:
        return last
    return [b - a for a, b in zip(_homogeneous(run, liftings, start), last, strict=True)]


def _homogeneous(run: TrainingRun, liftings: Sequence[Floats], i: int) -> list[Floats]:
    """Return per subdomain the (n_nodes_s, 3) displacement at an output time minus its lifting."""
    fields = [
        history[i] - np.tensordot(run.lifting[i], shapes, axes=1)
        for history, shapes in zip(run.displacement, liftings, strict=True)
    ]
    if not all(np.isfinite(field).all() for field in fields):
        raise InputError(
            f"simulation {run.name!r}: the displacement at time {run.times[i]:g} holds NaN or infinity; expected "
            "finite values; check the solver's results"
        )
    return fields


@dataclass(frozen=True)
class DualSnapshots:
    """Dual fields of all runs, recomputed with the material laws, as coefficients of their modes.

    Parameters
    ----------
    bases: name -> modes; `coefficients` has the snapshots run after run, increment after increment.
    zero: names of the fields that are zero or negligible throughout.
    starts: (n_runs + 1,) where each run's snapshots begin.
    """

    bases: Mapping[str, Pod]
    zero: tuple[str, ...]
    starts: Ints


@dataclass(frozen=True)
class CollectedDuals:
    """Dual fields of all runs before their decomposition.

    Parameters
    ----------
    fields: name -> its snapshots.
    least: name -> norm up to which a field is negligible.
    starts: as in `DualSnapshots`.
    """

    fields: Mapping[str, Compression]
    least: Mapping[str, float]
    starts: Ints

    def decompose(self, tick: Tick = untold) -> DualSnapshots:
        """Return the modes of all fields; each field's snapshots are dropped as soon as it has them."""
        bases: dict[str, Pod | None] = {}
        for name, field in self.fields.items():
            tick(len(bases), len(self.fields), name)
            bases[name] = field.finish()
        found = {
            name: basis for name, basis in bases.items() if basis is not None and basis.largest_norm > self.least[name]
        }
        return DualSnapshots(found, tuple(name for name in bases if name not in found), self.starts)


def collect_duals(
    training: TrainingSet,
    names: Sequence[str],
    tolerance: float,
    memory: float,
    comm: Comm,
    clock: Clock | None = None,
    labels: Sequence[Ints] | None = None,
) -> list[CollectedDuals]:
    """Recompute the dual fields of all runs.

    Parameters
    ----------
    training: subdomains and training computations.
    names: dual fields: "stress" or internal variables of the laws.
    tolerance: of the modes.
    memory: [GB] that the snapshots of one field on one subdomain and their decomposition may take.
    comm: the ranks.
    clock: keeps what is collected of each computation, and is told of every increment; nothing where None.
    labels: per computation the (n_increments,) collection that each increment goes to; one for all where None.

    Returns
    -------
    The collections.

    Raises
    ------
    CaseError: a field that the laws do not have.
    ConvergenceError: a law that could not be integrated.
    """
    parts, runs = training.parts, training.runs
    labels = labels or [np.zeros(len(run.loading.times) - 1, dtype=np.int64) for run in runs]
    count = int(max(entry.max() for entry in labels)) + 1
    columns = _columns(parts[0], names)
    starts = [np.cumsum([0, *(np.count_nonzero(entry == k) for entry in labels)]) for k in range(count)]
    fields = [
        {
            name: Compression(
                dual_products(parts, _width(columns[name])),
                [len(part.material) * _width(columns[name]) for part in parts],
                comm,
                tolerance=tolerance,
                n_snapshots=int(starts[k][-1]),
                memory=memory * GIGABYTE / count,
            )
            for name in names
        }
        for k in range(count)
    ]
    least = {name: negligible_norm(parts, name, comm) for name in names}
    clock = clock or Clock(lambda text: None)
    collected = [compression for entry in fields for compression in entry.values()]
    kept = clock.latest(COLLECTED) or (0, (None,) * len(collected))
    for compression, state in zip(collected, kept[1], strict=True):
        compression.resume(state)
    starts_of_runs = np.cumsum([0, *map(len, labels)]).tolist()
    for number, (run, chosen) in enumerate(zip(runs, labels, strict=True)):
        if number < kept[0]:
            continue
        for done, (states, label) in enumerate(zip(_histories(parts, run, comm), chosen, strict=True)):
            clock.tick(starts_of_runs[number] + done, starts_of_runs[-1], run.name)
            for name, compression in fields[label].items():
                compression.add([_field(state, name, columns[name]) for state in states])
        progress = (number + 1, [compression.state() for compression in collected])
        clock.renew(COLLECTED, f"simulation {run.name}", lambda value=progress: value)  # type: ignore[misc]
    return [CollectedDuals(fields[k], least, starts[k]) for k in range(count)]


def negligible_norm(parts: Sequence[Part], name: str, comm: Comm) -> float:
    """Return the norm up to which a dual field counts as zero."""
    volume = float(ordered_sum(comm, [np.array(part.operators.volume) for part in parts]))
    return 0.0 if name == "stress" else NEGLIGIBLE_STRAIN * float(np.sqrt(volume))


def dual_products(parts: Sequence[Part], n_components: int) -> list[Product]:
    """Return the weighted L2 product of a dual field on each subdomain."""
    metric = TENSOR_METRIC if n_components == 6 else (1.0,) * n_components
    return [point_product(part.operators.weights, metric) for part in parts]


def _histories(parts: Sequence[Part], run: TrainingRun, comm: Comm) -> Iterator[list[MaterialHistory]]:
    """Yield the states on all subdomains of this rank, increment after increment."""
    histories = [
        recompute(part, local, run.times, displacement)
        for part, local, displacement in zip(parts, run.local, run.displacement, strict=True)
    ]
    for _ in run.loading.times[1:]:
        yield each_rank(comm, _advance, histories)


def _advance(histories: Sequence[Iterator[MaterialHistory]]) -> list[MaterialHistory]:
    """Return the next state on each subdomain."""
    return [next(history) for history in histories]


def _field(state: MaterialHistory, name: str, columns: slice) -> Floats:
    """Return a dual field of a state."""
    return state.stress if name == "stress" else state.state[:, columns]


def _columns(part: Part, names: Sequence[str]) -> dict[str, slice]:
    known = {"stress": slice(0, 6), **state_fields(part.tables)}
    for name in names:
        if name not in known:
            raise CaseError(
                f"[duals] fields or [clusters] field: {name!r} is no field of the material laws; pick from "
                f"{', '.join(known)}"
            )
    return {name: known[name] for name in names}


def _width(columns: slice) -> int:
    return int(columns.stop - columns.start)

"""The field of all simulations that clusters are found by, as coefficients of its modes."""

from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import CaseError
from romtool.laws import state_fields
from romtool.linalg.pod import Pod
from romtool.linalg.reduction import Comm
from romtool.offline.clock import Clock
from romtool.offline.snapshots import collect_duals
from romtool.offline.train import training_modes
from romtool.offline.training import TrainingSet
from romtool.progress import untold
from romtool.settings import Settings
from romtool.types import Floats, Ints

RESOLUTION = 1e-3
"""The simulations are compared by modes of this part of `[pod] tolerance`, so that small ones are resolved too."""


@dataclass(frozen=True)
class Snapshots:
    """The field of all simulations that is compared.

    Parameters
    ----------
    basis: its modes, with coefficients and remainders.
    starts: (n_simulations + 1,) where each simulation's snapshots begin.
    times: (n_snapshots,) [time], outputs of the displacement or increments of a dual field, first times left out.
    names: of the simulations.
    """

    basis: Pod
    starts: Ints
    times: Floats
    names: tuple[str, ...]

    def items(self, by: str) -> list[str]:
        """Return the names of what is clustered."""
        if by == "simulation":
            return list(self.names)
        owners = np.repeat(np.array(self.names, dtype=object), np.diff(self.starts))
        return [f"{name} at {time:g}" for name, time in zip(owners, self.times, strict=True)]


def collect(training: TrainingSet, settings: Settings, comm: Comm, clock: Clock | None = None) -> Snapshots:
    """Return the snapshots of the field that is compared, in modes that resolve small simulations too.

    Parameters
    ----------
    training: subdomains and training computations.
    settings: of the case; `clusters.field` is "u" or a dual field.
    comm: the ranks.
    clock: keeps what is collected of each computation, and is told of every snapshot; nothing where None.

    Raises
    ------
    CaseError: a field that the laws do not have, or that is zero in all simulations.
    ConvergenceError: a law that could not be integrated.
    """
    name, runs = settings.clusters.field, training.runs
    tolerance = RESOLUTION * settings.pod.tolerance
    if name == "u":
        times = [run.times[1:] for run in runs]
        all_modes = replace(settings.pod, tolerance=tolerance, max_modes=sum(map(len, times)))
        basis: Pod | None = training_modes(
            training, replace(settings, pod=all_modes), comm, tick=clock.tick if clock else untold
        )
    else:
        known = ("u", "stress", *state_fields(training.parts[0].tables))
        if name not in known:
            raise CaseError(
                f"[clusters] field: {name!r} is no field of the material laws; pick from {', '.join(known)}"
            )
        times = [run.loading.times[1:] for run in runs]
        (collected,) = collect_duals(training, [name], tolerance, settings.pod.memory, comm, clock)
        basis = collected.decompose().bases.get(name)
    if basis is None:
        raise CaseError(f"[clusters] field: {name} is zero in all simulations; pick another field")
    starts = np.cumsum([0, *map(len, times)])
    return Snapshots(basis, starts, np.concatenate(times), tuple(run.name for run in runs))

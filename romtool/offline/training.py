"""What a model is trained on, and what it remembers of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from romtool.linalg.pod import Pod
from romtool.loading import Loading, Material
from romtool.offline.parts import DisplacementHistory, Part
from romtool.reduced.model import Lifting
from romtool.settings import Quantity, Settings
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
    displacement: (n_times, n_nodes_s, 3) float [length] per subdomain, read time by time.
    lifting: (n_times, n_liftings) amplitudes of the prescribed displacements.
    """

    name: str
    loading: Loading
    local: tuple[Loading, ...]
    times: Floats
    displacement: tuple[DisplacementHistory, ...]
    lifting: Floats


@dataclass(frozen=True)
class TrainingSet:
    """What a model is trained on, on this rank.

    Parameters
    ----------
    parts: the subdomains of this rank.
    loading: the case's own, on the whole mesh.
    runs: the training computations.
    lifted: prescribed displacements that are not zero, without strains.
    liftings: (n_liftings, n_nodes_s, 3) their unit displacements per subdomain.
    n_nodes: of the whole mesh.
    digest: of the dataset.
    quantities: of the case.
    """

    parts: tuple[Part, ...]
    loading: Loading
    runs: tuple[TrainingRun, ...]
    lifted: tuple[Lifting, ...]
    liftings: tuple[Floats, ...]
    n_nodes: int
    digest: str
    quantities: tuple[Quantity, ...] = ()


@dataclass(frozen=True)
class TrainingRecord:
    """What a model remembers of its training: enough to calibrate it again, and to enrich it.

    Parameters
    ----------
    loading: the case's own, on the whole mesh.
    loadings: of the training computations, on the whole mesh.
    materials: of the whole mesh.
    settings: of the case.
    bases: "u" and dual fields -> coefficients and remainders of the snapshots; the modes are kept per subdomain.
    zero: dual fields that were zero or negligible throughout.
    starts: as the bases, (n_runs + 1,) where each run's snapshots begin; those behind the last come from enrichments.
    pairs: dual field -> (n, 2) misfit and error of steps that were enriched.
    quantities: of the case.
    """

    loading: Loading
    loadings: tuple[Loading, ...]
    materials: tuple[Material, ...]
    settings: Settings
    bases: Mapping[str, Pod]
    zero: tuple[str, ...]
    starts: Mapping[str, Ints]
    pairs: Mapping[str, Floats]
    quantities: tuple[Quantity, ...] = ()

    @property
    def n_runs(self) -> int:
        """Return the number of training computations."""
        return len(self.loadings)

    def span(self, field: str, number: int) -> slice:
        """Return which snapshots of a field are those of a training computation."""
        first, end = self.starts[field][number : number + 2]
        return slice(int(first), int(end))

    def seen(self, field: str, number: int, first: float) -> Bools:
        """Return which snapshots of a field a model has seen that was stopped at a part of a training computation.

        Parameters
        ----------
        field: "u" or a dual field.
        number: of the training computation.
        first: part of it from which on it is left out, 0 for all of it.
        """
        span = self.span(field, number)
        mask = np.ones(self.bases[field].coefficients.shape[1], dtype=np.bool_)
        mask[span.start + round(first * (span.stop - span.start)) : span.stop] = False
        return mask

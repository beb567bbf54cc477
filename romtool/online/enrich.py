"""Enrich a reduced model with snapshots that a high-fidelity computation made for it (theory, section 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.fem.partition import restrict_loading
from romtool.hifi.share import Share
from romtool.linalg.pod import Pod, extend, pod
from romtool.linalg.products import Product
from romtool.linalg.reduction import Comm, ordered_sum
from romtool.offline.clock import Clock
from romtool.offline.snapshots import dual_products, negligible_norm
from romtool.offline.train import Trained, build_model, displacement_products
from romtool.offline.training import TrainingRecord, TrainingSet
from romtool.reduced.model import ModeShapes
from romtool.types import Floats

NEGLIGIBLE = 1e-8
"""Part of a snapshot outside the span of the modes, relative to its norm, that brings no new mode."""


@dataclass(frozen=True)
class Ground:
    """What a reduced model stands on: the subdomains of this rank and their inner products.

    Parameters
    ----------
    share: the same elements as one piece, for the high-fidelity solver.
    training: subdomains and prescribed displacements, without runs.
    displacement: inner product of displacements per subdomain.
    """

    share: Share
    training: TrainingSet
    displacement: tuple[Product, ...]

    @property
    def comm(self) -> Comm:
        """Return the ranks."""
        return self.share.comm

    def products(self, basis_size: int, name: str) -> list[Product]:
        """Return the inner products of "u", or of a dual field with some number of components."""
        return list(self.displacement) if name == "u" else dual_products(self.training.parts, basis_size)

    def split_nodes(self, field: Floats) -> list[Floats]:
        """Return a nodal field of the rank per subdomain."""
        return [field[self.share.rows(part)] for part in self.share.parts]

    def split_points(self, field: Floats) -> list[Floats]:
        """Return a field at the integration points of the rank per subdomain."""
        return [field[self.share.points(part)] for part in self.share.parts]


def build_ground(share: Share, training: TrainingSet, record: TrainingRecord) -> Ground:
    """Return the ground of a model; all ranks call this together."""
    locals_ = [restrict_loading(record.loadings[0], share.mesh, part) for part in share.parts]
    inner = displacement_products(training.parts, locals_, record.settings.pod, share.comm)
    return Ground(share, training, tuple(inner))


def bases_of(modes: Sequence[ModeShapes], record: TrainingRecord) -> dict[str, Pod]:
    """Return the bases of a model with their modes.

    Parameters
    ----------
    modes: of the subdomains of this rank.
    record: what the model remembers of its training.
    """
    found = {}
    for name, basis in record.bases.items():
        shapes = [part.displacement if name == "u" else part.duals[name] for part in modes]
        found[name] = replace(basis, modes=tuple(shape.reshape(len(shape), -1).T for shape in shapes))
    return found


def enrich(
    trained: Trained,
    snapshots: Sequence[Mapping[str, Floats]],
    pairs: Mapping[str, Floats],
    model_id: str,
    ground: Ground,
    clock: Clock,
) -> Trained:
    """Return a model that can represent new snapshots besides what it could before; the same one where it can already.

    Parameters
    ----------
    trained: the model, its modes and its memory.
    snapshots: each "u" -> (n_nodes, 3) displacement without lifting, dual field -> (n_points, n_components), on this
        rank.
    pairs: dual field -> (n, 2) misfits and errors to calibrate with from now on.
    model_id: of the new model.
    ground: what it stands on.
    clock: times the phases.

    Raises
    ------
    AccuracyError: a tolerance that could not be reached.
    """
    record, comm = trained.record, ground.comm
    known = bases_of(trained.modes, record)
    bases = dict(known)
    with clock.phase("bases", "new modes"):
        for name, field in (entry for snapshot in snapshots for entry in snapshot.items()):
            split = ground.split_nodes(field) if name == "u" else ground.split_points(field)
            products = ground.products(field.shape[1], name)
            if name in bases:
                bases[name] = extend(bases[name], split, products, comm, tolerance=NEGLIGIBLE)
            elif _norm(split, products, comm) > negligible_norm(ground.training.parts, name, comm):
                bases[name] = _first(split, products, comm, record.bases["stress"].coefficients.shape[1])
    if not pairs and _sizes(bases) == _sizes(known):
        return trained
    memory = replace(
        record,
        bases={name: replace(basis, modes=()) for name, basis in bases.items()},
        zero=tuple(name for name in record.zero if name not in bases),
        starts={name: record.starts.get(name, record.starts["stress"]) for name in bases},
        pairs={**record.pairs, **{name: np.vstack([*_known(record, name), new]) for name, new in pairs.items()}},
    )
    found = build_model(ground.training, bases, memory, model_id, comm, clock)
    kept = {**trained.model.statistics, **found.model.statistics, "parent": trained.model.model_id}
    return replace(found, model=replace(found.model, statistics=kept))


def _sizes(bases: Mapping[str, Pod]) -> dict[str, int]:
    """Return field -> number of modes."""
    return {name: basis.n_modes for name, basis in bases.items()}


def _known(record: TrainingRecord, name: str) -> list[Floats]:
    """Return the pairs of earlier enrichments, where there are some."""
    return [record.pairs[name]] if name in record.pairs else []


def _norm(fields: Sequence[Floats], products: Sequence[Product], comm: Comm) -> float:
    """Return the norm of a field given per subdomain."""
    squares = [
        np.array(float(np.sum(field.reshape(-1, 1) * product(field.reshape(-1, 1)))))
        for field, product in zip(fields, products, strict=True)
    ]
    return float(np.sqrt(ordered_sum(comm, squares)))


def _first(fields: Sequence[Floats], products: Sequence[Product], comm: Comm, n_before: int) -> Pod:
    """Return the basis of a field that was zero in all earlier snapshots."""
    basis = pod([field.reshape(-1, 1) for field in fields], products, comm, tolerance=0.0)
    before = np.zeros((basis.n_modes, n_before))
    return replace(
        basis,
        coefficients=np.hstack([before, basis.coefficients]),
        remainders=np.append(np.zeros(n_before), basis.remainders),
    )

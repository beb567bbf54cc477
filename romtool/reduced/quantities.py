"""The case's quantities from reduced data: linear functionals of the coordinates, and integrals over the body.

A displacement, a reaction, a mean and a field at a point are linear in the coordinates: their functionals are computed
offline, and what is evaluated here is what the reconstructed fields would give. Energy and inelastic work are integrals
of products; they are taken with the reduced quadrature. A maximum or a percentile needs the fields of the whole mesh.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from romtool.components import default_component, select
from romtool.laws import LawTables, Sites, elastic_tangent, free_strain
from romtool.linalg.products import TENSOR_METRIC
from romtool.loading import Loading
from romtool.reduced.forces import force_history
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import Functional, ReducedModel
from romtool.reduced.setup import set_up
from romtool.settings import Quantity
from romtool.types import Floats

MODES, QUADRATURE, MESH = "modes", "reduced quadrature", "mesh"
"""What a quantity is computed from; "mesh": from full fields, block after block."""

INTEGRALS = ("energy", "dissipation")
_NO_INTEGRALS = "the phases of a run have reduced quadratures of their own; train one model, [clusters] count = 1"


@dataclass(frozen=True)
class QuantityHistory:
    """A quantity over time.

    Parameters
    ----------
    values: (n_times,) float; empty where it is not known.
    source: MODES, QUADRATURE or MESH.
    missing: why it is not known; "" where it is.
    """

    values: Floats
    source: str
    missing: str = ""


def source_of(functional: Functional) -> str:
    """Return what a quantity is computed from: MODES, QUADRATURE or MESH."""
    if functional.quantity.kind in INTEGRALS:
        return QUADRATURE
    return MODES if functional.modes.size else MESH


def reduced_quantities(model: ReducedModel, loading: Loading, history: ReducedHistory) -> dict[str, QuantityHistory]:
    """Return the quantities that reduced data give, by name; those that need the mesh are not among them.

    Parameters
    ----------
    model: the reduced model.
    loading: its temperature restricted to the model's thermal nodes.
    history: the answer to it.
    """
    found = {}
    for functional in model.quantities:
        if source_of(functional) == MODES:
            values = _from_modes(functional, loading, history)
            found[functional.quantity.name] = QuantityHistory(values, MODES)
    integrals = [entry.quantity for entry in model.quantities if entry.quantity.kind in INTEGRALS]
    if integrals and history.coordinates.shape[1] != model.n_modes:
        return found | {entry.name: QuantityHistory(np.zeros(0), QUADRATURE, _NO_INTEGRALS) for entry in integrals}
    pair = _integrals(model, loading, history) if integrals else np.zeros((0, 2))
    for entry in integrals:
        found[entry.name] = QuantityHistory(pair[:, INTEGRALS.index(entry.kind)], QUADRATURE)
    return found


def join_functionals(models: Sequence[ReducedModel]) -> tuple[Functional, ...]:
    """Return the quantities of models whose coordinates stand side by side: phases of one run."""
    return tuple(_join(entries) for entries in zip(*(model.quantities for model in models), strict=True))


def _join(entries: Sequence[Functional]) -> Functional:
    """Return one quantity of all phases; a field that is zero in a phase has no modes there."""
    known = [entry for entry in entries if entry.modes.size]
    if not known:
        return entries[0]
    return replace(known[0], modes=np.concatenate([entry.modes for entry in known], axis=1))


def _from_modes(functional: Functional, loading: Loading, history: ReducedHistory) -> Floats:
    """Return the (n_times,) values of a quantity that is linear in the coordinates."""
    quantity = functional.quantity
    if quantity.source == "u":
        values = history.coordinates @ functional.modes.T + history.lifting @ functional.lifting.T
    else:
        values = history.duals[quantity.source] @ functional.modes.T
    if functional.external is not None:
        values = values - force_history(functional.external, loading, history.times)
    return scalar_of(quantity, values)


def scalar_of(quantity: Quantity, values: Floats) -> Floats:
    """Return the (…) numbers that a quantity takes from (…, n_components) values of its field.

    A p below zero, which a reconstruction can give, is zero.
    """
    if quantity.kind == "reaction":
        return select(values, quantity.component or "magnitude")
    field = quantity.source
    found = select(values, quantity.component or default_component(field, values.shape[-1]))
    return np.maximum(found, 0.0) if field == "p" else found


class Moment(NamedTuple):
    """What acts at some points at one time: (n,) temperature, (n, 6) strain and stress."""

    temperature: Floats
    strain: Floats
    stress: Floats


def energy_and_work(tables: LawTables, sites: Sites, weights: Floats, moments: Iterable[Moment]) -> Floats:
    """Integrate the elastic energy and the inelastic work over some points.

    W_e = ∫ 1/2 sig:C(T)^-1:sig dV and W_in = ∫∫ sig:d(eps - eps_th - C(T)^-1:sig) dV, by the trapezoidal rule in time.

    Parameters
    ----------
    tables, sites: laws, and the points.
    weights: (n,) float [volume].
    moments: in increasing time; the first is that of virgin material.

    Returns
    -------
    (n_times, 2) float [force·length].
    """
    rows: list[tuple[float, float]] = []
    work, before = 0.0, None
    factors = weights[:, None] * np.array(TENSOR_METRIC)
    for temperature, strain, stress in moments:
        tangent = elastic_tangent(tables, sites, temperature)
        elastic = np.linalg.solve(tangent, stress[:, :, None])[:, :, 0]
        inelastic = strain - free_strain(tables, sites, temperature) - elastic
        if before is not None:
            work += float(np.sum(factors * 0.5 * (stress + before[1]) * (inelastic - before[0])))
        rows.append((0.5 * float(np.sum(factors * stress * elastic)), work))
        before = (inelastic, stress)
    return np.array(rows).reshape(-1, 2)


def _integrals(model: ReducedModel, loading: Loading, history: ReducedHistory) -> Floats:
    """Return the (n_times, 2) energy and inelastic work of the body by the reduced quadrature."""
    n = model.n_active
    points, schedule = set_up(model, loading, history.times)
    strains = np.einsum("kaj,tj->tka", model.strain_modes[:n], history.coordinates)
    for i, entry in enumerate(model.liftings):
        strains += history.lifting[:, i, None, None] * entry.strain[:n]
    stress = history.samples["stress"][:, :n]
    moments = (Moment(schedule.temperature[i, :n], strains[i], stress[i]) for i in range(len(history.times)))
    return energy_and_work(model.tables, points.active.sites, model.weights[:n], moments)

"""What the material holds before a computation begins: initial stress and plastic strain at the points."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from romtool.errors import LawError
from romtool.laws.catalogue import ISOTROPIC, LAWS, MGIS, NO_FLOW, UMAT
from romtool.laws.kernels import elastic_tangent
from romtool.laws.parameters import LawTables, law_names, state_fields
from romtool.laws.sites import Sites, virgin_state
from romtool.loading import InitialField
from romtool.types import Bools, Floats, Ints


class InitialFields(NamedTuple):
    """What a computation begins with at each point.

    state (n_points, n_state); stress (n_points, 6) of the undeformed body; strain (n_points, 6) that is added to that
    of the displacement wherever a law is evaluated.
    """

    state: Floats
    stress: Floats
    strain: Floats


def initial_fields(tables: LawTables, sites: Sites, initial: Sequence[InitialField]) -> InitialFields:
    """Return what a computation begins with; virgin material without stress where nothing is given.

    A given stress is that of the undeformed body whatever inelastic strain is given with it: the added strain is
    `C(T_0)^-1 sigma_0 + eps_in`. Without it no strain is added, and the stress is `-C(T_0) eps_in`.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    sites: the points, with their ids.
    initial: later fields win where two of one name meet.

    Raises
    ------
    LawError: a field that the law of a point does not have, or a law of a library.
    """
    state, stress = virgin_state(tables, sites), np.zeros((len(sites.material), 6))
    strain, given = np.zeros_like(stress), np.zeros(len(stress), dtype=np.bool_)
    if not initial:
        return InitialFields(state, stress, strain)
    columns = state_fields(tables)
    for entry in initial:
        rows, values = _at(entry, sites.ids)
        _check(tables, sites.material[rows][np.any(values != 0.0, axis=1)], entry.field)
        if entry.field == "stress":
            stress[rows], given[rows] = values, True
        else:
            state[rows, columns[entry.field]] = values
    moduli, inelastic = elastic_tangent(tables, sites, sites.initial), state[:, columns["inelastic_strain"]]
    strain[given] = inelastic[given] + np.linalg.solve(moduli[given], stress[given][:, :, None])[:, :, 0]
    stress[~given] = -np.einsum("kab,kb->ka", moduli[~given], inelastic[~given])
    return InitialFields(state, stress, strain)


def find_points(known: Ints, wanted: Ints) -> Ints:
    """Return the row of each wanted point among known ones, -1 where it is not there.

    Parameters
    ----------
    known: (n_known, 2) int, element id and local point.
    wanted: (n_wanted, 2) int, likewise.
    """
    if not len(known):
        return np.full(len(wanted), -1)
    stride = 1 + int(max(known[:, 1].max(), wanted[:, 1].max(initial=0)))
    keys, sought = (ids[:, 0] * stride + ids[:, 1] for ids in (known, wanted))
    order = np.argsort(keys)
    places = order[np.minimum(np.searchsorted(keys, sought, sorter=order), len(keys) - 1)]
    return np.where(keys[places] == sought, places, -1)


def _at(entry: InitialField, ids: Ints) -> tuple[Bools, Floats]:
    """Return at which of (n_points, 2) points an entry gives values, and its (n, n_components) values there."""
    if entry.ids is None:
        return np.ones(len(ids), dtype=np.bool_), np.broadcast_to(entry.values, (len(ids), entry.values.shape[1]))
    places = find_points(entry.ids, ids)
    return places >= 0, entry.values[places[places >= 0]]


def _check(tables: LawTables, materials: Ints, name: str) -> None:
    """Raise LawError where a law of some materials cannot begin with values of a field that are not zero."""
    names = law_names(tables)
    for row in np.unique(materials):
        law = LAWS[names[row]]
        if law.kernel in (UMAT, MGIS):
            raise LawError(
                f"[initial] {name} on a material of law '{names[row]}': the states of libraries are their own"
            )
        if name != "stress" and (law.flow == NO_FLOW or (name == "p" and law.kernel != ISOTROPIC)):
            raise LawError(f"[initial] {name} on a material of law '{names[row]}', which has none; give `elements`")

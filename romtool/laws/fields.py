"""What a kernel is given of one call of `evaluate`, and its workspace."""

from typing import Any, NamedTuple

import numpy as np

from romtool.laws.lookup import Place
from romtool.laws.parameters import LawTables
from romtool.laws.return_map import PRODUCTS
from romtool.laws.states import N_CUBIC, N_OCTAHEDRAL
from romtool.laws.tensors import jit
from romtool.types import Floats, Ints

_N_SYSTEMS = N_OCTAHEDRAL + N_CUBIC
SLIP_VECTORS = 12
PLUGIN_NUMBERS = 112
"""Numbers that a UMAT is given besides its state variables."""
PLUGIN_COUNTS = 16
PLUGIN_WORDS = 20
# What a plug-in for many points is told: row of the material, number of points, number of its state columns, status;
# addresses of material, state_n, state_n1, stress, tangent, the latter with strides; address of the columns; and
# whether there is a tangent.
ROW, COUNT, N_COLUMNS, STATUS, MATERIAL, STATE_N, STATE_N1, STRESS = 0, 1, 2, 3, 4, 5, 8, 11
TANGENT, COLUMNS, HAS_TANGENT = 14, 18, 19


class Workspace(NamedTuple):
    """Scratch of one point, made once.

    Parameters
    ----------
    terms: of the kinematic terms, columns MODULUS … PRODUCTS.
    saturating: of the saturating terms, columns LEFT and RATE.
    matrix: (n_systems, n_systems + 6) of the slip systems. slip: (SLIP_VECTORS, n_systems). order: (n_systems,) int64.
    plugin: what a plug-in is given, state variables last. counts: (PLUGIN_COUNTS,) int32, likewise.
    words: (PLUGIN_WORDS,) int64, what a plug-in for many points is told.
    """

    terms: Floats
    saturating: Floats
    matrix: Floats
    slip: Floats
    order: Ints
    plugin: Floats
    counts: Any
    words: Ints


class Fields(NamedTuple):
    """The arrays of one call of `evaluate` that are read and written per point, and the workspace."""

    strain: Floats
    state_n: Floats
    state_n1: Floats
    stress: Floats
    tangent: Floats
    work: Workspace


class Here(NamedTuple):
    """A point: its number, the row of its material, and its temperature with its place in the tables."""

    point: int
    row: int
    temperature: float
    place: Place


@jit
def scratch(tables: LawTables) -> Workspace:
    """Return the workspace that the laws of some tables need for one point."""
    n_terms = n_saturating = 0
    for row in range(len(tables.n_terms)):
        n_terms = max(n_terms, tables.n_terms[row])
        n_saturating = max(n_saturating, tables.n_saturating[row])
    return Workspace(
        np.empty((n_terms, PRODUCTS + n_terms)),
        np.empty((n_saturating, 2)),
        np.empty((_N_SYSTEMS, _N_SYSTEMS + 6)),
        np.empty((SLIP_VECTORS, _N_SYSTEMS)),
        np.zeros(_N_SYSTEMS, dtype=np.int64),
        np.zeros(PLUGIN_NUMBERS + len(tables.state_columns)),
        np.zeros(PLUGIN_COUNTS, dtype=np.int32),
        np.zeros(PLUGIN_WORDS, dtype=np.int64),
    )

"""The isotropic laws: elasticity, and J2 flow with isotropic and kinematic hardening.

With n = xi / J(xi), J(n) = 1, the increment of inelastic strain is 3/2 dp n, the stress
sig = K tr(eps_el) I + dev(sig_trial) - 3 G dp n, and its derivative

    D = K I x I + 2 G (1 - b) P_dev + ((3 G (b - g) + 3/2 b g n:h) n - b g h) x n,
    b = 3 G dp / J(xi),  g = 3 G / M,  M = 3 G + sum C_i theta_i^2 + R' + eta' - 3/2 n:h,
    h = sum 2/3 C_i D_i theta_i^2 alpha_i,n.
"""

import math
from typing import NamedTuple

from romtool.laws.catalogue import CREEP, NO_FLOW, RATE_INDEPENDENT
from romtool.laws.fields import Fields, Here
from romtool.laws.hardening import HardeningRows
from romtool.laws.lookup import (
    Step,
    expansion_strain,
    fill_terms,
    inverse_exponent,
    log_drag,
    moduli,
    start_flow,
)
from romtool.laws.parameters import LawTables
from romtool.laws.return_map import (
    BACK,
    MODULUS,
    RECALL,
    Drag,
    Flow,
    prepare_terms,
    solve_rate_independent,
    solve_viscous,
)
from romtool.laws.sites import Sites
from romtool.laws.states import ALPHA
from romtool.laws.tensors import ZERO, Six, add_scaled, contract, equivalent, inlined, row_of
from romtool.types import Floats


class End(NamedTuple):
    """The end of an increment: direction n = xi / J(xi), J(xi), h, and sum C_i theta_i^2."""

    direction: Six
    equivalent: float
    recall: Six
    modulus: float


@inlined
def kind_of_flow(flow: int, viscous: bool) -> int:
    """Return the kind of flow where viscous flow may be switched off."""
    if viscous or flow == NO_FLOW:
        return flow
    return NO_FLOW if flow == CREEP else RATE_INDEPENDENT


@inlined
def flow_increment(
    tables: LawTables, here: Here, step: Step, flow: Flow, xi: Six, fields: Fields
) -> tuple[float, float, bool]:
    """Solve the return map: dp, slope of R + eta at its end, and whether it converged."""
    if flow.excess <= 0.0:
        return 0.0, 0.0, True
    terms, material, place = fields.work.terms, here.row, here.place
    rows = HardeningRows(fields.work.saturating, tables.curve_p, tables.curve_stress)
    prepare_terms(xi, flow.n_terms, terms)
    if kind_of_flow(tables.flow[material], step.viscous) == RATE_INDEPENDENT:
        return solve_rate_independent(flow, terms, rows)
    inverse_n = inverse_exponent(tables, place)
    log = log_drag(tables, material, place, step, inverse_n)
    if log == math.inf:
        return 0.0, 0.0, True
    return solve_viscous(flow, Drag(log, inverse_n), terms, rows)


@inlined
def elastic_strain(strain: Floats, state_n: Floats, point: int, thermal: float) -> tuple[Six, float]:
    """Return the deviator and the trace of eps - eps_th I - eps_in,n."""
    total, inelastic = row_of(strain, point, 0), row_of(state_n, point, 1)
    elastic = add_scaled(total, -1.0, inelastic)
    trace = elastic[0] + elastic[1] + elastic[2]
    mean = trace / 3.0
    deviator = (elastic[0] - mean, elastic[1] - mean, elastic[2] - mean, elastic[3], elastic[4], elastic[5])
    return deviator, trace - 3.0 * thermal


@inlined
def end_of_increment(dp: float, flow: Flow, xi: Six, terms: Floats) -> End:
    """Return what stress, state and tangent need at the root `dp`."""
    recall, modulus = ZERO, 0.0
    for i in range(flow.n_terms):
        theta, back = 1.0 / (1.0 + terms[i, RECALL] * dp), row_of(terms, i, BACK)
        xi = add_scaled(xi, terms[i, RECALL] * dp * theta, back)
        recall = add_scaled(recall, terms[i, RECALL] * theta * theta, back)
        modulus += terms[i, MODULUS] * theta * theta
    size = equivalent(xi)
    return End(add_scaled(ZERO, 1.0 / size, xi), size, recall, modulus)


@inlined
def write_stress(stress: Floats, point: int, deviator: Six, pressure: float) -> None:
    """Write deviator + pressure I."""
    for j in range(3):
        stress[point, j] = deviator[j] + pressure
        stress[point, 3 + j] = deviator[3 + j]


@inlined
def write_flow(state: Floats, point: int, dp: float, direction: Six, flow: Flow, terms: Floats) -> None:
    """Bring p, eps_in and alpha_i, which hold their values at the start, to the end of the increment."""
    state[point, 0] += dp
    for j in range(6):
        state[point, 1 + j] += 1.5 * dp * direction[j]
    for i in range(flow.n_terms):
        theta = 1.0 / (1.0 + terms[i, RECALL] * dp)
        for j in range(ALPHA + 6 * i, ALPHA + 6 * i + 6):
            state[point, j] = theta * (state[point, j] + 1.5 * dp * direction[j - ALPHA - 6 * i])


@inlined
def write_tangent(tangent: Floats, point: int, shear: float, bulk: float, dyad: tuple[Six, Six]) -> None:
    """Write K I x I + 2 G P_dev + dyad, for strains with tensor shear."""
    left, right = dyad
    cross = bulk - shear / 1.5
    for a in range(6):
        for b in range(3):
            tangent[point, a, b] = left[a] * right[b]
            tangent[point, a, b + 3] = 2.0 * left[a] * right[b + 3]
        tangent[point, a, a] += 2.0 * shear
    for a in range(3):
        for b in range(3):
            tangent[point, a, b] += cross


@inlined
def dyad_of_flow(dp: float, slope: float, flow: Flow, end: End) -> tuple[float, Six]:
    """Return b and the tensor (3 G (b - g) + 3/2 b g n:h) n - b g h of the consistent tangent."""
    turn = 1.5 * contract(end.direction, end.recall)
    b = flow.stiffness * dp / end.equivalent
    g = flow.stiffness / (flow.stiffness + end.modulus + slope - turn)
    along = flow.stiffness * (b - g) + b * g * turn
    return b, add_scaled(add_scaled(ZERO, along, end.direction), -b * g, end.recall)


@inlined
def update_isotropic(tables: LawTables, sites: Sites, step: Step, here: Here, fields: Fields) -> bool:
    """Update one point; return whether its values are finite and the return map converged.

    Parameters
    ----------
    tables, sites: of all materials and points.
    step: the increment in time.
    here: the point.
    fields: read and written at the point; the state at the end holds that at the start.
    """
    place, point, flows, has_tangent = here.place, here.point, False, len(fields.tangent) > 0
    thermal = expansion_strain(tables, place, here.temperature, 0) - sites.offset[point, 0]
    shear, bulk = moduli(tables, place)
    deviator, trace = elastic_strain(fields.strain, fields.state_n, point, thermal)
    trial = add_scaled(ZERO, 2.0 * shear, deviator)
    kind = kind_of_flow(tables.flow[here.row], step.viscous)
    if kind != NO_FLOW:
        work = fields.work
        xi = add_scaled(trial, -1.0, fill_terms(tables, here.row, place, fields.state_n, point, work.terms))
        viscous = kind != RATE_INDEPENDENT
        flow = start_flow(tables, here.row, place, viscous, fields.state_n[point, 0], xi, work.saturating)
        dp, slope, converged = flow_increment(tables, here, step, flow, xi, fields)
        flows = dp > 0.0
        if not converged:
            return False
    if flows:
        end = end_of_increment(dp, flow, xi, work.terms)
        write_flow(fields.state_n1, point, dp, end.direction, flow, work.terms)
        trial = add_scaled(trial, -3.0 * shear * dp, end.direction)
        if has_tangent:
            b, left = dyad_of_flow(dp, slope, flow, end)
            write_tangent(fields.tangent, point, (1.0 - b) * shear, bulk, (left, end.direction))
    elif has_tangent:
        write_tangent(fields.tangent, point, shear, bulk, (ZERO, ZERO))
    write_stress(fields.stress, point, trial, bulk * trace)
    return math.isfinite(equivalent(trial) + bulk * trace)

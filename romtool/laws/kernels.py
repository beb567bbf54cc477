"""Stress, internal variables and consistent tangent at many points: the compiled side of the laws.

With n = xi / J(xi), J(n) = 1, the increment of inelastic strain is 3/2 dp n, the stress
sig = K tr(eps_el) I + dev(sig_trial) - 3 G dp n, and its derivative

    D = K I x I + 2 G (1 - b) P_dev + ((3 G (b - g) + 3/2 b g n:h) n - b g h) x n,
    b = 3 G dp / J(xi),  g = 3 G / M,  M = 3 G + sum C_i theta_i^2 + R' + eta' - 3/2 n:h,
    h = sum 2/3 C_i D_i theta_i^2 alpha_i,n.
"""

import math
from typing import NamedTuple

import numpy as np

from romtool.laws.catalogue import CREEP, EXPONENT, NO_FLOW, RATE_INDEPENDENT, TERMS
from romtool.laws.lookup import (
    ALPHA,
    ZERO,
    Place,
    Step,
    expansion_strain,
    fill_terms,
    locate,
    log_drag,
    logarithm,
    moduli,
    parameter,
    start_flow,
)
from romtool.laws.parameters import LawTables
from romtool.laws.return_map import (
    BACK,
    MODULUS,
    PRODUCTS,
    RECALL,
    Drag,
    Flow,
    Six,
    add_scaled,
    contract,
    equivalent,
    inlined,
    jit,
    prepare_terms,
    row_of,
    solve_rate_independent,
    solve_viscous,
)
from romtool.types import Floats, Ints


class End(NamedTuple):
    """The end of an increment: direction n = xi / J(xi), J(xi), h, and sum C_i theta_i^2."""

    direction: Six
    equivalent: float
    recall: Six
    modulus: float


class Fields(NamedTuple):
    """The arrays of one call of `evaluate` that are read and written per point, and the scratch of the terms."""

    strain: Floats
    state_n: Floats
    state_n1: Floats
    stress: Floats
    tangent: Floats
    terms: Floats


@inlined
def kind_of_flow(flow: int, viscous: bool) -> int:
    """Return the kind of flow where viscous flow may be switched off."""
    if viscous or flow == NO_FLOW:
        return flow
    return NO_FLOW if flow == CREEP else RATE_INDEPENDENT


@inlined
def flow_increment(
    tables: LawTables, material: int, place: Place, step: Step, flow: Flow, xi: Six, terms: Floats
) -> tuple[float, float, bool]:
    """Solve the return map: dp, slope of R + eta at its end, and whether it converged."""
    if flow.excess <= 0.0:
        return 0.0, 0.0, True
    prepare_terms(xi, flow.n_terms, terms)
    if kind_of_flow(tables.flow[material], step.viscous) == RATE_INDEPENDENT:
        return solve_rate_independent(flow, terms, tables.curve_p, tables.curve_stress)
    inverse_n = 1.0 / parameter(tables, place, EXPONENT)
    log = log_drag(tables, material, place, step, inverse_n)
    if log == math.inf:
        return 0.0, 0.0, True
    return solve_viscous(flow, Drag(log, inverse_n), terms, tables.curve_p, tables.curve_stress)


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
def check_shapes(tables: LawTables, material: Ints, strain: Floats, state_n: Floats, state_n1: Floats) -> None:
    """Raise ValueError where arrays do not fit each other (they are written without bounds checks)."""
    n_points, n_state = len(material), ALPHA + 3 * (tables.values.shape[1] - TERMS)
    if strain.shape != (n_points, 6):
        raise ValueError("strain must have the shape (n_points, 6)")
    if state_n.shape != (n_points, n_state) or state_n1.shape != (n_points, n_state):
        raise ValueError("state_n and state_n1 must have the shape (n_points, state_size(tables))")


@jit
def evaluate(
    tables: LawTables,
    material: Ints,
    temperature: Floats,
    offset: Floats,
    t_n: float,
    t_n1: float,
    viscous: bool,
    strain: Floats,
    state_n: Floats,
    state_n1: Floats,
    stress: Floats,
    tangent: Floats,
) -> int:
    """Integrate the laws over one increment by backward Euler; compiled, and callable from compiled code.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    material: (n_points,) int64, row of `tables`.
    temperature: (n_points,) float [temperature] at t_n1.
    offset: (n_points,) float, of `thermal_offset`.
    t_n, t_n1: float [time], total time at start and end; t_n1 > 0 for laws with t^m; no flow where t_n1 = t_n.
    viscous: False switches viscosity and creep off: pure creep laws are elastic, others rate independent.
    strain: (n_points, 6) float, total strain at t_n1.
    state_n: (n_points, n_state) float at t_n, columns of `state_fields`.
    state_n1: (n_points, n_state) float, written; another array than `state_n`.
    stress: (n_points, 6) float [stress], written.
    tangent: (n_points, 6, 6) float [stress], written: d stress_a / d strain_b for tensor-shear strains, or
        (0, 6, 6) for none.

    Returns
    -------
    0, or 1 + the first point that failed (a value that is not finite, or no convergence); the points from
    there on are not written.

    Raises
    ------
    ValueError: shapes that do not fit each other, a row of `material` that does not exist.
    """
    check_shapes(tables, material, strain, state_n, state_n1)
    check_outputs(tables, material, temperature, offset, stress, tangent)
    fields = Fields(strain, state_n, state_n1, stress, tangent, scratch(tables))
    return evaluate_fields(tables, material, temperature, offset, t_n, t_n1, viscous, fields)


@inlined
def evaluate_fields(
    tables: LawTables,
    material: Ints,
    temperature: Floats,
    offset: Floats,
    t_n: float,
    t_n1: float,
    viscous: bool,
    fields: Fields,
) -> int:
    """Do as `evaluate` on arrays that fit each other, for compiled callers that keep the `scratch`."""
    step = Step(t_n, t_n1, logarithm(t_n1 - t_n), logarithm(t_n1), viscous)
    return integrate(tables, material, temperature, offset, step, fields)


@jit
def scratch(tables: LawTables) -> Floats:
    """Return the workspace of the kinematic terms of one point, `Fields.terms`."""
    n_terms = (tables.values.shape[1] - TERMS) // 2
    return np.empty((n_terms, PRODUCTS + n_terms))


@inlined
def check_outputs(
    tables: LawTables, material: Ints, temperature: Floats, offset: Floats, stress: Floats, tangent: Floats
) -> None:
    """Raise ValueError where arrays do not fit each other."""
    n_points = len(material)
    for point in range(n_points):
        if material[point] < 0 or material[point] >= len(tables.flow):
            raise ValueError("material holds a row that the tables do not have")
    if len(temperature) != n_points or len(offset) != n_points:
        raise ValueError("temperature and offset must have the shape (n_points,)")
    if stress.shape != (n_points, 6):
        raise ValueError("stress must have the shape (n_points, 6)")
    if tangent.shape != (n_points, 6, 6) and tangent.shape != (0, 6, 6):
        raise ValueError("tangent must have the shape (n_points, 6, 6) or (0, 6, 6)")


@inlined
def integrate(
    tables: LawTables, material: Ints, temperature: Floats, offset: Floats, step: Step, fields: Fields
) -> int:
    """Update all points; return 0, or 1 + the first that failed."""
    for point in range(len(material)):
        row = material[point]
        place = locate(tables, row, temperature[point])
        thermal = expansion_strain(tables, row, place, temperature[point]) - offset[point]
        if not update(tables, row, place, step, thermal, fields, point):
            return point + 1
    return 0


@inlined
def update(tables: LawTables, row: int, place: Place, step: Step, thermal: float, fields: Fields, point: int) -> bool:
    """Update one point; return whether its values are finite and the return map converged."""
    shear, bulk = moduli(tables, place)
    deviator, trace = elastic_strain(fields.strain, fields.state_n, point, thermal)
    trial = add_scaled(ZERO, 2.0 * shear, deviator)
    for j in range(fields.state_n.shape[1]):
        fields.state_n1[point, j] = fields.state_n[point, j]
    flows, has_tangent = False, len(fields.tangent) > 0
    if kind_of_flow(tables.flow[row], step.viscous) != NO_FLOW:
        xi = add_scaled(trial, -1.0, fill_terms(tables, row, place, fields.state_n, point, fields.terms))
        flow = start_flow(tables, row, place, fields.state_n[point, 0], xi)
        dp, slope, converged = flow_increment(tables, row, place, step, flow, xi, fields.terms)
        flows = dp > 0.0
        if not converged:
            return False
    if flows:
        end = end_of_increment(dp, flow, xi, fields.terms)
        write_flow(fields.state_n1, point, dp, end.direction, flow, fields.terms)
        trial = add_scaled(trial, -3.0 * shear * dp, end.direction)
        if has_tangent:
            b, left = dyad_of_flow(dp, slope, flow, end)
            write_tangent(fields.tangent, point, (1.0 - b) * shear, bulk, (left, end.direction))
    elif has_tangent:
        write_tangent(fields.tangent, point, shear, bulk, (ZERO, ZERO))
    write_stress(fields.stress, point, trial, bulk * trace)
    return math.isfinite(equivalent(trial) + bulk * trace)


@jit
def thermal_offset(tables: LawTables, material: Ints, temperature0: Floats) -> Floats:
    """Return alpha(T_0) (T_0 - T_ref) where the expansion counts from the initial temperature, else 0.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    material: (n_points,) int64, row of `tables`.
    temperature0: (n_points,) float [temperature], the initial one.

    Returns
    -------
    (n_points,) float, the `offset` of `evaluate`.
    """
    offset = np.zeros(len(material))
    for point in range(len(material)):
        row = material[point]
        if tables.from_initial[row] == 1:
            place = locate(tables, row, temperature0[point])
            offset[point] = expansion_strain(tables, row, place, temperature0[point])
    return offset


@jit
def thermal_strain(tables: LawTables, material: Ints, temperature: Floats) -> Floats:
    """Return the (n_points,) thermal strain alpha(T) (T - T_ref), the offset not yet subtracted.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    material: (n_points,) int64, row of `tables`.
    temperature: (n_points,) float [temperature].
    """
    result = np.empty(len(material))
    for point in range(len(material)):
        row = material[point]
        result[point] = expansion_strain(tables, row, locate(tables, row, temperature[point]), temperature[point])
    return result


@jit
def elastic_tangent(tables: LawTables, material: Ints, temperature: Floats) -> Floats:
    """Return the (n_points, 6, 6) elastic moduli [stress], for strains with tensor shear.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    material: (n_points,) int64, row of `tables`.
    temperature: (n_points,) float [temperature].
    """
    tangent = np.empty((len(material), 6, 6))
    for point in range(len(material)):
        shear, bulk = moduli(tables, locate(tables, material[point], temperature[point]))
        write_tangent(tangent, point, shear, bulk, (ZERO, ZERO))
    return tangent

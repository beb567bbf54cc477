"""Slip of a crystal on octahedral and cubic systems (Meric, Poubanne, Cailletaud, J. Eng. Mater. Technol. 1991).

Backward Euler with unknown amounts of slip v_s >= 0 and signs s_s leaves one equation per system that slips,

    F_s = s_s (tau_s - x_s) - r_s - phi(v_s) = 0,   tau_s = tau_s,trial - sum_r (m_s : C : m_r) s_r v_r,
    x_s = c (alpha_n + s_s v_s) / (1 + d v_s),      r_s = r0 + q sum_r h_sr (1 - exp(-beta (nu_r,n + v_r))),

with phi(v) = K (v / dt)^(1/n), or K asinh((v / (rate dt))^(1/n)). All is in the crystal's axes.
"""

import math

from romtool.laws.anisotropic import C11, C12, C44, Stiffness, stress_of, write_stiffness
from romtool.laws.catalogue import COLUMNS, HYPERBOLIC_SLIP
from romtool.laws.fields import Fields, Here
from romtool.laws.local_axes import mechanical_strain, to_global, to_local, turn_tangent
from romtool.laws.lookup import Place, Step, moduli, parameter
from romtool.laws.parameters import LawTables
from romtool.laws.sites import Sites
from romtool.laws.slip import ORIENTATION
from romtool.laws.slip_newton import (
    AMOUNT,
    BACK,
    LATENT,
    LOG_TINY,
    N_KINDS,
    SIGN,
    START,
    TRIAL,
    Crystal,
    Family,
    eliminate,
    family_of,
    fill_matrix,
    solve_slip,
)
from romtool.laws.tensors import ZERO, Six, add_scaled, called, contract, inlined, is_finite, put_row, row_of

_NAMES = ("K", "n", "rate", "r0", "q", "beta", "c", "d")
OCTAHEDRAL = tuple(COLUMNS[name] for name in _NAMES)
CUBIC = tuple(COLUMNS[f"cubic_{name}"] for name in _NAMES)
OCTAHEDRAL_LATENT, CUBIC_LATENT = COLUMNS["h 0"], COLUMNS["cubic_h 0"]


@inlined
def family(tables: LawTables, here: Here, columns: tuple[int, ...], log_duration: float) -> Family:
    """Return the parameters of a family."""
    place, hyperbolic = here.place, tables.flow[here.row] == HYPERBOLIC_SLIP
    drag, n = parameter(tables, place, columns[0]), parameter(tables, place, columns[1])
    log_span = log_duration + math.log(parameter(tables, place, columns[2])) if hyperbolic else log_duration
    return Family(
        drag,
        n,
        log_span,
        drag * math.exp((LOG_TINY - log_span) / n),
        hyperbolic,
        parameter(tables, place, columns[3]),
        parameter(tables, place, columns[4]),
        parameter(tables, place, columns[5]),
        parameter(tables, place, columns[6]),
        parameter(tables, place, columns[7]),
    )


@inlined
def elasticity(tables: LawTables, place: Place) -> Stiffness:
    """Return the moduli, cubic or isotropic."""
    c11, c12, c44 = parameter(tables, place, C11), parameter(tables, place, C12), parameter(tables, place, C44)
    if not c11 > 0.0:
        c44, bulk = moduli(tables, place)
        c11, c12 = bulk + c44 / 0.75, bulk - c44 / 1.5
    return Stiffness(c11, c11, c11, c12, c12, c12, c44, c44, c44)


@inlined
def stress_direction(stiffness: Stiffness, system: int) -> Six:
    """Return C : m_s."""
    return stress_of(stiffness, row_of(ORIENTATION, system, 0))


@called
def subtract_slip(crystal: Crystal, stiffness: Stiffness, fields: Fields, n_active: int, point: int) -> None:
    """Take what slip relaxes from the tangent of a point, in the crystal's axes."""
    matrix, slip, order, tangent = fields.work.matrix, fields.work.slip, fields.work.order, fields.tangent
    fill_matrix(crystal, slip, order, n_active, matrix)
    for i in range(n_active):
        s = order[i]
        direction = stress_direction(stiffness, s)
        for b in range(6):
            matrix[i, n_active + b] = -(1.0 if b < 3 else 2.0) * slip[SIGN, s] * direction[b]
    eliminate(matrix, n_active, n_active + 6)
    for i in range(n_active):
        s = order[i]
        direction = stress_direction(stiffness, s)
        for a in range(6):
            for b in range(6):
                tangent[point, a, b] -= slip[SIGN, s] * slip[AMOUNT, s] * direction[a] * matrix[i, n_active + b]


@inlined
def read_systems(tables: LawTables, here: Here, stress: Six, fields: Fields, n_systems: int) -> None:
    """Write trial stresses, the state at the start and the coefficients h to the scratch."""
    slip, first, state = fields.work.slip, tables.state_rows[here.row], fields.state_n
    for s in range(n_systems):
        slip[TRIAL, s] = contract(stress, row_of(ORIENTATION, s, 0))
        slip[START, s] = state[here.point, tables.state_columns[first + s]]
        slip[BACK, s] = state[here.point, tables.state_columns[first + n_systems + s]]
        slip[AMOUNT, s], slip[SIGN, s] = 0.0, 1.0
    for i in range(N_KINDS):
        slip[LATENT, i] = parameter(tables, here.place, OCTAHEDRAL_LATENT + i)
    for i in range(2):
        slip[LATENT, N_KINDS + i] = parameter(tables, here.place, CUBIC_LATENT + i)


@called
def write_systems(tables: LawTables, sites: Sites, here: Here, crystal: Crystal, fields: Fields) -> Six:
    """Bring the state to the end of the increment; return the increment of inelastic strain in the crystal's axes."""
    slip, first, state, point = fields.work.slip, tables.state_rows[here.row], fields.state_n1, here.point
    flow = ZERO
    for s in range(crystal.n_systems):
        own, amount, signed = family_of(crystal, s), slip[AMOUNT, s], slip[SIGN, s] * slip[AMOUNT, s]
        flow = add_scaled(flow, signed, row_of(ORIENTATION, s, 0))
        state[point, tables.state_columns[first + s]] += amount
        alpha = (slip[BACK, s] + signed) / (1.0 + own.d * amount)
        state[point, tables.state_columns[first + crystal.n_systems + s]] = alpha
    turned = to_global(sites, point, flow)
    state[point, 0] += math.sqrt(contract(flow, flow) / 1.5)
    for j in range(6):
        state[point, 1 + j] += turned[j]
    return flow


@called
def update_crystal(tables: LawTables, sites: Sites, step: Step, here: Here, fields: Fields) -> bool:
    """Update one point; return whether its stress is finite and the slip was found.

    Parameters
    ----------
    tables, sites: of all materials and points.
    step: the increment in time.
    here: the point.
    fields: read and written at the point; the state at the end holds that at the start.
    """
    point, work, stiffness = here.point, fields.work, elasticity(tables, here.place)
    inelastic = to_local(sites, point, row_of(fields.state_n, point, 1))
    elastic = add_scaled(mechanical_strain(tables, sites, here, fields.strain), -1.0, inelastic)
    stress, n_active = stress_of(stiffness, elastic), 0
    if not is_finite(stress):
        return False
    n_systems = (tables.state_rows[here.row + 1] - tables.state_rows[here.row]) // 2
    octahedral = family(tables, here, OCTAHEDRAL, step.log_duration)
    cubic = family(tables, here, CUBIC, step.log_duration)
    crystal = Crystal(n_systems, stiffness.c11 - stiffness.c12, stiffness.g12, octahedral, cubic)
    if step.viscous and step.t_n1 > step.t_n:
        read_systems(tables, here, stress, fields, n_systems)
        n_active = solve_slip(crystal, work.slip, work.order, work.matrix)
        if n_active < 0:
            return False
    if n_active > 0:
        flow = write_systems(tables, sites, here, crystal, fields)
        stress = stress_of(stiffness, add_scaled(elastic, -1.0, flow))
    put_row(to_global(sites, point, stress), fields.stress, point, 0)
    if len(fields.tangent) > 0:
        write_stiffness(stiffness, fields.tangent, point)
        if n_active > 0:
            subtract_slip(crystal, stiffness, fields, n_active, point)
        turn_tangent(sites, point, fields.tangent)
    return True

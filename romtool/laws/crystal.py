"""Slip of a crystal on octahedral and cubic systems (Meric, Poubanne, Cailletaud, J. Eng. Mater. Technol. 1991).

Backward Euler with unknown amounts of slip v_s >= 0 and signs s_s leaves one equation per system that slips,

    F_s = s_s (tau_s - x_s) - r_s - phi(v_s) = 0,   tau_s = tau_s,trial - sum_r (m_s : C : m_r) s_r v_r,
    x_s = c (alpha_n + s_s v_s) / (1 + d v_s),      r_s = r0 + q sum_r h_sr (1 - exp(-beta (nu_r,n + v_r))),

with phi(v) = K (v / dt)^(1/n), or K asinh((v / (rate dt))^(1/n)). All is in the crystal's axes.
"""

import math
from typing import NamedTuple

from romtool.laws.anisotropic import C11, C12, C44, Stiffness, stress_of, write_stiffness
from romtool.laws.catalogue import COLUMNS, HYPERBOLIC_SLIP
from romtool.laws.fields import Fields, Here
from romtool.laws.local_axes import mechanical_strain, to_global, to_local, turn_tangent
from romtool.laws.lookup import Place, Step, moduli, parameter
from romtool.laws.parameters import LawTables
from romtool.laws.sites import Sites
from romtool.laws.slip import INTERACTION, NORMAL_PRODUCTS, ORIENTATION, SHEAR_PRODUCTS
from romtool.laws.states import N_OCTAHEDRAL
from romtool.laws.tensors import Six, add_scaled, called, contract, inlined, is_finite, put_row, row_of
from romtool.types import Floats

_NAMES = ("K", "n", "rate", "r0", "q", "beta", "c", "d")
OCTAHEDRAL = tuple(COLUMNS[name] for name in _NAMES)
CUBIC = tuple(COLUMNS[f"cubic_{name}"] for name in _NAMES)
LATENT, CUBIC_LATENT = COLUMNS["h 0"], COLUMNS["cubic_h 0"]
# Rows of the scratch of the systems: trial stress, sign, amount, cumulated slip and alpha at the start, F,
# phi, slope of phi in ln v, 1 - exp(-beta nu), its slope in ln v.
TRIAL, SIGN, AMOUNT, START, BACK, GAP, DRAG, DRAG_SLOPE, FILLED, FILLING = range(10)
MAX_ITERATIONS = 100
TINY = 1e-300
TOLERANCE = 1e-12
SMALLEST = -600.0  # ln of the smallest first amount
ELASTIC = 0.9  # part of dF/d ln v above which elasticity rules a system
NEAREST = 0.7  # part of the largest excess above which a system begins to slip


class Family(NamedTuple):
    """Parameters of the octahedral or the cubic systems at a temperature; `span` is dt, or rate dt."""

    drag: float
    inverse_n: float
    span: float
    hyperbolic: bool
    r0: float
    q: float
    beta: float
    c: float
    d: float


class Crystal(NamedTuple):
    """What the equations of one point need: its systems, shear moduli, and two families; `row` is of the tables."""

    n_systems: int
    normal: float
    shear: float
    octahedral: Family
    cubic: Family
    place: Place


@inlined
def family(tables: LawTables, here: Here, columns: tuple[int, ...], duration: float) -> Family:
    """Return the parameters of a family."""
    place, hyperbolic = here.place, tables.flow[here.row] == HYPERBOLIC_SLIP
    span = duration * parameter(tables, place, columns[2]) if hyperbolic else duration
    return Family(
        parameter(tables, place, columns[0]),
        1.0 / parameter(tables, place, columns[1]),
        span,
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
def family_of(crystal: Crystal, system: int) -> Family:
    """Return the parameters of a system."""
    return crystal.octahedral if system < N_OCTAHEDRAL else crystal.cubic


@inlined
def latent(tables: LawTables, crystal: Crystal, first: int, second: int) -> float:
    """Return h_rs; octahedral and cubic systems do not harden each other."""
    if first < N_OCTAHEDRAL and second < N_OCTAHEDRAL:
        return parameter(tables, crystal.place, LATENT + INTERACTION[first, second])
    if first >= N_OCTAHEDRAL and second >= N_OCTAHEDRAL:
        return parameter(tables, crystal.place, CUBIC_LATENT + (0 if first == second else 1))
    return 0.0


@inlined
def coupling(crystal: Crystal, first: int, second: int) -> float:
    """Return m_r : C : m_s."""
    return crystal.normal * NORMAL_PRODUCTS[first, second] + 4.0 * crystal.shear * SHEAR_PRODUCTS[first, second]


@inlined
def drag_of(amount: float, own: Family) -> tuple[float, float]:
    """Return phi and its slope in ln v."""
    ratio = math.exp(math.log(amount / own.span) * own.inverse_n)
    if own.hyperbolic:
        return own.drag * math.asinh(ratio), own.drag * own.inverse_n * ratio / math.sqrt(1.0 + ratio * ratio)
    return own.drag * ratio, own.drag * ratio * own.inverse_n


@inlined
def back_stress(slip: Floats, system: int, own: Family) -> tuple[float, float]:
    """Return x_s and s_s dx_s/d ln v."""
    amount, sign = slip[AMOUNT, system], slip[SIGN, system]
    alpha = (slip[BACK, system] + sign * amount) / (1.0 + own.d * amount)
    return own.c * alpha, own.c * amount * (1.0 - own.d * sign * alpha) / (1.0 + own.d * amount)


@inlined
def resistance(tables: LawTables, crystal: Crystal, slip: Floats, system: int) -> float:
    """Return r_s."""
    own = family_of(crystal, system)
    if own.q == 0.0:
        return own.r0
    total = 0.0
    for other in range(crystal.n_systems):
        total += latent(tables, crystal, system, other) * slip[FILLED, other]
    return own.r0 + own.q * total


@inlined
def shear_stress(crystal: Crystal, slip: Floats, system: int) -> float:
    """Return tau_s."""
    total = slip[TRIAL, system]
    for other in range(crystal.n_systems):
        if slip[AMOUNT, other] > 0.0:
            total -= coupling(crystal, system, other) * slip[SIGN, other] * slip[AMOUNT, other]
    return total


@called
def fill_residuals(tables: LawTables, crystal: Crystal, slip: Floats) -> tuple[float, float]:
    """Write F_s and its parts; return the largest error of the systems that slip, and of those that do not."""
    for s in range(crystal.n_systems):
        own, amount = family_of(crystal, s), slip[AMOUNT, s]
        fading = math.exp(-own.beta * (slip[START, s] + amount)) if own.q != 0.0 else 0.0
        slip[FILLED, s], slip[FILLING, s] = 1.0 - fading, own.beta * fading * amount
    active, idle = 0.0, 0.0
    for s in range(crystal.n_systems):
        own, amount = family_of(crystal, s), slip[AMOUNT, s]
        effective = shear_stress(crystal, slip, s) - back_stress(slip, s, own)[0]
        radius = resistance(tables, crystal, slip, s)
        if amount > 0.0:
            slip[DRAG, s], slip[DRAG_SLOPE, s] = drag_of(amount, own)
            slip[GAP, s] = slip[SIGN, s] * effective - radius - slip[DRAG, s]
            active = max(active, abs(slip[GAP, s]))
        else:
            slip[GAP, s] = abs(effective) - radius - drag_of(TINY, own)[0]
            slip[SIGN, s] = math.copysign(1.0, effective)
            idle = max(idle, slip[GAP, s])
    return active, idle


@inlined
def first_amount(crystal: Crystal, slip: Floats, system: int, count: int) -> float:
    """Return an amount to begin with: what viscosity or elasticity allow, or where their slopes are equal."""
    own, gap, stiffness = family_of(crystal, system), slip[GAP, system], coupling(crystal, system, system)
    log = min(math.log(own.span) + math.log(gap / own.drag) / own.inverse_n, math.log(gap / (count * stiffness)))
    if own.inverse_n < 0.7:
        slope = math.log(own.drag * own.inverse_n / stiffness) - math.log(own.span) * own.inverse_n
        log = min(log, slope / (1.0 - own.inverse_n))
    return math.exp(max(log, SMALLEST))


@inlined
def start_slip(crystal: Crystal, slip: Floats, least: float) -> None:
    """Let the systems slip whose F exceeds `least`."""
    count = 0
    for s in range(crystal.n_systems):
        count += slip[AMOUNT, s] > 0.0 or slip[GAP, s] > least
    for s in range(crystal.n_systems):
        if slip[AMOUNT, s] == 0.0 and slip[GAP, s] > least:
            slip[AMOUNT, s] = first_amount(crystal, slip, s, count)


@called
def fill_matrix(tables: LawTables, crystal: Crystal, slip: Floats, matrix: Floats) -> None:
    """Write dF_r / d ln v_s; the identity for systems that do not slip."""
    for r in range(crystal.n_systems):
        own = family_of(crystal, r)
        for s in range(crystal.n_systems):
            matrix[r, s] = 0.0
            if slip[AMOUNT, r] > 0.0 and slip[AMOUNT, s] > 0.0:
                turned = slip[SIGN, r] * slip[SIGN, s] * coupling(crystal, r, s)
                matrix[r, s] = -turned * slip[AMOUNT, s]
                if own.q != 0.0:
                    matrix[r, s] -= own.q * latent(tables, crystal, r, s) * slip[FILLING, s]
        if slip[AMOUNT, r] > 0.0:
            matrix[r, r] -= slip[DRAG_SLOPE, r] + back_stress(slip, r, own)[1]
        else:
            matrix[r, r] = 1.0


@called
def eliminate(matrix: Floats, n: int, end: int) -> bool:
    """Solve in place for the columns n … end of an (n, end) matrix, with row pivoting; tell whether it is regular."""
    for c in range(n):
        pivot = c
        for r in range(c + 1, n):
            if abs(matrix[r, c]) > abs(matrix[pivot, c]):
                pivot = r
        if not abs(matrix[pivot, c]) > 0.0:
            return False
        if pivot != c:
            for j in range(c, end):
                matrix[c, j], matrix[pivot, j] = matrix[pivot, j], matrix[c, j]
        for r in range(c + 1, n):
            part = matrix[r, c] / matrix[c, c]
            if part != 0.0:
                for j in range(c + 1, end):
                    matrix[r, j] -= part * matrix[c, j]
    for c in range(n - 1, -1, -1):
        for k in range(n, end):
            for j in range(c + 1, n):
                matrix[c, k] -= matrix[c, j] * matrix[j, k]
            matrix[c, k] /= matrix[c, c]
    return True


@inlined
def amount_of(drag: float, own: Family) -> float:
    """Return the amount of slip whose viscous stress is `drag`, 0 where that is not positive."""
    if not drag > 0.0:
        return 0.0
    ratio = drag / own.drag
    return own.span * math.exp(math.log(math.sinh(ratio) if own.hyperbolic else ratio) / own.inverse_n)


@inlined
def ends_slip(crystal: Crystal, slip: Floats, system: int, step: float) -> bool:
    """Tell whether a step ends the slip of a system whose F is ruled by elasticity, not by viscosity."""
    elastic = coupling(crystal, system, system) * slip[AMOUNT, system]
    return slip[AMOUNT, system] > 0.0 and step < -1.0 and elastic > ELASTIC * (elastic + slip[DRAG_SLOPE, system])


@inlined
def step_length(crystal: Crystal, slip: Floats, matrix: Floats) -> float:
    """Return the part of Newton's step at which the first such system ends its slip."""
    part = 1.0
    for s in range(crystal.n_systems):
        step = matrix[s, crystal.n_systems]
        if ends_slip(crystal, slip, s, step):
            part = min(part, -1.0 / step)
    return part


@inlined
def move(crystal: Crystal, slip: Floats, matrix: Floats) -> None:
    """Change the amounts by Newton's step: in v where they grow, in the viscous stress where they fall."""
    part = step_length(crystal, slip, matrix)
    for s in range(crystal.n_systems):
        step = part * matrix[s, crystal.n_systems]
        if ends_slip(crystal, slip, s, matrix[s, crystal.n_systems]) and step <= -1.0 + 1e-6:
            slip[AMOUNT, s] = 0.0
        elif slip[AMOUNT, s] > 0.0 and step > 0.0:
            slip[AMOUNT, s] *= 1.0 + step
        elif slip[AMOUNT, s] > 0.0:
            slip[AMOUNT, s] = amount_of(slip[DRAG, s] + step * slip[DRAG_SLOPE, s], family_of(crystal, s))
        if slip[AMOUNT, s] < TINY:
            slip[AMOUNT, s] = 0.0


@called
def solve_slip(tables: LawTables, crystal: Crystal, slip: Floats, matrix: Floats) -> bool:
    """Find the amounts of slip; return whether Newton's method converged.

    Systems are linearised on whichever axis of their curve phi(v) is straighter. Those that slip no more leave, and
    those that are nearest to slip enter only when the others are in better balance, so that none comes and goes.
    """
    scale, n = 0.0, crystal.n_systems
    for s in range(n):
        scale = max(scale, abs(slip[TRIAL, s]) + family_of(crystal, s).r0)
    for _ in range(MAX_ITERATIONS):
        active, idle = fill_residuals(tables, crystal, slip)
        if max(active, idle) <= TOLERANCE * scale:
            return True
        if idle >= active:
            start_slip(crystal, slip, NEAREST * idle)
            fill_residuals(tables, crystal, slip)
        fill_matrix(tables, crystal, slip, matrix)
        for s in range(n):
            matrix[s, n] = -slip[GAP, s] if slip[AMOUNT, s] > 0.0 else 0.0
        if not eliminate(matrix, n, n + 1):
            return False
        move(crystal, slip, matrix)
    return False


@inlined
def stress_direction(stiffness: Stiffness, system: int) -> Six:
    """Return C : m_s."""
    return stress_of(stiffness, row_of(ORIENTATION, system, 0))


@called
def subtract_slip(tables: LawTables, crystal: Crystal, stiffness: Stiffness, fields: Fields, point: int) -> None:
    """Take what slip relaxes from the tangent of a point, in the crystal's axes."""
    n, matrix, slip, tangent = crystal.n_systems, fields.work.matrix, fields.work.slip, fields.tangent
    fill_matrix(tables, crystal, slip, matrix)
    for s in range(n):
        direction = stress_direction(stiffness, s)
        for b in range(6):
            factor = (1.0 if b < 3 else 2.0) * slip[SIGN, s] if slip[AMOUNT, s] > 0.0 else 0.0
            matrix[s, n + b] = -factor * direction[b]
    eliminate(matrix, n, n + 6)
    for s in range(n):
        direction = stress_direction(stiffness, s)
        for a in range(6):
            for b in range(6):
                tangent[point, a, b] -= slip[SIGN, s] * slip[AMOUNT, s] * direction[a] * matrix[s, n + b]


@inlined
def read_systems(tables: LawTables, here: Here, stress: Six, fields: Fields, n_systems: int) -> None:
    """Write trial stresses and the state at the start to the scratch."""
    slip, first, state = fields.work.slip, tables.state_rows[here.row], fields.state_n
    for s in range(n_systems):
        slip[TRIAL, s] = contract(stress, row_of(ORIENTATION, s, 0))
        slip[START, s] = state[here.point, tables.state_columns[first + s]]
        slip[BACK, s] = state[here.point, tables.state_columns[first + n_systems + s]]
        slip[AMOUNT, s], slip[SIGN, s] = 0.0, 1.0


@called
def write_systems(tables: LawTables, sites: Sites, here: Here, crystal: Crystal, fields: Fields) -> Six:
    """Bring the state to the end of the increment; return the increment of inelastic strain in the crystal's axes."""
    slip, first, state, point = fields.work.slip, tables.state_rows[here.row], fields.state_n1, here.point
    flow = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
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
    point, place, stiffness = here.point, here.place, elasticity(tables, here.place)
    inelastic = to_local(sites, point, row_of(fields.state_n, point, 1))
    elastic = add_scaled(mechanical_strain(tables, sites, here, fields.strain), -1.0, inelastic)
    stress, slips = stress_of(stiffness, elastic), False
    if not is_finite(stress):
        return False
    n_systems = (tables.state_rows[here.row + 1] - tables.state_rows[here.row]) // 2
    duration = step.t_n1 - step.t_n
    octahedral, cubic = family(tables, here, OCTAHEDRAL, duration), family(tables, here, CUBIC, duration)
    crystal = Crystal(n_systems, stiffness.c11 - stiffness.c12, stiffness.g12, octahedral, cubic, place)
    if step.viscous and duration > 0.0:
        read_systems(tables, here, stress, fields, n_systems)
        if not solve_slip(tables, crystal, fields.work.slip, fields.work.matrix):
            return False
        for s in range(n_systems):
            slips = slips or fields.work.slip[AMOUNT, s] > 0.0
    if slips:
        flow = write_systems(tables, sites, here, crystal, fields)
        stress = stress_of(stiffness, add_scaled(elastic, -1.0, flow))
    put_row(to_global(sites, point, stress), fields.stress, point, 0)
    if len(fields.tangent) > 0:
        write_stiffness(stiffness, fields.tangent, point)
        if slips:
            subtract_slip(tables, crystal, stiffness, fields, point)
        turn_tangent(sites, point, fields.tangent)
    return True

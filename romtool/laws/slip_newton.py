"""Newton's method for the amounts of slip of a crystal (see `romtool.laws.crystal` for the equations)."""

import math
from typing import NamedTuple

from romtool.laws.catalogue import INTERACTIONS
from romtool.laws.fields import SLIP_VECTORS
from romtool.laws.slip import INTERACTION, NORMAL_PRODUCTS, SHEAR_PRODUCTS
from romtool.laws.states import N_OCTAHEDRAL
from romtool.laws.tensors import called, inlined
from romtool.types import Floats, Ints

N_KINDS = INTERACTIONS["h"]
# Rows of the scratch of the systems: trial stress, sign, amount and its logarithm, cumulated slip and alpha at the
# start, F, phi, slope of phi in ln v, 1 - exp(-beta nu), its slope in ln v; and the coefficients h of both families.
TRIAL, SIGN, AMOUNT, LOG_AMOUNT, START, BACK, GAP, DRAG, DRAG_SLOPE, FILLED, FILLING, LATENT = range(SLIP_VECTORS)
MAX_ITERATIONS = 100
TOLERANCE = 1e-12
LOG_TINY = -690.0  # ln of the smallest amount of slip that is not taken as none
SMALLEST = -600.0  # ln of the smallest first amount
ELASTIC = 0.9  # part of dF/d ln v above which elasticity rules a system
NEAREST = 0.7  # part of the largest excess above which a system begins to slip


class Family(NamedTuple):
    """Parameters of the octahedral or the cubic systems at a temperature.

    `log_span` is ln dt, or ln(rate dt); `floor` is phi of the smallest amount of slip that is not taken as none.
    """

    drag: float
    n: float
    log_span: float
    floor: float
    hyperbolic: bool
    r0: float
    q: float
    beta: float
    c: float
    d: float


class Crystal(NamedTuple):
    """What the equations of one point need: its systems, shear moduli, and the two families."""

    n_systems: int
    normal: float
    shear: float
    octahedral: Family
    cubic: Family


@inlined
def family_of(crystal: Crystal, system: int) -> Family:
    """Return the parameters of a system."""
    return crystal.octahedral if system < N_OCTAHEDRAL else crystal.cubic


@inlined
def latent(slip: Floats, first: int, second: int) -> float:
    """Return h_rs; octahedral and cubic systems do not harden each other."""
    if first < N_OCTAHEDRAL and second < N_OCTAHEDRAL:
        return float(slip[LATENT, INTERACTION[first, second]])
    if first >= N_OCTAHEDRAL and second >= N_OCTAHEDRAL:
        return float(slip[LATENT, N_KINDS + (0 if first == second else 1)])
    return 0.0


@inlined
def coupling(crystal: Crystal, first: int, second: int) -> float:
    """Return m_r : C : m_s."""
    return crystal.normal * NORMAL_PRODUCTS[first, second] + 4.0 * crystal.shear * SHEAR_PRODUCTS[first, second]


@inlined
def drag_of(log_amount: float, own: Family) -> tuple[float, float]:
    """Return phi and its slope in ln v."""
    ratio = math.exp((log_amount - own.log_span) / own.n)
    if own.hyperbolic:
        return own.drag * math.asinh(ratio), own.drag / own.n * ratio / math.sqrt(1.0 + ratio * ratio)
    return own.drag * ratio, own.drag * ratio / own.n


@inlined
def back_stress(slip: Floats, system: int, own: Family) -> tuple[float, float]:
    """Return x_s and s_s dx_s/d ln v."""
    amount, sign = slip[AMOUNT, system], slip[SIGN, system]
    fading = 1.0 / (1.0 + own.d * amount)
    alpha = (slip[BACK, system] + sign * amount) * fading
    return own.c * alpha, own.c * amount * (1.0 - own.d * sign * alpha) * fading


@inlined
def resistance(crystal: Crystal, slip: Floats, system: int) -> float:
    """Return r_s."""
    own = family_of(crystal, system)
    if own.q == 0.0:
        return own.r0
    total = 0.0
    for other in range(crystal.n_systems):
        total += latent(slip, system, other) * slip[FILLED, other]
    return own.r0 + own.q * total


@inlined
def shear_stress(crystal: Crystal, slip: Floats, order: Ints, n_active: int, system: int) -> float:
    """Return tau_s."""
    total = slip[TRIAL, system]
    for i in range(n_active):
        other = order[i]
        total -= coupling(crystal, system, other) * slip[SIGN, other] * slip[AMOUNT, other]
    return total


@inlined
def list_active(crystal: Crystal, slip: Floats, order: Ints) -> int:
    """Write the systems that slip; return their number."""
    count = 0
    for s in range(crystal.n_systems):
        if slip[AMOUNT, s] > 0.0:
            order[count] = s
            count += 1
    return count


@called
def fill_residuals(crystal: Crystal, slip: Floats, order: Ints) -> tuple[int, float, float]:
    """Write F_s and its parts; return how many systems slip, and the largest errors of those and of the others."""
    n_active = list_active(crystal, slip, order)
    for s in range(crystal.n_systems):
        own, amount = family_of(crystal, s), slip[AMOUNT, s]
        fading = math.exp(-own.beta * (slip[START, s] + amount)) if own.q != 0.0 else 0.0
        slip[FILLED, s], slip[FILLING, s] = 1.0 - fading, own.beta * fading * amount
    active, idle = 0.0, 0.0
    for s in range(crystal.n_systems):
        own = family_of(crystal, s)
        effective = shear_stress(crystal, slip, order, n_active, s) - back_stress(slip, s, own)[0]
        radius = resistance(crystal, slip, s)
        if slip[AMOUNT, s] > 0.0:
            slip[DRAG, s], slip[DRAG_SLOPE, s] = drag_of(slip[LOG_AMOUNT, s], own)
            slip[GAP, s] = slip[SIGN, s] * effective - radius - slip[DRAG, s]
            active = max(active, abs(slip[GAP, s]))
        else:
            slip[GAP, s] = abs(effective) - radius - own.floor
            slip[SIGN, s] = math.copysign(1.0, effective)
            idle = max(idle, slip[GAP, s])
    return n_active, active, idle


@inlined
def first_amount(crystal: Crystal, slip: Floats, system: int, count: int) -> float:
    """Return ln of an amount to begin with: what viscosity or elasticity allow, or where their slopes are equal."""
    own, gap, stiffness = family_of(crystal, system), slip[GAP, system], coupling(crystal, system, system)
    log = min(own.log_span + math.log(gap / own.drag) * own.n, math.log(gap / (count * stiffness)))
    if own.n > 1.5:
        log = min(log, (math.log(own.drag / (own.n * stiffness)) * own.n - own.log_span) / (own.n - 1.0))
    return max(log, SMALLEST)


@inlined
def start_slip(crystal: Crystal, slip: Floats, n_active: int, least: float) -> None:
    """Let the systems slip whose F exceeds `least`."""
    count = n_active
    for s in range(crystal.n_systems):
        count += slip[AMOUNT, s] == 0.0 and slip[GAP, s] > least
    for s in range(crystal.n_systems):
        if slip[AMOUNT, s] == 0.0 and slip[GAP, s] > least:
            slip[LOG_AMOUNT, s] = first_amount(crystal, slip, s, count)
            slip[AMOUNT, s] = math.exp(slip[LOG_AMOUNT, s])


@called
def fill_matrix(crystal: Crystal, slip: Floats, order: Ints, n_active: int, matrix: Floats) -> None:
    """Write dF_r / d ln v_s of the systems that slip."""
    for i in range(n_active):
        r = order[i]
        own = family_of(crystal, r)
        for j in range(n_active):
            s = order[j]
            turned = slip[SIGN, r] * slip[SIGN, s] * coupling(crystal, r, s)
            matrix[i, j] = -turned * slip[AMOUNT, s]
            if own.q != 0.0:
                matrix[i, j] -= own.q * latent(slip, r, s) * slip[FILLING, s]
        matrix[i, i] -= slip[DRAG_SLOPE, r] + back_stress(slip, r, own)[1]


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
        inverse = 1.0 / matrix[c, c]
        for r in range(c + 1, n):
            part = matrix[r, c] * inverse
            for j in range(c + 1, end):
                matrix[r, j] -= part * matrix[c, j]
    for c in range(n - 1, -1, -1):
        inverse = 1.0 / matrix[c, c]
        for k in range(n, end):
            for j in range(c + 1, n):
                matrix[c, k] -= matrix[c, j] * matrix[j, k]
            matrix[c, k] *= inverse
    return True


@inlined
def log_amount_of(drag: float, own: Family) -> float:
    """Return ln of the amount of slip whose viscous stress is `drag`, -inf where that is not positive."""
    if not drag > 0.0:
        return -math.inf
    ratio = drag / own.drag
    return own.log_span + math.log(math.sinh(ratio) if own.hyperbolic else ratio) * own.n


@inlined
def ends_slip(crystal: Crystal, slip: Floats, system: int, step: float) -> bool:
    """Tell whether a step ends the slip of a system whose F is ruled by elasticity, not by viscosity."""
    elastic = coupling(crystal, system, system) * slip[AMOUNT, system]
    return step < -1.0 and elastic > ELASTIC * (elastic + slip[DRAG_SLOPE, system])


@inlined
def step_length(crystal: Crystal, slip: Floats, order: Ints, n_active: int, matrix: Floats) -> float:
    """Return the part of Newton's step at which the first such system ends its slip."""
    part = 1.0
    for i in range(n_active):
        step = matrix[i, n_active]
        if ends_slip(crystal, slip, order[i], step):
            part = min(part, -1.0 / step)
    return part


@inlined
def move(crystal: Crystal, slip: Floats, order: Ints, n_active: int, matrix: Floats) -> None:
    """Change the amounts by Newton's step: in v where they grow, in the viscous stress where they fall."""
    part = step_length(crystal, slip, order, n_active, matrix)
    for i in range(n_active):
        s, whole = order[i], matrix[i, n_active]
        step = part * whole
        if step > 0.0:
            slip[LOG_AMOUNT, s] += math.log1p(step)
            slip[AMOUNT, s] *= 1.0 + step
        elif step <= -1.0 + 1e-6 and ends_slip(crystal, slip, s, whole):
            slip[AMOUNT, s] = 0.0
        else:
            slip[LOG_AMOUNT, s] = log_amount_of(slip[DRAG, s] + step * slip[DRAG_SLOPE, s], family_of(crystal, s))
            slip[AMOUNT, s] = math.exp(slip[LOG_AMOUNT, s])
        if slip[AMOUNT, s] > 0.0 and slip[LOG_AMOUNT, s] < LOG_TINY:
            slip[AMOUNT, s] = 0.0


@called
def solve_slip(crystal: Crystal, slip: Floats, order: Ints, matrix: Floats) -> int:
    """Find the amounts of slip; return how many systems slip, or -1 where Newton's method did not converge.

    Systems are linearised on whichever axis of their curve phi(v) is straighter. Those that slip no more leave, and
    those that are nearest to slip enter only when the others are in better balance, so that none comes and goes.
    """
    scale = 0.0
    for s in range(crystal.n_systems):
        scale = max(scale, abs(slip[TRIAL, s]) + family_of(crystal, s).r0)
    for _ in range(MAX_ITERATIONS):
        n_active, active, idle = fill_residuals(crystal, slip, order)
        if max(active, idle) <= TOLERANCE * scale:
            return n_active
        if idle >= active:
            start_slip(crystal, slip, n_active, NEAREST * idle)
            n_active, active, idle = fill_residuals(crystal, slip, order)
        fill_matrix(crystal, slip, order, n_active, matrix)
        for i in range(n_active):
            matrix[i, n_active] = -slip[GAP, order[i]]
        if not eliminate(matrix, n_active, n_active + 1):
            return -1
        move(crystal, slip, order, n_active, matrix)
    return -1

"""The scalar equation of the return map: one unknown dp for any number of hardening terms.

Backward Euler with Armstrong-Frederick terms, alpha_i = theta_i (alpha_i,n + deps_in), leaves

    F(dp) = J(xi(dp)) - (3 G + sum C_i theta_i) dp - R(p_n + dp) - eta(dp) = 0,
    xi(dp) = dev(sig_trial) - sum 2/3 C_i theta_i alpha_i,n,   theta_i = 1 / (1 + D_i dp),

with J(x) = sqrt(3/2 x:x) and eta(dp) = exp(log + ln(dp) / n), zero where rate independent. Every part is
computed as its *change* from dp = 0, so that dp keeps its relative accuracy however small it is.
"""

import math
from typing import NamedTuple

from romtool.laws.hardening import Hardening, HardeningRows, yield_increase
from romtool.laws.tensors import Six, contract, inlined, row_of
from romtool.types import Floats

MAX_ITERATIONS = 200
STEP_TOLERANCE = 1e-7  # relative step of dp below which the error left is none in any case
ERROR_TOLERANCE = 2e-14  # of dp, relative, estimated from two steps
LOG_TINY = -690.0  # ln of the smallest dp that is not taken as zero
TINY = 1e-300
# Columns of the scratch rows of kinematic terms: C, D, 3/2 xi(0):a, u with two derivatives, a = 2/3 C alpha_n,
# and 3/2 a:a_j with each term j up to this one.
MODULUS, RECALL, ALONG, U, BACK, PRODUCTS = 0, 1, 2, 3, 6, 12


class Flow(NamedTuple):
    """Scalars of one point.

    Parameters
    ----------
    excess: F(0) without viscosity, J(xi(0)) - R(p_n) > 0 [stress].
    equivalent: J(xi(0)) [stress].
    stiffness: 3 G [stress].
    n_terms: number of kinematic terms.
    hardening: the isotropic one.
    """

    excess: float
    equivalent: float
    stiffness: float
    n_terms: int
    hardening: Hardening


class Drag(NamedTuple):
    """Viscosity of one point, eta(dp) = exp(log + ln(dp) inverse_n)."""

    log: float
    inverse_n: float


@inlined
def balance(dp: float, flow: Flow, terms: Floats) -> tuple[float, float, float]:
    """Return F without R and eta, and its first two derivatives in dp.

    With u_i = 1 - theta_i and a_i = 2/3 C_i alpha_i,n, xi(dp) = xi(0) + sum u_i a_i; its size follows from
    the products 3/2 xi(0):a_i and 3/2 a_i:a_j.

    Parameters
    ----------
    dp: increment of p, >= 0.
    flow: the point's scalars.
    terms: scratch rows, filled by `prepare_terms`; the columns U are written.
    """
    value, slope, curvature = flow.excess - flow.stiffness * dp, -flow.stiffness, 0.0
    if flow.n_terms == 0:
        return value, slope, curvature
    square, first, second = 0.0, 0.0, 0.0
    for i in range(flow.n_terms):
        modulus, recall = terms[i, MODULUS], terms[i, RECALL]
        theta = 1.0 / (1.0 + recall * dp)
        u, u1 = recall * dp * theta, recall * theta * theta
        u2 = -2.0 * recall * theta * u1
        value -= modulus * theta * dp
        slope -= modulus * theta * theta
        curvature += 2.0 * modulus * theta * u1
        terms[i, U], terms[i, U + 1], terms[i, U + 2] = u, u1, u2
        along, own = terms[i, ALONG], terms[i, PRODUCTS + i]
        square += u * (2.0 * along + u * own)
        first += u1 * (along + u * own)
        second += u2 * (along + u * own) + u1 * u1 * own
        for j in range(i):
            v, v1, v2, product = terms[j, U], terms[j, U + 1], terms[j, U + 2], terms[i, PRODUCTS + j]
            square += 2.0 * u * v * product
            first += (u1 * v + u * v1) * product
            second += (u2 * v + 2.0 * u1 * v1 + u * v2) * product
    size = math.sqrt(max(flow.equivalent * flow.equivalent + square, TINY))
    inverse = 1.0 / size
    turn = first * inverse
    value += square / (size + flow.equivalent)
    return value, slope + turn, curvature + (second - turn * turn) * inverse


@inlined
def start_balance(flow: Flow, terms: Floats) -> tuple[float, float]:
    """Return the derivatives of `balance` at dp = 0."""
    slope, curvature, first, second = -flow.stiffness, 0.0, 0.0, 0.0
    for i in range(flow.n_terms):
        modulus, recall = terms[i, MODULUS], terms[i, RECALL]
        slope -= modulus
        curvature += 2.0 * modulus * recall
        first += recall * terms[i, ALONG]
        second += recall * recall * (terms[i, PRODUCTS + i] - 2.0 * terms[i, ALONG])
        for j in range(i):
            second += 2.0 * recall * terms[j, RECALL] * terms[i, PRODUCTS + j]
    inverse = 1.0 / flow.equivalent
    turn = first * inverse
    return slope + turn, curvature + (second - turn * turn) * inverse


@inlined
def prepare_terms(xi: Six, n_terms: int, terms: Floats) -> None:
    """Write the products 3/2 xi(0):a_i and 3/2 a_i:a_j of the scratch rows, whose a_i are there."""
    for i in range(n_terms):
        back = row_of(terms, i, BACK)
        terms[i, ALONG] = 1.5 * contract(xi, back)
        for j in range(i + 1):
            terms[i, PRODUCTS + j] = 1.5 * contract(row_of(terms, j, BACK), back)


@inlined
def halley_step(value: float, slope: float, curvature: float) -> float:
    """Return Halley's step to the root, or Newton's where Halley's is more than twice as long."""
    squared, bend = slope * slope, 0.5 * value * curvature
    return -value * slope / (squared - bend if bend < 0.5 * squared else squared)


@inlined
def small_enough(step: float, previous: float) -> bool:
    """Tell whether the error after `step` (relative to dp) is negligible.

    Convergence is cubic, so that after steps s0, s1 the error is about |s1|^4 / |s0|^3.
    """
    size, before = abs(step), abs(previous)
    squared = size * size
    cubic = size < 3e-4 and squared * squared <= ERROR_TOLERANCE * before * before * before
    return size <= STEP_TOLERANCE or cubic


@inlined
def solve_rate_independent(flow: Flow, terms: Floats, rows: HardeningRows) -> tuple[float, float, bool]:
    """Solve F(dp) = 0 with eta = 0: Halley steps within a bracket.

    Returns
    -------
    dp, the hardening slope dR/dp there, and whether it converged.
    """
    slope, curvature = start_balance(flow, terms)
    start = yield_increase(0.0, flow.hardening, rows)
    slope, curvature = slope - start.slope, curvature - start.bend
    low, high, previous, dp = 0.0, math.inf, 1.0, halley_step(flow.excess, slope, curvature)
    if not (slope < 0.0 and dp > 0.0):
        dp = flow.excess / flow.stiffness
    for _ in range(MAX_ITERATIONS):
        value, slope, curvature = balance(dp, flow, terms)
        rise, hardening, bend, left, right = yield_increase(dp, flow.hardening, rows)
        value, slope, curvature = value - rise, slope - hardening, curvature - bend
        low, high = (dp, high) if value > 0.0 else (low, dp)
        following = dp + halley_step(value, slope, curvature)
        step = (following - dp) / dp
        if small_enough(step, previous) and left <= following <= right:
            return following, hardening, True
        previous = step
        if not low < following < high:
            following = 0.5 * (low + high) if high < math.inf else 2.0 * dp
            previous = 0.0
        if following == dp:
            return dp, hardening, True
        dp = following
    return dp, 0.0, False


@inlined
def growth(x: float) -> float:
    """Return exp(x), by its series where x is small, to round-off."""
    if abs(x) > 0.25:
        return math.exp(x)
    x2 = x * x
    x4 = x2 * x2
    low = 1.0 + x + x2 * (1.0 / 2.0 + x * (1.0 / 6.0))
    middle = 1.0 / 24.0 + x * (1.0 / 120.0) + x2 * (1.0 / 720.0 + x * (1.0 / 5040.0))
    high = 1.0 / 40320.0 + x * (1.0 / 362880.0) + x2 * (1.0 / 3628800.0 + x * (1.0 / 39916800.0))
    return low + x4 * (middle + x4 * high)


@inlined
def viscous_start(flow: Flow, drag: Drag, slope: float, curvature: float) -> tuple[float, float, float]:
    """Return a first ln dp, dp and eta(dp).

    With dp_e the root without viscosity, x = dp / dp_e and v = eta(dp_e) / F(0), the equation is about
    1 = x + v x^(1/n), or x = 1 - v - v/n ln x; for small x the root with viscosity alone is closer.
    """
    plastic = halley_step(flow.excess, slope, curvature)
    if not (slope < 0.0 and plastic > 0.0):
        plastic = flow.excess / flow.stiffness
    start = math.log(plastic)
    eta = math.exp(drag.log + start * drag.inverse_n)
    share = eta / flow.excess
    bend = share * drag.inverse_n
    y = max(1.0 - share, bend)
    x = 1.0 - share + 3.0 * bend * (1.0 - y) * (1.0 + y) / (1.0 + y * (4.0 + y))  # ln y to 25 %
    if x > 0.5 * bend:
        ratio = halley_step(flow.excess * x, slope, curvature) / plastic
        shift = math.log(ratio if ratio > 0.0 else x)
        return start + shift, (ratio if ratio > 0.0 else x) * plastic, eta * growth(shift * drag.inverse_n)
    z = (math.log(flow.excess) - drag.log) / drag.inverse_n
    return z, math.exp(z), flow.excess


@inlined
def solve_viscous(flow: Flow, drag: Drag, terms: Floats, rows: HardeningRows) -> tuple[float, float, bool]:
    """Solve F(dp) = 0 in z = ln dp, where F is smooth and (between kinks) concave: Halley steps in a bracket.

    Returns
    -------
    dp, the slope of R + eta there, and whether it converged; dp = 0 where it is below exp(LOG_TINY).
    """
    slope, curvature = start_balance(flow, terms)
    start = yield_increase(0.0, flow.hardening, rows)
    slope, curvature = slope - start.slope, curvature - start.bend
    z, dp, eta = viscous_start(flow, drag, slope, curvature)
    if z < LOG_TINY:
        return 0.0, 0.0, True
    low, high, previous = -math.inf, math.inf, 0.0
    for _ in range(MAX_ITERATIONS):
        value, slope, curvature = balance(dp, flow, terms)
        rise, hardening, bend, left, right = yield_increase(dp, flow.hardening, rows)
        value -= rise + eta
        low, high = (z, high) if value > 0.0 else (low, z)
        slope = (slope - hardening) * dp
        curvature = (curvature - bend) * dp * dp + slope - eta * drag.inverse_n * drag.inverse_n
        step = halley_step(value, slope - eta * drag.inverse_n, curvature)
        step = math.log1p(step) if step > 1.0 else step  # far left of the root F is straighter in dp
        done = small_enough(step, previous)
        previous = step
        if not (low < z + step < high or done):
            step, previous = middle(z, low, high) - z, 0.0
        following = dp * growth(step)
        z, eta = z + step, eta * growth(step * drag.inverse_n)
        if (done and left <= following <= right) or following == dp:
            return following, hardening + eta * drag.inverse_n / following, True
        dp = following
    return 0.0, 0.0, False


@inlined
def middle(z: float, low: float, high: float) -> float:
    """Return a point between the bounds, or two beyond `z` where one is not known yet."""
    if low > -math.inf and high < math.inf:
        return 0.5 * (low + high)
    return z - 2.0 if high < math.inf else z + 2.0

"""Isotropic hardening R(p) = R0 + H p + sum Q (1 - exp(-b p)) + B (e0 + p)^N, or piecewise linear from a curve.

Increments are computed as changes from p_n, so that they keep their relative accuracy however small they are.
"""

import math
from typing import NamedTuple

from romtool.laws.tensors import inlined
from romtool.types import Floats

LEFT, RATE = 0, 1
"""Columns of the scratch rows of saturating terms: Q exp(-b p_n), and b."""


class Curve(NamedTuple):
    """Where p_n and the temperature lie in a hardening curve.

    Parameters
    ----------
    segment, last: last curve point at or before p_n, and the curve's last point; equal where nothing follows.
    low, high: offsets of the stresses at the two temperatures: [low + k] belongs to curve_p[k].
    weight: of the upper temperature.
    """

    segment: int
    last: int
    low: int
    high: int
    weight: float


class Hardening(NamedTuple):
    """Hardening of one point from p_n on.

    Parameters
    ----------
    slope: H, linear hardening [stress].
    p: p_n.
    power: B [stress]. exponent: N. start: e0 + p_n.
    n_saturating: number of saturating terms.
    curve: place in the hardening curve.
    """

    slope: float
    p: float
    power: float
    exponent: float
    start: float
    n_saturating: int
    curve: Curve


class HardeningRows(NamedTuple):
    """Arrays that the hardening is read from.

    Parameters
    ----------
    saturating: (n_saturating, 2) scratch, columns LEFT and RATE.
    curve_p, curve_stress: of the hardening curves.
    """

    saturating: Floats
    curve_p: Floats
    curve_stress: Floats


class Increase(NamedTuple):
    """R(p_n + dp) - R(p_n), its first two derivatives, and the range of dp in which it is smooth."""

    rise: float
    slope: float
    bend: float
    left: float
    right: float


@inlined
def curve_stress(k: int, curve: Curve, stress: Floats) -> float:
    """Return the yield stress of curve point k at the point's temperature."""
    low = float(stress[curve.low + k])
    return low + curve.weight * (float(stress[curve.high + k]) - low)


@inlined
def secant(k: int, curve: Curve, curve_p: Floats, stress: Floats) -> float:
    """Return the slope of the curve between its points k and k + 1."""
    rise = curve_stress(k + 1, curve, stress) - curve_stress(k, curve, stress)
    return rise / float(curve_p[k + 1] - curve_p[k])


@inlined
def curve_increase(dp: float, hardening: Hardening, curve_p: Floats, stress: Floats) -> Increase:
    """Return the increase of the linear part and of the curve."""
    rise, left = hardening.slope * dp, 0.0
    for k in range(hardening.curve.segment, hardening.curve.last):
        slope, right = secant(k, hardening.curve, curve_p, stress), curve_p[k + 1] - hardening.p
        if dp <= right:
            return Increase(rise + slope * (dp - left), hardening.slope + slope, 0.0, left, right)
        rise += slope * (right - left)
        left = right
    return Increase(rise, hardening.slope, 0.0, left, math.inf)


@inlined
def power_increase(dp: float, hardening: Hardening) -> tuple[float, float, float]:
    """Return the increase of B (e0 + p)^N and its derivatives; the first is infinite at e0 + p = 0."""
    end, exponent = hardening.start + dp, hardening.exponent
    if hardening.start > 0.0:
        base = hardening.power * hardening.start**exponent
        rise = base * math.expm1(exponent * math.log1p(dp / hardening.start))
    else:
        rise = hardening.power * end**exponent
    slope = exponent * hardening.power * end ** (exponent - 1.0)
    return rise, slope, (exponent - 1.0) * slope / end


@inlined
def yield_increase(dp: float, hardening: Hardening, rows: HardeningRows) -> Increase:
    """Return the increase of the yield stress with dp >= 0."""
    rise, slope, bend, left, right = curve_increase(dp, hardening, rows.curve_p, rows.curve_stress)
    for i in range(hardening.n_saturating):
        drop, rate = rows.saturating[i, LEFT], rows.saturating[i, RATE]
        rise -= drop * math.expm1(-rate * dp)
        fading = drop * rate * math.exp(-rate * dp)
        slope += fading
        bend -= rate * fading
    if hardening.power > 0.0:
        more, steep, curved = power_increase(dp, hardening)
        rise, slope, bend = rise + more, slope + steep, bend + curved
    return Increase(rise, slope, bend, left, right)

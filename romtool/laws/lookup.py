"""What the return map of one point needs, looked up in the tables at its temperature."""

import math
from typing import NamedTuple

from romtool.laws.catalogue import (
    EXPANSION,
    FACTOR,
    HARDENING,
    LOG_FACTOR,
    OVERSTRESS,
    POISSON,
    TERMS,
    TIME_EXPONENT,
    YIELD,
    YOUNG,
)
from romtool.laws.parameters import LawTables
from romtool.laws.return_map import (
    BACK,
    MODULUS,
    RECALL,
    Curve,
    Flow,
    Six,
    add_scaled,
    curve_stress,
    equivalent,
    inlined,
    row_of,
    secant,
)
from romtool.types import Floats

ZERO = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
ALPHA = 7  # first column of alpha_1 in the state


class Place(NamedTuple):
    """Where a temperature lies in a material's rows: lower row, upper row, weight of the upper."""

    low: int
    high: int
    weight: float


class Step(NamedTuple):
    """The increment in time: start, end, their logarithms, and whether viscous flow and creep act."""

    t_n: float
    t_n1: float
    log_duration: float
    log_time: float
    viscous: bool


@inlined
def locate(tables: LawTables, material: int, temperature: float) -> Place:
    """Find `temperature` among the rows of `material`; constant outside."""
    low, high = tables.rows[material], tables.rows[material + 1] - 1
    if low == high or temperature <= tables.temperatures[low]:
        return Place(low, low, 0.0)
    if temperature >= tables.temperatures[high]:
        return Place(high, high, 0.0)
    while high - low > 1:
        middle = (low + high) // 2
        if tables.temperatures[middle] <= temperature:
            low = middle
        else:
            high = middle
    start = tables.temperatures[low]
    return Place(low, high, (temperature - start) / (tables.temperatures[high] - start))


@inlined
def parameter(tables: LawTables, place: Place, column: int) -> float:
    """Return a parameter, linear between rows."""
    low, high = float(tables.values[place.low, column]), float(tables.values[place.high, column])
    return low + place.weight * (high - low)


@inlined
def moduli(tables: LawTables, place: Place) -> tuple[float, float]:
    """Return G and K [stress]."""
    young, poisson = parameter(tables, place, YOUNG), parameter(tables, place, POISSON)
    return young / (2.0 + 2.0 * poisson), young / (3.0 - 6.0 * poisson)


@inlined
def expansion_strain(tables: LawTables, material: int, place: Place, temperature: float) -> float:
    """Return alpha(T) (T - T_ref)."""
    return parameter(tables, place, EXPANSION) * (temperature - float(tables.reference[material]))


@inlined
def log_factor(tables: LawTables, place: Place) -> float:
    """Return ln K or ln A; the stored logarithm where the parameter does not vary here."""
    low, high = tables.values[place.low, FACTOR], tables.values[place.high, FACTOR]
    if low == high or place.weight == 0.0:
        return float(tables.values[place.low, LOG_FACTOR])
    return math.log(low + place.weight * (high - low))


@inlined
def log_drag(tables: LawTables, material: int, place: Place, step: Step, inverse_n: float) -> float:
    """Return ln eta at dp = 1: ln K - ln(dt)/n, or -ln(A t^m dt)/n; inf where nothing flows."""
    factor = log_factor(tables, place)
    if not step.t_n1 > step.t_n or factor == -math.inf:
        return math.inf
    if tables.flow[material] == OVERSTRESS:
        return factor - step.log_duration * inverse_n
    ageing = parameter(tables, place, TIME_EXPONENT)
    age = ageing * step.log_time if ageing != 0.0 else 0.0
    return -(factor + age + step.log_duration) * inverse_n


@inlined
def logarithm(x: float) -> float:
    """Return ln x, NaN where x <= 0."""
    return math.log(x) if x > 0.0 else math.nan


@inlined
def fill_terms(tables: LawTables, row: int, place: Place, state_n: Floats, point: int, terms: Floats) -> Six:
    """Write C, D and 2/3 C alpha_n of each term into `terms`; return X(0), their sum."""
    total = ZERO
    for i in range(tables.n_terms[row]):
        modulus = parameter(tables, place, TERMS + 2 * i)
        terms[i, MODULUS], terms[i, RECALL] = modulus, parameter(tables, place, TERMS + 2 * i + 1)
        back = add_scaled(ZERO, modulus / 1.5, row_of(state_n, point, ALPHA + 6 * i))
        for j in range(6):
            terms[i, BACK + j] = back[j]
        total = add_scaled(total, 1.0, back)
    return total


@inlined
def start_curve(tables: LawTables, material: int, place: Place, p: float) -> Curve:
    """Find `p` on the hardening curve of `material`."""
    first, end = tables.curve_rows[material], tables.curve_rows[material + 1]
    segment, count = first, end - first
    while segment + 1 < end and tables.curve_p[segment + 1] <= p:
        segment += 1
    base = tables.curve_starts[material] - first - tables.rows[material] * count
    return Curve(segment, max(end - 1, first), base + place.low * count, base + place.high * count, place.weight)


@inlined
def start_flow(tables: LawTables, material: int, place: Place, p: float, xi: Six) -> Flow:
    """Return the scalars of the return map."""
    size, slope, shear = equivalent(xi), parameter(tables, place, HARDENING), moduli(tables, place)[0]
    radius, curve = parameter(tables, place, YIELD) + slope * p, start_curve(tables, material, place, p)
    if tables.curve_rows[material] < tables.curve_rows[material + 1]:
        k = curve.segment
        radius += curve_stress(k, curve, tables.curve_stress)
        if k < curve.last:
            radius += secant(k, curve, tables.curve_p, tables.curve_stress) * (p - tables.curve_p[k])
    return Flow(size - radius, size, 3.0 * shear, slope, p, tables.n_terms[material], curve)

"""What a law needs of the tables at the temperature of a point."""

import math
from typing import NamedTuple

from romtool.laws.catalogue import (
    EXPONENT,
    FACTOR,
    HARDENING,
    LOG_FACTOR,
    OVERSTRESS,
    POISSON,
    POWER,
    POWER_EXPONENT,
    POWER_START,
    TERMS,
    THERMAL,
    TIME_EXPONENT,
    VISCOUS_THRESHOLD,
    YIELD,
    YOUNG,
)
from romtool.laws.hardening import LEFT, RATE, Curve, Hardening, curve_stress, secant
from romtool.laws.parameters import LawTables
from romtool.laws.return_map import BACK, MODULUS, RECALL, Flow
from romtool.laws.states import ALPHA
from romtool.laws.tensors import ZERO, Six, add_scaled, equivalent, inlined, row_of, scaled
from romtool.types import Floats


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
def expansion_strain(tables: LawTables, place: Place, temperature: float, axis: int) -> float:
    """Return the thermal strain along a local axis (see `romtool.laws.expansion`)."""
    column = THERMAL + 3 * axis
    strain = parameter(tables, place, column)
    if place.low == place.high:
        slope = float(tables.values[place.low, column + 1])
        return strain + slope * (temperature - float(tables.temperatures[place.low]))
    bend = float(tables.values[place.low, column + 2])
    return strain - bend * place.weight * (1.0 - place.weight)


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
def inverse_exponent(tables: LawTables, place: Place) -> float:
    """Return 1 / n."""
    return 1.0 / parameter(tables, place, EXPONENT)


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
        back = scaled(modulus / 1.5, row_of(state_n, point, ALPHA + 6 * i))
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
def fill_saturating(tables: LawTables, material: int, place: Place, p: float, saturating: Floats) -> float:
    """Write Q exp(-b p_n) and b of each saturating term; return sum Q (1 - exp(-b p_n))."""
    total, first = 0.0, tables.values.shape[1] - 2 * len(saturating)
    for i in range(tables.n_saturating[material]):
        height, rate = parameter(tables, place, first + 2 * i), parameter(tables, place, first + 2 * i + 1)
        total -= height * math.expm1(-rate * p)
        saturating[i, LEFT], saturating[i, RATE] = height * math.exp(-rate * p), rate
    return total


@inlined
def start_hardening(
    tables: LawTables, material: int, place: Place, p: float, saturating: Floats
) -> tuple[float, Hardening]:
    """Return R(p_n), and the hardening from there on."""
    slope, curve = parameter(tables, place, HARDENING), start_curve(tables, material, place, p)
    radius = parameter(tables, place, YIELD) + slope * p
    if tables.curve_rows[material] < tables.curve_rows[material + 1]:
        k = curve.segment
        radius += curve_stress(k, curve, tables.curve_stress)
        if k < curve.last:
            radius += secant(k, curve, tables.curve_p, tables.curve_stress) * (p - tables.curve_p[k])
    if tables.n_saturating[material] > 0:
        radius += fill_saturating(tables, material, place, p, saturating)
    power, exponent, start = parameter(tables, place, POWER), 1.0, p
    if power > 0.0:
        exponent, start = parameter(tables, place, POWER_EXPONENT), parameter(tables, place, POWER_START) + p
        radius += power * start**exponent
    return radius, Hardening(slope, p, power, exponent, start, tables.n_saturating[material], curve)


@inlined
def start_flow(
    tables: LawTables, material: int, place: Place, viscous: bool, p: float, xi: Six, saturating: Floats
) -> Flow:
    """Return the scalars of the return map; below the viscous threshold nothing flows."""
    size, shear = equivalent(xi), moduli(tables, place)[0]
    radius, hardening = start_hardening(tables, material, place, p, saturating)
    if viscous:
        radius += parameter(tables, place, VISCOUS_THRESHOLD)
    return Flow(size - radius, size, 3.0 * shear, tables.n_terms[material], hardening)

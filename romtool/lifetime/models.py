"""Models of damage by fatigue and by creep, and the table of their names.

A model says what damage one cycle does at each point; a life is used up where the damages of all cycles add to one.
Fatigue models give 1 / N_f, N_f in cycles; creep models integrate dt / t_r over the cycle.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from scipy.special import roots_legendre

from romtool.errors import LawError, MissingPartError
from romtool.io.validation import did_you_mean
from romtool.lifetime.cycles import Cycle
from romtool.lifetime.tables import Curves, Key, Parameters, Table, build_parameters
from romtool.types import Floats

PLUGINS = "romtool.lifetime"
"""Entry-point group of models of one's own."""

MAX_ITERATIONS = 60
CONVERGED = 4e-15
"""Last step of Newton's method in log 2N, relative: round-off."""
FIRST_REVERSAL = 0.5
"""Cycles to failure of a first loading that fails: one reversal."""


class LifetimeModel(Protocol):
    """What damage a cycle does; a model of one's own is an object with these attributes.

    `kind` says whether damages of fatigue or of creep it is added to; `parameters` names what a life file has to give.
    """

    @property
    def name(self) -> str:
        """Return the name in life files."""
        ...

    @property
    def kind(self) -> Literal["fatigue", "creep"]:
        """Return what it is damage of."""
        ...

    @property
    def description(self) -> str:
        """Return a line for users."""
        ...

    @property
    def parameters(self) -> Mapping[str, Key]:
        """Return name -> what is expected."""
        ...

    def damage(self, cycle: Cycle, parameters: Parameters) -> Floats:
        """Return the (n,) damage per cycle: not negative, inf where the first loading fails at once."""
        ...


def power_sum_life(amplitude: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """Return N of `amplitude = a (2N)^b + c (2N)^d`.

    The logarithm of the right-hand side is convex and decreasing in log 2N: Newton's method from below meets the root
    from one side, between the N of the larger term alone and that of twice each term alone.

    Parameters
    ----------
    amplitude: (n,) float, inf cycles where it is not positive.
    a, c: (n,) float, positive. b, d: (n,) float, negative.

    Returns
    -------
    (n,) float, cycles to failure.
    """
    positive = amplitude > 0.0
    target = np.log(np.where(positive, amplitude, 1.0))
    low = np.maximum((target - np.log(a)) / b, (target - np.log(c)) / d)
    high = np.maximum((target - np.log(2.0 * a)) / b, (target - np.log(2.0 * c)) / d)
    x = low.copy()
    for _ in range(MAX_ITERATIONS):
        first, second = np.log(a) + b * x, np.log(c) + d * x
        total = np.logaddexp(first, second)
        slope = b * np.exp(first - total) + d * np.exp(second - total)
        step = (target - total) / slope
        x = np.clip(x + step, low, high)
        if np.all(np.abs(step) <= CONVERGED * np.maximum(1.0, np.abs(x))):
            break
    return np.where(positive, 0.5 * np.exp(np.minimum(x, 700.0)), np.inf)


@dataclass(frozen=True)
class FatigueModel:
    """A model of fatigue that is a function of the measures of a cycle and of parameters at one temperature.

    Parameters
    ----------
    name, description: for users.
    parameters: name -> what is expected.
    life: of a cycle and the (n,) values of the parameters -> (n,) cycles to failure.
    """

    name: str
    description: str
    parameters: Mapping[str, Key]
    life: Callable[[Cycle, Mapping[str, Floats]], Floats]
    kind: Literal["fatigue"] = "fatigue"

    def damage(self, cycle: Cycle, parameters: Parameters) -> Floats:
        """Return the (n,) damage per cycle, `1 / N_f`."""
        values = {name: entry.at(cycle.reference) for name, entry in parameters.items()}
        return 1.0 / self.life(cycle, values)


def _coffin_manson_basquin(cycle: Cycle, at: Mapping[str, Floats]) -> Floats:
    """Solve `Δε/2 = σ_f'/E (2N)^b + ε_f' (2N)^c`."""
    return power_sum_life(0.5 * cycle.strain_range, at["sigma_f"] / at["young"], at["b"], at["epsilon_f"], at["c"])


def _morrow(cycle: Cycle, at: Mapping[str, Floats]) -> Floats:
    """Solve `Δε/2 = (σ_f' - σ_m)/E (2N)^b + ε_f' (2N)^c`; a mean stress of σ_f' or more fails at once."""
    left = at["sigma_f"] - cycle.mean_stress
    elastic = np.where(left > 0.0, left, 1.0) / at["young"]
    life = power_sum_life(0.5 * cycle.strain_range, elastic, at["b"], at["epsilon_f"], at["c"])
    return np.where(left > 0.0, life, FIRST_REVERSAL)


def _smith_watson_topper(cycle: Cycle, at: Mapping[str, Floats]) -> Floats:
    """Solve `σ_max Δε/2 = σ_f'²/E (2N)^2b + σ_f' ε_f' (2N)^(b+c)`; no damage where σ_max is not positive."""
    amplitude = np.maximum(cycle.max_stress, 0.0) * 0.5 * cycle.strain_range
    elastic, plastic = at["sigma_f"] ** 2 / at["young"], at["sigma_f"] * at["epsilon_f"]
    return power_sum_life(amplitude, elastic, 2.0 * at["b"], plastic, at["b"] + at["c"])


_STRAIN_LIFE = MappingProxyType(
    {
        "young": Key("Young's modulus E [stress]"),
        "sigma_f": Key("fatigue strength coefficient sigma_f' [stress]"),
        "b": Key("fatigue strength exponent, negative", "negative"),
        "epsilon_f": Key("fatigue ductility coefficient epsilon_f'"),
        "c": Key("fatigue ductility exponent, negative", "negative"),
    }
)

_GAUSS = roots_legendre(8)


@dataclass(frozen=True)
class RobinsonModel:
    """Robinson's time fractions: the damage of a cycle is `∫ dt / t_r(σ, T)`.

    Between the times of the history σ and T are linear; each increment is integrated with eight Gauss points.

    Parameters
    ----------
    name, description: for users.
    parameters: name -> what is expected.
    log_rupture: of parameters, (n,) positive σ [stress] and (n,) T [temperature] -> (n,) ln t_r [time].
    """

    name: str
    description: str
    parameters: Mapping[str, Key]
    log_rupture: Callable[[Parameters, Floats, Floats], Floats]
    kind: Literal["creep"] = "creep"

    def damage(self, cycle: Cycle, parameters: Parameters) -> Floats:
        """Return the (n,) damage per cycle."""
        total = np.zeros(cycle.n_points)
        for place, weight in zip(0.5 * (1.0 + _GAUSS[0]), 0.5 * _GAUSS[1], strict=True):
            stress = (1.0 - place) * cycle.stress[:-1] + place * cycle.stress[1:]
            temperature = (1.0 - place) * cycle.temperature[:-1] + place * cycle.temperature[1:]
            total += weight * (np.diff(cycle.times) @ self.rate(parameters, stress, temperature))
        return total

    def rate(self, parameters: Parameters, stress: Floats, temperature: Floats) -> Floats:
        """Return the (…) rates of damage `1 / t_r` [1/time]; zero where there is no stress."""
        loaded = stress > 0.0
        return np.where(loaded, np.exp(-self.log_rupture(parameters, np.where(loaded, stress, 1.0), temperature)), 0.0)


def _larson_miller(parameters: Parameters, stress: Floats, temperature: Floats) -> Floats:
    """Return ln t_r of `(T - T_0) (C + log10 t_r) = a_0 + a_1 log10 σ + …`, t_r in hours, times an hour."""
    lowest: Table = parameters["lowest_stress"]
    log_stress = np.log10(np.maximum(stress, lowest.at(temperature)))
    parameter = np.polyval(parameters["coefficients"][::-1], log_stress)
    absolute = temperature - parameters["absolute_zero"].at(temperature)
    log_hours = parameter / absolute - parameters["C"].at(temperature)
    return np.asarray(np.log(10.0) * log_hours + np.log(parameters["hour"].at(temperature)))


def _power(parameters: Parameters, stress: Floats, temperature: Floats) -> Floats:
    """Return ln t_r of `t_r = (σ / A)^(-n)`."""
    strength: Table = parameters["A"]
    return np.asarray(-parameters["n"].at(temperature) * np.log(stress / strength.at(temperature)))


def _table(parameters: Parameters, stress: Floats, temperature: Floats) -> Floats:
    """Return ln t_r of measured curves."""
    rupture: Curves = parameters["rupture"]
    return rupture.log_at(temperature, np.log(stress))


LIFETIME: MappingProxyType[str, LifetimeModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            FatigueModel(
                "coffin_manson_basquin",
                "strain range: elastic part by Basquin, plastic part by Coffin and Manson",
                _STRAIN_LIFE,
                _coffin_manson_basquin,
            ),
            FatigueModel(
                "morrow", "coffin_manson_basquin with Morrow's correction for the mean stress", _STRAIN_LIFE, _morrow
            ),
            FatigueModel(
                "smith_watson_topper", "strain range times largest stress", _STRAIN_LIFE, _smith_watson_topper
            ),
            RobinsonModel(
                "robinson_larson_miller",
                "creep by time fractions, rupture by Larson and Miller's parameter",
                MappingProxyType(
                    {
                        "C": Key("Larson and Miller's constant, for rupture times in hours"),
                        "coefficients": Key(
                            "a_0, a_1, … of the parameter, a polynomial in log10 of the stress", "list"
                        ),
                        "absolute_zero": Key("absolute zero [temperature]", "number", -273.15),
                        "hour": Key("an hour [time]", "positive", 3600.0),
                        "lowest_stress": Key(
                            "stress below which the polynomial stays constant [stress]", "positive", 1e-30
                        ),
                    }
                ),
                _larson_miller,
            ),
            RobinsonModel(
                "robinson_power",
                "creep by time fractions, rupture after (stress / A)^(-n)",
                MappingProxyType({"A": Key("stress of rupture after a unit of time [stress]"), "n": Key("exponent")}),
                _power,
            ),
            RobinsonModel(
                "robinson_table",
                "creep by time fractions, rupture by measured curves",
                MappingProxyType({"rupture": Key("curves of rupture [[T, [[stress, time], …]], …]", "curves")}),
                _table,
            ),
        )
    }
)
"""Every model by name."""


def find_model(name: str) -> LifetimeModel:
    """Return a model by name, one of romtool's or of an installed package.

    Raises
    ------
    LawError: there is none of that name.
    MissingPartError: a package's model that cannot be loaded.
    """
    if name in LIFETIME:
        return LIFETIME[name]
    plugins = {entry.name: entry for entry in entry_points(group=PLUGINS)}
    if name not in plugins:
        raise LawError(f'there is no lifetime model "{name}"; {did_you_mean(name, (*LIFETIME, *plugins))}')
    try:
        model: LifetimeModel = plugins[name].load()
    except Exception as error:
        raise MissingPartError(f'the lifetime model "{name}" can not be loaded: {error}; repair its package') from error
    return model


@dataclass(frozen=True)
class BuiltModel:
    """A model with parameters that are checked."""

    model: LifetimeModel
    parameters: Parameters

    def damage(self, cycle: Cycle) -> Floats:
        """Return the (n,) damage per cycle."""
        return self.model.damage(cycle, self.parameters)


def build_model(name: str, given: Mapping[str, Any], what: str) -> BuiltModel:
    """Return a model with its parameters.

    Parameters
    ----------
    name: of the model.
    given: parameters as in a life file.
    what: whose they are, for messages.

    Raises
    ------
    LawError: an unknown model, unknown or missing parameters, wrong values.
    """
    model = find_model(name)
    return BuiltModel(model, build_parameters(model.parameters, given, f"{what}, {name}"))

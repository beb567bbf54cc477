"""The laws in words: their parameters with units and ranges, their states, and the columns of the tables."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from romtool.types import Floats

# Columns of LawTables.values; C_i and D_i follow from column TERMS on, in pairs.
YOUNG, POISSON, EXPANSION, YIELD, HARDENING, FACTOR, LOG_FACTOR, EXPONENT, TIME_EXPONENT, TERMS = range(10)
# Kinds of flow (LawTables.flow).
NO_FLOW, RATE_INDEPENDENT, OVERSTRESS, THRESHOLD_CREEP, CREEP = range(5)


@dataclass(frozen=True)
class ParameterInfo:
    """Unit and allowed range of a parameter.

    Parameters
    ----------
    unit: in words of stress, time, temperature; "" for a pure number.
    above, at_least, below: bounds, `above` and `below` excluded; None where there is none.
    column: column of `LawTables.values`, or -1 for lists and curves.
    """

    unit: str
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    column: int = -1

    @property
    def allowed(self) -> str:
        """Return the range in words."""
        bounds = (("greater than", self.above), ("at least", self.at_least), ("less than", self.below))
        words = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
        return " and ".join(words) or "a finite number"

    def contains(self, values: Floats) -> Any:
        """Return a mask of the `values` that are finite and in the range."""
        inside = np.isfinite(values)
        inside &= values > (-math.inf if self.above is None else self.above)
        inside &= values >= (-math.inf if self.at_least is None else self.at_least)
        return inside & (values < (math.inf if self.below is None else self.below))


PARAMETERS: Mapping[str, ParameterInfo] = {
    "young": ParameterInfo("stress", above=0.0, column=YOUNG),
    "poisson": ParameterInfo("", above=-1.0, below=0.5, column=POISSON),
    "expansion": ParameterInfo("1/temperature", column=EXPANSION),
    "R0": ParameterInfo("stress", at_least=0.0, column=YIELD),
    "H": ParameterInfo("stress", at_least=0.0, column=HARDENING),
    "hardening": ParameterInfo("stress over p", at_least=0.0),
    "C": ParameterInfo("stress, one per term", at_least=0.0),
    "D": ParameterInfo("one per term", at_least=0.0),
    "K": ParameterInfo("stress time^(1/n)", above=0.0, column=FACTOR),
    "A": ParameterInfo("stress^-n time^-(1+m)", at_least=0.0, column=FACTOR),
    "n": ParameterInfo("", at_least=1.0, column=EXPONENT),
    "m": ParameterInfo("", above=-1.0, column=TIME_EXPONENT),
}


@dataclass(frozen=True)
class LawInfo:
    """A law in words.

    Parameters
    ----------
    description: one sentence with the equation.
    required, optional: parameter names (`PARAMETERS` has units and ranges).
    yields: the law has a yield stress: `R0` with optional `H`, or `hardening`, exactly one of them.
    states: names of the internal variables; "alpha_i" stands for one per kinematic term.
    flow: kind of flow.
    """

    description: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    yields: bool
    states: tuple[str, ...]
    flow: int

    @property
    def parameters(self) -> Mapping[str, str]:
        """Return name -> unit, with "optional" where it may be left out."""
        alternatives = ("R0", "H", "hardening") if self.yields else ()
        named = [(name, "") for name in self.required]
        named += [(name, "instead of R0, H") if name == "hardening" else (name, "") for name in alternatives]
        named += [(name, "optional") for name in self.optional]
        return {name: ", ".join(filter(None, (PARAMETERS[name].unit, note))) for name, note in named}


_ELASTIC = ("young", "poisson")
_P = ("p", "inelastic_strain")
LAWS: Mapping[str, LawInfo] = {
    "elastic": LawInfo(
        "Isotropic thermoelasticity, sig = C(T) : (eps - eps_th).",
        _ELASTIC,
        ("expansion",),
        False,
        (),
        NO_FLOW,
    ),
    "plastic": LawInfo(
        "Rate-independent J2 plasticity, J(s - X) <= R(p), isotropic and Armstrong-Frederick hardening.",
        _ELASTIC,
        ("expansion", "C", "D"),
        True,
        (*_P, "alpha_i"),
        RATE_INDEPENDENT,
    ),
    "viscoplastic_norton_af": LawInfo(
        "Viscoplasticity, dp/dt = <(J(s - X) - R(p)) / K>^n, X = sum 2/3 C_i alpha_i, "
        "dalpha_i = deps_in - D_i alpha_i dp.",
        (*_ELASTIC, "K", "n"),
        ("expansion", "C", "D"),
        True,
        (*_P, "alpha_i"),
        OVERSTRESS,
    ),
    "creep_norton": LawInfo(
        "Norton creep, dp/dt = A q^n.",
        (*_ELASTIC, "A", "n"),
        ("expansion",),
        False,
        _P,
        CREEP,
    ),
    "creep_time_hardening": LawInfo(
        "Creep with time hardening, dp/dt = A q^n t^m, t the total time at the end of the increment.",
        (*_ELASTIC, "A", "n", "m"),
        ("expansion",),
        False,
        _P,
        CREEP,
    ),
    "plastic_creep": LawInfo(
        "Overstress creep, dp/dt = A <q - sigma_y(p)>^n t^m; rate-independent plasticity where viscous flow is off.",
        (*_ELASTIC, "A", "n"),
        ("expansion", "m"),
        True,
        _P,
        THRESHOLD_CREEP,
    ),
}

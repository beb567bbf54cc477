"""The laws in words: their parameters with units and ranges, their states, and the columns of the tables."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from romtool.types import Floats

# Families of laws with one kernel each (LawTables.kernel).
ISOTROPIC, ANISOTROPIC, CRYSTAL, UMAT, MGIS = range(5)
# Kinds of flow (LawTables.flow).
NO_FLOW, RATE_INDEPENDENT, OVERSTRESS, THRESHOLD_CREEP, CREEP, SLIP, HYPERBOLIC_SLIP = range(7)


@dataclass(frozen=True)
class ParameterInfo:
    """Unit and allowed range of a parameter.

    Parameters
    ----------
    unit: in words of stress, time, temperature; "" for a pure number.
    above, at_least, below: bounds, `above` and `below` excluded; None where there is none.
    scalar: a number or a table over temperature; lists and curves are not.
    """

    unit: str
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    scalar: bool = True

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


_STRESS = ParameterInfo("stress", above=0.0)
_RATIO = ParameterInfo("")
_EXPANSION = ParameterInfo("1/temperature")
_POSITIVE = ParameterInfo("stress", at_least=0.0)
_DRAG = ParameterInfo("stress time^(1/n)", above=0.0)
_EXPONENT = ParameterInfo("", at_least=1.0)
_NUMBER = ParameterInfo("", at_least=0.0)

PARAMETERS: Mapping[str, ParameterInfo] = {
    "young": _STRESS,
    "poisson": ParameterInfo("", above=-1.0, below=0.5),
    "expansion": _EXPANSION,
    "R0": _POSITIVE,
    "H": _POSITIVE,
    "hardening": ParameterInfo("stress over p", at_least=0.0, scalar=False),
    "Q": ParameterInfo("stress, one per term", scalar=False),
    "b": ParameterInfo("one per term", at_least=0.0, scalar=False),
    "B": _POSITIVE,
    "N": ParameterInfo("", above=0.0, below=1.0 + 1e-12),
    "e0": _NUMBER,
    "C": ParameterInfo("stress, one per term", at_least=0.0, scalar=False),
    "D": ParameterInfo("one per term", at_least=0.0, scalar=False),
    "K": _DRAG,
    "A": ParameterInfo("stress^-n time^-(1+m)", at_least=0.0),
    "n": _EXPONENT,
    "m": ParameterInfo("", above=-1.0),
    "threshold": _POSITIVE,
    **dict.fromkeys(("c11", "c44"), _STRESS),
    "c12": ParameterInfo("stress"),
    **dict.fromkeys(("E1", "E2", "E3", "G12", "G23", "G13"), _STRESS),
    **dict.fromkeys(("nu12", "nu23", "nu13"), _RATIO),
    **dict.fromkeys(("alpha1", "alpha2", "alpha3"), _EXPANSION),
    "rate": ParameterInfo("1/time", above=0.0),
    "r0": _POSITIVE,
    "q": ParameterInfo("stress"),
    "beta": _NUMBER,
    "c": _POSITIVE,
    "d": _NUMBER,
    "h": ParameterInfo("six numbers", at_least=0.0, scalar=False),
    "cubic_K": _DRAG,
    "cubic_n": _EXPONENT,
    "cubic_rate": ParameterInfo("1/time", above=0.0),
    "cubic_r0": _POSITIVE,
    "cubic_q": ParameterInfo("stress"),
    "cubic_beta": _NUMBER,
    "cubic_c": _POSITIVE,
    "cubic_d": _NUMBER,
    "cubic_h": ParameterInfo("two numbers", at_least=0.0, scalar=False),
}
INTERACTIONS = {"h": 6, "cubic_h": 2}
"""Lists of numbers of fixed length: coefficients of the interaction of slip systems."""

_DERIVED = (
    *("factor", "log factor"),  # K or A, and its logarithm
    *(f"{what} {axis}" for axis in range(3) for what in ("thermal strain", "thermal slope", "thermal bend")),
    *(f"{name} {i}" for name, count in INTERACTIONS.items() for i in range(count)),
)
COLUMNS: Mapping[str, int] = {
    name: i for i, name in enumerate((*(name for name, info in PARAMETERS.items() if info.scalar), *_DERIVED))
}
"""Parameter -> column of `LawTables.values`, and what is derived from them."""

YOUNG, POISSON, YIELD, HARDENING = (COLUMNS[name] for name in ("young", "poisson", "R0", "H"))
POWER, POWER_EXPONENT, POWER_START = (COLUMNS[name] for name in ("B", "N", "e0"))
FACTOR, LOG_FACTOR, EXPONENT, TIME_EXPONENT = (COLUMNS[name] for name in ("factor", "log factor", "n", "m"))
VISCOUS_THRESHOLD, THERMAL = COLUMNS["threshold"], COLUMNS["thermal strain 0"]
TERMS = len(COLUMNS)
"""First column of the terms: C_i and D_i in pairs, then Q_i and b_i in pairs."""


@dataclass(frozen=True)
class StateInfo:
    """Meaning and unit ("" for a pure number) of an internal variable, and its number of components in words."""

    meaning: str
    unit: str
    components: str


STATES: Mapping[str, StateInfo] = {
    "p": StateInfo("cumulated inelastic strain", "", "1"),
    "inelastic_strain": StateInfo("inelastic strain, tensor shear", "", "6"),
    "alpha_i": StateInfo("kinematic hardening variable, X_i = 2/3 C_i alpha_i", "", "6 per term"),
    "cumulated_slip": StateInfo("cumulated slip v", "", "1 per slip system"),
    "slip_alpha": StateInfo("kinematic hardening variable of a slip system, x = c alpha", "", "1 per slip system"),
}


@dataclass(frozen=True)
class LawInfo:
    """A law in words.

    Parameters
    ----------
    description: one sentence with the equation.
    required, optional: parameter names (`PARAMETERS` has units and ranges).
    yields: the law has a yield stress: `R0` with optional `H`, or `hardening`, exactly one of them.
    states: names of the internal variables beyond p and inelastic_strain; "alpha_i" stands for one per term.
    kernel, flow: family of laws, and kind of flow.
    alternatives: sets of parameters of which exactly one is given.
    """

    description: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    yields: bool = False
    states: tuple[str, ...] = ()
    flow: int = NO_FLOW
    kernel: int = ISOTROPIC
    alternatives: tuple[tuple[str, ...], ...] = ()

    @property
    def parameters(self) -> Mapping[str, str]:
        """Return name -> unit, with "optional" where it may be left out."""
        yields = ("R0", "H", *SMOOTH, "hardening") if self.yields else ()
        named = [(name, "") for name in self.required]
        named += [(name, f"or {_others(self, group)}") for group in self.alternatives for name in group]
        named += [(name, "instead of R0, H" if name == "hardening" else _optional(name)) for name in yields]
        named += [(name, "optional") for name in self.optional]
        return {name: ", ".join(filter(None, (PARAMETERS[name].unit, note))) for name, note in named}


SMOOTH = ("Q", "b", "B", "N", "e0")
"""Parameters of the hardening Q (1 - exp(-b p)) and B (e0 + p)^N, beside R0 and H."""


def _optional(name: str) -> str:
    return "optional" if name in SMOOTH else ""


def _others(law: LawInfo, group: tuple[str, ...]) -> str:
    """Return the parameters that may stand instead of those of a group."""
    return " or ".join(", ".join(other) for other in law.alternatives if other != group)


_ELASTIC = ("young", "poisson")
_KINEMATIC = ("expansion", "C", "D")
_SLIP = ("r0", "q", "beta", "h", "c", "d")
_CUBIC = ("cubic_K", "cubic_n", "cubic_rate", *(f"cubic_{name}" for name in _SLIP))
LAWS: Mapping[str, LawInfo] = {
    "elastic": LawInfo("Isotropic thermoelasticity, sig = C(T) : (eps - eps_th).", _ELASTIC, ("expansion",)),
    "elastic_cubic": LawInfo(
        "Thermoelasticity of cubic symmetry in the local frame of the element.",
        ("c11", "c12", "c44"),
        ("expansion",),
        kernel=ANISOTROPIC,
    ),
    "elastic_orthotropic": LawInfo(
        "Orthotropic thermoelasticity in the local frame of the element.",
        ("E1", "E2", "E3", "nu12", "nu23", "nu13", "G12", "G23", "G13"),
        ("alpha1", "alpha2", "alpha3"),
        kernel=ANISOTROPIC,
    ),
    "plastic": LawInfo(
        "Rate-independent J2 plasticity, J(s - X) <= R(p), X = sum 2/3 C_i alpha_i, "
        "dalpha_i = deps_in - D_i alpha_i dp.",
        _ELASTIC,
        _KINEMATIC,
        True,
        ("alpha_i",),
        RATE_INDEPENDENT,
    ),
    "viscoplastic_norton_af": LawInfo(
        "Viscoplasticity, dp/dt = <(J(s - X) - R(p) - threshold) / K>^n, X = sum 2/3 C_i alpha_i, "
        "dalpha_i = deps_in - D_i alpha_i dp.",
        (*_ELASTIC, "K", "n"),
        (*_KINEMATIC, "threshold"),
        True,
        ("alpha_i",),
        OVERSTRESS,
    ),
    "creep_norton": LawInfo(
        "Norton creep, dp/dt = A <q - threshold>^n.",
        (*_ELASTIC, "A", "n"),
        ("expansion", "threshold"),
        flow=CREEP,
    ),
    "creep_time_hardening": LawInfo(
        "Creep with time hardening, dp/dt = A <q - threshold>^n t^m, t the total time at the end of the increment.",
        (*_ELASTIC, "A", "n", "m"),
        ("expansion", "threshold"),
        flow=CREEP,
    ),
    "plastic_creep": LawInfo(
        "Overstress creep, dp/dt = A <q - sigma_y(p)>^n t^m; rate-independent plasticity where viscous flow is off.",
        (*_ELASTIC, "A", "n"),
        ("expansion", "m"),
        True,
        flow=THRESHOLD_CREEP,
    ),
    "single_crystal": LawInfo(
        "Slip on octahedral and cubic systems (Meric-Cailletaud), dv/dt = <(|tau - x| - r) / K>^n, "
        "or rate sinh(<...> / K)^n, x = c alpha, dalpha = dgamma - d alpha dv, r = r0 + q sum h (1 - exp(-beta v)).",
        ("K", "n", "r0"),
        ("expansion", "rate", *_SLIP[1:], *_CUBIC),
        states=("cumulated_slip", "slip_alpha"),
        flow=SLIP,
        kernel=CRYSTAL,
        alternatives=(("c11", "c12", "c44"), _ELASTIC),
    ),
    "umat": LawInfo(
        "A compiled user subroutine UMAT of Abaqus' interface, called in the local frame of the element.",
        optional=("expansion",),
        kernel=UMAT,
    ),
    "mgis": LawInfo(
        "A behaviour compiled by MFront, called through MGIS in the local frame of the element.",
        optional=("expansion",),
        kernel=MGIS,
    ),
}

"""Checks of the parameters of one material, and their tables over temperature."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from romtool.errors import LawError
from romtool.laws.catalogue import (
    COLUMNS,
    CRYSTAL,
    INTERACTIONS,
    ISOTROPIC,
    LAWS,
    MGIS,
    PARAMETERS,
    POISSON,
    SMOOTH,
    UMAT,
    YIELD,
    YOUNG,
    LawInfo,
)
from romtool.loading import Material
from romtool.types import Floats


@dataclass(frozen=True)
class Tabulated:
    """A table over temperature: (n,) temperatures and (n, …) values."""

    temperatures: Floats
    values: Floats

    @property
    def is_constant(self) -> bool:
        """Tell whether all rows are the same."""
        return bool(np.all(self.values == self.values[0]))

    def at(self, temperatures: Floats) -> Floats:
        """Return the (n_temperatures, …) values, linear between rows, constant outside."""
        basis = [np.interp(temperatures, self.temperatures, row) for row in np.eye(len(self.temperatures))]
        return np.stack(basis, axis=1) @ self.values


def invalid(material: Material, problem: str) -> LawError:
    """Return the error that says which material has which problem."""
    return LawError(f"material of element set '{material.elements}' (law '{material.law}'): {problem}")


def check_names(material: Material) -> None:
    """Check the law's name and that each parameter is known and none is missing. Raises LawError."""
    if material.law not in LAWS:
        raise invalid(material, f"unknown law; {_nearest(material.law, LAWS)}")
    law, given = LAWS[material.law], set(material.parameters)
    for name in sorted(given - set(law.parameters)):
        raise invalid(material, f"unknown parameter '{name}'; {_nearest(name, law.parameters)}")
    for name in (*law.required, *_chosen(material, law, given)):
        if name not in given:
            raise invalid(material, f"parameter '{name}' ({law.parameters[name] or 'a number'}) is missing")
    if law.yields:
        _check_yield(material, given)
    _check_together(material, given)
    if (law.kernel in (UMAT, MGIS)) != (material.plugin is not None):
        problem = "no library is given" if material.plugin is None else "a library is given"
        raise invalid(material, f"{problem}; laws 'umat' and 'mgis' have one, the others none")
    if law.kernel == ISOTROPIC and material.orientation is not None:
        raise invalid(material, "an orientation is given, but the law has no directions; leave it out")


def _chosen(material: Material, law: LawInfo, given: set[str]) -> tuple[str, ...]:
    """Return the parameters of the alternative that is given. Raises LawError for parts of several."""
    found = [group for group in law.alternatives if given & set(group)]
    if len(found) > 1 or (law.alternatives and not found):
        words = ", or ".join(", ".join(group) for group in law.alternatives)
        raise invalid(material, f"{'both' if found else 'none'} of the alternatives given; give one of {words}")
    return found[0] if found else ()


def _check_yield(material: Material, given: set[str]) -> None:
    """Check that the yield stress is given in one way."""
    if "R0" not in given and "hardening" not in given:
        raise invalid(material, "the yield stress is missing; give 'R0' (and 'H', 'Q', 'b', 'B', 'N'), or 'hardening'")
    if "hardening" in given and given & {"R0", "H", *SMOOTH}:
        raise invalid(material, "both 'hardening' and 'R0' or 'H' are given; give one of them")


_TOGETHER = (
    ("D", ("C",)),
    ("Q", ("b",)),
    ("b", ("Q",)),
    ("B", ("N",)),
    ("N", ("B",)),
    ("e0", ("B",)),
    ("q", ("beta",)),
    ("beta", ("q",)),
    ("h", ("q",)),
    ("d", ("c",)),
    ("cubic_K", ("cubic_n", "cubic_r0")),
    ("cubic_q", ("cubic_beta",)),
    ("cubic_beta", ("cubic_q",)),
    ("cubic_h", ("cubic_q",)),
    ("cubic_d", ("cubic_c",)),
    *((name, ("cubic_K",)) for name in ("cubic_n", "cubic_r0", "cubic_c", "cubic_q", "cubic_rate")),
)
"""A parameter, and those that must be there with it."""


def _check_together(material: Material, given: set[str]) -> None:
    """Check that parameters of one term are given together. Raises LawError."""
    for name, needed in _TOGETHER:
        for other in needed:
            if name in given and other not in given:
                raise invalid(material, f"parameter '{name}' is given without '{other}'; give both")
    if LAWS[material.law].kernel == CRYSTAL and "cubic_K" in given and ("rate" in given) != ("cubic_rate" in given):
        raise invalid(material, "one of 'rate' and 'cubic_rate' is given; give both (hyperbolic flow) or none")


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"pick one of {', '.join(known)}"


def scalars(material: Material) -> Iterator[tuple[str, Tabulated]]:
    """Yield name and table of each parameter that is a number or a table over temperature. Raises LawError."""
    for name, value in material.parameters.items():
        if PARAMETERS[name].scalar:
            yield name, _checked(material, name, value)


def pairs(material: Material, first: str, second: str) -> list[Tabulated]:
    """Return the tables of first_1, second_1, first_2, second_2, …; the second ones are 0 where not given.

    Raises
    ------
    LawError: lists of different lengths, a value out of its range.
    """
    firsts = _terms(material.parameters.get(first, ()))
    seconds = _terms(material.parameters[second]) if second in material.parameters else [0.0] * len(firsts)
    if len(firsts) != len(seconds):
        problem = (
            f"'{first}' has {len(firsts)} terms and '{second}' has {len(seconds)}; give one value of each per term"
        )
        raise invalid(material, problem)
    both = zip(firsts, seconds, strict=True)
    return [_checked(material, name, item) for pair in both for name, item in zip((first, second), pair, strict=True)]


def interaction(material: Material, name: str) -> Floats:
    """Return the coefficients of the interaction of slip systems; each hardens itself alone where not given.

    Raises
    ------
    LawError: another number of coefficients, one that is negative.
    """
    count = INTERACTIONS[name]
    if name not in material.parameters:
        return np.eye(1, count)[0]
    found = _array(material, name, material.parameters[name])
    if found.shape != (count,) or not np.all(PARAMETERS[name].contains(found)):
        shown = _shown(material.parameters[name])
        raise invalid(material, f"parameter '{name}' is {shown}, must be {count} numbers of at least 0")
    return found


def _terms(value: object) -> list[Any]:
    """Return the terms of a list; one number or one table [[T, v], …] is a list of one term."""
    if not _is_sequence(value):
        return [value]
    items: list[Any] = list(value)  # type: ignore[call-overload]
    rows = [_is_sequence(item) and not any(map(_is_sequence, item)) for item in items]
    return [items] if items and all(rows) else items


def _is_sequence(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _shown(value: object) -> str:
    """Return a value on one line, shortened."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def _checked(material: Material, name: str, value: object) -> Tabulated:
    """Return a number or a table [[T, v], …] with its range checked."""
    table = _array(material, name, value)
    if table.ndim == 0:
        table = np.array([[0.0, float(table)]])
    if table.ndim != 2 or table.shape[1] != 2 or not len(table):
        raise invalid(material, f"parameter '{name}' is {_shown(value)}, must be a number or [[T, value], …]")
    _check_increasing(material, name, "temperatures", table[:, 0])
    inside = PARAMETERS[name].contains(table[:, 1])
    if not np.all(inside):
        temperature, bad = table[np.flatnonzero(~inside)[0]]
        where = f" at temperature {temperature:g}" if _is_sequence(value) else ""
        raise invalid(material, f"parameter '{name}' is {bad:g}{where}, must be {PARAMETERS[name].allowed}")
    return Tabulated(table[:, 0], table[:, 1])


def _array(material: Material, name: str, value: object) -> Floats:
    problem = f"parameter '{name}' is {_shown(value)}, must be numbers"
    if not all(isinstance(item, Real) and not isinstance(item, bool) for item in _flat(value)):
        raise invalid(material, problem)
    try:
        return np.array(value, dtype=np.float64)
    except ValueError as error:
        raise invalid(material, problem) from error


def _flat(value: object) -> Iterator[object]:
    if not _is_sequence(value):
        yield value.item() if isinstance(value, np.ndarray) else value
        return
    for item in value:  # type: ignore[attr-defined]
        yield from _flat(item)


def _check_increasing(material: Material, name: str, what: str, abscissae: Floats) -> None:
    if not np.all(np.isfinite(abscissae)):
        raise invalid(material, f"parameter '{name}': {what} {abscissae.tolist()} must be finite")
    falls = np.flatnonzero(np.diff(abscissae) <= 0.0)
    if len(falls):
        first, second = abscissae[falls[0]], abscissae[falls[0] + 1]
        raise invalid(material, f"parameter '{name}': {what} must increase, but {second:g} follows {first:g}")


def hardening_curve(material: Material) -> tuple[Floats, Tabulated]:
    """Return the abscissae p (n_p,) and the stresses (n_temperatures, n_p); n_p = 0 without a curve.

    Raises LawError.
    """
    value = material.parameters.get("hardening")
    if value is None:
        return np.zeros(0), Tabulated(np.zeros(1), np.zeros((1, 0)))
    rows = _curve_rows(material, value)
    temperatures = np.array([temperature for temperature, _ in rows])
    _check_increasing(material, "hardening", "temperatures", temperatures)
    curves = [_checked_curve(material, curve) for _, curve in rows]
    p = np.unique(np.concatenate([curve[:, 0] for curve in curves]))
    return p, Tabulated(temperatures, np.stack([np.interp(p, curve[:, 0], curve[:, 1]) for curve in curves]))


def _curve_rows(material: Material, value: object) -> list[tuple[float, object]]:
    """Return (temperature, curve) pairs; one pair where the curve does not depend on temperature."""
    rows: list[Any] = list(value) if _is_sequence(value) else []  # type: ignore[call-overload]
    if not rows or not all(_is_sequence(row) and len(row) == 2 for row in rows):
        raise _wrong_hardening(material, value)
    if not _is_sequence(rows[0][1]):
        return [(0.0, value)]
    if any(_is_sequence(row[0]) for row in rows):
        raise _wrong_hardening(material, value)
    return [(float(_array(material, "hardening", row[0])), row[1]) for row in rows]


def _wrong_hardening(material: Material, value: object) -> LawError:
    expected = "must be [[p, stress], …] or [[T, [[p, stress], …]], …]"
    return invalid(material, f"parameter 'hardening' is {_shown(value)}, {expected}")


def _checked_curve(material: Material, value: object) -> Floats:
    curve = _array(material, "hardening", value)
    if curve.ndim != 2 or curve.shape[1] != 2 or not len(curve):
        raise invalid(material, f"parameter 'hardening' has a curve {_shown(value)}, must be [[p, stress], …]")
    _check_increasing(material, "hardening", "abscissae p", curve[:, 0])
    if curve[0, 0] != 0.0:
        raise invalid(material, f"parameter 'hardening' starts at p = {curve[0, 0]:g}, must start at p = 0")
    inside = PARAMETERS["hardening"].contains(curve[:, 1])
    if not np.all(inside):
        p, stress = curve[np.flatnonzero(~inside)[0]]
        problem = f"stress {stress:g} at p = {p:g}, must be {PARAMETERS['hardening'].allowed}"
        raise invalid(material, f"parameter 'hardening' has {problem}")
    return curve


def check_hardening(material: Material, values: Floats, saturating: Floats, p: Floats, stress: Floats) -> None:
    """Refuse a yield stress that becomes negative, or falls faster than elastic unloading (no unique stress).

    Parameters
    ----------
    material: for the message.
    values: (n_temperatures, TERMS) parameters.
    saturating: (n_temperatures, 2 n_terms) Q_i and b_i in pairs.
    p: (n_p,) abscissae of the hardening curve. stress: (n_temperatures, n_p) [stress].

    Raises
    ------
    LawError
    """
    limit = -float(np.min(1.5 * values[:, YOUNG] / (1.0 + values[:, POISSON])))
    softening = np.minimum(saturating[:, ::2], 0.0)
    least = float(np.min(values[:, YIELD] + softening.sum(axis=1)))
    if least < 0.0:
        raise invalid(material, f"parameter 'Q' brings the yield stress to {least:g}, must stay at least 0")
    steepest = float(np.min(np.sum(softening * saturating[:, 1::2], axis=1)))
    if len(p) > 1:
        steepest = min(steepest, float(np.min(np.diff(stress, axis=1) / np.diff(p))))
    if steepest < 0.0 and steepest <= limit:
        name = "hardening" if len(p) > 1 else "b"
        problem = f"falls with slope {steepest:g}, must be greater than {limit:g} (-3 G) everywhere"
        raise invalid(material, f"parameter '{name}' {problem}")


def check_definite(material: Material, values: Floats) -> None:
    """Refuse elastic moduli that do not give a positive energy. Raises LawError.

    Parameters
    ----------
    material: with its law and parameters.
    values: (n_temperatures, TERMS) parameters.
    """
    between = np.concatenate([values, 0.5 * (values[1:] + values[:-1])])
    if "c11" in material.parameters:
        c11, c12 = between[:, COLUMNS["c11"]], between[:, COLUMNS["c12"]]
        if not np.all((c11 - c12 > 0.0) & (c11 + 2.0 * c12 > 0.0)):
            raise invalid(material, "c11, c12 give no positive energy; c11 > c12 and c11 + 2 c12 > 0 are needed")
    if "E1" in material.parameters:
        least = np.linalg.eigvalsh(np.array([compliance(row) for row in between])).min()
        if not least > 0.0:
            raise invalid(material, "E1 … nu13 give no positive energy; check Poisson's ratios (nu12 = -eps2/eps1)")


def compliance(row: Floats) -> Floats:
    """Return the (3, 3) orthotropic compliance of the normal components [1/stress] of a row of parameters."""
    e1, e2, e3 = (row[COLUMNS[name]] for name in ("E1", "E2", "E3"))
    nu12, nu23, nu13 = (row[COLUMNS[name]] for name in ("nu12", "nu23", "nu13"))
    return np.array(
        [[1.0 / e1, -nu12 / e1, -nu13 / e1], [-nu12 / e1, 1.0 / e2, -nu23 / e2], [-nu13 / e1, -nu23 / e2, 1.0 / e3]]
    )

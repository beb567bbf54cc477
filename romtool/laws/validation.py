"""Checks of the parameters of one material, and their tables over temperature."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from romtool.errors import LawError
from romtool.laws.catalogue import LAWS, PARAMETERS, POISSON, YOUNG
from romtool.loading import Material
from romtool.types import Floats


@dataclass(frozen=True)
class Tabulated:
    """A table over temperature: (n,) temperatures and (n, …) values."""

    temperatures: Floats
    values: Floats

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
    for name in law.required:
        if name not in given:
            raise invalid(material, f"parameter '{name}' ({law.parameters[name] or 'a number'}) is missing")
    if law.yields and "R0" not in given and "hardening" not in given:
        raise invalid(material, "the yield stress is missing; give 'R0' (and 'H'), or 'hardening'")
    if "hardening" in given and given & {"R0", "H"}:
        raise invalid(material, "both 'hardening' and 'R0' or 'H' are given; give one of them")
    if "D" in given and "C" not in given:
        raise invalid(material, "parameter 'D' is given without 'C'; give both, one value per term")


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"pick one of {', '.join(known)}"


def scalars(material: Material) -> Iterator[tuple[str, Tabulated]]:
    """Yield name and table of each parameter that is a number or a table over temperature. Raises LawError."""
    for name, value in material.parameters.items():
        if PARAMETERS[name].column >= 0:
            yield name, _checked(material, name, value)


def kinematic(material: Material) -> list[Tabulated]:
    """Return the tables of C_1, D_1, C_2, D_2, … Raises LawError."""
    moduli = _terms(material.parameters.get("C", ()))
    recalls = _terms(material.parameters["D"]) if "D" in material.parameters else [0.0] * len(moduli)
    if len(moduli) != len(recalls):
        problem = f"'C' has {len(moduli)} terms and 'D' has {len(recalls)}; give one value of each per term"
        raise invalid(material, problem)
    pairs = list(zip(moduli, recalls, strict=True))
    return [_checked(material, name, value) for pair in pairs for name, value in zip("CD", pair, strict=True)]


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


def check_softening(material: Material, values: Floats, p: Floats, stress: Floats) -> None:
    """Refuse curves that fall faster than elastic unloading (no unique stress). Raises LawError."""
    if len(p) < 2:
        return
    steepest = float(np.min(np.diff(stress, axis=1) / np.diff(p)))
    limit = -float(np.min(1.5 * values[:, YOUNG] / (1.0 + values[:, POISSON])))
    if steepest <= limit:
        problem = f"falls with slope {steepest:g}, must be greater than {limit:g} (-3 G) everywhere"
        raise invalid(material, f"parameter 'hardening' {problem}")

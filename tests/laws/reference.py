"""The laws again, plainly, from the case-file parameters: what the compiled kernels are tested against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from romtool.laws import LawTables, build_sites, build_tables, evaluate, state_fields, state_size
from romtool.loading import Material
from romtool.types import Floats

IDENTITY = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
TWICE = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])


def equivalent(tensor: Floats) -> Floats:
    return np.sqrt(1.5 * np.sum(TWICE * tensor * tensor, axis=-1))


def deviator(tensor: Floats) -> Floats:
    return tensor - tensor[..., :3].mean(axis=-1, keepdims=True) * IDENTITY


def at(value: Any, temperature: Floats) -> Floats:
    """Return a number or a table [[T, v], …] at temperatures."""
    if np.ndim(value) == 0:
        return np.full(np.shape(temperature), float(value))
    table = np.asarray(value, dtype=float)
    return np.interp(temperature, table[:, 0], table[:, 1])


def yield_stress(parameters: Mapping[str, Any], temperature: Floats, p: Floats) -> Floats:
    """Return R(p, T): curves at the neighbouring temperatures, weighted."""
    curves = parameters.get("hardening")
    if curves is None:
        total = at(parameters.get("R0", 0.0), temperature) + at(parameters.get("H", 0.0), temperature) * p
        for height, rate in zip(parameters.get("Q", ()), parameters.get("b", ()), strict=True):
            total = total + at(height, temperature) * (1.0 - np.exp(-at(rate, temperature) * p))
        start, exponent = parameters.get("e0", 0.0), parameters.get("N", 1.0)
        return total + at(parameters.get("B", 0.0), temperature) * (start + p) ** exponent
    if np.ndim(curves[0][1]) == 0:
        curves = [[0.0, curves]]
    temperatures = [row[0] for row in curves]
    weights = [np.interp(temperature, temperatures, unit) for unit in np.eye(len(curves))]
    values = [np.interp(p, *np.asarray(curve, dtype=float).T) for _, curve in curves]
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def drag(law: str, parameters: Mapping[str, Any], temperature: Floats, dp: Floats, t: Floats) -> Floats:
    """Return eta(dp) of an increment t[0] .. t[1]."""
    n = at(parameters["n"], temperature)
    with np.errstate(divide="ignore"):
        exponent = np.log(dp) - np.log(t[1] - t[0])
    if law == "viscoplastic_norton_af":
        return at(parameters["K"], temperature) * np.exp(exponent / n)
    exponent = exponent - np.log(at(parameters["A"], temperature))
    return np.exp((exponent - at(parameters.get("m", 0.0), temperature) * np.log(t[1])) / n)


@dataclass
class Run:
    """Calls of `evaluate` on points of one material, with their outcome."""

    material: Material
    n_points: int

    def __post_init__(self) -> None:
        self.tables: LawTables = build_tables([self.material])
        self.rows = np.zeros(self.n_points, dtype=np.int64)
        self.state = np.zeros((self.n_points, state_size(self.tables)))
        self.stress = np.zeros((self.n_points, 6))
        self.tangent = np.zeros((self.n_points, 6, 6))

    def column(self, name: str, state: Floats | None = None) -> Floats:
        return (self.state if state is None else state)[:, state_fields(self.tables)[name]]

    @property
    def p(self) -> Floats:
        return self.column("p")[:, 0]

    def call(
        self,
        strain: Floats,
        temperature: Floats | float,
        t: tuple[float, float],
        viscous: bool = True,
        initial: float = 0.0,
    ) -> Floats:
        """Evaluate without accepting; return the new state."""
        new = np.full_like(self.state, np.nan)
        temperatures = np.broadcast_to(np.asarray(temperature, dtype=float), (self.n_points,)).copy()
        sites = build_sites(self.tables, self.rows, np.full(self.n_points, initial))
        status = evaluate(
            self.tables,
            sites,
            temperatures,
            *t,
            viscous,
            strain,
            self.state,
            new,
            self.stress,
            self.tangent,
        )
        assert status == 0
        return new

    def step(self, *arguments: Any, **options: Any) -> Floats:
        """Evaluate and accept; return the state at the start."""
        old, self.state = self.state, self.call(*arguments, **options)
        return old


def residual(run: Run, old: Floats, strain: Floats, temperature: Floats, t: tuple[float, float], viscous: bool):
    """Return the largest relative residual of the backward Euler equations of the last step, per point."""
    law, parameters = run.material.law, run.material.parameters
    young, poisson = at(parameters["young"], temperature), at(parameters["poisson"], temperature)
    shear, bulk = young / (2 + 2 * poisson), young / (3 - 6 * poisson)
    thermal = at(parameters.get("expansion", 0.0), temperature)
    thermal = thermal * (temperature - run.material.reference_temperature)
    inelastic = run.column("inelastic_strain")
    elastic = strain - thermal[:, None] * IDENTITY - inelastic
    stress = 2 * shear[:, None] * deviator(elastic)
    stress = stress + (bulk * elastic[:, :3].sum(axis=1))[:, None] * IDENTITY
    size = equivalent(2 * shear[:, None] * deviator(strain - run.column("inelastic_strain", old)))
    scale = (
        size
        + np.abs(bulk * elastic[:, :3].sum(axis=1))
        + np.abs(bulk * thermal)
        + np.abs(run.stress).max(axis=1)
        + 1e-300
    )
    errors = [np.abs(run.stress - stress).max(axis=1) / scale]
    dp = run.p - run.column("p", old)[:, 0]
    assert np.all(dp >= 0.0)
    flow = inelastic - run.column("inelastic_strain", old)
    moduli, recalls = listed(parameters.get("C", ())), listed(parameters.get("D", ()))
    recalls = recalls or [0.0] * len(moduli)
    back = np.zeros_like(stress)
    for i, (modulus, recall) in enumerate(zip(moduli, recalls, strict=True)):
        alpha, before = run.column(f"alpha_{i + 1}"), run.column(f"alpha_{i + 1}", old)
        faded = alpha * (1.0 + at(recall, temperature) * dp)[:, None]
        errors.append(np.abs(faded - before - flow).max(axis=1) / (np.abs(faded).max(axis=1) + 1e-300))
        back += 2 / 3 * at(modulus, temperature)[:, None] * alpha
    effective = deviator(run.stress) - back
    along = flow * equivalent(effective)[:, None] - 1.5 * dp[:, None] * effective
    inelastic_size = np.abs(inelastic).max(axis=1) + dp
    errors.append(np.abs(along).max(axis=1) / (inelastic_size * (equivalent(effective) + scale) + 1e-300))
    excess = equivalent(effective) - yield_stress(parameters, temperature, run.p)
    total = scale + equivalent(back)
    if law == "elastic" or (law.startswith("creep") and not viscous):
        return np.max([*errors, dp], axis=0)
    if viscous and law != "plastic":
        excess = excess - at(parameters.get("threshold", 0.0), temperature)
        rounding = 3e-16 * run.p + 1e-299  # dp is known as a difference of p only
        above = excess - drag(law, parameters, temperature, dp + rounding, t)
        below = drag(law, parameters, temperature, np.maximum(dp - rounding, 0.0), t) - excess
        errors.append(np.maximum(above, np.where(dp > 0.0, below, 0.0)) / total)
    else:
        errors.append(np.where(dp > 0.0, np.abs(excess), np.maximum(excess, 0.0)) / total)
    return np.max(errors, axis=0)


def listed(value: Any) -> list[Any]:
    """Return a number, a table or a list of these as a list."""
    rows = not isinstance(value, float) and all(isinstance(item, list) and len(item) == 2 for item in value)
    return [value] if isinstance(value, float) or (rows and value) else list(value)

"""Thermal strain over temperature as the tables hold it.

All conventions give a strain that is quadratic between the temperatures of the table and linear outside:
`strain_i + w (strain_j - strain_i) - bend_i w (1 - w)` with the weight w of the upper row, and
`strain_i + slope_i (T - T_i)` beyond the ends.
"""

from collections.abc import Mapping

import numpy as np

from romtool.laws.validation import Tabulated, invalid
from romtool.loading import Material
from romtool.types import Floats

_AXES = ("alpha1", "alpha2", "alpha3")


def expansion_columns(material: Material, tabulated: Mapping[str, Tabulated], grid: Floats) -> Floats:
    """Return the (n_temperatures, 9) strain, slope and bend along the three local axes.

    Parameters
    ----------
    material: with the convention of its coefficients and its reference temperature.
    tabulated: tables of the parameters; `expansion`, or `alpha1` … `alpha3`.
    grid: (n_temperatures,) float [temperature], the union of all tables.

    Raises
    ------
    LawError: coefficients that shrink a body to nothing between the definition and the reference temperature.
    """
    columns = np.zeros((len(grid), 9))
    for axis, own in enumerate(_AXES):
        table = tabulated.get(own, tabulated.get("expansion"))
        if table is not None:
            columns[:, 3 * axis : 3 * axis + 3] = _strain(material, table.at(grid), grid)
    return columns


def _strain(material: Material, alpha: Floats, grid: Floats) -> Floats:
    """Return the (n_temperatures, 3) strain, slope and bend of one coefficient."""
    reference = material.reference_temperature
    if material.convention == "instantaneous":
        found = _integral(alpha, grid)
        found[:, 0] -= strain_at(found, grid, reference)
        return found
    if material.convention == "secant":
        return _secant(alpha, grid, reference)
    found = _secant(alpha, grid, material.definition_temperature)
    start = strain_at(found, grid, reference)
    if not start > -1.0:
        raise invalid(material, f"the expansion gives a strain of {start:g} at the reference temperature")
    found[:, 0] -= start
    return found / (1.0 + start)


def _secant(alpha: Floats, grid: Floats, origin: float) -> Floats:
    """Return strain, slope and bend of alpha(T) (T - origin)."""
    bend = np.append(np.diff(alpha) * np.diff(grid), 0.0)
    return np.stack([alpha * (grid - origin), alpha, bend], axis=1)


def _integral(alpha: Floats, grid: Floats) -> Floats:
    """Return strain, slope and bend of the integral of alpha from the first temperature."""
    steps, changes = np.diff(grid), np.diff(alpha)
    strain = np.concatenate([[0.0], np.cumsum(steps * (alpha[:-1] + 0.5 * changes))])
    return np.stack([strain, alpha, np.append(0.5 * changes * steps, 0.0)], axis=1)


def strain_at(columns: Floats, grid: Floats, temperature: float) -> float:
    """Return the strain at one temperature.

    Parameters
    ----------
    columns: (n_temperatures, 3) strain, slope and bend.
    grid: (n_temperatures,) float [temperature].
    temperature: [temperature].
    """
    inside = min(max(temperature, float(grid[0])), float(grid[-1]))
    low = int(np.clip(np.searchsorted(grid, inside, side="right") - 1, 0, max(len(grid) - 2, 0)))
    high = min(low + 1, len(grid) - 1)
    width = float(grid[high] - grid[low])
    weight = (inside - float(grid[low])) / width if width > 0.0 else 0.0
    strain, _, bend = columns[low]
    end = 0 if temperature < grid[0] else -1
    curved = strain + weight * (columns[high, 0] - strain) - bend * weight * (1.0 - weight)
    return float(curved + columns[end, 1] * (temperature - inside))

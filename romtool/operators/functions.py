"""Where the coefficients of an operator come from: functions g_r(mu, x) in words, of a plug-in, or sampled entries."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy as np

from romtool.errors import InputError, MissingPartError
from romtool.expression import parse_expression
from romtool.linalg.eim import Numbers
from romtool.types import Floats, Ints

PLUGINS = "romtool.coefficients"
"""Entry-point group of plug-ins."""
COORDINATES = ("x", "y", "z")


class Source(Protocol):
    """A family of functions of mu on a finite set of rows, such as (function, point)."""

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        ...

    def at(self, parameters: Floats, rows: Ints) -> Numbers:
        """Return the (n_rows, n) values at some rows for (n, p) parameters."""
        ...


@dataclass(frozen=True)
class Functions:
    """Scalar functions given as expressions; row `r * n_points + i` is function r at point i.

    Parameters
    ----------
    names: of the parameters.
    expressions: one text per function, of the parameters and x, y, z.
    points: (n_points, 1 to 3) float coordinates.
    scales: (n_functions,) float that the functions are divided by, so that a tolerance counts relative to each.
    """

    names: tuple[str, ...]
    expressions: tuple[str, ...]
    points: Floats
    scales: Floats = field(default_factory=lambda: np.ones(0))

    @property
    def n_rows(self) -> int:
        """Return the number of functions times the number of points."""
        return len(self.expressions) * len(self.points)

    def at(self, parameters: Floats, rows: Ints) -> Numbers:
        """Return the (n_rows, n) scaled values at some rows for (n, p) parameters.

        Raises
        ------
        InputError: a value that is not finite. CaseError: an expression that can not be read.
        """
        which, points = np.divmod(rows, len(self.points))
        parts = [
            (places, self._values(r, parameters, self.points[points[places]]))
            for r in range(len(self.expressions))
            if (places := np.flatnonzero(which == r)).size
        ]
        values = np.empty((len(rows), len(parameters)), dtype=np.result_type(np.float64, *(part for _, part in parts)))
        for places, part in parts:
            values[places] = part
        return values

    def _values(self, r: int, parameters: Floats, points: Floats) -> Numbers:
        """Return the (n_points, n) values of one function."""
        names = (*self.names, *COORDINATES[: points.shape[1]])
        expression = parse_expression(self.expressions[r], names, complex_allowed=True)
        columns = (*(column[None, :] for column in parameters.T), *(column[:, None] for column in points.T))
        value = expression(dict(zip(names, columns, strict=True)))
        if not np.isfinite(value).all():
            raise InputError(
                f'the function "{self.expressions[r]}" is not finite for some parameter and point; expected finite '
                "values over the whole range: narrow the range, or move the points"
            )
        scale = self.scales[r] if len(self.scales) else 1.0
        return np.asarray(np.broadcast_to(value, (len(points), len(parameters))) / scale)


@dataclass(frozen=True)
class PluginFunctions:
    """Scalar functions of an installed plug-in; rows as for `Functions`.

    Parameters
    ----------
    plugin: name in the entry-point group `romtool.coefficients`.
    points: (n_points, dim) float coordinates.
    n_functions: how many it returns.
    scales: (n_functions,) float that they are divided by.
    """

    plugin: str
    points: Floats
    n_functions: int
    scales: Floats = field(default_factory=lambda: np.ones(0))

    @property
    def n_rows(self) -> int:
        """Return the number of functions times the number of points."""
        return self.n_functions * len(self.points)

    def at(self, parameters: Floats, rows: Ints) -> Numbers:
        """Return the (n_rows, n) scaled values at some rows. Raises as `load_plugin`, and InputError."""
        which, points = np.divmod(rows, len(self.points))
        used, places = np.unique(points, return_inverse=True)
        values = np.asarray(load_plugin(self.plugin)(parameters, self.points[used]))
        if values.shape != (self.n_functions, len(used), len(parameters)) or not np.isfinite(values).all():
            raise InputError(
                f'the plug-in "{self.plugin}" returned values of shape {values.shape}; expected finite '
                f"({self.n_functions}, {len(used)}, {len(parameters)})"
            )
        scales = self.scales if len(self.scales) else np.ones(self.n_functions)
        return np.asarray(values[which, places] / scales[which, None])


def load_plugin(name: str) -> Callable[[Floats, Floats], Any]:
    """Return the function of a plug-in.

    Raises
    ------
    MissingPartError: none of that name is installed, or it can not be loaded.
    """
    found = {entry.name: entry for entry in entry_points(group=PLUGINS)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise MissingPartError(f'no plug-in "{name}" of the group {PLUGINS} is installed ({known}); install it')
    try:
        function: Callable[[Floats, Floats], Any] = found[name].load()
    except Exception as error:
        raise MissingPartError(f'the plug-in "{name}" can not be loaded: {error}; repair or reinstall it') from error
    return function


@dataclass(frozen=True)
class Entries:
    """Sampled entries of exported matrices; between the sampled parameters they are interpolated.

    Parameters
    ----------
    parameters: (n, p) float sampled parameters.
    values: (n_entries, n) float or complex.
    """

    parameters: Floats
    values: Numbers

    @property
    def n_rows(self) -> int:
        """Return the number of entries."""
        return len(self.values)

    def at(self, parameters: Floats, rows: Ints) -> Numbers:
        """Return the (n_rows, n) entries for (n, p) parameters, those sampled as they are.

        Between samples of one parameter: a quintic spline (cubic and lower where samples are few); of several:
        radial basis functions of the fifth power with polynomials of degree two.
        """
        if parameters.shape == self.parameters.shape and np.array_equal(parameters, self.parameters):
            return self.values[rows]
        return np.asarray(self.values[rows] @ self._spread(parameters).T)

    @cached_property
    def _spread(self) -> Callable[[Floats], Floats]:
        """What gives the (n, n_samples) weights of the samples for (n, p) parameters."""
        return _interpolant(self.parameters)

    def between(self) -> float:
        """Return the largest error, relative to the largest entry, at every other sample interpolated from the rest.

        The samples are twice as far apart then, so that the error of all of them is smaller.
        """
        order = np.lexsort(self.parameters.T[::-1])
        known, left_out = order[::2], order[1:-1:2]
        if not left_out.size:
            return float("inf")
        found = self.values[:, known] @ _interpolant(self.parameters[known])(self.parameters[left_out]).T
        return float(np.abs(found - self.values[:, left_out]).max() / np.abs(self.values).max())


def _interpolant(samples: Floats) -> Callable[[Floats], Floats]:
    """Return what gives the (n, n_samples) weights of samples for (n, p) parameters; both interpolants are linear."""
    from scipy.interpolate import RBFInterpolator, make_interp_spline

    count, n_parameters = samples.shape
    if n_parameters == 1:
        order = np.argsort(samples[:, 0])
        degree = min(5, 2 * ((count - 1) // 2) + 1 if count % 2 == 0 else count - 1)
        spline = make_interp_spline(samples[order, 0], np.eye(count)[order], k=degree)
        return lambda parameters: np.asarray(spline(parameters[:, 0]))
    low, high = samples.min(axis=0), samples.max(axis=0)
    smooth = RBFInterpolator((samples - low) / (high - low), np.eye(count), kernel="quintic", degree=2)
    return lambda parameters: np.asarray(smooth((parameters - low) / (high - low)))

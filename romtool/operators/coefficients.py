"""Coefficients β(mu) of a separated representation `A(mu) ≈ Σ_m β_m(mu) A(mu_m)` (Casenave et al. 2013)."""

from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import InputError
from romtool.linalg.eim import Interpolation, Method, Numbers, interpolate
from romtool.operators.functions import Functions, PluginFunctions, Source
from romtool.types import Floats


@dataclass(frozen=True)
class Coefficients:
    """What gives β for a parameter.

    Parameters
    ----------
    source: the functions g_r(mu, x), or sampled entries.
    interpolation: of their values; its samples count the training parameters.
    parameters: (d, p) float selected parameters `mu_m`, in order.
    values: (n_rows, d) values of all rows at `mu_m`; the remainder is measured against them.
    """

    source: Source
    interpolation: Interpolation
    parameters: Floats
    values: Numbers

    def weights(self, parameters: Floats) -> Numbers:
        """Return the (n, d) coefficients β of (n, p) parameters, O(d²) each."""
        return self.interpolation.weights(self.source.at(parameters, self.interpolation.points)).T

    def remainder(self, parameters: Floats, weights: Numbers) -> Floats:
        """Return the (n,) largest errors of the functions over all rows, O(d n_rows) each.

        Parameters
        ----------
        parameters: (n, p) float.
        weights: (n, d) their β.
        """
        exact = self.source.at(parameters, np.arange(self.source.n_rows))
        return np.asarray(np.abs(exact - self.values @ weights.T).max(axis=0))


def select(
    source: Source, training: Floats, *, tolerance: float, max_terms: int, method: Method = "eim"
) -> Coefficients:
    """Select the parameters at which complete matrices are wanted, and what gives their coefficients.

    One interpolation of the stacked functions, so that one β serves the sum of all terms of the assembly.

    Parameters
    ----------
    source: the functions; those given in words or by a plug-in are scaled to a largest value of one each.
    training: (n, p) float parameters to select from.
    tolerance: of the functions, relative, as in `interpolate`.
    max_terms: the most matrices.
    method: of `interpolate`.

    Raises
    ------
    InputError: functions that are not finite, or zero throughout.
    """
    values = source.at(training, np.arange(source.n_rows))
    if isinstance(source, Functions | PluginFunctions) and not len(source.scales):
        scales = np.abs(values).reshape(-1, len(source.points) * len(training)).max(axis=1)
        if not scales.all():
            raise InputError(f"function number {np.argmin(scales) + 1} is zero throughout; leave it out")
        source = replace(source, scales=scales)
        values = values / np.repeat(scales, len(source.points))[:, None]
    found = interpolate(values, tolerance=tolerance, max_terms=max_terms, method=method)
    return Coefficients(source, found, training[found.samples], np.array(values[:, found.samples]))

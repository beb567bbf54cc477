"""Scalars of stress and strain tensors over a cycle: signed equivalents, ranges, times of hold.

Tensors are rows xx yy zz xy yz zx with tensor shear. Signs: that of the first invariant ("trace"), or of the principal
value of largest magnitude ("principal"); zero counts as positive.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from romtool.components import mises
from romtool.types import Floats

_TIE = 1e-9
"""Part by which a negative principal value must be the larger one: of equal ones (pure shear) the positive counts."""


def equivalent_strain(strain: Floats, poisson: float) -> Floats:
    """Return the von Mises strain `3 / (2 (1 + nu)) sqrt(2/3 e:e)`, e the deviator.

    Parameters
    ----------
    strain: (…, 6) float.
    poisson: effective Poisson's ratio nu: 0.5 gives sqrt(2/3 e:e), which is the axial strain where the volume is kept;
        the elastic one gives the axial strain of an elastic bar.

    Returns
    -------
    (…) float, not negative.
    """
    return np.asarray(mises(strain) / (1.0 + poisson))


def principal_values(tensor: Floats) -> Floats:
    """Return the (…, 3) principal values of (…, 6) tensors, ascending."""
    return np.asarray(np.linalg.eigvalsh(tensor[..., [[0, 3, 5], [3, 1, 4], [5, 4, 2]]]))


def dominant(tensor: Floats) -> Floats:
    """Return the (…) principal value of largest magnitude of (…, 6) tensors, with its sign."""
    values = principal_values(tensor)
    low, high = values[..., 0], values[..., 2]
    return np.where(-low > (1.0 + _TIE) * np.abs(high), low, high)


def signed_mises_stress(stress: Floats, sign: str) -> Floats:
    """Return the von Mises stress with a sign.

    Parameters
    ----------
    stress: (…, 6) float [stress].
    sign: "trace" or "principal".

    Returns
    -------
    (…) float [stress].
    """
    kind = stress[..., :3].sum(axis=-1) if sign == "trace" else dominant(stress)
    return np.asarray(np.where(kind < 0.0, -1.0, 1.0) * mises(stress))


def signed_mises_strain(strain: Floats, poisson: float) -> Floats:
    """Return the (…) `equivalent_strain` with the sign of the principal strain of largest magnitude."""
    return np.asarray(np.where(dominant(strain) < 0.0, -1.0, 1.0) * equivalent_strain(strain, poisson))


def largest_difference(history: Floats, norm: Callable[[Floats], Floats]) -> Floats:
    """Return the largest norm of the difference between two times of a history, over all pairs of times.

    Parameters
    ----------
    history: (n_times, n, 6) float.
    norm: of (…, 6) tensors.

    Returns
    -------
    (n,) float.
    """
    found = np.zeros(history.shape[1])
    for i in range(len(history) - 1):
        found = np.maximum(found, norm(history[i + 1 :] - history[i]).max(axis=0))
    return found


def _mises_range(strain: Floats, poisson: float) -> Floats:
    return np.ptp(signed_mises_strain(strain, poisson), axis=0)


def _difference_range(strain: Floats, poisson: float) -> Floats:
    return largest_difference(strain, lambda tensor: equivalent_strain(tensor, poisson))


def _principal_range(strain: Floats, poisson: float) -> Floats:
    return np.ptp(dominant(strain), axis=0)


def _principal_difference_range(strain: Floats, poisson: float) -> Floats:
    return largest_difference(strain, lambda tensor: np.abs(dominant(tensor)))


STRAIN_RANGES: MappingProxyType[str, Callable[[Floats, float], Floats]] = MappingProxyType(
    {
        "difference": _difference_range,
        "mises": _mises_range,
        "principal": _principal_range,
        "principal_difference": _principal_difference_range,
    }
)
"""Strain range of an (n_times, n, 6) history by name, given the effective Poisson's ratio; (n,) float.

"difference": largest von Mises strain of the difference between two times (as in ASME III-NH), free of signs.
"mises": span of the signed von Mises strain. "principal": span of the principal strain of largest magnitude.
"principal_difference": largest principal value of the difference between two times.
"""


def scalar_stress(stress: Floats, strain_measure: str, sign: str) -> Floats:
    """Return the stress that belongs to a strain measure: the dominant principal, or the signed von Mises stress.

    Parameters
    ----------
    stress: (…, 6) float [stress].
    strain_measure: a key of STRAIN_RANGES.
    sign: of the von Mises stress.
    """
    return dominant(stress) if strain_measure.startswith("principal") else signed_mises_stress(stress, sign)


def scalar_strain(strain: Floats, strain_measure: str, poisson: float) -> Floats:
    """Return the (…) signed strain that belongs to a strain measure."""
    if strain_measure.startswith("principal"):
        return dominant(strain)
    return signed_mises_strain(strain, poisson)


def dwell_time(times: Floats, strain: Floats, hold: float) -> Floats:
    """Return how long the strain is held: in increments where it changes slower than `hold` times its mean rate.

    Parameters
    ----------
    times: (n_times,) float [time].
    strain: (n_times, n) float, signed.
    hold: part of range / period.

    Returns
    -------
    (n,) float [time].
    """
    steps = np.diff(times)
    slowest = hold * np.ptp(strain, axis=0) / (times[-1] - times[0])
    held = np.abs(np.diff(strain, axis=0)) <= slowest * steps[:, None]
    return np.asarray(steps @ held)


def reversals(strain: Floats) -> Floats:
    """Return how much a history goes to and fro besides its range: `sum |d eps| / (2 range) - 1`, closed to a cycle.

    Parameters
    ----------
    strain: (n_times, n) float, signed.

    Returns
    -------
    (n,) float: 0 for one way up and one way down; 0.1 where inner reversals have a tenth of the range.
    """
    span = np.ptp(strain, axis=0)
    path = np.abs(np.diff(strain, axis=0)).sum(axis=0) + np.abs(strain[-1] - strain[0])
    return np.divide(path, 2.0 * span, out=np.ones_like(span), where=span > 0.0) - 1.0

"""Components of vectors and symmetric tensors by name, and the scalars that are made of them."""

import numpy as np

from romtool.errors import CaseError
from romtool.types import Floats

NAMES = {1: ("",), 3: ("x", "y", "z"), 6: ("xx", "yy", "zz", "xy", "yz", "zx")}
"""Number of components -> their names."""

INVARIANTS = {1: (), 3: ("magnitude",), 6: ("mises", "magnitude")}
"""Number of components -> scalars that are not linear in them."""


def mises(stress: Floats) -> Floats:
    """Return the von Mises stress: sqrt(3/2 s:s), s the deviator.

    Parameters
    ----------
    stress: (…, 6) float [stress], xx yy zz xy yz zx.

    Returns
    -------
    (…) float [stress].
    """
    deviator = stress[..., :3] - stress[..., :3].mean(axis=-1, keepdims=True)
    squares = (deviator**2).sum(axis=-1) + 2.0 * (stress[..., 3:] ** 2).sum(axis=-1)
    return np.asarray(np.sqrt(1.5 * squares))


def magnitude(values: Floats) -> Floats:
    """Return the (…) norm of (…, 3) vectors or (…, 6) tensors, whose shear counts twice."""
    squares = values**2
    if values.shape[-1] == 6:
        squares = squares * [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
    return np.asarray(np.sqrt(squares.sum(axis=-1)))


def default_component(field: str, width: int) -> str:
    """Return what of a field is meant where no component is named.

    >>> default_component("stress", 6), default_component("u", 3), default_component("p", 1)
    ('mises', 'magnitude', '')
    """
    return {1: "", 3: "magnitude"}.get(width, "mises" if "stress" in field else "magnitude")


def is_linear(component: str) -> bool:
    """Tell whether a component is linear in the field."""
    return component not in ("mises", "magnitude")


def check_component(component: str, width: int, what: str) -> None:
    """Check that a field has a component.

    Parameters
    ----------
    component: its name, "" of a scalar.
    width: number of components of the field.
    what: who asks, for the message.

    Raises
    ------
    CaseError: it has none of that name.
    """
    known = (*NAMES.get(width, ()), *INVARIANTS.get(width, ()))
    if component not in known:
        names = ", ".join(name for name in known if name) or "none: it is one number"
        raise CaseError(f'{what} has component = "{component}"; the components of this field are {names}; pick one')


def select(values: Floats, component: str) -> Floats:
    """Return one component, or an invariant, of a field.

    Parameters
    ----------
    values: (…, n_components) float.
    component: a name of `NAMES` or `INVARIANTS`.

    Returns
    -------
    (…) float.
    """
    if component == "mises":
        return mises(values)
    if component == "magnitude":
        return magnitude(values)
    return np.asarray(values[..., NAMES[values.shape[-1]].index(component)])

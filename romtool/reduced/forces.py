"""Generalised forces, liftings and temperatures of a loading on a reduced model, at given times."""

import difflib
from collections.abc import Mapping
from typing import Protocol, TypeVar

import numpy as np

from romtool.constraints import Equations
from romtool.errors import CaseError
from romtool.loading import Dirichlet, Load, Loading
from romtool.reduced.layout import Schedule
from romtool.reduced.model import Lifting, ReducedModel, SurfaceShape, VolumeShape
from romtool.temperature import build_temperature, evaluate_at
from romtool.types import Bools, Floats

Shape = TypeVar("Shape")


def build_schedule(model: ReducedModel, loading: Loading, times: Floats) -> Schedule:
    """Evaluate all that acts at the given times.

    Parameters
    ----------
    model: the reduced model.
    loading: a loading whose temperature is restricted to the model's thermal nodes.
    times: (n_times,) float [time].

    Raises
    ------
    CaseError: a load on a set, or a prescribed displacement, that the model was not trained for.
    """
    history = build_temperature(loading.temperature, evaluate_at(model.thermal.points), float(loading.times[0]))
    amplitudes = np.array([amplitude_of(loading, lifting, times) for lifting in model.liftings])
    check_dirichlet(model, loading)
    return Schedule(
        times=np.ascontiguousarray(times),
        viscous=viscous_steps(loading, times),
        temperature=history.over(times, model.thermal.operator),
        force=force_history(model, loading, times),
        lifting=np.ascontiguousarray(amplitudes.reshape(len(model.liftings), len(times)).T),
    )


def viscous_steps(loading: Loading, times: Floats) -> Bools:
    """Return (n_times - 1,) whether viscous flow acts in each increment."""
    middle = 0.5 * (times[1:] + times[:-1])
    frozen = [(middle > start) & (middle < end) for start, end in loading.rate_independent]
    return ~np.any(frozen, axis=0) if frozen else np.ones(len(middle), dtype=np.bool_)


class Shapes(Protocol):
    """Generalised forces of load shapes on some modes: a model, or the resultant on a node set."""

    @property
    def n_modes(self) -> int:
        """Return the number of modes."""
        ...

    @property
    def surfaces(self) -> Mapping[str, SurfaceShape]:
        """Return the shapes by side set."""
        ...

    @property
    def volumes(self) -> Mapping[str, VolumeShape]:
        """Return the shapes by element set."""
        ...


def force_history(model: Shapes, loading: Loading, times: Floats) -> Floats:
    """Return the (n_times, n_modes) generalised forces of all loads."""
    force = np.zeros((len(times), model.n_modes))
    for load in loading.loads:
        table = loading.amplitudes(load.table, times)
        power = 2 if load.kind == "centrifugal" else 1
        force += np.outer(table**power, unit_force(model, load))
    return force


def unit_force(model: Shapes, load: Load) -> Floats:
    """Return the (n_modes,) generalised force of a load at table value one.

    Raises
    ------
    CaseError: the model holds nothing for the load's set, or an array of another length.
    """
    if load.kind in ("pressure", "traction"):
        return _surface_force(_trained(model.surfaces, load), load)
    return _volume_force(_trained(model.volumes, load), load)


def _trained(shapes: Mapping[str, Shape], load: Load) -> Shape:
    """Return the shape of the load's set or say which sets there are."""
    if load.region in shapes:
        return shapes[load.region]
    near = difflib.get_close_matches(load.region, list(shapes), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = ", ".join(sorted(shapes)) or "none"
    raise CaseError(
        f"load {load.name!r} ({load.kind}) acts on the set {load.region!r}, which the model was not trained "
        f"for; it knows {known}{hint}; add a training simulation with this load and run offline again"
    )


def _surface_force(shape: SurfaceShape, load: Load) -> Floats:
    """Return the (n_modes,) work of a pressure or a traction on the modes."""
    value = np.asarray(load.value, dtype=np.float64)
    if load.kind == "traction":
        return value @ shape.traction
    works = shape.nodes if load.on == "node" else shape.faces
    if value.ndim == 0:
        return float(value) * shape.faces.sum(axis=0)
    if len(value) != len(works):
        raise CaseError(
            f"load {load.name!r}: the field has {len(value)} values, the set {load.region!r} has "
            f"{len(works)} {load.on}s; give one value for each"
        )
    return value @ works


def _volume_force(shape: VolumeShape, load: Load) -> Floats:
    """Return the (n_modes,) work of a body force, or of a rotation at one radian per time, on the modes."""
    if load.kind == "body":
        return np.asarray(load.value, dtype=np.float64) @ shape.volume
    if not np.any(shape.mass):
        raise CaseError(
            f"load {load.name!r} (centrifugal) acts on {load.region!r}, whose material has no density; give "
            "[[materials]] density in the case and run offline again"
        )
    axis = np.asarray(load.axis, dtype=np.float64)
    axis = axis / np.linalg.norm(axis)
    radial = np.eye(3) - np.outer(axis, axis)
    moment = shape.first - np.asarray(load.point)[:, None, None] * shape.mass[None]
    return float(load.value) ** 2 * np.einsum("cd,dcj->j", radial, moment)


def amplitude_of(loading: Loading, lifting: Lifting, times: Floats) -> Floats:
    """Return the (n_times,) amplitude of one lifting under a loading (zero where the loading has none)."""
    total = np.zeros(len(times))
    for entry in loading.dirichlet:
        if _same_support(entry, lifting):
            total += loading.amplitudes(entry.table, times) * _multiple(entry, lifting)
    for constraint in loading.constraints:
        if not lifting.nodes and constraint.name == lifting.name and isinstance(constraint, Equations):
            total += loading.amplitudes(constraint.table, times)
    return total


def _same_support(entry: Dirichlet, lifting: Lifting) -> bool:
    return entry.nodes == lifting.nodes and entry.components == lifting.components


def _multiple(entry: Dirichlet, lifting: Lifting) -> float:
    """Return how many units of the lifting the entry prescribes."""
    value = np.asarray(entry.value, dtype=np.float64)
    if lifting.profile is None:
        if value.ndim == 0:
            return float(value)
    elif value.ndim == 1 and value.shape == lifting.profile.shape:
        factor = float(value @ lifting.profile / (lifting.profile @ lifting.profile))
        if np.allclose(value, factor * lifting.profile, rtol=1e-9, atol=0.0):
            return factor
    elif value.ndim == 0 and float(value) == 0.0:
        return 0.0
    raise CaseError(
        f"dirichlet {entry.name!r}: the prescribed field on {entry.nodes!r} is not a multiple of the one the model was "
        f"trained with; give a multiple of it, or add a training simulation and run offline again"
    )


def check_loading(model: ReducedModel, loading: Loading) -> None:
    """Check that all that acts in a loading is known to the model.

    Raises
    ------
    CaseError: as `build_schedule`.
    """
    check_dirichlet(model, loading)
    force_history(model, loading, loading.times[:1])


def check_dirichlet(model: ReducedModel, loading: Loading) -> None:
    """Check that the loading supports the structure as the training did.

    Raises
    ------
    CaseError: a support is missing or new, or a non-zero value has no lifting.
    """
    trained = {(entry.nodes, entry.components) for entry in model.loading.dirichlet}
    for entry in loading.dirichlet:
        key = (entry.nodes, entry.components)
        lifted = any(_same_support(entry, lifting) for lifting in model.liftings)
        if key not in trained or (np.any(entry.value) and not lifted):
            raise CaseError(
                f"dirichlet {entry.name!r} prescribes {'non-zero ' if key in trained else ''}displacements of "
                f"{entry.nodes!r} that the model was not trained for; add a training simulation and run offline again"
            )
    missing = trained - {(entry.nodes, entry.components) for entry in loading.dirichlet}
    if missing:
        nodes = ", ".join(sorted({repr(nodes) for nodes, _ in missing}))
        raise CaseError(
            f"the load case removes the support of {nodes}; a reduced model keeps the supports it was trained with"
        )

"""Errors between two results on the same mesh (theory, section 14)."""

from dataclasses import dataclass

import numpy as np

from romtool.errors import InputError, MeshError
from romtool.fem.operators import Operators, build_operators, mass_matrix
from romtool.linalg.products import TENSOR_METRIC
from romtool.types import FieldInfo, Floats, Ints, Mesh, SolverResults

TIME_TOLERANCE = 1e-9
COORDINATE_TOLERANCE = 1e-5


@dataclass(frozen=True)
class FieldErrors:
    """Errors of one field.

    Parameters
    ----------
    relative_l2: `sup_t ‖a - b‖_t / sup_t ‖b‖_t`, None where the reference is zero throughout.
    relative_max: `max |a - b| / max |b|`, None likewise.
    per_time: `‖a - b‖_i / sup_t ‖b‖_t` per common time, absolute norms where the reference is zero.
    absolute_l2: `sup_t ‖a - b‖_t`.
    reference_l2: `‖b‖_i` per common time.
    """

    relative_l2: float | None
    relative_max: float | None
    per_time: tuple[float, ...]
    absolute_l2: float
    reference_l2: tuple[float, ...]

    def causal(self, floor: float) -> Floats:
        """Return (n_times,) `‖a - b‖_i / max_{j ≤ i} ‖b‖_j`, the norm at least `floor` (theory, eq. (7.2))."""
        scale = max(self.reference_l2) or 1.0
        largest = np.maximum.accumulate(np.maximum(self.reference_l2, floor))
        return np.asarray(np.array(self.per_time) * scale / largest)


@dataclass(frozen=True)
class Comparison:
    """All errors between two results, and what could not be compared and why."""

    times: Floats
    fields: dict[str, FieldErrors]
    skipped: dict[str, str]


def compare(a: SolverResults, b: SolverResults) -> Comparison:
    """Compare two results; `b` is the reference.

    Raises
    ------
    MeshError: they are on different meshes.
    InputError: fewer than two common times, or no common field.
    """
    _check_same_mesh(a, b)
    rows_a, rows_b = _common_times(a, b)
    norms = _Norms(a.mesh, b.mesh)
    fields: dict[str, FieldErrors] = {}
    skipped: dict[str, str] = {}
    for name in dict.fromkeys((*a.fields, *b.fields)):
        reason = _not_comparable(name, a, b) or norms.missing(a.fields[name])
        if reason:
            skipped[name] = reason
        else:
            fields[name] = _errors(name, a, b, rows_a, rows_b, norms)
    if not fields:
        raise InputError(f"nothing to compare: {'; '.join(f'{key}: {text}' for key, text in skipped.items())}")
    return Comparison(b.times[rows_b], fields, skipped)


def _check_same_mesh(a: SolverResults, b: SolverResults) -> None:
    """Check node and element ids, and coordinates to the precision of text files."""
    if not (np.array_equal(a.mesh.node_ids, b.mesh.node_ids)):
        raise MeshError(
            f"results of another mesh: {a.paths[0]} has {a.mesh.n_nodes} nodes, {b.paths[0]} has {b.mesh.n_nodes}, and "
            "their ids differ; compare results of one mesh"
        )
    size = float(np.ptp(b.mesh.points, axis=0).max())
    if float(np.abs(a.mesh.points - b.mesh.points).max()) > COORDINATE_TOLERANCE * size:
        raise MeshError(
            f"results of another mesh: the node coordinates of {a.paths[0]} and {b.paths[0]} differ; "
            "compare results of one mesh"
        )
    if not np.array_equal(np.sort(a.mesh.element_ids), np.sort(b.mesh.element_ids)):
        raise MeshError(f"results of another mesh: the element ids of {a.paths[0]} and {b.paths[0]} differ")


def _common_times(a: SolverResults, b: SolverResults) -> tuple[Ints, Ints]:
    """Return the rows of the times of b that a has, never interpolated."""
    if not len(a.times) or not len(b.times):
        raise InputError(
            f"{(a if not len(a.times) else b).paths[0]} holds no times; compare needs a history on each side"
        )
    tolerance = TIME_TOLERANCE * float(b.times[-1] - b.times[0])
    nearest = np.abs(a.times[:, None] - b.times[None, :]).argmin(axis=0)
    common = np.flatnonzero(np.abs(a.times[nearest] - b.times) <= tolerance)
    if len(common) < 2:
        raise InputError(
            f"{len(common)} common times of {a.paths[0]} ({len(a.times)} times up to {a.times[-1]:g}) and {b.paths[0]} "
            f"({len(b.times)} up to {b.times[-1]:g}); compare needs two or more; run both with the same [time]"
        )
    return nearest[common], common


def _not_comparable(name: str, a: SolverResults, b: SolverResults) -> str:
    """Return why a field is not compared, or nothing."""
    for one, other in ((a, b), (b, a)):
        if name not in one.fields:
            return f"only in {other.paths[0].name}"
    ours, theirs = a.fields[name], b.fields[name]
    if ours.location != theirs.location:
        return f"at different locations ({ours.location} and {theirs.location})"
    if len(ours.components) != len(theirs.components):
        return f"different components ({len(ours.components)} and {len(theirs.components)})"
    return ""


class _Norms:
    """Squared norms of fields on one mesh: mass matrix for nodes, magnitudes of the integration weights for points."""

    def __init__(self, mesh_a: Mesh, mesh_b: Mesh) -> None:
        self.why = ""
        self.operators: Operators | None = None
        for mesh in (mesh_a, mesh_b):
            try:
                self.operators = build_operators(mesh)
                break
            except MeshError as error:
                self.why = self.why or str(error)
        if self.operators is not None:
            self.mass = mass_matrix(self.operators)
        self.order = _point_order(mesh_a, mesh_b, self.operators)

    def missing(self, info: FieldInfo) -> str:
        """Return why fields at this location have no norm, or nothing."""
        if self.operators is None:
            return f"no norm on this mesh ({self.why})"
        return "element fields have no norm here" if info.location == "element" else ""

    def squared(self, info: FieldInfo, values: Floats, valid: Floats) -> float:
        """Return the squared norm of (n, n_components) values."""
        assert self.operators is not None
        if info.location == "node":
            return float(np.sum(values * (self.mass @ values)))
        metric = np.array(TENSOR_METRIC if values.shape[1] == 6 else (1.0,) * values.shape[1])
        return float(np.einsum("kc,c,k->", values**2, metric, np.abs(self.operators.weights) * valid))


def _point_order(mesh_a: Mesh, mesh_b: Mesh, operators: Operators | None) -> Ints | None:
    """Return the rows of b's points in the order of a's, or None where they are the same."""
    if operators is None or np.array_equal(mesh_a.element_ids, mesh_b.element_ids):
        return None
    counts = np.bincount(operators.elements)
    if len(set(counts)) > 1:
        raise MeshError("results with mixed elements in different order; convert one of them with the other's deck")
    n_ip = int(counts[0])
    rows = np.argsort(mesh_b.element_ids)[np.searchsorted(np.sort(mesh_b.element_ids), mesh_a.element_ids)]
    return (rows[:, None] * n_ip + np.arange(n_ip)).ravel()


def _errors(name: str, a: SolverResults, b: SolverResults, rows_a: Ints, rows_b: Ints, norms: _Norms) -> FieldErrors:
    """Read both sides time by time and collect the norms."""
    info = a.fields[name]
    difference, reference, largest, largest_reference = [], [], 0.0, 0.0
    for i, j in zip(rows_a, rows_b, strict=True):
        ours, theirs = a.read(name, int(i)), b.read(name, int(j))
        if info.location == "point" and norms.order is not None:
            theirs = theirs[norms.order]
        valid = np.isfinite(theirs).all(axis=1) & np.isfinite(ours).all(axis=1)
        gap, theirs = np.where(valid[:, None], ours - theirs, 0.0), np.where(valid[:, None], theirs, 0.0)
        difference.append(np.sqrt(norms.squared(info, gap, valid)))
        reference.append(np.sqrt(norms.squared(info, theirs, valid)))
        largest = max(largest, float(np.abs(gap).max(initial=0.0)))
        largest_reference = max(largest_reference, float(np.abs(theirs).max(initial=0.0)))
    scale, found = max(reference), tuple(map(float, reference))
    if scale == 0.0:
        return FieldErrors(None, None, tuple(map(float, difference)), float(max(difference)), found)
    per_time = tuple(float(value / scale) for value in difference)
    return FieldErrors(max(per_time), largest / largest_reference, per_time, float(max(difference)), found)


def comparison_summary(comparison: Comparison) -> dict[str, object]:
    """Return what `compare --json` prints."""
    return {
        "times": comparison.times.tolist(),
        "fields": {name: vars(errors) for name, errors in comparison.fields.items()},
        "skipped": comparison.skipped,
    }

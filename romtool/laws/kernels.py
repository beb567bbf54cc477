"""Stress, internal variables and consistent tangent at many points: the compiled side of the laws."""

import numpy as np

from romtool.errors import LawError
from romtool.laws.anisotropic import update_anisotropic
from romtool.laws.batch import call_batch, prepare_point
from romtool.laws.catalogue import ANISOTROPIC, CRYSTAL, ISOTROPIC, MGIS, UMAT
from romtool.laws.crystal import update_crystal
from romtool.laws.fields import Fields, Here, scratch
from romtool.laws.isotropic import update_isotropic
from romtool.laws.lookup import Step, locate, logarithm
from romtool.laws.parameters import LawTables
from romtool.laws.sites import Sites, thermal_strain, virgin_state
from romtool.laws.tensors import inlined, jit
from romtool.laws.umat import update_umat
from romtool.types import Floats


@inlined
def check_shapes(tables: LawTables, sites: Sites, strain: Floats, state_n: Floats, state_n1: Floats) -> None:
    """Raise ValueError where arrays do not fit each other (they are written without bounds checks)."""
    n_points, n_state = len(sites.material), tables.n_state[0]
    if strain.shape != (n_points, 6):
        raise ValueError("strain must have the shape (n_points, 6)")
    if state_n.shape != (n_points, n_state) or state_n1.shape != (n_points, n_state):
        raise ValueError("state_n and state_n1 must have the shape (n_points, state_size(tables))")


@inlined
def check_sites(tables: LawTables, sites: Sites) -> None:
    """Raise ValueError where the arrays of the points do not fit each other or the tables."""
    n_points, n_materials = len(sites.material), len(tables.kernel)
    for point in range(n_points):
        if sites.material[point] < 0 or sites.material[point] >= n_materials:
            raise ValueError("material holds a row that the tables do not have")
    if sites.offset.shape != (n_points, 3) or sites.coordinates.shape != (n_points, 3):
        raise ValueError("offset and coordinates must have the shape (n_points, 3)")
    if sites.ids.shape != (n_points, 2) or sites.addresses.shape != (n_materials,):
        raise ValueError("ids must have the shape (n_points, 2), addresses must have the shape (n_materials,)")
    if sites.frames.shape != (n_points, 3, 3) and sites.frames.shape != (0, 3, 3):
        raise ValueError("frames must have the shape (n_points, 3, 3) or (0, 3, 3)")


@inlined
def check_outputs(n_points: int, temperature: Floats, stress: Floats, tangent: Floats) -> None:
    """Raise ValueError where arrays do not fit each other."""
    if len(temperature) != n_points:
        raise ValueError("temperature must have the shape (n_points,)")
    if stress.shape != (n_points, 6):
        raise ValueError("stress must have the shape (n_points, 6)")
    if tangent.shape != (n_points, 6, 6) and tangent.shape != (0, 6, 6):
        raise ValueError("tangent must have the shape (n_points, 6, 6) or (0, 6, 6)")


@jit
def evaluate(
    tables: LawTables,
    sites: Sites,
    temperature: Floats,
    t_n: float,
    t_n1: float,
    viscous: bool,
    strain: Floats,
    state_n: Floats,
    state_n1: Floats,
    stress: Floats,
    tangent: Floats,
) -> int:
    """Integrate the laws over one increment by backward Euler; compiled, and callable from compiled code.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    sites: (n_points) of `romtool.laws.build_sites`.
    temperature: (n_points,) float [temperature] at t_n1.
    t_n, t_n1: float [time], total time at start and end; t_n1 > 0 for laws with t^m; no flow where t_n1 = t_n.
    viscous: False switches viscosity and creep off: pure creep laws are elastic, others rate independent.
    strain: (n_points, 6) float, total strain at t_n1.
    state_n: (n_points, n_state) float at t_n, columns of `state_fields`; first that of `virgin_state`.
    state_n1: (n_points, n_state) float, written; another array than `state_n`.
    stress: (n_points, 6) float [stress], written.
    tangent: (n_points, 6, 6) float [stress], written: d stress_a / d strain_b for tensor-shear strains, or
        (0, 6, 6) for none.

    Returns
    -------
    0, or 1 + the first point that failed (a value that is not finite, no convergence, or a plug-in that asks for
    a smaller increment); the points from there on are not written.

    Raises
    ------
    ValueError: shapes that do not fit each other, a material that does not exist.
    """
    check_shapes(tables, sites, strain, state_n, state_n1)
    check_sites(tables, sites)
    check_outputs(len(sites.material), temperature, stress, tangent)
    fields = Fields(strain, state_n, state_n1, stress, tangent, scratch(tables))
    return evaluate_fields(tables, sites, temperature, t_n, t_n1, viscous, fields)


@inlined
def evaluate_fields(
    tables: LawTables, sites: Sites, temperature: Floats, t_n: float, t_n1: float, viscous: bool, fields: Fields
) -> int:
    """Do as `evaluate` on arrays that fit each other, for compiled callers that keep the `scratch`."""
    step = Step(t_n, t_n1, logarithm(t_n1 - t_n), logarithm(t_n1), viscous)
    return integrate(tables, sites, temperature, step, fields)


@inlined
def integrate(tables: LawTables, sites: Sites, temperature: Floats, step: Step, fields: Fields) -> int:
    """Update all points; return 0, or 1 + the first that failed."""
    for point in range(len(sites.material)):
        row = sites.material[point]
        here = Here(point, row, temperature[point], locate(tables, row, temperature[point]))
        for j in range(fields.state_n.shape[1]):
            fields.state_n1[point, j] = fields.state_n[point, j]
        if not update(tables, sites, step, here, fields):
            return point + 1
    for row in range(len(tables.kernel)):
        if tables.kernel[row] == MGIS:
            failed = call_batch(tables, sites, step, row, fields)
            if failed != 0:
                return failed
    return 0


@inlined
def update(tables: LawTables, sites: Sites, step: Step, here: Here, fields: Fields) -> bool:
    """Update one point by the kernel of its law; return whether that succeeded."""
    kernel = tables.kernel[here.row]
    if kernel == ISOTROPIC:
        return update_isotropic(tables, sites, step, here, fields)
    if kernel == ANISOTROPIC:
        return update_anisotropic(tables, sites, step, here, fields)
    if kernel == CRYSTAL:
        return update_crystal(tables, sites, step, here, fields)
    if kernel == UMAT:
        return update_umat(tables, sites, step, here, fields)
    return prepare_point(tables, sites, here, fields)


def elastic_tangent(tables: LawTables, sites: Sites, temperature: Floats) -> Floats:
    """Return the (n_points, 6, 6) moduli of unstressed virgin material [stress], for strains with tensor shear.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    sites: (n_points) of `romtool.laws.build_sites`.
    temperature: (n_points,) float [temperature].

    Raises
    ------
    LawError: a law that fails where nothing acts.
    """
    n_points = len(sites.material)
    free = sites._replace(offset=thermal_strain(tables, sites.material, temperature), initial=temperature)
    state, stress = virgin_state(tables, free), np.zeros((n_points, 6))
    tangent = np.empty((n_points, 6, 6))
    nothing = np.zeros((n_points, 6))
    if failed := evaluate(tables, free, temperature, 0.0, 1.0, True, nothing, state, state.copy(), stress, tangent):
        raise LawError(f"the law of point {failed - 1} fails for zero strain; check its parameters")
    return tangent

"""Elasticity with directions: cubic and orthotropic, in the local axes of a point."""

from typing import NamedTuple

from romtool.laws.catalogue import COLUMNS
from romtool.laws.fields import Fields, Here
from romtool.laws.local_axes import mechanical_strain, to_global, turn_tangent
from romtool.laws.lookup import Place, Step, parameter
from romtool.laws.parameters import LawTables
from romtool.laws.sites import Sites
from romtool.laws.tensors import Six, called, inlined, is_finite, put_row
from romtool.types import Floats

C11, C12, C44, E1, E2, E3 = (COLUMNS[name] for name in ("c11", "c12", "c44", "E1", "E2", "E3"))
NU12, NU23, NU13, G12, G23, G13 = (COLUMNS[name] for name in ("nu12", "nu23", "nu13", "G12", "G23", "G13"))


class Stiffness(NamedTuple):
    """Moduli c_ij of the normal components, and shear moduli of xy, yz, zx [stress]."""

    c11: float
    c22: float
    c33: float
    c12: float
    c23: float
    c13: float
    g12: float
    g23: float
    g13: float


@inlined
def cubic(tables: LawTables, place: Place) -> Stiffness:
    """Return the moduli of cubic symmetry."""
    c11, c12, c44 = parameter(tables, place, C11), parameter(tables, place, C12), parameter(tables, place, C44)
    return Stiffness(c11, c11, c11, c12, c12, c12, c44, c44, c44)


@inlined
def orthotropic(tables: LawTables, place: Place) -> Stiffness:
    """Return the moduli of orthotropic symmetry: the inverse of the compliance."""
    s11, s22, s33 = (
        1.0 / parameter(tables, place, E1),
        1.0 / parameter(tables, place, E2),
        1.0 / parameter(tables, place, E3),
    )
    s12, s13 = -parameter(tables, place, NU12) * s11, -parameter(tables, place, NU13) * s11
    s23 = -parameter(tables, place, NU23) * s22
    c11, c12, c13 = s22 * s33 - s23 * s23, s13 * s23 - s12 * s33, s12 * s23 - s13 * s22
    inverse = 1.0 / (s11 * c11 + s12 * c12 + s13 * c13)
    return Stiffness(
        c11 * inverse,
        (s11 * s33 - s13 * s13) * inverse,
        (s11 * s22 - s12 * s12) * inverse,
        c12 * inverse,
        (s12 * s13 - s11 * s23) * inverse,
        c13 * inverse,
        parameter(tables, place, G12),
        parameter(tables, place, G23),
        parameter(tables, place, G13),
    )


@inlined
def stress_of(c: Stiffness, strain: Six) -> Six:
    """Return the stress of an elastic strain with tensor shear."""
    x, y, z = strain[0], strain[1], strain[2]
    return (
        c.c11 * x + c.c12 * y + c.c13 * z,
        c.c12 * x + c.c22 * y + c.c23 * z,
        c.c13 * x + c.c23 * y + c.c33 * z,
        2.0 * c.g12 * strain[3],
        2.0 * c.g23 * strain[4],
        2.0 * c.g13 * strain[5],
    )


@inlined
def write_stiffness(c: Stiffness, tangent: Floats, point: int) -> None:
    """Write the tangent of a point in its local axes, for strains with tensor shear."""
    d = tangent[point]
    for a in range(6):
        for b in range(6):
            d[a, b] = 0.0
    d[0, 0], d[1, 1], d[2, 2] = c.c11, c.c22, c.c33
    d[0, 1] = d[1, 0] = c.c12
    d[1, 2] = d[2, 1] = c.c23
    d[0, 2] = d[2, 0] = c.c13
    d[3, 3], d[4, 4], d[5, 5] = 2.0 * c.g12, 2.0 * c.g23, 2.0 * c.g13


@called
def update_anisotropic(tables: LawTables, sites: Sites, step: Step, here: Here, fields: Fields) -> bool:
    """Update one point; return whether its stress is finite.

    Parameters
    ----------
    tables, sites: of all materials and points.
    step: the increment in time.
    here: the point.
    fields: read and written at the point; the state at the end holds that at the start.
    """
    point, place = here.point, here.place
    strain = mechanical_strain(tables, sites, here, fields.strain)
    stiffness = cubic(tables, place) if parameter(tables, place, C11) > 0.0 else orthotropic(tables, place)
    stress = stress_of(stiffness, strain)
    put_row(to_global(sites, point, stress), fields.stress, point, 0)
    if len(fields.tangent) > 0:
        write_stiffness(stiffness, fields.tangent, point)
        turn_tangent(sites, point, fields.tangent)
    return is_finite(stress)

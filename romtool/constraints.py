"""Linear constraints between displacements: equations, and the couplings that stand for many of them. All are frozen.

A coupling says what is coupled in words of the mesh; `romtool.fem.couplings` makes equations of it. Nodes are named by
the solver's ids, since a reference node need not belong to any element.
"""

from dataclasses import dataclass, field

import numpy as np

from romtool.types import Floats, Ints

ROTATION = 3
"""Component of the rotation about x of a reference node; 4 and 5 are those about y and z."""


def _no_lines() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Equations:
    """Equations `Σ coefficient · u = value · table(t)`; the first unknown of each depends on the others.

    Parameters
    ----------
    name: of the constraint.
    place: the file that says it, for messages.
    starts: (n_equations + 1,) int, first term of each equation.
    nodes: (n_terms,) int, ids of the solver.
    components: (n_terms,) int, 0 to 2, of reference nodes also 3 to 5.
    coefficients: (n_terms,) float.
    values: (n_equations,) float [length].
    table: name of a table, or None for a constant.
    lines: (n_equations,) int, line of the file that each comes from; empty where not known.
    """

    name: str
    place: str
    starts: Ints
    nodes: Ints
    components: Ints
    coefficients: Floats
    values: Floats
    table: str | None = None
    lines: Ints = field(default_factory=_no_lines)

    @property
    def count(self) -> int:
        """Return the number of equations."""
        return len(self.values)

    def where(self, number: int) -> str:
        """Return the place of an equation, for messages."""
        return f"{self.place}:{self.lines[number]}" if len(self.lines) else f"{self.place}, {self.name!r}"


@dataclass(frozen=True)
class Coupling:
    """What all couplings have.

    Parameters
    ----------
    name: of the constraint.
    place: file, and line where there is one, that says it, for messages.
    """

    name: str
    place: str


@dataclass(frozen=True)
class RigidBody(Coupling):
    """Nodes that follow the small motion of a rigid body: `u = u_ref + theta × (x - x_ref)`.

    Parameters
    ----------
    nodes: (n,) int, ids, or the name of a node or side set.
    reference: id of the reference node. point: (3,) float [length], where it is; None: it is in the mesh.
    rotation: id of the node whose displacements are the rotations theta; None: components 3 to 5 of `reference`.
    components: some of 0, 1, 2, that follow.
    """

    nodes: Ints | str
    reference: int
    point: Floats | None = None
    rotation: int | None = None
    components: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True)
class MeanMotion(Coupling):
    """A reference node that follows the weighted mean motion of nodes, as a rigid body fitted to them (RBE3).

    Parameters
    ----------
    nodes: (n,) int, ids, or the name of a node or side set.
    reference: id of the reference node. point: (3,) float [length], where it is; None: it is in the mesh.
    weights: (n,) float; None: all the same.
    components: some of 0 to 5, components of the reference node that follow.
    """

    nodes: Ints | str
    reference: int
    point: Floats | None = None
    weights: Floats | None = None
    components: tuple[int, ...] = (0, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Tie(Coupling):
    """Nodes that move like the points of faces next to them, by the shape functions of the faces.

    Parameters
    ----------
    slave: node or side set, whose nodes depend. master: side set.
    tolerance: float [length], distance up to which a node is tied; None: a tenth of the size of the faces.
    """

    slave: str
    master: str
    tolerance: float | None = None


@dataclass(frozen=True)
class CyclicSymmetry(Coupling):
    """A sector of a structure that repeats about an axis: what one side does, the other does, turned.

    Parameters
    ----------
    slave: node or side set, whose nodes depend. master: node or side set.
    sectors: number of sectors in the whole circle.
    point, axis: (3,) float, a point of the axis [length] and its direction.
    tolerance: as in `Tie`.
    """

    slave: str
    master: str
    sectors: int
    point: Floats
    axis: Floats
    tolerance: float | None = None


@dataclass(frozen=True)
class LocalSupport(Coupling):
    """Prescribed displacements in directions of their own: `d · u = value · table(t)`.

    Parameters
    ----------
    nodes: (n,) int, ids, or the name of a node or side set.
    kind: "axes": `values` are the local x and a vector in the local xy plane; "cylindrical": a point of the axis and
        its direction; local axes radial, circumferential, axial.
    values: (2, 3) float.
    components: some of 0, 1, 2, local.
    value: float [length].
    table: name of a table, or None for a constant.
    """

    nodes: Ints | str
    kind: str
    values: Floats
    components: tuple[int, ...]
    value: float = 0.0
    table: str | None = None


Constraint = Equations | RigidBody | MeanMotion | Tie | CyclicSymmetry | LocalSupport

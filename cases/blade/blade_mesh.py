"""Geometry and mesh of the blade: an extruded aerofoil with three channels on a dovetail root, then twisted.

Gmsh meshes the untwisted blade, shortened along the span; stretching, tapering and twisting afterwards
gives elements that are longer along the span, where little changes, and keeps the mesh conformal.
Lengths in mm. x: along the engine axis, y: circumferential, z: radial; z = 0 is the platform.
"""

from dataclasses import dataclass

import gmsh
import numpy as np

CHORD, HEIGHT, THICKNESS, CAMBER = 20.0, 40.0, 0.22, 0.09
TRAILING_EDGE = 0.35  # half thickness
TWIST, TAPER = np.radians(20.0), 0.15  # over the span
SHORTENED = 3.0  # how much shorter the meshed blade is than the real one
CHANNELS = ((0.20, 1.10), (0.42, 1.15), (0.63, 0.80))  # chord fraction, radius
ROOT_LENGTH = 24.0
# Cross-section of the root (y, z), right half from the top: platform, neck, dovetail.
ROOT_SECTION = ((7.0, 0.0), (7.0, -2.5), (3.6, -3.5), (3.6, -5.5), (6.0, -8.5), (6.0, -11.0))
FACES = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])  # CalculiX' S1 to S4 of a tetrahedron
EDGES = np.array([[0, 1], [1, 2], [2, 0], [0, 3], [1, 3], [2, 3]])  # of its mid-side nodes 4 to 9


@dataclass(frozen=True)
class BladeMesh:
    """Second-order tetrahedra with sets; ids count from 1 in the order of the rows.

    Parameters
    ----------
    points: (n_nodes, 3) float [mm].
    chord_fraction: (n_nodes,) position along the chord of the node before twisting, 0 leading edge.
    tetrahedra: (n_elements, 10) rows of `points`, order of CalculiX and VTK.
    node_sets: name -> rows of `points`.
    element_sets: name -> rows of `tetrahedra`.
    side_sets: name -> (n, 2) element row and face 0 to 3.
    """

    points: np.ndarray
    chord_fraction: np.ndarray
    tetrahedra: np.ndarray
    node_sets: dict[str, np.ndarray]
    element_sets: dict[str, np.ndarray]
    side_sets: dict[str, np.ndarray]


def profile(fraction: np.ndarray, side: float) -> np.ndarray:
    """Return (n, 2) points of the suction side (side = 1) or pressure side (-1) at chord fractions.

    A NACA four-digit thickness, with a blunt trailing edge, on a parabolic camber line.
    """
    x = np.asarray(fraction, dtype=float)
    naca = 5 * THICKNESS * CHORD * (0.2969 * x**0.5 - 0.126 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1036 * x**4)
    half = naca + TRAILING_EDGE * x
    return np.stack([CHORD * (x - 0.4), camber(x) + side * half], axis=1)


def camber(fraction: np.ndarray) -> np.ndarray:
    """Return the height of the camber line [mm], zero on average."""
    return CHORD * CAMBER * (4 * fraction * (1 - fraction) - 2 / 3)


def make_mesh(size: float) -> BladeMesh:
    """Mesh the blade with elements of about `size` [mm] across the aerofoil.

    Raises
    ------
    RuntimeError: an element is inside out at one of its integration points.
    """
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        _generate(*_solids(), size)
        mesh = _collect()
    finally:
        gmsh.finalize()
    worst = float(jacobians(mesh.points, mesh.tetrahedra).min())
    if worst <= 0.0:
        raise RuntimeError(f"the smallest Jacobian is {worst:.3g} mm³: choose another --size")
    return mesh


def _solids() -> tuple[int, int]:
    occ = gmsh.model.occ
    outline = _outline()
    holes = [_circle(fraction, radius) for fraction, radius in CHANNELS]
    face = occ.addPlaneSurface([outline, *holes])
    blade = next(tag for dim, tag in occ.extrude([(2, face)], 0, 0, HEIGHT / SHORTENED) if dim == 3)
    right = list(ROOT_SECTION)
    section = [*right, (0.0, right[-1][1])] + [(-y, z) for y, z in reversed(right)]
    corners = [occ.addPoint(-ROOT_LENGTH / 2, y, z) for y, z in section]
    lines = [occ.addLine(a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    base = occ.addPlaneSurface([occ.addCurveLoop(lines)])
    root = next(tag for dim, tag in occ.extrude([(2, base)], ROOT_LENGTH, 0, 0) if dim == 3)
    _, parts = occ.fragment([(3, blade)], [(3, root)])
    occ.synchronize()
    return parts[0][0][1], parts[1][0][1]


def _outline() -> int:
    occ = gmsh.model.occ
    fraction = 0.5 * (1 - np.cos(np.linspace(0, np.pi, 30)))
    upper, lower = profile(fraction, 1.0), profile(fraction, -1.0)
    nose = occ.addPoint(*upper[0], 0)
    sides = [[nose] + [occ.addPoint(x, y, 0) for x, y in points[1:]] for points in (upper, lower)]
    suction, pressure = (occ.addSpline(tags) for tags in sides)
    return occ.addCurveLoop([suction, occ.addLine(sides[0][-1], sides[1][-1]), -pressure])


def _circle(fraction: float, radius: float) -> int:
    centre = CHORD * (fraction - 0.4), float(camber(np.float64(fraction)))
    return gmsh.model.occ.addCurveLoop([gmsh.model.occ.addCircle(*centre, 0, radius)])


def _generate(blade: int, root: int, size: float) -> None:
    for name, tag in (("BLADE", blade), ("ROOT", root)):
        gmsh.model.addPhysicalGroup(3, [tag], name=name)
    corners = lambda solid: gmsh.model.getBoundary([(3, solid)], recursive=True)  # noqa: E731
    gmsh.model.mesh.setSize(corners(root), 2.5 * size)
    gmsh.model.mesh.setSize(corners(blade), size)
    gmsh.option.setNumber("Mesh.MeshSizeFromCurvature", 6)
    gmsh.option.setNumber("Mesh.MeshSizeMin", 0.4 * size)
    gmsh.option.setNumber("Mesh.RandomSeed", 1)
    gmsh.option.setNumber("General.NumThreads", 1)
    gmsh.model.mesh.generate(3)
    gmsh.model.mesh.optimize("Netgen")
    gmsh.model.mesh.setOrder(2)


def _collect() -> BladeMesh:
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    order = np.argsort(tags)
    tags, flat = tags[order], coordinates.reshape(-1, 3)[order]
    cells = {gmsh.model.getPhysicalName(*group): _cells(*group) for group in gmsh.model.getPhysicalGroups(3)}
    used = np.unique(np.concatenate([nodes.ravel() for nodes in cells.values()]))
    flat = flat[np.searchsorted(tags, used)]
    tetrahedra = np.searchsorted(used, np.concatenate(list(cells.values())))[:, [0, 1, 2, 3, 4, 5, 6, 7, 9, 8]]
    ends = np.cumsum([0] + [len(nodes) for nodes in cells.values()])
    sets = {name: np.arange(ends[i], ends[i + 1]) for i, name in enumerate(cells)}
    fraction = flat[:, 0] / CHORD + 0.4
    sides = _sides(flat, tetrahedra, sets["BLADE"])
    points = straighten(twist(flat), tetrahedra)
    return BladeMesh(points, fraction, tetrahedra, _node_sets(flat, fraction), sets, sides)


def _cells(dim: int, group: int) -> np.ndarray:
    solids = gmsh.model.getEntitiesForPhysicalGroup(dim, group)
    return np.concatenate([gmsh.model.mesh.getElementsByType(11, solid)[1].reshape(-1, 10) for solid in solids])


def twist(flat: np.ndarray) -> np.ndarray:
    """Stretch, taper and twist the blade; the root (z <= 0) stays as it is. (n, 3) [mm] both ways."""
    span = np.clip(flat[:, 2] * SHORTENED / HEIGHT, 0.0, None)
    angle, scale = TWIST * span, 1.0 - TAPER * span
    x, y = scale * flat[:, 0], scale * flat[:, 1]
    turned = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    return np.stack([*turned, np.where(flat[:, 2] > 0, HEIGHT * span, flat[:, 2])], axis=1)


def _node_sets(flat: np.ndarray, fraction: np.ndarray) -> dict[str, np.ndarray]:
    near, bottom = 1e-6, ROOT_SECTION[-1][1]
    x, y, z = flat.T
    return {
        "BOTTOM": np.flatnonzero(z < bottom + near),
        "FRONT": np.flatnonzero((x < -ROOT_LENGTH / 2 + near) & (z < near)),
        "KEEL": np.flatnonzero((z < bottom + near) & (np.abs(y) < near)),
        "TIP": np.flatnonzero(z > HEIGHT / SHORTENED - near),
        "LEADING_EDGE": np.flatnonzero((fraction < 1e-4) & (z >= 0)),
    }


def _sides(flat: np.ndarray, tetrahedra: np.ndarray, blade: np.ndarray) -> dict[str, np.ndarray]:
    """Find the outer faces of the aerofoil: corners on the outline, sorted by the side of the camber line."""
    faces = np.sort(tetrahedra[blade][:, FACES].reshape(-1, 3), axis=1)
    _, inverse, counts = np.unique(faces, axis=0, return_inverse=True, return_counts=True)
    outer = np.flatnonzero(counts[inverse.ravel()] == 1)
    corners = flat[faces[outer]]
    fraction = np.clip(corners[..., 0] / CHORD + 0.4, 0.0, 1.0)
    found = {}
    for name, side in (("PRESSURE_SIDE", -1.0), ("SUCTION_SIDE", 1.0)):
        outline = profile(fraction.ravel(), side)[:, 1].reshape(fraction.shape)
        # The spline between its points differs from the formula by some micrometres; channels are 0.5 mm away.
        on = (np.abs(corners[..., 1] - outline) < 0.15).all(axis=1)
        flat_end = np.ptp(corners[..., 2], axis=1) < 1e-9
        blunt = (fraction > 1 - 1e-6).all(axis=1)
        chosen = outer[on & ~flat_end & ~blunt]
        found[name] = np.stack([blade[chosen // 4], chosen % 4], axis=1)
    return found


def straighten(points: np.ndarray, tetrahedra: np.ndarray, ratio: float = 0.2) -> np.ndarray:
    """Straighten the edges of elements whose Jacobian varies by more than 1/`ratio`; (n_nodes, 3) [mm]."""
    points = points.copy()
    for _ in range(10):
        values = jacobians(points, tetrahedra)
        bad = tetrahedra[values.min(axis=1) < ratio * values.max(axis=1)]
        points[bad[:, 4:]] = points[bad[:, EDGES]].mean(axis=2)
    return points


def jacobians(points: np.ndarray, tetrahedra: np.ndarray) -> np.ndarray:
    """Return the (n_elements, 4) Jacobians [mm³] at CalculiX' integration points of C3D10."""
    a, b = 0.138196601125011, 0.585410196624968
    barycentric = np.full((4, 4), a) + (b - a) * np.eye(4)
    gradient = np.concatenate([-np.ones((1, 3)), np.eye(3)])  # of the barycentric coordinates
    corner = (4 * barycentric - 1)[:, :, None] * gradient
    first, second = barycentric[:, EDGES[:, 0], None], barycentric[:, EDGES[:, 1], None]
    middle = 4 * (first * gradient[EDGES[:, 1]] + second * gradient[EDGES[:, 0]])
    shape = np.concatenate([corner, middle], axis=1)
    return np.linalg.det(np.einsum("pnj,eni->epij", shape, points[tetrahedra]))

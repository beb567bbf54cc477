"""`solve` on decks with linear constraints against CalculiX: double-precision displacements, stress and p of 7 digits.

Where the deck is nonlinear CalculiX turns rigid bodies by finite rotations and a PLANE or STRAIGHT switches large
deformation on: the difference is of second order, so that small motions and elastic decks show the equations.
"""

from dataclasses import replace

import numpy as np
import pytest

from romtool.convert.calculix import READER
from romtool.fem.couplings import build_equations
from romtool.fem.operators import build_operators
from romtool.hifi.march import follow, initial_state, solve, unbalance
from romtool.hifi.problem import build_problem
from romtool.settings import NewtonSettings
from tests.external.constrained_decks import MATERIAL, block, mesh_cards, node_set, sections, step, surface
from tests.fem.calculix_runs import run_deck

ELASTIC = "*MATERIAL, NAME=M\n*ELASTIC\n200000.,0.3\n"
CUBE = block("A", (2, 2, 2), (0, 0, 0), (2, 2, 2))
LEFT, RIGHT = CUBE.nodes(0, 0.0), CUBE.nodes(0, 2.0)
HELD = node_set("L", LEFT) + node_set("R", RIGHT) + "*BOUNDARY\nL,1,3\n"
PULLED = surface("END", CUBE, "x1", 0, 2.0)


def deviations(text, folder):
    """Return the largest relative deviations of `solve` from ccx, and the largest unbalance of its displacements."""
    frd = run_deck(text, folder)
    deck, results = READER.read_deck(frd.with_suffix(".inp")), READER.read(frd)
    equations, _ = build_equations(deck.mesh, deck.loading.constraints)
    assert sum(entry.count for entry in equations) > 0
    loading = replace(deck.loading, constraints=equations, times=results.times)
    tight = NewtonSettings(tolerance=1e-11)
    case = build_problem(build_operators(deck.mesh), deck.materials, loading, tight)
    states = []
    solve(case, lambda state, _: states.append(state))
    found = {
        "u": [state.displacement for state in states],
        "stress": [state.stress for state in states],
        "p": [state.state[:, :1] for state in states],
    }
    result = {"unbalance": unbalance_of(case, results)}
    for name in found.keys() & results.fields.keys():
        expected = np.array([results.read(name, i) for i in range(len(states))])
        result[name] = float(np.abs(np.array(found[name]) - expected).max() / np.abs(expected).max())
    return result


def unbalance_of(case, results):
    """Return the largest unbalance of ccx's displacements with stresses recomputed by the laws, as `import` has it."""
    state, largest = initial_state(case), 0.0
    for i, time in enumerate(results.times[1:], 1):
        state = follow(case, state, results.read("u", i), float(time))
        largest = max(largest, unbalance(case, state.stress, float(time)))
    return largest


def check(found, u=2e-8, stress=5e-7, unbalance=5e-8):
    """Check the level that ccx's own convergence and the digits of its `.dat` allow."""
    assert found["u"] < u
    assert found.get("stress", 0.0) < stress
    assert found.get("p", 0.0) < stress
    assert found["unbalance"] < unbalance


def cube(cards, loads, material=MATERIAL, before=""):
    """Return a deck of the cube held at its left side."""
    every = "*ELSET, ELSET=EALL\nA\n"
    return mesh_cards([CUBE]) + every + before + HELD + PULLED + cards + sections([CUBE], material) + step(loads)


def test_equation(tmp_path):
    """Many nodes follow one, and a chain of equations with several terms."""
    last = RIGHT[-1]
    flat = "*EQUATION\n" + "".join(f"2\n{node},1,1.,{last},1,-1.\n" for node in RIGHT[:-1])
    check(deviations(cube(flat, f"*BOUNDARY\n{last},1,1,.02\n"), tmp_path))
    a, b, c, d = RIGHT[[0, 4, 8, 5]]
    chain = f"*EQUATION\n3\n{a},2,1.,{b},2,-.5,{c},1,.3\n2\n{b},2,1.,{d},3,-1.\n"
    check(deviations(cube(chain, "*DSLOAD\nEND,P,-350.\n"), tmp_path))


def turned():
    """Return the cube whose right side is moved in turned axes."""
    axes = "*TRANSFORM, NSET=R, TYPE=R\n1.,.5,.2,-.3,1.,.1\n"
    return cube(axes, f"*BOUNDARY\nR,1,1,.01\nR,2,2\n{RIGHT[0]},3,3,.004\n")


def test_rectangular_transform(tmp_path):
    """Two directions of all nodes and a third of one are prescribed in turned axes."""
    check(deviations(turned(), tmp_path))


def sector(angle, sweep=0.0):
    """Return a sector of a ring, straight and bent."""
    straight = block("A", (2, 3, 2), (1, 0, 0), (2, 1, 1))
    turn = straight.points[:, 1] * angle + sweep * (straight.points[:, 0] - 1.0)
    r, z = straight.points[:, 0], straight.points[:, 2]
    return straight, straight.moved(lambda points: np.column_stack([r * np.cos(turn), r * np.sin(turn), z]))


def test_cylindrical_transform(tmp_path):
    """A quarter of a ring widened from inside, symmetric on its two ends."""
    straight, ring = sector(np.pi / 3)
    sides = np.union1d(straight.nodes(1, 0.0), straight.nodes(1, 1.0))
    sets = node_set("I", straight.nodes(0, 1.0)) + node_set("S", sides) + node_set("Z", straight.nodes(2, 0.0))
    axes = node_set("N", 1 + np.arange(len(ring.points))) + "*TRANSFORM, NSET=N, TYPE=C\n0.,0.,0.,0.,0.,1.\n"
    held = "*BOUNDARY\nS,2,2\nZ,3,3\n"
    text = mesh_cards([ring]) + "*ELSET, ELSET=EALL\nA\n" + sets + axes + sections([ring]) + held
    check(deviations(text + step("*BOUNDARY\nI,1,1,.01\n"), tmp_path))


def rigid(scale, free, material):
    """Return the cube whose right side is a rigid body, moved and (unless free to turn) turned."""
    body = "*NODE\n1000,2.5,1.2,.7\n1001,2.5,1.2,.7\n*RIGID BODY, NSET=R, REF NODE=1000, ROT NODE=1001\n"
    turn = "" if free else f"1001,1,1,{0.006 * scale:.9g}\n1001,2,3\n"
    return cube(body, f"*BOUNDARY\n1000,1,1,{0.01 * scale:.9g}\n1000,2,2,{-0.004 * scale:.9g}\n{turn}", material)


@pytest.mark.parametrize("free", [True, False])
def test_rigid_body(tmp_path, free):
    check(deviations(rigid(1.0, free, ELASTIC), tmp_path))
    soft = MATERIAL.replace("300.,", "3.,").replace("800.,", "8.,")
    assert deviations(rigid(0.01, free, soft), tmp_path)["u"] < 5e-5


@pytest.mark.parametrize("components", ["1,3", "1,2"])
def test_kinematic_coupling(tmp_path, components):
    cards = f"*COUPLING, REF NODE=1000, SURFACE=END, CONSTRAINT NAME=K\n*KINEMATIC\n{components}\n"
    loads = "*BOUNDARY\n1000,1,1,.01\n1000,2,3\n1000,4,4,.006\n1000,5,6\n"
    check(deviations(cube(cards, loads, ELASTIC, "*NODE\n1000,2.5,1.2,.7\n"), tmp_path))


@pytest.mark.parametrize(("kind", "nodes"), [("PLANE", [0, 2, 6, 4, 8, 1, 3, 5, 7]), ("STRAIGHT", [0, 2, 1])])
def test_multiple_point_constraints(tmp_path, kind, nodes):
    cards = f"*MPC\n{kind}," + ",".join(str(RIGHT[k]) for k in nodes) + "\n" + surface("Y", CUBE, "y1", 1, 2.0)
    soft = MATERIAL.replace("300.,", ".3,").replace("800.,", ".8,")
    assert deviations(cube(cards, "*DSLOAD\nEND,P,-.35\nY,P,.04\n", soft), tmp_path)["u"] < 5e-5


@pytest.mark.parametrize("n", [2, 3])
def test_tie(tmp_path, n):
    """Two blocks, with equal faces and with others."""
    other = block("B", (2, n, n), (2, 0, 0), (4, 2, 2), first=1001)
    faces = surface("SLAVE", other, "x0", 0, 2.0) + surface("MASTER", CUBE, "x1", 0, 2.0)
    faces += surface("FAR", other, "x1", 0, 4.0)
    tie = "*TIE, NAME=T, POSITION TOLERANCE=.1, ADJUST=NO\nSLAVE,MASTER\n"
    parts = [CUBE, other]
    text = mesh_cards(parts) + "*ELSET, ELSET=EALL\nA\nB\n" + HELD + faces + tie + sections(parts)
    check(deviations(text + step("*DSLOAD\nFAR,P,-350.\n"), tmp_path))


def cyclic(sectors=6, pressure=1.9e10):
    """Return a spinning ring of which the deck has one sector with curved sides."""
    straight, ring = sector(2.0 * np.pi / sectors, sweep=0.15)
    slave, points = straight.nodes(1, 0.0), straight.points
    faces = surface("SL", ring, "y0", 1, 0, points) + surface("MA", ring, "y1", 1, 1, points)
    middle = 1 + int(np.argmin(np.abs(points - [1.5, 1.0 / 3.0, 0.0]).sum(axis=1)))
    held = node_set("Z", np.setdiff1d(straight.nodes(2, 0.0), slave)) + f"*BOUNDARY\nZ,3,3\n{middle},2,2\n"
    model = "*TIE, NAME=C, CYCLIC SYMMETRY, POSITION TOLERANCE=.01\nSL,MA\n"
    model += f"*CYCLIC SYMMETRY MODEL, N={sectors}, TIE=C, NGRAPH=1\n0.,0.,0.,0.,0.,1.\n"
    text = mesh_cards([ring]) + "*ELSET, ELSET=EALL\nA\n" + faces + model + sections([ring]) + held
    return text + step(f"*DLOAD\nEALL,CENTRIF,{pressure:.9g},0.,0.,0.,0.,0.,1.\n")


def test_cyclic_symmetry(tmp_path):
    check(deviations(cyclic(), tmp_path))


ORTHOTROPIC = """*MATERIAL, NAME=M
*ELASTIC, TYPE=ENGINEERING CONSTANTS
120000.,60000.,90000.,.2,.25,.3,30000.,25000.
20000.,
"""


def test_orientation(tmp_path):
    """Orthotropic elasticity in rectangular and in cylindrical axes; one side stays flat."""
    for system, numbers in (("RECTANGULAR", "1.,.5,.2,-.3,1.,.1"), ("CYLINDRICAL", "-1.,-1.,0.,-1.,-1.,1.")):
        axes = f"*ORIENTATION, NAME=O, SYSTEM={system}\n{numbers}\n"
        flat = "*EQUATION\n" + "".join(f"2\n{node},1,1.,{RIGHT[-1]},1,-1.\n" for node in RIGHT[:-1])
        text = cube(axes + flat, "*DSLOAD\nEND,P,-350.\n", ORTHOTROPIC)
        check(deviations(text.replace("MATERIAL=M", "MATERIAL=M, ORIENTATION=O"), tmp_path))

"""CalculiX' own strains, as printed in its .dat with 7 digits, through romtool's laws: its stress and PEEQ."""

import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from romtool.laws import build_sites, build_tables, evaluate, state_size
from romtool.loading import Material
from romtool.types import Floats
from tests.shared_data import shared

ORDER = [0, 1, 2, 3, 5, 4]  # xx yy zz xy xz yz in the file
HOLD = {"young": 150e3, "poisson": 0.3}
THERMAL = {
    "young": [[20.0, 210e3], [300.0, 190e3], [600.0, 160e3]],
    "poisson": [[20.0, 0.28], [300.0, 0.3], [600.0, 0.33]],
    "expansion": [[20.0, 1.1e-5], [300.0, 1.3e-5], [600.0, 1.5e-5]],
    "hardening": [
        [20.0, [[0.0, 250.0], [0.02, 320.0], [0.2, 400.0]]],
        [300.0, [[0.0, 200.0], [0.015, 260.0], [0.2, 330.0]]],
        [600.0, [[0.0, 110.0], [0.02, 140.0], [0.2, 170.0]]],
    ],
}


@dataclass
class Printed:
    """What a .dat holds: (n_times,), and (n_times, n_points, …)."""

    times: Floats
    strain: Floats
    stress: Floats
    p: Floats


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a function that runs a deck and reads its .dat and its text."""
    if shutil.which("ccx") is None:
        pytest.skip("CalculiX (ccx) is not installed")
    folder = tmp_path_factory.mktemp("ccx")

    def call(name):
        deck = shared("calculix", f"{name}.inp").read_text()
        (folder / f"{name}.inp").write_text(deck)
        subprocess.run(["ccx", name], cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)
        return deck, read_dat((folder / f"{name}.dat").read_text())

    return call


def read_dat(text):
    blocks = re.split(r"^ (\w[\w ]*?) \(.*time +(\S+)\s*$", text, flags=re.MULTILINE)
    found = {}
    for name, time, body in zip(blocks[1::3], blocks[2::3], blocks[3::3], strict=True):
        rows = np.array([line.split()[2:] for line in body.strip().splitlines()], dtype=float)
        found.setdefault(name, {})[float(time)] = rows
    times = np.array(list(found["strains"]))
    stack = {name: np.stack(list(values.values())) for name, values in found.items()}
    strain, stress = (stack[name][:, :, ORDER] for name in ("strains", "stresses"))
    return Printed(times, strain, stress, stack["equivalent plastic strain"][:, :, 0])


def static_steps(deck):
    """Return the (start, end) times of the *STATIC steps."""
    steps = re.findall(r"^\*(STATIC|VISCO).*\n([^\n]*)", deck, flags=re.MULTILINE)
    ends = np.cumsum([float(line.split(",")[1]) for _, line in steps])
    spans = zip(np.concatenate([[0.0], ends[:-1]]), ends, steps, strict=True)
    return [(start, end) for start, end, (kind, _) in spans if kind == "STATIC"]


def errors(material, printed, static=(), temperature=None):
    """Return the relative errors of stress and p over all increments."""
    n_times, n_points = printed.p.shape
    if temperature is None:
        temperature = np.zeros((n_times + 1, n_points))
    tables, rows = build_tables([material]), np.zeros(n_points, dtype=np.int64)
    state, stress = np.zeros((n_points, state_size(tables))), np.zeros((n_points, 6))
    sites, worst, start = build_sites(tables, rows, temperature[0]), np.zeros(2), 0.0
    for i, end in enumerate(printed.times):
        middle, old, state = 0.5 * (start + end), state, np.zeros_like(state)
        viscous = not any(a < middle < b for a, b in static)
        strain = np.ascontiguousarray(printed.strain[i])
        arguments = (tables, sites, temperature[i + 1], start, end, viscous, strain, old, state)
        assert evaluate(*arguments, stress, np.zeros((0, 6, 6))) == 0
        worst[0] = max(worst[0], np.abs(stress - printed.stress[i]).max() / np.abs(printed.stress).max())
        worst[1] = max(worst[1], np.abs(state[:, 0] - printed.p[i]).max() / printed.p.max())
        start = end
    return worst


def printing(material, printed):
    """Return the stress error, relative, that the 7 digits of the printed strains imply."""
    unit = 10.0 ** (np.floor(np.log10(np.abs(printed.strain).max())) - 6)
    return 4.0 * unit * np.max(material.parameters["young"]) / np.abs(printed.stress).max()


def test_isotropic_plasticity(run):
    _, printed = run("p_iso")
    curve = [[0.0, 200.0], [0.005, 260.0], [0.02, 300.0], [0.2, 350.0]]
    material = Material("all", "plastic", {"young": 210e3, "poisson": 0.3, "hardening": curve})
    assert printed.p.max() > 0.01
    assert np.all(errors(material, printed) < [printing(material, printed), 5e-7])


@pytest.mark.parametrize(
    ("deck", "law", "parameters"),
    [
        ("c_norton", "creep_norton", {"A": 1e-15, "n": 5.0}),
        ("c_timeh", "creep_time_hardening", {"A": 1e-14, "n": 5.0, "m": -0.4}),
        (
            "c_visc",
            "plastic_creep",
            {"A": 1e-11, "n": 5.0, "hardening": [[0.0, 120.0], [0.005, 160.0], [0.05, 200.0]]},
        ),
    ],
)
def test_creep(run, deck, law, parameters):
    text, printed = run(deck)
    static = static_steps(text)
    assert len(static) == 1
    assert printed.p.max() > 1e-4
    material = Material("all", law, {**HOLD, **parameters})
    assert np.all(errors(material, printed, static) < [printing(material, printed), 5e-7])


@pytest.mark.parametrize("deck", ["th_C3D8", "th_C3D10_cr"])
def test_everything_depends_on_temperature(run, deck):
    text, printed = run(deck)
    static = static_steps(text)
    law, parameters = "plastic", dict(THERMAL)
    if deck.endswith("cr"):
        law = "plastic_creep"
        parameters |= {"A": [[20.0, 1e-17], [300.0, 1e-15], [600.0, 1e-13]]}
        parameters |= {"n": [[20.0, 4.0], [300.0, 4.5], [600.0, 5.0]]}
    material = Material("all", law, parameters, reference_temperature=20.0, from_initial=True)
    temperature = point_temperatures(text, printed.times, static)
    assert printed.p.max() > 1e-3
    assert np.all(errors(material, printed, static, temperature) < [printing(material, printed), 5e-7])


def point_temperatures(deck, times, static):
    """Return (1 + n_times, n_points): nodal temperatures ramp over the *STATIC steps."""
    cards = re.findall(r"^\*(?:INITIAL CONDITIONS, TYPE=TEMPERATURE|TEMPERATURE)\n([^*]*)", deck, flags=re.MULTILINE)
    fields = [dict(line.split(",") for line in card.strip().splitlines()) for card in cards]
    kind, body = re.search(r"^\*ELEMENT, TYPE=(C3D8|C3D10).*\n([^*]*)", deck, flags=re.MULTILINE).groups()
    cells = [[entry.strip() for entry in line.split(",")[1:]] for line in body.strip().splitlines()]
    values = np.array([[[float(field[node]) for node in cell] for cell in cells] for field in fields])
    points = np.einsum("fen,gn->feg", values, SHAPES[kind]).reshape(len(fields), -1)
    marks = [0.0, *np.ravel(static)[1:]]
    steps = [0, *np.repeat(np.arange(1, len(fields)), 2)[: len(marks) - 1]]
    share = [np.interp([0.0, *times], marks, np.eye(len(fields))[steps][:, f]) for f in range(len(fields))]
    return np.einsum("ft,fp->tp", share, points)


def ten_node_shapes():
    """Return (4, 10): quadratic tetrahedron at its four points."""
    a, b = (5 - np.sqrt(5)) / 20, (5 + 3 * np.sqrt(5)) / 20
    barycentric = np.full((4, 4), a) + (b - a) * np.eye(4)
    edges = [(0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3)]
    middles = [4 * barycentric[:, i] * barycentric[:, j] for i, j in edges]
    return np.column_stack([barycentric * (2 * barycentric - 1), *middles])


SHAPES = {"C3D8": np.full((8, 8), 1 / 8), "C3D10": ten_node_shapes()}

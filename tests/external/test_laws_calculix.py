"""CalculiX' own strains, as printed in its .dat with 7 digits, through romtool's laws: its stress and PEEQ."""

import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from romtool.laws import build_tables, evaluate, state_size, thermal_offset
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
        [20.0, [[0.0, 320.0], [0.02, 400.0]]],
        [300.0, [[0.0, 260.0], [0.015, 330.0]]],
        [600.0, [[0.0, 140.0], [0.02, 170.0]]],
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
    offset, worst, start = thermal_offset(tables, rows, temperature[0]), np.zeros(2), 0.0
    for i, end in enumerate(printed.times):
        middle, old, state = 0.5 * (start + end), state, np.zeros_like(state)
        viscous = not any(a < middle < b for a, b in static)
        strain = np.ascontiguousarray(printed.strain[i])
        arguments = (tables, rows, temperature[i + 1], offset, start, end, viscous, strain, old, state)
        assert evaluate(*arguments, stress, np.zeros((0, 6, 6))) == 0
        worst[0] = max(worst[0], np.abs(stress - printed.stress[i]).max() / np.abs(printed.stress).max())
        worst[1] = max(worst[1], np.abs(state[:, 0] - printed.p[i]).max() / printed.p.max())
        start = end
    return worst


def test_isotropic_plasticity(run):
    _, printed = run("p_iso")
    curve = [[0.0, 260.0], [0.02, 300.0], [0.2, 350.0]]
    deck_curve = [[0.0, 260.0], [0.015, 300.0], [0.195, 350.0]]
    assert printed.p.max() > 0.01
    hardening = {"hardening": curve if False else deck_curve}
    assert np.all(errors(Material("all", "plastic", {"young": 210e3, "poisson": 0.3, **hardening}), printed) < 1e-5)

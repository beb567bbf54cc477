"""CalculiX decks of the blade: materials, one flight, temperature fields. Units: N, mm, s, °C.

The numbers are those of a nickel superalloy in order of magnitude; they are nobody's measured material.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from blade_mesh import HEIGHT, BladeMesh

SPEED = 1250.0  # rad/s, about 12,000 revolutions per minute
AXIS = (0.0, 0.0, -300.0), (1.0, 0.0, 0.0)  # point and direction of the engine's axis
PRESSURES = {"PRESSURE_SIDE": 1.5, "SUCTION_SIDE": 0.9}  # MPa
SUPPORTS = {"FRONT": 1, "KEEL": 2, "BOTTOM": 3}  # node set: component; the disc lets the root expand
DENSITY = 8.2e-9
ZERO = 20.0  # where the secant expansion counts from
INITIAL = 0.0  # temperature amplitudes multiply the absolute temperature: the engine starts at 0 °C

# T, E, nu, secant expansion, yield stress, the same at 5 % plastic strain, A, n
MATERIAL = np.array(
    [
        [0.0, 2.15e5, 0.300, 1.20e-5, 900.0, 1250.0, 1e-19, 4.0],
        [600.0, 1.85e5, 0.310, 1.35e-5, 780.0, 1080.0, 1e-17, 4.0],
        [800.0, 1.68e5, 0.320, 1.45e-5, 480.0, 700.0, 1e-15, 4.0],
        [950.0, 1.50e5, 0.330, 1.54e-5, 190.0, 310.0, 1e-12, 4.0],
        [1100.0, 1.25e5, 0.340, 1.64e-5, 60.0, 130.0, 1e-11, 4.0],
        [1250.0, 0.95e5, 0.350, 1.75e-5, 25.0, 60.0, 1e-10, 4.0],
    ]
)

# Phases of the flight: number of increments, end time [s], speed, gas pressure, temperature (fractions).
FLIGHT = (
    (4, 20.0, 1.00, 1.00, 1.00),  # take-off: full thrust
    (3, 140.0, 1.00, 1.00, 1.00),  # climb
    (1, 200.0, 0.97, 0.85, 0.985),  # throttled to cruise
    (2, 3800.0, 0.97, 0.85, 0.985),  # cruise
    (2, 3860.0, 0.00, 0.00, 0.00),  # landing and stop
)


@dataclass(frozen=True)
class HotSpot:
    """A Gaussian on the leading edge.

    Parameters
    ----------
    amplitude: float [°C].
    height: fraction of the span.
    width: float [mm], standard deviation along the span.
    """

    amplitude: float
    height: float = 0.5
    width: float = 9.0


HOT_SPOTS = {
    "nominal": HotSpot(260.0, 0.48),
    "low": HotSpot(300.0, 0.42),
    "high": HotSpot(290.0, 0.54),
    "unseen": HotSpot(280.0, 0.50),
}
NEW_HOT_SPOTS = {
    "between": HotSpot(285.0, 0.45),
    "hotter": HotSpot(340.0, 0.48),
    "higher": HotSpot(280.0, 0.60),
    "wider": HotSpot(270.0, 0.50, 13.0),
}
"""Flights that have a load file but no deck: inside the training, and beyond it in three ways."""


def temperature(mesh: BladeMesh, spot: HotSpot) -> np.ndarray:
    """Return the (n_nodes,) temperature [°C] at full thrust."""
    z = mesh.points[:, 2]
    span = np.clip(z / HEIGHT, 0.0, None)
    base = 600.0 + 280.0 * (1.0 - (span / 0.65 - 1.0) ** 2) + 12.0 * np.minimum(z, 0.0)
    along, across = (z - spot.height * HEIGHT) / spot.width, mesh.chord_fraction / 0.3
    return base + np.where(z > 0.0, spot.amplitude * np.exp(-0.5 * (along**2 + across**2)), 0.0)


def phase_times() -> np.ndarray:
    """Return the (n_phases + 1,) times [s] at which the phases begin and end."""
    return np.array([0.0] + [phase[1] for phase in FLIGHT])


def fractions(column: int) -> np.ndarray:
    """Return the (n_phases + 1,) amplitudes of speed (2), gas pressure (3) or temperature (4)."""
    return np.array([0.0] + [phase[column] for phase in FLIGHT])


def increment_times() -> np.ndarray:
    """Return the times [s] of the start and of every increment's end."""
    starts = phase_times()
    parts = [np.linspace(a, p[1], p[0] + 1)[1:] for a, p in zip(starts, FLIGHT, strict=False)]
    return np.concatenate([[0.0], *parts])


def write_deck(path: Path, title: str, mesh: BladeMesh, field: np.ndarray) -> None:
    """Write the CalculiX deck of one flight with the temperature `field` (n_nodes,) [°C] at full thrust.

    Loads stand in the first step: their amplitudes run in total time, so that they go on in the later ones.
    """
    lines = [f"** {title}", *_mesh_lines(mesh), *_material_lines(), *_amplitude_lines()]
    lines += ["*INITIAL CONDITIONS, TYPE=TEMPERATURE", f"NALL, {INITIAL:.12g}"]
    lines += ["*BOUNDARY", *(f"{name}, {component}" for name, component in SUPPORTS.items())]
    lines += _step_lines(0, [*_TIGHT], _load_lines(field))
    lines += [line for phase in range(1, len(FLIGHT)) for line in _step_lines(phase, [], [])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _step_lines(phase: int, controls: list[str], loads: list[str]) -> list[str]:
    increments, length = FLIGHT[phase][0], float(np.diff(phase_times())[phase])
    march = ["*VISCO, DIRECT, CETOL=1.", f"{length / increments:.12g}, {length:.12g}"]
    return ["*STEP, INC=1000", *controls, *march, *loads, *_OUTPUT, "*END STEP"]


_TIGHT = ("*CONTROLS, PARAMETERS=FIELD", "1e-8, 1., , , 1e-8, 1e-10, 1e-9, 1e-12")  # residual over mean force
_OUTPUT = (
    "*NODE OUTPUT, DOUBLE",
    "U, NT",
    "*ELEMENT OUTPUT, DOUBLE",
    "S, PEEQ",
    "*EL PRINT, ELSET=EALL, FREQUENCY=1",
    "S, PEEQ, E",
)


def _mesh_lines(mesh: BladeMesh) -> list[str]:
    lines = ["*NODE, NSET=NALL", *_rows("%d, %.12g, %.12g, %.12g", _numbered(mesh.points))]
    for name, elements in mesh.element_sets.items():
        nodes = np.column_stack([elements, mesh.tetrahedra[elements]]) + 1
        lines += [f"*ELEMENT, TYPE=C3D10, ELSET={name}", *_rows(", ".join(["%d"] * 11), nodes)]
    lines += ["*ELSET, ELSET=EALL", "BLADE, ROOT"]
    for name, rows in mesh.node_sets.items():
        lines += [f"*NSET, NSET={name}", *_rows("%d,", rows[:, None] + 1)]
    for name, sides in mesh.side_sets.items():
        lines += [f"*SURFACE, NAME={name}, TYPE=ELEMENT", *_rows("%d, S%d", sides + 1)]
    return lines


def _material_lines() -> list[str]:
    temperature, young, poisson, expansion, _, _, factor, exponent = MATERIAL.T
    strains = np.tile([0.0, 0.05], len(MATERIAL))
    hardening = np.column_stack([MATERIAL[:, 4:6].ravel(), strains, np.repeat(temperature, 2)])
    creep = np.column_stack([factor, exponent, np.zeros(len(MATERIAL)), temperature])
    common = ["*ELASTIC", *_rows("%.12g, %.12g, %.12g", np.column_stack([young, poisson, temperature]))]
    common += [f"*EXPANSION, ZERO={ZERO:.12g}", *_rows("%.12g, %.12g", np.column_stack([expansion, temperature]))]
    common += ["*DENSITY", f"{DENSITY:.12g}"]
    plastic = ["*PLASTIC", *_rows("%.12g, %.12g, %.12g", hardening)]
    plastic += ["*CREEP, LAW=NORTON", *_rows("%.12g, %.12g, %.12g, %.12g", creep)]
    sections = [f"*SOLID SECTION, ELSET={name}, MATERIAL={name}_ALLOY" for name in ("BLADE", "ROOT")]
    return ["*MATERIAL, NAME=BLADE_ALLOY", *common, *plastic, "*MATERIAL, NAME=ROOT_ALLOY", *common, *sections]


def _amplitude_lines() -> list[str]:
    """Write total-time amplitudes; the one of the speed, squared, at every increment (a ramp is a parabola)."""
    times, starts = increment_times(), phase_times()
    speed = np.interp(times, starts, fractions(2)) ** 2
    tables = {"SPIN": (times, speed), "GAS": (starts, fractions(3)), "HEAT": (starts, fractions(4))}
    lines = []
    for name, (at, values) in tables.items():
        rows = _rows("%.12g, %.12g", np.column_stack([at, values]))
        lines += [f"*AMPLITUDE, NAME={name}, TIME=TOTAL TIME", *rows]
    return lines


def _load_lines(field: np.ndarray) -> list[str]:
    point, direction = AXIS
    axis = ", ".join(f"{x:.12g}" for x in (*point, *direction))
    lines = ["*DLOAD, AMPLITUDE=SPIN", f"EALL, CENTRIF, {SPEED**2:.12g}, {axis}", "*DSLOAD, AMPLITUDE=GAS"]
    lines += [f"{name}, P, {value:.12g}" for name, value in PRESSURES.items()]
    return [*lines, "*TEMPERATURE, AMPLITUDE=HEAT", *_rows("%d, %.12g", _numbered(field[:, None]))]


def _numbered(values: np.ndarray) -> np.ndarray:
    return np.column_stack([np.arange(1, len(values) + 1), values])


def _rows(form: str, values: np.ndarray) -> list[str]:
    return [form % tuple(row) for row in values.tolist()]

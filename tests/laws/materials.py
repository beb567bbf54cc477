"""One material per law and variant for the tests, most of them with parameters that depend on temperature."""

import numpy as np

from romtool.loading import Material, Orientation


def table(cold: float, warm: float, hot: float) -> list[list[float]]:
    return [[20.0, cold], [300.0, warm], [600.0, hot]]


ELASTIC = {
    "young": table(210e3, 190e3, 160e3),
    "poisson": table(0.28, 0.3, 0.33),
    "expansion": [[20.0, 1.1e-5], [500.0, 1.5e-5]],
}
CURVES = [
    [20.0, [[0.0, 250.0], [0.002, 300.0], [0.02, 350.0], [0.2, 400.0]]],
    [400.0, [[0.0, 200.0], [0.005, 240.0], [0.1, 300.0]]],
]
KINEMATIC = {"C": [table(1e5, 8e4, 5e4), 2e4], "D": [table(1000.0, 800.0, 700.0), 0.0]}

MATERIALS = {
    "elastic": Material("all", "elastic", ELASTIC, reference_temperature=20.0),
    "plastic linear": Material("all", "plastic", {**ELASTIC, "R0": table(250.0, 200.0, 120.0), "H": 1500.0}),
    "plastic curve": Material("all", "plastic", {**ELASTIC, "hardening": CURVES}),
    "plastic kinematic": Material("all", "plastic", {**ELASTIC, "R0": 150.0, **KINEMATIC}),
    "viscoplastic": Material(
        "all",
        "viscoplastic_norton_af",
        {
            **ELASTIC,
            "R0": table(80.0, 60.0, 30.0),
            "K": table(300.0, 250.0, 400.0),
            "n": table(30.0, 20.0, 8.0),
            "C": table(1e5, 8e4, 5e4),
            "D": table(1000.0, 800.0, 700.0),
        },
    ),
    "viscoplastic curve": Material(
        "all",
        "viscoplastic_norton_af",
        {**ELASTIC, "hardening": CURVES, "K": 200.0, "n": table(30.0, 20.0, 8.0), **KINEMATIC},
    ),
    "norton": Material("all", "creep_norton", {**ELASTIC, "A": table(1e-17, 1e-15, 1e-13), "n": 5.0}),
    "time hardening": Material(
        "all", "creep_time_hardening", {**ELASTIC, "A": table(1e-15, 1e-14, 1e-13), "n": 4.5, "m": -0.4}
    ),
    "plastic creep": Material(
        "all", "plastic_creep", {**ELASTIC, "hardening": CURVES, "A": table(1e-13, 1e-12, 1e-10), "n": 4.0}
    ),
    "plastic creep aged": Material(
        "all", "plastic_creep", {**ELASTIC, "R0": 200.0, "H": 1000.0, "A": 1e-12, "n": 5.0, "m": -0.3}
    ),
}

VOCE = {"R0": table(150.0, 120.0, 80.0), "Q": [120.0, table(50.0, 40.0, 20.0)], "b": [15.0, 300.0]}
POWER = {"R0": 100.0, "B": table(600.0, 500.0, 300.0), "N": 0.35, "e0": 1e-4}
MATERIALS |= {
    "plastic voce": Material("all", "plastic", {**ELASTIC, **VOCE, "H": 500.0}),
    "plastic power": Material("all", "plastic", {**ELASTIC, **POWER}),
    "plastic Ludwik": Material("all", "plastic", {**ELASTIC, "R0": 120.0, "B": 500.0, "N": 0.5}),
    "plastic all": Material("all", "plastic", {**ELASTIC, **VOCE, **POWER, **KINEMATIC}),
    "cyclic softening": Material("all", "plastic", {**ELASTIC, "R0": 300.0, "Q": [-100.0], "b": [30.0], **KINEMATIC}),
    "viscoplastic voce": Material(
        "all",
        "viscoplastic_norton_af",
        {**ELASTIC, **VOCE, "K": 200.0, "n": table(20.0, 12.0, 6.0), "threshold": table(40.0, 30.0, 10.0), **KINEMATIC},
    ),
    "viscoplastic power": Material(
        "all",
        "viscoplastic_norton_af",
        {**ELASTIC, **POWER, "K": 150.0, "n": 8.0, "C": [3e4, 1e4, 2e3], "D": [300.0, 50.0, 0.0]},
    ),
    "norton with threshold": Material("all", "creep_norton", {**ELASTIC, "A": 1e-11, "n": 4.0, "threshold": 60.0}),
    "plastic creep voce": Material("all", "plastic_creep", {**ELASTIC, **VOCE, "A": 1e-10, "n": 4.0}),
}
"""The isotropic laws."""

TURNED = Orientation("euler", np.array([20.0, 40.0, 70.0]))
CUBIC = {"c11": table(250e3, 230e3, 200e3), "c12": 160e3, "c44": 120e3, "expansion": [[20.0, 1.1e-5], [500.0, 1.5e-5]]}
ORTHOTROPIC = {
    **{"E1": table(140e3, 130e3, 100e3), "E2": 10e3, "E3": 12e3},
    **{"nu12": 0.3, "nu23": 0.4, "nu13": 0.28, "G12": 5e3, "G23": 3.5e3, "G13": 4e3},
    **{"alpha1": -1e-6, "alpha2": 3e-5, "alpha3": [[20.0, 2e-5], [600.0, 4e-5]]},
}
SLIP = {**CUBIC, "K": table(300.0, 350.0, 500.0), "n": 10.0, "r0": table(60.0, 50.0, 30.0)}
HARDENING = {"q": 25.0, "beta": 12.0, "h": [1.0, 1.2, 1.3, 1.1, 1.4, 1.6], "c": 4e4, "d": 600.0}
CUBE_SLIP = {"cubic_K": 450.0, "cubic_n": 8.0, "cubic_r0": 80.0, "cubic_c": 2e4, "cubic_d": 300.0}
CUBE_SLIP |= {"cubic_q": 10.0, "cubic_beta": 20.0, "cubic_h": [1.0, 0.5]}
DIRECTIONAL = {
    "cubic": Material("all", "elastic_cubic", CUBIC, orientation=TURNED),
    "orthotropic": Material("all", "elastic_orthotropic", ORTHOTROPIC, None, 20.0, orientation=TURNED),
    "crystal": Material("all", "single_crystal", SLIP, orientation=TURNED),
    "crystal with hardening": Material("all", "single_crystal", {**SLIP, **HARDENING}, orientation=TURNED),
    "crystal with cube slip": Material("all", "single_crystal", {**SLIP, **HARDENING, **CUBE_SLIP}, orientation=TURNED),
    "hyperbolic crystal": Material(
        "all",
        "single_crystal",
        {**ELASTIC, **HARDENING, **CUBE_SLIP, "rate": 1e-3, "K": 90.0, "n": 3.0, "r0": 50.0, "cubic_rate": 1e-4},
    ),
}
"""Laws with directions."""

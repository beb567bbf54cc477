"""One material per law and variant for the tests, most of them with parameters that depend on temperature."""

from romtool.loading import Material


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

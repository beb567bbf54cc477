"""The UMAT of cases/umat, compiled for the tests, and materials that call it."""

import functools
import importlib.util
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

from romtool.laws import named_by, open_plugins
from romtool.loading import Material, Orientation, Plugin

MAKE = Path(__file__).parents[1] / "cases" / "umat" / "make.py"
NUMBERS = {"young": 2.0e5, "poisson": 0.3, "K": 300.0, "n": 10.0, "R0": 50.0, "C": 2.0e4, "D": 200.0}
EXPANSION = [[20.0, 1.0e-5], [600.0, 1.5e-5]]


def umat_case() -> ModuleType:
    """Return the module that makes the case; skip the test without a Fortran compiler."""
    if shutil.which("gfortran") is None:
        pytest.skip("gfortran is not installed (scripts/setup.sh says how to get it)")
    spec = importlib.util.spec_from_file_location("umat_case", MAKE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def compiled() -> Path:
    """Return the compiled library; it stays for the life of the process."""
    folder = tempfile.TemporaryDirectory(prefix="umat")
    _KEPT.append(folder)
    library = Path(folder.name) / "libviscoplastic.so"
    umat_case().compile_umat(library)
    return library


_KEPT: list[object] = []


def umat(orientation: Orientation | None = None, **changes: object) -> Material:
    """Return the material of the UMAT, its library open; `changes` of its numbers."""
    properties = {name: float(value) for name, value in (NUMBERS | changes).items()}  # type: ignore[arg-type]
    states = {"p": (1, 1), "inelastic_strain": (2, 7), "alpha_1": (8, 13)}
    plugin = Plugin(str(compiled()), "umat", "ALL", 13, states, properties)
    material = Material("all", "umat", {"expansion": EXPANSION}, None, 20.0, orientation=orientation, plugin=plugin)
    open_plugins(named_by([material]))
    return material


def built_in(**changes: object) -> Material:
    """Return romtool's own material of the same equations."""
    numbers = NUMBERS | changes
    lists = {name: [numbers[name]] for name in ("C", "D")}
    parameters = {**numbers, **lists, "expansion": EXPANSION}
    return Material("all", "viscoplastic_norton_af", parameters, None, 20.0)

"""Symmetric tensors in compiled code, and how it is compiled. Rows are xx yy zz xy yz zx with tensor shear."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

from romtool.types import Floats

Six = tuple[float, float, float, float, float, float]
Nine = tuple[float, float, float, float, float, float, float, float, float]
ZERO = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

Compiled = TypeVar("Compiled", bound=Callable[..., object])
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}
# Inlined functions are called by compiled code only: no wrappers, and no reference counts of arrays that their
# callers hold anyway. Both cost more than the arithmetic.
_INLINED = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}


def jit(function: Compiled) -> Compiled:
    """Compile a function and keep it on disk; NaN and infinities behave as in NumPy."""
    compiled: Compiled = njit(cache=True, **_OPTIONS)(function)
    return compiled


def inlined(function: Compiled) -> Compiled:
    """Compile a function into its compiled callers: a call would pass every array field by field."""
    compiled: Compiled = njit(**_INLINED, **_OPTIONS)(function)
    return compiled


def called(function: Compiled) -> Compiled:
    """Compile a function for compiled callers that call it: it is too large to be inlined."""
    compiled: Compiled = njit(**(_INLINED | {"forceinline": False}), **_OPTIONS)(function)
    return compiled


@inlined
def contract(a: Six, b: Six) -> float:
    """Return a:b of two symmetric tensors with tensor shear."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + 2.0 * (a[3] * b[3] + a[4] * b[4] + a[5] * b[5])


@inlined
def add_scaled(a: Six, x: float, b: Six) -> Six:
    """Return a + x b."""
    return (a[0] + x * b[0], a[1] + x * b[1], a[2] + x * b[2], a[3] + x * b[3], a[4] + x * b[4], a[5] + x * b[5])


@inlined
def equivalent(a: Six) -> float:
    """Return J(a) = sqrt(3/2 a:a)."""
    return math.sqrt(1.5 * contract(a, a))


@inlined
def row_of(array: Floats, row: int, start: int) -> Six:
    """Return six neighbouring values of a row."""
    return (
        array[row, start],
        array[row, start + 1],
        array[row, start + 2],
        array[row, start + 3],
        array[row, start + 4],
        array[row, start + 5],
    )


@inlined
def scaled(x: float, a: Six) -> Six:
    """Return x a."""
    return (x * a[0], x * a[1], x * a[2], x * a[3], x * a[4], x * a[5])


@inlined
def put_row(a: Six, array: Floats, row: int, start: int) -> None:
    """Write six neighbouring values of a row."""
    for j in range(6):
        array[row, start + j] = a[j]


@inlined
def frame_of(frames: Floats, point: int) -> Nine:
    """Return the local axes of a point, row after row."""
    f = frames[point]
    return (f[0, 0], f[0, 1], f[0, 2], f[1, 0], f[1, 1], f[1, 2], f[2, 0], f[2, 1], f[2, 2])


@inlined
def transposed(f: Nine) -> Nine:
    """Return the transposed matrix."""
    return (f[0], f[3], f[6], f[1], f[4], f[7], f[2], f[5], f[8])


@inlined
def rotated(a: Six, f: Nine) -> Six:
    """Return F a F^T: a in the frame whose axes are the rows of F."""
    px = (a[0] * f[0] + a[3] * f[1] + a[5] * f[2], a[3] * f[0] + a[1] * f[1] + a[4] * f[2])
    py = (a[0] * f[3] + a[3] * f[4] + a[5] * f[5], a[3] * f[3] + a[1] * f[4] + a[4] * f[5])
    pz = (a[0] * f[6] + a[3] * f[7] + a[5] * f[8], a[3] * f[6] + a[1] * f[7] + a[4] * f[8])
    qx = a[5] * f[0] + a[4] * f[1] + a[2] * f[2]
    qy = a[5] * f[3] + a[4] * f[4] + a[2] * f[5]
    qz = a[5] * f[6] + a[4] * f[7] + a[2] * f[8]
    return (
        f[0] * px[0] + f[1] * px[1] + f[2] * qx,
        f[3] * py[0] + f[4] * py[1] + f[5] * qy,
        f[6] * pz[0] + f[7] * pz[1] + f[8] * qz,
        f[0] * py[0] + f[1] * py[1] + f[2] * qy,
        f[3] * pz[0] + f[4] * pz[1] + f[5] * qz,
        f[6] * px[0] + f[7] * px[1] + f[8] * qx,
    )


@inlined
def is_finite(a: Six) -> bool:
    """Tell whether all components are finite."""
    return math.isfinite(a[0] + a[1] + a[2] + a[3] + a[4] + a[5])

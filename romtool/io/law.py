"""Law files and path files: one material, and what happens to a point of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from romtool.errors import CaseError
from romtool.io.entries import material_of
from romtool.io.schema_law import COMPONENTS, LawFile, PathFile
from romtool.io.validation import did_you_mean, read_toml
from romtool.loading import Material
from romtool.types import Bools, Floats, Ints

ZERO_STRAIN: Mapping[str, tuple[str, ...]] = {
    "uniaxial": (),
    "shear": (),
    "thermal": ("xx",),
    "strain": COMPONENTS,
    "plane_stress": ("xx", "yy", "xy"),
    "plane_strain": ("zz", "yz", "zx"),
    "axisymmetric": ("yz", "zx"),
    "table": (),
}
"""Kind -> components whose strain is zero where the path says nothing of them; the stress of the others is."""
NEEDED: Mapping[str, tuple[str, ...]] = {"uniaxial": ("xx",), "shear": ("xy",)}
"""Kind -> components that the path must say something of."""
_FIXED: Mapping[str, Mapping[str, str]] = {
    "plane_stress": dict.fromkeys(("zz", "yz", "zx"), "stress"),
    "plane_strain": dict.fromkeys(("zz", "yz", "zx"), "strain"),
    "axisymmetric": dict.fromkeys(("yz", "zx"), "strain"),
}
"""Kind -> components that it fixes at zero, and of what."""


@dataclass(frozen=True)
class PathInput:
    """A path as a file says it, on all increments.

    Parameters
    ----------
    name, kind: see the file.
    times, temperature: (n_times,) float.
    by_strain: (6,) bool, components with a given strain.
    values: (n_times, 6) float.
    corners: (n_corners,) int, rows of the times that stand in the file.
    given: components that the file speaks of, as "strain_xx".
    """

    name: str
    kind: str
    times: Floats
    temperature: Floats
    by_strain: Bools
    values: Floats
    corners: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    given: tuple[str, ...] = ()


def read_law(path: Path) -> Material:
    """Read a law file: the keys of [[materials]] at the top, and [parameters]. Raises CaseError."""
    return material_of(read_toml(path, LawFile, what="law file"), path.parent)


def read_path(path: Path) -> PathInput:
    """Read a path file.

    Raises
    ------
    CaseError: a missing file, a wrong key or value, lists that do not fit the times; one line.
    """
    file = read_toml(path, PathFile, what="path file")
    columns = _table(path.parent / file.file) if file.file else _columns(path, file)
    given = tuple(name for name in columns if name not in ("time", "temperature"))
    by_strain = _control(path, file, given)
    values = np.zeros((len(columns["time"]), 6))
    for name in given:
        values[:, COMPONENTS.index(name[-2:])] = columns[name]
    return _refine(path, file, (columns["time"], columns["temperature"], by_strain, values), given)


def _columns(path: Path, file: PathFile) -> dict[str, Floats]:
    """Return the columns of a path that stands in the file itself."""
    times = np.array(file.times, dtype=np.float64)
    names = ["temperature", *(f"{what}_{axes}" for what in ("strain", "stress") for axes in COMPONENTS)]
    series = {name: getattr(file, name) for name in names if getattr(file, name) is not None}
    return {"time": times, **{name: _series(path, name, value, len(times)) for name, value in series.items()}}


def _series(path: Path, name: str, value: float | Sequence[float], count: int) -> Floats:
    """Return one value per time; a number is the same at all. Raises CaseError."""
    found = np.full(count, value) if isinstance(value, float | int) else np.array(value, dtype=np.float64)
    if len(found) != count:
        raise CaseError(f"{path}: {name} has {len(found)} values; expected one number, or {count}, one per time")
    return found


def _table(path: Path) -> dict[str, Floats]:
    """Return the columns of a table with a header. Raises CaseError."""
    known = ("time", "temperature", *(f"{what}_{axes}" for what in ("strain", "stress") for axes in COMPONENTS))
    try:
        with path.open(encoding="utf-8") as file:
            header = [word.strip() for word in file.readline().replace(",", " ").split()]
            rows = np.loadtxt((line.replace(",", " ") for line in file), ndmin=2)
    except (OSError, ValueError) as error:
        raise CaseError(f"{path}: {error}; expected a header and rows of numbers") from error
    for name in header:
        if name not in known:
            raise CaseError(f'{path}: has no column "{name}"; {did_you_mean(name, known)}')
    if "time" not in header or rows.shape[1] != len(header) or len(rows) < 2:
        raise CaseError(f"{path}: expected a header with the column time, and two rows or more of as many numbers")
    columns = {"temperature": np.zeros(len(rows)), **dict(zip(header, rows.T, strict=True))}
    if not np.all(np.diff(columns["time"]) > 0.0):
        raise CaseError(f"{path}: has times that do not increase; sort the rows by time")
    return columns


def _control(path: Path, file: PathFile, given: Sequence[str]) -> Bools:
    """Return which components have a given strain. Raises CaseError for contradictions."""
    zero = ZERO_STRAIN[file.kind] if file.rest is None else COMPONENTS if file.rest == "strain" else ()
    by_strain = {axes: axes in zero for axes in COMPONENTS}
    for name in given:
        what, axes = name.split("_")
        other = "stress" if what == "strain" else "strain"
        if f"{other}_{axes}" in given:
            raise CaseError(f"{path}: has {name} and {other}_{axes}; give one of them")
        if axes in _FIXED.get(file.kind, {}):
            raise CaseError(f'{path}: kind "{file.kind}" has {_FIXED[file.kind][axes]}_{axes} = 0; leave {name} out')
        by_strain[axes] = what == "strain"
    for axes in NEEDED.get(file.kind, ()):
        if not any(name.endswith(axes) for name in given):
            raise CaseError(f'{path}: kind "{file.kind}" lacks the key "strain_{axes}" or "stress_{axes}"')
    return np.array([by_strain[axes] for axes in COMPONENTS])


def _refine(
    path: Path, file: PathFile, columns: tuple[Floats, Floats, Bools, Floats], given: tuple[str, ...]
) -> PathInput:
    """Put increments between the times, and repeat the cycle."""
    times, heat, by_strain, values = columns
    if file.cycles > 1 and not (np.allclose(values[0], values[-1]) and np.isclose(heat[0], heat[-1])):
        raise CaseError(f"{path}: cycles = {file.cycles}, but the path does not end where it begins; close the cycle")
    period, n_intervals = times[-1] - times[0], len(times) - 1
    corners = np.concatenate(
        [times[:-1] + k * period for k in range(file.cycles)] + [[times[0] + file.cycles * period]]
    )
    fine = np.arange(len(corners[:-1]) * file.increments + 1) / file.increments
    moments = np.interp(fine, np.arange(len(corners)), corners)
    order = np.concatenate([np.tile(np.arange(n_intervals), file.cycles), [n_intervals]])
    refined = [np.interp(fine, np.arange(len(order)), column[order]) for column in (heat, *values.T)]
    marks = np.arange(0, len(fine), file.increments)
    return PathInput(file.name, file.kind, moments, refined[0], by_strain, np.array(refined[1:]).T, marks, given)

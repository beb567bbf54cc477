"""Study files: random loads, how they are drawn, and what is asked of the answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.io.schema_study import FieldTable, RandomEntry, StudyFile
from romtool.io.validation import did_you_mean, read_toml
from romtool.types import Floats


@dataclass(frozen=True)
class FieldFile:
    """A field of one number per node: the file, and the field's name in it."""

    path: Path
    name: str | None


@dataclass(frozen=True)
class Kernel:
    """Covariance `s² exp(-|x - y|² / (2 length²))` with the standard deviation s."""

    length: float
    standard_deviation: float


@dataclass(frozen=True)
class RandomField:
    """A random temperature field.

    Parameters
    ----------
    target: "temperature".
    mean: in place of the field of the base load; None to keep that.
    kernel: its covariance, or None: that of the `samples`.
    samples: fields.
    energy: part of the variance that is kept.
    """

    target: str
    mean: FieldFile | None
    kernel: Kernel | None
    samples: tuple[FieldFile, ...]
    energy: float


@dataclass(frozen=True)
class RandomNumber:
    """A random factor or offset.

    Parameters
    ----------
    target: "loads.gas.scale" …, as written.
    kind: "loads", "tables", "dirichlet" or "temperature". name: of the entry; of the temperature "scale" or "offset".
    distribution: name of scipy.stats. arguments: of it, by name.
    """

    target: str
    kind: str
    name: str
    distribution: str
    arguments: Mapping[str, float]

    def from_unit(self, unit: Floats) -> Floats:
        """Return the values whose probabilities not to be exceeded are `unit`: the inverse distribution function."""
        from scipy import stats

        return np.asarray(getattr(stats, self.distribution)(**self.arguments).ppf(unit), dtype=np.float64)


@dataclass(frozen=True)
class Output:
    """What is asked of the answers; `quantities` None for all of the case, `at` None for the last time.

    `life` is a life file, by which cycles to failure are taken of every draw.
    """

    quantities: tuple[str, ...] | None
    quantiles: tuple[float, ...]
    fields: tuple[str, ...]
    thresholds: Mapping[str, float]
    at: tuple[float, ...] | None
    life: Path | None = None


@dataclass(frozen=True)
class Study:
    """A study file as read; the files that it names are not opened yet.

    Parameters
    ----------
    path: the file. name: of the study.
    draws, sampler, seed: how many, and how they are drawn.
    base: the load file that they differ from, or None.
    random: what is random, in the order of the file.
    output: what is asked.
    """

    path: Path
    name: str
    draws: int
    sampler: str
    seed: int
    base: Path | None
    random: tuple[RandomField | RandomNumber, ...]
    output: Output

    @property
    def field_files(self) -> tuple[FieldFile, ...]:
        """Return all field files, each once."""
        fields = [entry for entry in self.random if isinstance(entry, RandomField)]
        files = [file for entry in fields for file in (entry.mean, *entry.samples) if file is not None]
        return tuple(dict.fromkeys(files))


def read_study(path: Path) -> Study:
    """Read a study file; paths in it are relative to its folder.

    Raises
    ------
    CaseError: a missing file, wrong TOML, an unknown key, a wrong value; one line with file, table and key.
    """
    path = Path(path)
    file = read_toml(path, StudyFile, what="study file")
    output = file.output
    return Study(
        path,
        file.name,
        file.draws,
        file.sampler,
        file.seed,
        path.parent / file.base if file.base else None,
        tuple(_random(entry, path) for entry in file.random),
        Output(
            None if output.quantities is None else tuple(output.quantities),
            tuple(sorted(set(output.quantiles))),
            tuple(output.fields),
            output.thresholds,
            None if output.at is None else tuple(sorted(set(output.at))),
            path.parent / output.life if output.life else None,
        ),
    )


def _random(entry: RandomEntry, path: Path) -> RandomField | RandomNumber:
    """Return one random input."""
    if entry.distribution is None:
        kernel = None if entry.kernel is None else Kernel(entry.kernel.length, entry.kernel.standard_deviation)
        mean = None if entry.mean is None else _file(entry.mean, path)
        samples = tuple(_file(table, path) for table in entry.fields or ())
        return RandomField(entry.target, mean, kernel, samples, entry.energy)
    kind, _, rest = entry.target.partition(".")
    name, arguments = _distribution(entry.distribution, f'{path}: [[random]] "{entry.target}"')
    return RandomNumber(
        entry.target, kind, rest if kind == "temperature" else rest.removesuffix(".scale"), name, arguments
    )


def _file(table: FieldTable, path: Path) -> FieldFile:
    return FieldFile(path.parent / table.field, table.name)


def _distribution(table: Mapping[str, Any], what: str) -> tuple[str, dict[str, float]]:
    """Return the name and arguments of a distribution of scipy.stats.

    Raises
    ------
    CaseError: an unknown name or argument, arguments without a distribution.
    """
    from scipy import stats

    arguments = {key: value for key, value in table.items() if key != "name"}
    known = {key: entry for key, entry in vars(stats).items() if isinstance(entry, stats.rv_continuous)}
    known |= {key: entry for key, entry in vars(stats).items() if isinstance(entry, stats.rv_discrete)}
    if table["name"] not in known:
        raise CaseError(
            f'{what}: scipy.stats has no distribution "{table["name"]}"; {did_you_mean(table["name"], known)}'
        )
    chosen = known[table["name"]]
    shapes = [shape.strip() for shape in (chosen.shapes or "").split(",") if shape.strip()]
    accepted = [*shapes, "loc", *(["scale"] if isinstance(chosen, stats.rv_continuous) else [])]
    for key, value in arguments.items():
        if key not in accepted:
            raise CaseError(f'{what}: the distribution {table["name"]} has no "{key}"; {did_you_mean(key, accepted)}')
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CaseError(f"{what}: the distribution has {key} = {value!r}; expected a number")
    missing = [shape for shape in shapes if shape not in arguments]
    if missing:
        raise CaseError(f"{what}: the distribution {table['name']} needs {', '.join(missing)}; give a number")
    if not np.isfinite(chosen(**arguments).ppf([0.01, 0.99])).all():
        raise CaseError(f"{what}: {table['name']} has no quantiles for {arguments}; check its arguments")
    return str(table["name"]), {key: float(value) for key, value in arguments.items()}

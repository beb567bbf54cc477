"""Draws of loads: points of the unit cube, the random inputs behind them, and the loading of one draw."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import CaseError
from romtool.io.load import scale_table, scale_value
from romtool.io.study import RandomField, RandomNumber, Study
from romtool.io.validation import did_you_mean
from romtool.linalg.covariance import gaussian_modes, principal_modes
from romtool.loading import Loading, Temperature
from romtool.temperature import evaluate_at
from romtool.types import Bools, Floats, Ints

SMALLEST = 2.0**-53
"""Distance of the unit points from 0 and 1, so that unbounded distributions stay finite."""


@dataclass(frozen=True)
class FieldModes:
    """A random field: `mean + modes @ xi` with independent standard normal xi.

    Parameters
    ----------
    mean: (n_nodes,) float, or None where the field of the base load is the mean.
    modes: (n_nodes, n_variables) float.
    """

    mean: Floats | None
    modes: Floats

    def take(self, rows: Ints) -> "FieldModes":
        """Return the field at some of the nodes."""
        return FieldModes(None if self.mean is None else self.mean[rows], np.ascontiguousarray(self.modes[rows]))


def field_modes(entry: RandomField, points: Floats, mean: Floats | None, samples: Sequence[Floats]) -> FieldModes:
    """Return the modes of a random field on the nodes of a mesh.

    Parameters
    ----------
    entry: of the study file.
    points: (n_nodes, 3) float [length].
    mean: (n_nodes,) float of its file, or None.
    samples: (n_nodes,) float each, of its files.

    Raises
    ------
    AccuracyError: a kernel that needs too many modes.
    CaseError: fields that do not differ.
    """
    if entry.kernel is not None:
        kernel = entry.kernel
        return FieldModes(mean, gaussian_modes(points, kernel.length, kernel.standard_deviation, entry.energy))
    fields = np.array(samples)
    middle = fields.mean(axis=0)
    factor = (fields - middle).T / np.sqrt(len(fields) - 1)
    total = float((factor**2).sum())
    if total == 0.0:
        raise CaseError('[[random]] "temperature": its fields are all the same; give fields that differ')
    return FieldModes(middle if mean is None else mean, principal_modes(factor, total, entry.energy))


def unit_points(study: Study, n_variables: int) -> Floats:
    """Return the (n_draws, n_variables) points of the unit cube, the same for the same seed.

    Raises
    ------
    CaseError: more variables than Sobol's sequence has.
    """
    from scipy.stats import qmc

    if study.sampler == "random":
        points = np.random.default_rng(study.seed).random((study.draws, n_variables))
    elif study.sampler == "lhs":
        points = qmc.LatinHypercube(n_variables, seed=study.seed).random(study.draws)
    elif n_variables > qmc.Sobol.MAXDIM:
        raise CaseError(
            f'{study.path}: {n_variables} random variables; sampler = "sobol" has {qmc.Sobol.MAXDIM} at most'
        )
    else:
        power = int(np.ceil(np.log2(study.draws))) if study.draws > 1 else 0
        points = qmc.Sobol(n_variables, seed=study.seed).random_base2(power)[: study.draws]
    return np.clip(points, SMALLEST, 1.0 - SMALLEST)


@dataclass(frozen=True)
class Draws:
    """All draws of a study.

    Parameters
    ----------
    study: the study file.
    numbers: target -> (n_draws,) values of a random number.
    normal: target -> (n_draws, n_variables) standard normal variables of a random field.
    """

    study: Study
    numbers: dict[str, Floats]
    normal: dict[str, Floats]


def draw_all(study: Study, n_modes: dict[str, int]) -> Draws:
    """Draw all random variables, in the order of the study file.

    Parameters
    ----------
    study: the study file.
    n_modes: target of each random field -> number of its variables.
    """
    from scipy.special import ndtri

    widths = [n_modes.get(entry.target, 1) for entry in study.random]
    columns = np.split(unit_points(study, sum(widths)), np.cumsum(widths)[:-1], axis=1)
    numbers, normal = {}, {}
    for entry, unit in zip(study.random, columns, strict=True):
        if isinstance(entry, RandomNumber):
            numbers[entry.target] = entry.from_unit(unit[:, 0])
        else:
            normal[entry.target] = np.asarray(ndtri(unit))
    return Draws(study, numbers, normal)


def check_targets(study: Study, base: Loading) -> None:
    """Check that what is random is in the base load.

    Raises
    ------
    CaseError: an unknown name, a temperature without entries.
    """
    known = {
        "loads": [load.name for load in base.loads],
        "tables": [table.name for table in base.tables],
        "dirichlet": [entry.name for entry in base.dirichlet],
    }
    for entry in study.random:
        what = f'{study.path}: [[random]] "{entry.target}"'
        if isinstance(entry, RandomNumber) and entry.kind in known and entry.name not in known[entry.kind]:
            names = known[entry.kind]
            raise CaseError(f"{what} is not in the base load; {did_you_mean(entry.name, names)}")
        if entry.target.startswith("temperature") and not base.temperature.entries:
            raise CaseError(f"{what}: the base load's temperature has no entries that could vary; give it some")


def field_entries(temperature: Temperature, points: Floats) -> tuple[Temperature, Bools]:
    """Evaluate the entries of a temperature, and tell which are fields.

    Parameters
    ----------
    temperature: arrays run over `points`.
    points: (n_nodes, 3) float [length].

    Returns
    -------
    The temperature with arrays or numbers, and (n_entries,) whether an entry differs from node to node.
    """
    evaluate = evaluate_at(points)
    values = [evaluate(entry.value) if isinstance(entry.value, str) else entry.value for entry in temperature.entries]
    entries = tuple(replace(entry, value=value) for entry, value in zip(temperature.entries, values, strict=True))
    return replace(temperature, entries=entries), np.array([np.ptp(value) > 0.0 for value in values], dtype=np.bool_)


def draw_loading(base: Loading, varying: Bools, draws: Draws, fields: dict[str, FieldModes], number: int) -> Loading:
    """Return the loading of one draw.

    Parameters
    ----------
    base: what the draws differ from.
    varying: (n_entries,) the entries of its temperature that a random field acts on: those that are fields.
    draws: all draws.
    fields: target -> random field on the nodes that the base's arrays run over.
    number: of the draw, from 0.
    """
    loading = replace(base, name=f"draw-{number}")
    for target, modes in fields.items():
        change = modes.modes @ draws.normal[target][number]
        loading = replace(loading, temperature=_moved(loading.temperature, varying, modes.mean, change))
    for entry in draws.study.random:
        if isinstance(entry, RandomNumber):
            loading = _scaled(loading, entry, float(draws.numbers[entry.target][number]))
    return loading


def _moved(temperature: Temperature, varying: Bools, mean: Floats | None, change: Floats) -> Temperature:
    """Add a change to the fields of some entries, or to a mean in their place; entries that shared a field still do."""
    known: dict[int, Floats] = {}
    entries = []
    for entry, moves in zip(temperature.entries, varying, strict=True):
        if moves:
            key = id(entry.value) if mean is None else 0
            if key not in known:
                known[key] = (np.asarray(entry.value) if mean is None else mean) + change
            entry = replace(entry, value=known[key])
        entries.append(entry)
    return replace(temperature, entries=tuple(entries))


def _scaled(loading: Loading, entry: RandomNumber, value: float) -> Loading:
    """Apply a random factor, or an offset of the temperature."""
    if entry.kind == "temperature":
        scale, offset = (value, 0.0) if entry.name == "scale" else (1.0, value)
        entries = tuple(
            replace(e, scale=scale * e.scale, offset=scale * e.offset + offset) for e in loading.temperature.entries
        )
        return replace(loading, temperature=replace(loading.temperature, entries=entries))
    if entry.kind == "loads":
        loads = tuple(scale_value(e, value) if e.name == entry.name else e for e in loading.loads)
        return replace(loading, loads=loads)
    if entry.kind == "tables":
        tables = tuple(scale_table(e, value) if e.name == entry.name else e for e in loading.tables)
        return replace(loading, tables=tables)
    supports = tuple(scale_value(e, value) if e.name == entry.name else e for e in loading.dirichlet)
    return replace(loading, dirichlet=supports)

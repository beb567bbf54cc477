"""Life files: which cycle, which measures of it, and the models of damage."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from romtool.io.schema_life import LifeTables, ThermalTable
from romtool.io.validation import read_toml
from romtool.types import Floats


@dataclass(frozen=True)
class CycleSettings:
    """[cycle]: the first cycle (None: that of the tables of the loading), and when cycles count as equal.

    `repeats` says whether cycles of the same length follow the one that is given. Cycles are stabilised where strain
    range and growth of p change by no more than `tolerance` from one to the next.
    """

    start: float | None = None
    end: float | None = None
    repeats: bool = False
    tolerance: float = 0.02


@dataclass(frozen=True)
class MeasureSettings:
    """[measure]: what is taken of stress, strain and temperature of a cycle.

    `strain` is one of `romtool.lifetime.measures.STRAIN_RANGES`, `poisson` belongs to its von Mises strain, `sign` to
    the von Mises stress. Parameters of fatigue are taken at the `temperature` of the cycle. `creep`: the stress that
    creeps. Increments slower than `hold` times the mean rate count as dwell.
    """

    strain: Literal["difference", "mises", "principal", "principal_difference"] = "difference"
    sign: Literal["trace", "principal"] = "trace"
    poisson: float = 0.5
    temperature: Literal["maximum", "mean"] | float = "maximum"
    creep: Literal["mises", "principal"] = "mises"
    hold: float = 0.05


@dataclass(frozen=True)
class Expansion:
    """[thermal]: secant coefficient of expansion over (n, 2) temperatures and values, from a reference temperature."""

    table: Floats
    reference: float

    def strain(self, temperature: Floats) -> Floats:
        """Return the (…) thermal strain in each direction at (…) temperatures."""
        alpha = np.interp(temperature, self.table[:, 0], self.table[:, 1])
        return np.asarray(alpha * (temperature - self.reference))


@dataclass(frozen=True)
class ModelChoice:
    """A model of damage on an element set, with its parameters as they are written."""

    law: str
    elements: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class LifeFile:
    """A life file as read.

    Parameters
    ----------
    path: the file. name: of the evaluation.
    cycle, measure: see there.
    expansion: of the material of solver files whose strains are total ones; None where none is given.
    models: of damage.
    interaction: fatigue and creep damage at the kink of the limit; None for the linear sum.
    critical: how many critical spots are listed.
    """

    path: Path
    name: str
    cycle: CycleSettings
    measure: MeasureSettings
    expansion: Expansion | None
    models: tuple[ModelChoice, ...]
    interaction: tuple[float, float] | None
    critical: int


def read_life(path: Path) -> LifeFile:
    """Read a life file.

    Raises
    ------
    CaseError: a missing file, wrong TOML, an unknown key, a wrong value; one line with file, table and key.
    """
    path = Path(path)
    file = read_toml(path, LifeTables, what="life file")
    kink = file.sum.interaction
    return LifeFile(
        path,
        file.name,
        CycleSettings(**file.cycle.model_dump()),
        MeasureSettings(**file.measure.model_dump()),
        None if file.thermal is None else _expansion(file.thermal),
        tuple(ModelChoice(entry.law, entry.elements, entry.parameters) for entry in file.models),
        None if kink is None else (kink[0], kink[1]),
        file.critical,
    )


def _expansion(table: ThermalTable) -> Expansion:
    """Return the expansion of solver files."""
    value = table.expansion
    rows = np.array(value if isinstance(value, list) else [[0.0, value]], dtype=np.float64)
    return Expansion(rows, table.reference_temperature)

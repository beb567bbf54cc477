"""Case files: what to train on, with which settings, and what overrides the solver's deck."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.constraints import Constraint
from romtool.io.cycles import check_points, cycle_of, cycle_temperature, fit_times
from romtool.io.entries import (
    EntrySource,
    FieldReader,
    LoadSource,
    TemperatureSource,
    TimeSource,
    check_tables,
    constraint_of,
    dirichlet_of,
    load_of,
    material_of,
    put,
    table_of,
    temperature_of,
    time_of,
)
from romtool.io.load import apply_load, read_load
from romtool.io.schema import CaseFile, SimulationEntry
from romtool.io.schema_settings import QuantityEntry
from romtool.io.validation import read_toml
from romtool.loading import Deck, Dirichlet, Loading, Material, Table
from romtool.settings import Quantity, Settings


@dataclass(frozen=True)
class Simulation:
    """A training computation.

    Parameters
    ----------
    name: its name.
    deck: the solver's input deck, or None.
    results: result files, or one folder written by `romtool solve`; empty where only the deck is there.
    load: a load file: how the computation differs from the case's own loading.
    """

    name: str
    deck: Path | None = None
    results: tuple[Path, ...] = ()
    load: Path | None = None


@dataclass(frozen=True)
class Overrides:
    """What the case file says about the loading; it comes before what the deck says.

    Parameters
    ----------
    materials, dirichlet, loads, tables: whole entries.
    temperature, time: whole, or None where the file has none.
    constraints: whole entries.
    """

    materials: tuple[Material, ...] = ()
    dirichlet: tuple[Dirichlet, ...] = ()
    loads: tuple[LoadSource, ...] = ()
    tables: tuple[Table, ...] = ()
    temperature: TemperatureSource | None = None
    time: TimeSource | None = None
    constraints: tuple[Constraint, ...] = ()

    @property
    def field_paths(self) -> tuple[Path, ...]:
        """Return the field files that the overrides need and the meshes they live on, each once."""
        sources: list[LoadSource | EntrySource] = [*self.loads]
        sources += self.temperature.entries if self.temperature else ()
        paths = [path for source in sources for path in (source.field, source.mesh)]
        return tuple(dict.fromkeys(path for path in paths if path is not None))


@dataclass(frozen=True)
class Case:
    """A case file as read; the files that it names are not opened yet.

    Parameters
    ----------
    path, folder: the file, and the folder that its paths are relative to.
    name: of the case.
    units: label of "length", "force", "time", "temperature", where given.
    simulations: the training computations.
    mesh_file: of [mesh], or None.
    settings: of the stages.
    quantities: histories to show.
    overrides: what the file says about materials and loading.
    """

    path: Path
    folder: Path
    name: str
    units: Mapping[str, str] = field(default_factory=dict)
    simulations: tuple[Simulation, ...] = ()
    mesh_file: Path | None = None
    settings: Settings = field(default_factory=Settings)
    quantities: tuple[Quantity, ...] = ()
    overrides: Overrides = field(default_factory=Overrides)


def read_case(path: Path) -> Case:
    """Read a case file; paths in it are relative to its folder.

    Parameters
    ----------
    path: the TOML file.

    Returns
    -------
    The case.

    Raises
    ------
    CaseError: a missing file, wrong TOML, an unknown key, a wrong value; one line with file, table and key.
    """
    path = Path(path)
    file = read_toml(path, CaseFile, what="case file")
    folder = path.parent
    return Case(
        path,
        folder,
        file.case.name,
        file.case.units.model_dump(exclude_none=True),
        tuple(_simulation(entry, folder) for entry in file.simulations),
        None if file.mesh is None else folder / file.mesh.file,
        _settings(file),
        tuple(_quantity(entry) for entry in file.quantities),
        _overrides(file, path),
    )


def _simulation(entry: SimulationEntry, folder: Path) -> Simulation:
    """Return a training computation with paths relative to `folder`."""
    results = [entry.results] if isinstance(entry.results, str) else entry.results
    return Simulation(
        entry.name,
        folder / entry.deck if entry.deck else None,
        tuple(folder / result for result in results),
        folder / entry.load if entry.load else None,
    )


def _quantity(entry: QuantityEntry) -> Quantity:
    """Return a quantity."""
    values = entry.model_dump()
    return Quantity(**{**values, "at": None if entry.at is None else tuple(entry.at)})


def _settings(file: CaseFile) -> Settings:
    """Return the settings; every table of the file is the dataclass of the same name."""
    defaults = Settings()
    given: dict[str, Any] = {}
    for table in fields(Settings):
        values = getattr(file, table.name).model_dump()
        frozen = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        given[table.name] = replace(getattr(defaults, table.name), **frozen)
    return Settings(**given)


def _overrides(file: CaseFile, path: Path) -> Overrides:
    """Return what the file says about materials and loading."""
    folder = path.parent
    return Overrides(
        tuple(material_of(entry, folder) for entry in file.materials),
        tuple(map(dirichlet_of, file.dirichlet)),
        tuple(load_of(entry, folder) for entry in file.loads),
        tuple(map(table_of, file.tables)),
        temperature_of(file.temperature, folder) if file.temperature else None,
        time_of(file.time) if file.time else None,
        tuple(constraint_of(entry, path.name) for entry in file.constraints),
    )


def resolve(
    case: Case, deck: Deck | None, read_field: FieldReader, simulation: Simulation | None = None
) -> tuple[tuple[Material, ...], Loading]:
    """Merge what a deck says with what the case file overrides.

    Parameters
    ----------
    case: the case.
    deck: the solver's deck, or None.
    read_field: reads field files.
    simulation: a training computation: its load file, if any, is applied and the loading is named after it;
        None for the case's own loading.

    Returns
    -------
    materials: the deck's, those of the same `elements` replaced; `from_initial` is as in the deck.
    loading: complete; entries of the case file replace the deck's of the same name, [temperature] and [time]
        replace as a whole. Without [time] the times are the deck's, empty where there is no deck.

    Raises
    ------
    CaseError: a table that does not exist, times that do not fit the cycle, a load file that is wrong.
    """
    over = case.overrides
    before = deck.loading if deck else Loading(case.name, np.zeros(0))
    loading = replace(
        before,
        name=simulation.name if simulation else case.name,
        dirichlet=put(before.dirichlet, over.dirichlet, lambda entry: entry.name),
        loads=put(before.loads, [load.read(read_field) for load in over.loads], lambda load: load.name),
        tables=put(before.tables, over.tables, lambda table: table.name),
        temperature=over.temperature.read(read_field) if over.temperature else before.temperature,
        constraints=put(before.constraints, over.constraints, lambda constraint: constraint.name),
    )
    check_tables(loading, case.path)
    loading = _with_times(loading, before, case)
    if simulation is not None and simulation.load is not None:
        changed = apply_load(loading, read_load(simulation.load), read_field)
        loading = replace(changed, name=simulation.name)
    return _materials(over.materials, deck), loading


def _materials(entries: tuple[Material, ...], deck: Deck | None) -> tuple[Material, ...]:
    """Return the deck's materials with those of the case; `from_initial` is a habit of the solver."""
    known = deck.materials if deck else ()
    habit = any(material.from_initial for material in known)
    return put(known, [replace(entry, from_initial=habit) for entry in entries], lambda m: m.elements)


def _with_times(loading: Loading, before: Loading, case: Case) -> Loading:
    """Give the case's loading its times, per cycle where its tables have cycles."""
    time, cycle = case.overrides.time, cycle_of(loading.tables)
    if time is not None:
        if time.points is not None:
            check_points(time.points, cycle, case.path)
        return fit_times(loading, cycle_of(before.tables), time)
    if cycle is not None and case.overrides.temperature is not None:
        return replace(loading, temperature=cycle_temperature(loading.temperature, cycle))
    return loading

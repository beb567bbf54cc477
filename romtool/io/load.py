"""Load files: what differs from the case's own loading, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from romtool.errors import CaseError
from romtool.io.cycles import check_points, cycle_of, cycle_temperature, fit_times
from romtool.io.entries import (
    EntrySource,
    FieldReader,
    InitialSource,
    LoadSource,
    TemperatureSource,
    TimeSource,
    check_tables,
    dirichlet_of,
    initial_of,
    load_of,
    put,
    table_of,
    temperature_of,
    time_of,
)
from romtool.io.schema import LoadCaseFile, ScaledEntry, ScaledTemperature
from romtool.io.schema_loading import TemperatureTable
from romtool.io.validation import Table as Validated
from romtool.io.validation import did_you_mean, read_toml
from romtool.loading import Dirichlet, InitialField, Load, Loading, Table, Temperature


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=_Named)
Entry = TypeVar("Entry", bound=Validated)
ValueItem = TypeVar("ValueItem", Load, Dirichlet)


@dataclass(frozen=True)
class Change(Generic[Item]):
    """What a load file does to the entry of one name.

    Parameters
    ----------
    name: of the case's entry.
    entry: the whole entry that takes its place, or None.
    scale: factor of the case's entry, or None; with neither the entry is removed.
    """

    name: str
    entry: Item | None = None
    scale: float | None = None


@dataclass(frozen=True)
class TemperatureScale:
    """`scale * T + offset` for every entry of the case's temperature; the initial temperature stays."""

    scale: float
    offset: float


@dataclass(frozen=True)
class LoadFile:
    """A load file as read; field files are not opened yet.

    Parameters
    ----------
    path: the file.
    name: of the load, and of its result folder.
    loads, tables, dirichlet: the changes, by name of the case's entries.
    temperature: a whole temperature, a scaling of the case's, or None.
    time: times and intervals without viscous flow, or None.
    initial: what the material holds at the first time.
    """

    path: Path
    name: str
    loads: tuple[Change[LoadSource], ...] = ()
    tables: tuple[Change[Table], ...] = ()
    dirichlet: tuple[Change[Dirichlet], ...] = ()
    temperature: TemperatureSource | TemperatureScale | None = None
    time: TimeSource | None = None
    initial: tuple[InitialSource, ...] = ()

    @property
    def field_paths(self) -> tuple[Path, ...]:
        """Return the field files that the load needs and the meshes they live on, each once."""
        sources: list[LoadSource | EntrySource] = [c.entry for c in self.loads if c.entry is not None]
        if isinstance(self.temperature, TemperatureSource):
            sources += self.temperature.entries
        paths = [path for source in sources for path in (source.field, source.mesh)]
        return tuple(dict.fromkeys(path for path in paths if path is not None))


def read_load(path: Path) -> LoadFile:
    """Read a load file; paths in it are relative to its folder.

    Parameters
    ----------
    path: the TOML file.

    Returns
    -------
    The parsed file.

    Raises
    ------
    CaseError: a missing file, wrong TOML, an unknown key, a wrong value; one line with file, table and key.
    """
    path = Path(path)
    return load_file(read_toml(path, LoadCaseFile, what="load file"), path)


def load_file(file: LoadCaseFile, path: Path) -> LoadFile:
    """Return what a checked load file says; paths in it are relative to the folder of `path`."""
    folder = path.parent
    return LoadFile(
        path,
        file.name,
        tuple(_change(entry, lambda e: load_of(e, folder)) for entry in file.loads),
        tuple(_change(entry, table_of) for entry in file.tables),
        tuple(_change(entry, dirichlet_of) for entry in file.dirichlet),
        _temperature_change(file.temperature, folder),
        None if file.time is None else time_of(file.time),
        () if file.initial is None else tuple(initial_of(entry, folder) for entry in file.initial.entries),
    )


def _change(entry: Entry | ScaledEntry, convert: Callable[[Entry], Item]) -> Change[Item]:
    """Return the change that an entry of a load file makes."""
    if isinstance(entry, ScaledEntry):
        return Change(entry.name, scale=entry.scale)
    item = convert(entry)
    return Change(item.name, item)


def _temperature_change(
    table: TemperatureTable | ScaledTemperature | None, folder: Path
) -> TemperatureSource | TemperatureScale | None:
    """Return what [temperature] of a load file does."""
    match table:
        case ScaledTemperature():
            return TemperatureScale(table.scale, table.offset)
        case TemperatureTable():
            return temperature_of(table, folder)
    return None


def apply_load(
    loading: Loading, load: LoadFile, read_field: FieldReader, initial: tuple[InitialField, ...] | None = None
) -> Loading:
    """Apply a load file to a loading.

    Parameters
    ----------
    loading: the case's loading.
    load: what differs from it. Whole entries replace those of the same name, `scale` multiplies (pressures,
        vectors, prescribed displacements, values of tables, omega of centrifugal loads), `remove` removes.
    read_field: reads field files.
    initial: what [initial] of the load file says, read; None where the caller cannot begin with it.

    Returns
    -------
    The new loading, named after the load. Where tables repeat, times, temperature and rate-independent
    intervals of one cycle are repeated with them.

    Raises
    ------
    CaseError: an unknown name, a table that no longer exists, times that do not fit the cycle, an [initial] that is
        not expected here.
    """
    if load.initial and initial is None:
        raise CaseError(f"{load.path}: [initial] is for `romtool solve` and `romtool online` alone; leave it out here")
    loading = replace(loading, initial=initial or ())
    if load.time is None and load.temperature is None and not (load.loads or load.tables or load.dirichlet):
        return replace(loading, name=load.name)
    loads = [_read(change, read_field) for change in load.loads]
    changed = replace(
        loading,
        name=load.name,
        dirichlet=_changed(loading.dirichlet, load.dirichlet, scale_value, ("dirichlet", load.path)),
        loads=_changed(loading.loads, loads, scale_value, ("loads", load.path)),
        tables=_changed(loading.tables, load.tables, scale_table, ("tables", load.path)),
        temperature=_new_temperature(loading.temperature, load, read_field),
    )
    check_tables(changed, load.path)
    return _with_times(changed, loading, load)


def _read(change: Change[LoadSource], read_field: FieldReader) -> Change[Load]:
    """Return the change of a load with its field read."""
    entry = None if change.entry is None else change.entry.read(read_field)
    return Change(change.name, entry, change.scale)


def _changed(
    existing: tuple[Item, ...],
    changes: Sequence[Change[Item]],
    scaled: Callable[[Item, float], Item],
    origin: tuple[str, Path],
) -> tuple[Item, ...]:
    """Return the entries after all changes; `origin` is the table's name and the file, for messages."""
    for change in changes:
        known = [item.name for item in existing]
        if change.name not in known:
            words = did_you_mean(change.name, known) + f" (known: {', '.join(known) or 'none'})"
            raise CaseError(f'{origin[1]}: [[{origin[0]}]] "{change.name}" is not in the case; {words}')
        if change.entry is not None:
            existing = put(existing, [change.entry], lambda item: item.name)
        elif change.scale is None:
            existing = tuple(item for item in existing if item.name != change.name)
        else:
            factor = change.scale
            existing = tuple(scaled(i, factor) if i.name == change.name else i for i in existing)
    return existing


def scale_value(item: ValueItem, factor: float) -> ValueItem:
    """Multiply the value of a load or a prescribed displacement."""
    return replace(item, value=item.value * factor)


def scale_table(table: Table, factor: float) -> Table:
    """Multiply the values of a table."""
    return replace(table, points=table.points * [1.0, factor])


def _new_temperature(temperature: Temperature, load: LoadFile, read_field: FieldReader) -> Temperature:
    """Return the temperature of the load; scaled entries share the fields of the case's."""
    change = load.temperature
    if change is None:
        return temperature
    if isinstance(change, TemperatureSource):
        return change.read(read_field)
    if not temperature.entries:
        raise CaseError(f"{load.path}: [temperature] scales the case's entries but the case has none; give entries")
    entries = tuple(
        replace(entry, scale=change.scale * entry.scale, offset=change.scale * entry.offset + change.offset)
        for entry in temperature.entries
    )
    return replace(temperature, entries=entries)


def _with_times(changed: Loading, before: Loading, load: LoadFile) -> Loading:
    """Give a changed loading its times, per cycle where its tables have cycles."""
    old, new = cycle_of(before.tables), cycle_of(changed.tables)
    if load.time is None and old == new:
        if new is None or load.temperature is None:
            return changed
        return replace(changed, temperature=cycle_temperature(changed.temperature, new))
    if load.time is not None and load.time.points is not None:
        check_points(load.time.points, new, load.path)
    return fit_times(changed, old, load.time)


def check_unique(loads: Sequence[LoadFile]) -> None:
    """Raise CaseError where two load files have the same name: their results would share a folder."""
    first: dict[str, Path] = {}
    for load in loads:
        if load.name in first:
            raise CaseError(
                f'{load.path}: the load name "{load.name}" is also that of {first[load.name]}; give each its own name'
            )
        first[load.name] = load.path

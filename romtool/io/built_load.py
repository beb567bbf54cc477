"""Load cases built in Python: the tables of a load file as Python values, arrays in the place of field files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.io.load import LoadFile, load_file, read_load
from romtool.io.schema import LoadCaseFile
from romtool.io.validation import validate
from romtool.types import Floats

Tables = Sequence[Mapping[str, Any]]


class Load:
    """A load case: what differs from the loading of a model's case; frozen, and checked as a load file is.

    Parameters
    ----------
    name: of the load.
    scale: name of a load -> factor; short for `loads=[{"name": …, "scale": …}]`.
    loads, tables, dirichlet: as the tables of a load file, each a mapping with its keys. The `value` of a pressure
        may be an array, one number per face or node (`on`) of its set.
    temperature: as [temperature] of a load file. The `value` of an entry may be an (n_nodes,) array in ascending
        node id, of the whole mesh.
    times: (n_times,) increasing float [time], short for `time={"points": …}`.
    time: as [time] of a load file.

    Raises
    ------
    CaseError: an unknown key, a wrong value.

    >>> Load("hot", scale={"gas": 1.2}, times=[0.0, 1.0]).name
    'hot'
    """

    def __init__(
        self,
        name: str,
        *,
        scale: Mapping[str, float] | None = None,
        loads: Tables = (),
        tables: Tables = (),
        dirichlet: Tables = (),
        temperature: Mapping[str, Any] | None = None,
        times: Sequence[float] | Floats | None = None,
        time: Mapping[str, Any] | None = None,
    ) -> None:
        fields = _Fields()
        scaled = [{"name": key, "scale": factor} for key, factor in (scale or {}).items()]
        given: dict[str, Any] = {
            "name": name,
            "loads": [*scaled, *(fields.taken(entry) for entry in loads)],
            "tables": list(tables),
            "dirichlet": list(dirichlet),
        }
        if temperature is not None:
            entries = [fields.taken(entry) for entry in temperature.get("entries", ())]
            given["temperature"] = {**temperature, **({"entries": entries} if "entries" in temperature else {})}
        if time is not None or times is not None:
            given["time"] = {**(time or {}), **({} if times is None else {"points": times})}
        place = Path(f'the load "{name}"')
        self.file: LoadFile = load_file(validate(_plain(given), LoadCaseFile, place), place)
        self.fields: Mapping[Path, Floats] = fields.known

    @classmethod
    def read(cls, path: str | Path) -> "Load":
        """Read a load file. Raises CaseError."""
        return cls.of(read_load(Path(path)))

    @classmethod
    def of(cls, file: LoadFile) -> "Load":
        """Return the load case that a load file says."""
        found = cls.__new__(cls)
        found.file, found.fields = file, {}
        return found

    @property
    def name(self) -> str:
        """Return the name of the load."""
        return self.file.name

    def __repr__(self) -> str:
        return f"Load({self.name!r})"


class _Fields:
    """Arrays that stand in the place of field files."""

    def __init__(self) -> None:
        self.known: dict[Path, Floats] = {}

    def taken(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return an entry whose array of values is a field."""
        value = entry.get("value")
        if not isinstance(value, np.ndarray) or not value.ndim or entry.get("kind") in ("body", "traction"):
            return dict(entry)
        if value.ndim != 1 or not np.isfinite(value).all():
            raise CaseError(f"a field of shape {value.shape}; expected one finite number per node or face")
        name = f"<array {len(self.known)}>"
        self.known[Path(name)] = np.array(value, dtype=np.float64)
        return {**{key: item for key, item in entry.items() if key != "value"}, "field": name}


def _plain(value: Any) -> Any:
    """Return a value in the types of TOML."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value) if isinstance(value, Path) else value

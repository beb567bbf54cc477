"""Results of CalculiX as a history: datasets of the `.frd` by time, completed by deck, `.dat` and `.sta`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from romtool.convert.calculix_dat import DatIndex, PointFields, point_fields
from romtool.convert.calculix_dat import read_index as read_dat_index
from romtool.convert.calculix_frd import PRECISION, FrdIndex, ResultBlock, read_elements, read_index
from romtool.convert.calculix_initial import initial_temperature
from romtool.convert.calculix_keywords import is_deck, read_cards
from romtool.convert.calculix_mesh import build_mesh
from romtool.convert.calculix_steps import exact_times, split_steps
from romtool.convert.calculix_types import ELEMENT_TYPES
from romtool.convert.calculix_values import NodeOrder, read_rows, read_values
from romtool.convert.parts import Part, assemble, rows_of
from romtool.errors import ReaderError
from romtool.types import FieldInfo, Floats, Ints, Mesh, SolverResults

_NAMES: Mapping[str, str] = {
    "DISP": "u",
    "NDTEMP": "T",
    "FORC": "internal_force",
    "STRESS": "stress_nodal",
    "TOSTRAIN": "strain_nodal",
    "PE": "p_nodal",
}
_VECTOR, _TENSOR = ("x", "y", "z"), ("xx", "yy", "zz", "xy", "yz", "zx")
_STRAIN_ERROR = {5e-6: (2e-6, "text of 6 digits"), 6e-8: (1.7e-7, "float32")}
"""Strain error times h / |u|, measured on a bending beam, by the precision of u."""
_TIME_DIGITS = 6e-6
_FREQUENCY = 2
_INTEGRATION = {"hexahedron20": {8: "C3D20R", 27: "C3D20"}, "hexahedron": {1: "C3D8R"}}


@dataclass(frozen=True)
class Deck:
    """What a deck gives to results: mesh, initial temperature (n_nodes,) or None, exactly known times."""

    mesh: Mesh
    temperature: Floats | None
    times: Floats


@dataclass(frozen=True)
class Dataset:
    """The results of one increment: solver's name -> block."""

    step: int
    increment: int
    time: float
    blocks: dict[str, ResultBlock] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """Reads values by field name and time index; index 0 is the added initial state.

    Parameters
    ----------
    path: the `.frd` file.
    mesh: the mesh.
    times: (n_times,) float [time].
    offset: 1 where the initial state was added, else 0.
    datasets: those of times[offset:]; empty where only the `.dat` has results.
    sources: field name -> name in the file.
    fields: nodal fields.
    points: the point fields, or None.
    temperature: (n_nodes,) initial temperature, or None.
    order: brings rows to the order of the nodes.
    """

    path: Path
    mesh: Mesh
    times: Floats
    offset: int
    datasets: tuple[Dataset, ...]
    sources: Mapping[str, str]
    fields: Mapping[str, FieldInfo]
    points: PointFields | None
    temperature: Floats | None
    order: NodeOrder

    def read(self, name: str, index: int) -> Floats:
        """Return field `name` at `times[index]` (see `romtool.types.SolverResults`)."""
        index = index % len(self.times)
        initial = index < self.offset
        if self.points is not None and name in self.points.fields:
            time = None if initial else float(self.times[index])
            return self.points.read(name, time, _tolerance(float(self.times[index])))
        if initial:
            return self._initial(name)
        block = self.datasets[index - self.offset].blocks.get(self.sources[name])
        return self._nodal(name, block)

    def _initial(self, name: str) -> Floats:
        """Return the added initial state of a nodal field."""
        shape = (self.mesh.n_nodes, len(self.fields[name].components))
        if name != "T":
            return np.zeros(shape)
        return np.full(shape, np.nan) if self.temperature is None else self.temperature[:, None].copy()

    def _nodal(self, name: str, block: ResultBlock | None) -> Floats:
        """Return a block in the mesh's node order, NaN where it has no row."""
        width = len(self.fields[name].components)
        if block is None:
            return np.full((self.mesh.n_nodes, width), np.nan)
        marks, values = read_rows(self.path, block.data)
        return self.order.sort(block.data, marks, values[:, :width])


def _tolerance(time: float) -> float:
    """Return how far two written forms of a time may differ."""
    return _TIME_DIGITS * abs(time) + 1e-300


def read_results(path: Path) -> SolverResults:
    """Open a `.frd` file with the deck, `.dat` and `.sta` of the same stem.

    Raises
    ------
    ReaderError: a file that is missing, truncated or damaged.
    """
    index = read_index(path)
    warnings: list[str] = []
    dat = _companion_dat(path, warnings)
    datasets = _datasets(index, path, warnings)
    deck = _companion_deck(path, index, warnings)
    mesh = deck.mesh if deck else _frd_mesh(index, dat, warnings)
    points = point_fields(dat, mesh) if dat and dat.tables else None
    sources, fields = _nodal_fields(datasets)
    written = _times(path, datasets, dat, deck.times if deck else np.zeros(0))
    offset = int(len(written) > 0 and written[0] > 0.0)
    times = np.concatenate([np.zeros(offset), written])
    temperature = deck.temperature if deck else None
    order = NodeOrder(path, mesh.node_ids)
    history = History(path, mesh, times, offset, tuple(datasets), sources, fields, points, temperature, order)
    warnings += _remarks(history, points)
    both = dict(fields) | (dict(points.fields) if points else {})
    paths = tuple(p for p in (path, *(path.with_suffix(s) for s in (".inp", ".dat", ".sta"))) if p.is_file())
    return SolverResults("calculix", paths, mesh, times, both, history.read, tuple(warnings))


def _companion_dat(path: Path, warnings: list[str]) -> DatIndex | None:
    """Return the `.dat` tables beside a file; one without tables is told."""
    beside = path.with_suffix(".dat")
    found = read_dat_index(beside) if beside.is_file() else None
    if found and not found.tables and beside.stat().st_size:
        warnings.append(f"{beside.name} holds no table of values at integration points (*EL PRINT): it is left out")
    return found


def _companion_deck(path: Path, index: FrdIndex, warnings: list[str]) -> Deck | None:
    """Return the deck beside a file, or None with a warning where it does not fit the results."""
    beside = path.with_suffix(".inp")
    if not (beside.is_file() and is_deck(beside)):
        return None
    try:
        cards = read_cards(beside)
        found = build_mesh(cards, beside)
        reason = _mismatch(found.mesh, index)
        if not reason:
            temperature = initial_temperature(cards, found)
            warnings += found.warnings
            return Deck(found.mesh, temperature, exact_times(split_steps(cards)[1]))
    except ReaderError as error:
        reason = str(error)
    warnings.append(f"the mesh is taken from {path.name}, not from the deck: {reason}")
    return None


def _mismatch(mesh: Mesh, index: FrdIndex) -> str:
    """Return why the mesh of a deck is not that of the results, "" where it is."""
    ids, points = read_values(index.path, index.nodes)
    order = np.argsort(ids)
    at = rows_of(ids[order], mesh.node_ids)
    if (at < 0).any():
        return f"node {mesh.node_ids[int(np.argmax(at < 0))]} is not in the results (shells are expanded there)"
    distance = np.abs(points[order][at] - mesh.points).max()
    if distance > 2e-5 * max(float(np.abs(mesh.points).max()), 1e-300):
        return f"coordinates differ by {distance:.3g}; it was changed after the run"
    parts = read_elements(index.path, index.elements) if index.elements else []
    missing = np.setdiff1d(mesh.element_ids, np.concatenate([np.zeros(0, np.int64), *(p.ids for p in parts)]))
    solid = np.concatenate([np.zeros(0, np.int64), *(b.element_ids for b in mesh.blocks if b.formulation)])
    lost = np.intersect1d(missing, solid)
    return f"element {lost[0]} is not in the results" if len(lost) else ""


def _frd_mesh(index: FrdIndex, dat: DatIndex | None, warnings: list[str]) -> Mesh:
    """Return the mesh of the result file; the `.dat` may tell reduced from full integration."""
    if index.elements is None:
        raise ReaderError(f"{index.path}: holds no elements (3C) and there is no deck beside it")
    ids, points = read_values(index.path, index.nodes)
    order = np.argsort(ids)
    parts = read_elements(index.path, index.elements)
    counts = _points_printed(dat)
    known = [_with_integration(part, counts) for part in parts]
    unsure = sorted({part.kind.name for part, sure in known if not sure})
    if unsure:
        warnings.append(
            f"{index.path.name} does not tell full from reduced integration: {', '.join(unsure)} is assumed; "
            "put the deck (.inp) of the same name beside it"
        )
    return assemble(ids[order], points[order], [part for part, _ in known], index.path)


def _points_printed(dat: DatIndex | None) -> tuple[Ints, Ints]:
    """Return element ids, ascending, and the number of points that the first table of each set gives them."""
    from romtool.convert.calculix_dat import read_rows

    first = {(t.name, t.set_name): t for t in reversed(dat.tables)} if dat else {}
    rows = [read_rows(dat.path, table) for table in first.values()] if dat else []
    elements = np.concatenate([np.zeros(0, np.int64), *(r.elements for r in rows)])
    local = np.concatenate([np.zeros(0, np.int64), *(r.points for r in rows)])
    ids, inverse = np.unique(elements, return_inverse=True)
    counts = np.zeros(len(ids), np.int64)
    np.maximum.at(counts, inverse, local)
    return ids, counts


def _with_integration(part: Part, counts: tuple[Ints, Ints]) -> tuple[Part, bool]:
    """Return a part with the type that the printed points give it, and whether the type is sure."""
    choices = _INTEGRATION.get(part.kind.cell_type)
    if choices is None:
        return part, True
    at = rows_of(counts[0], part.ids)
    printed = int(counts[1][at[at >= 0]].max()) if (at >= 0).any() else 0
    name = choices.get(printed)
    return (part, False) if name is None else (replace(part, kind=ELEMENT_TYPES[name]), True)


def _datasets(index: FrdIndex, path: Path, warnings: list[str]) -> list[Dataset]:
    """Return the datasets of static increments in file order, without those that did not converge."""
    found: dict[tuple[int, int], Dataset] = {}
    modes = 0
    for block in index.results:
        if block.analysis == _FREQUENCY:
            modes += 1
            continue
        key = (block.step, block.increment)
        found.setdefault(key, Dataset(*key, block.time)).blocks[block.name] = block
    if modes:
        warnings.append(f"{modes} results of eigenmodes are left out: romtool reads histories in time")
    converged = _converged(path.with_suffix(".sta"))
    if not index.complete and converged is None:
        warnings.append(
            f"{path.name} has no end mark: the run stopped, its last dataset may not have converged, and there is "
            "no .sta beside it to check"
        )
    kept = [d for key, d in found.items() if converged is None or key in converged]
    if converged is not None and len(kept) < len(found):
        lost = [f"{d.time:g}" for key, d in found.items() if key not in converged]
        warnings.append(f"datasets that did not converge according to the .sta are left out: times {', '.join(lost)}")
    times = np.array([dataset.time for dataset in kept])
    if (np.diff(times) <= 0).any():
        raise ReaderError(
            f"{path}: time {times[int(np.argmax(np.diff(times) <= 0)) + 1]:g} follows a later or equal one; expected "
            "the results of one run"
        )
    return kept


def _converged(path: Path) -> set[tuple[int, int]] | None:
    """Return (step, increment) of the converged increments of a `.sta` file, None where it has none."""
    if not path.is_file():
        return None
    rows = [line.split() for line in path.read_text(encoding="latin-1").splitlines()[2:]]
    good = [row for row in rows if len(row) == 7 and all(text.isdigit() for text in row[:3])]
    return {(int(row[0]), int(row[1])) for row in good} or None


def _nodal_fields(datasets: Sequence[Dataset]) -> tuple[dict[str, str], dict[str, FieldInfo]]:
    """Return romtool's names -> the file's, and what each field is (the coarsest precision of its blocks)."""
    blocks: dict[str, list[ResultBlock]] = {}
    for dataset in datasets:
        for name, block in dataset.blocks.items():
            blocks.setdefault(name, []).append(block)
    sources = {_NAMES.get(name, name): name for name in blocks}
    fields = {
        name: FieldInfo("node", _component_names(blocks[source][0]), source, _precision(blocks[source]))
        for name, source in sources.items()
    }
    return sources, fields


def _component_names(block: ResultBlock) -> tuple[str, ...]:
    """Return romtool's names of the components of a block."""
    count = len(block.components)
    if count == 1:
        return ("",)
    if block.kind == 2 and count == 3:
        return _VECTOR
    return _TENSOR if block.kind == 4 and count == 6 else block.components


def _precision(blocks: Sequence[ResultBlock]) -> float:
    """Return the coarsest precision of blocks."""
    return max(PRECISION[block.data.flag] for block in blocks)


def _times(path: Path, datasets: Sequence[Dataset], dat: DatIndex | None, exact: Floats) -> Floats:
    """Return the times of the datasets (else of the `.dat`) to the most digits that the files know.

    The `.frd` has 6 digits below time 1 and 10 above, the `.dat` 7, the deck all where increments are fixed.
    """
    fine = dat.times if dat else np.zeros(0)
    times = np.array([dataset.time for dataset in datasets]) if datasets else fine
    times = np.where(times < 1.0, _snap(times, fine, _TIME_DIGITS), times)
    digits = np.where(times < 1.0, _TIME_DIGITS, 1e-9 if datasets else _TIME_DIGITS)
    times = _snap(times, exact, digits)
    if (np.diff(times) <= 0).any():
        raise ReaderError(f"{path}: two increments have the same time within the digits of the file")
    return times


def _snap(times: Floats, exact: Floats, tolerance: float | Floats) -> Floats:
    """Return each time replaced by the nearest exact one within a relative tolerance."""
    if not len(exact) or not len(times):
        return times
    at = np.clip(np.searchsorted(exact, times), 1, max(len(exact) - 1, 1))
    low, high = exact[at - 1], exact[np.minimum(at, len(exact) - 1)]
    nearest = np.where(np.abs(times - low) <= np.abs(high - times), low, high)
    return np.where(np.abs(nearest - times) <= tolerance * np.abs(times), nearest, times)


def _remarks(history: History, points: PointFields | None) -> list[str]:
    """Return what a user should know about the fields."""
    found = [*_precision_remark(history), *(points.warnings if points else ())]
    if "T" in history.fields and history.temperature is None:
        found.append("the initial temperature is not known (no *INITIAL CONDITIONS): T at the added time 0 is NaN")
    names = {name for dataset in history.datasets for name in dataset.blocks}
    holes = sorted(n for n in names if any(n not in d.blocks for d in history.datasets))
    if holes:
        found.append(f"{', '.join(holes)} is not written at every time; it is NaN where it is missing")
    return found + (_point_remarks(history, points) if points else [])


def _precision_remark(history: History) -> list[str]:
    """Return the sentence about the precision of u, where it is not float64."""
    info = history.fields.get("u")
    if info is None or info.precision not in _STRAIN_ERROR:
        return []
    factor, words = _STRAIN_ERROR[info.precision]
    size = _element_size(history.mesh)
    return [
        f"u is {words} (relative precision {info.precision:g}): strains from it err by about {factor:g} |u| / h, here "
        f"{factor / size:.2g} per unit of displacement (h = {size:.3g}); ask CalculiX for *NODE OUTPUT, DOUBLE"
    ]


def _element_size(mesh: Mesh) -> float:
    """Return the smallest over the blocks of the median distance of the first two nodes."""
    edges = [mesh.points[b.connectivity[:, 1]] - mesh.points[b.connectivity[:, 0]] for b in mesh.blocks
             if b.connectivity.shape[1] > 1]  # fmt: skip
    return min((float(np.median(np.linalg.norm(edge, axis=1))) for edge in edges), default=1.0)


def _point_remarks(history: History, points: PointFields) -> list[str]:
    """Return sentences about times and elements that the `.dat` does not cover or covers beside the `.frd`."""
    found = []
    for name, tables in points.tables.items():
        printed = np.array([table.time for table in tables])
        gone = [t for t in history.times[history.offset :] if np.abs(printed - t).min() > _tolerance(float(t))]
        if gone:
            found.append(f"{name} is not in the .dat at {len(gone)} of the times; it is NaN there")
    extra = [t for t in points.index.times if np.abs(history.times - t).min() > _tolerance(float(t))]
    if extra:
        found.append(f"the .dat has {len(extra)} times that the .frd has not; they are left out")
    dark = sorted({b.solver_type for b in history.mesh.blocks if not b.formulation})
    if dark:
        found.append(f"integration-point values of {', '.join(dark)} are left out: romtool has no formulation for them")
    return found

"""From a case file to what it stands for: mesh, materials, and the loading of each simulation."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from romtool import __version__
from romtool.convert.nodal_fields import array_named, order_field, read_nodal_field
from romtool.convert.pieces import join_results, part_of_element
from romtool.convert.registry import read_deck, read_results
from romtool.errors import CaseError, MeshError
from romtool.fem.checks import check_mesh
from romtool.fem.couplings import build_equations
from romtool.fem.loads import side_set_nodes
from romtool.fem.partition import partition_elements
from romtool.fem.sets import check_regions
from romtool.io.atomic import digest_file, digest_text
from romtool.io.case import Case, Simulation, read_case, resolve
from romtool.laws import build_tables, identify
from romtool.loading import Deck, Loading, Material
from romtool.pipeline.folders import read_head, value_digest
from romtool.pipeline.mapping import map_field, places_of
from romtool.pipeline.missions import before_of
from romtool.pipeline.results import open_history
from romtool.types import Floats, Ints, Mesh, SolverResults


@dataclass(frozen=True)
class CaseSources:
    """A case with its decks read.

    Parameters
    ----------
    case: as read.
    mesh: of all simulations.
    materials: of all simulations.
    loading: the case's own, before any load file.
    decks: by path.
    warnings: of decks.
    """

    case: Case
    mesh: Mesh
    materials: tuple[Material, ...]
    loading: Loading
    decks: dict[Path, Deck]
    warnings: tuple[str, ...]

    def deck_of(self, simulation: Simulation) -> Deck | None:
        """Return the deck of a simulation, or the first one of the case."""
        if simulation.deck is not None:
            return self.decks[simulation.deck]
        return next(iter(self.decks.values()), None)


def open_case(path: Path) -> CaseSources:
    """Read a case file and its decks, check the mesh.

    Raises
    ------
    CaseError: the case file is wrong or says too little.
    ReaderError, MeshError: a deck or mesh that cannot be used.
    LawError: a law that does not exist or a parameter out of its range.
    """
    case = read_case(path)
    decks = {entry.deck: read_deck(entry.deck) for entry in case.simulations if entry.deck is not None}
    mesh = _mesh_of(case, decks)
    check_mesh(mesh)
    materials, loading = resolve(case, next(iter(decks.values()), None), field_reader(mesh))
    materials = tuple(map(identify, materials))
    build_tables(materials)
    check_regions(mesh, materials, loading)
    equations, notes = build_equations(mesh, loading.constraints)
    loading = replace(loading, constraints=equations)
    told = [(entry.name, text) for entry, found in decks.items() for text in found.warnings]
    warnings = [text if text.startswith(name) else f"{name}: {text}" for name, text in told]
    warnings += [*notes, *implausible_units(materials)]
    return CaseSources(case, mesh, materials, loading, decks, tuple(warnings))


WAVE_SPEEDS = ((5e2, 2e4), (5e5, 2e7))
"""sqrt(young / density) of solids in metres and in millimetres per second."""


def implausible_units(materials: Sequence[Material]) -> list[str]:
    """Return a sentence for each material whose modulus and density do not fit one system of units."""
    sentences = []
    for material in materials:
        young = float(np.ravel(np.asarray(material.parameters.get("young", np.nan), dtype=np.float64))[-1])
        speed = float(np.sqrt(young / material.density)) if material.density else np.nan
        if np.isfinite(speed) and not any(low < speed < high for low, high in WAVE_SPEEDS):
            sentences.append(
                f"material of {material.elements!r}: Young's modulus {young:g} and density {material.density:g} give a "
                f"speed of sound of {speed:.3g}, which fits neither metres nor millimetres and seconds; check the units"
            )
    return sentences


def mesh_of(path: Path) -> Mesh:
    """Return the mesh of a case file; its materials, loads and fields need not be there yet.

    Raises
    ------
    CaseError: the case file is wrong, or has no mesh. ReaderError, MeshError: a deck or mesh that cannot be used.
    """
    case = read_case(path)
    return _mesh_of(case, {entry.deck: read_deck(entry.deck) for entry in case.simulations if entry.deck is not None})


def _mesh_of(case: Case, decks: dict[Path, Deck]) -> Mesh:
    """Return the mesh of the case: of its [mesh], of a deck, or of results."""
    if case.mesh_file is not None:
        return read_results(case.mesh_file).mesh
    for deck in decks.values():
        if deck.mesh is not None:
            return deck.mesh
    for simulation in case.simulations:
        if simulation.results and simulation.results[0].exists():
            return open_history(simulation.results[0]).mesh
    raise CaseError(f"{case.path}: no mesh; give [mesh] file, or a simulation with a deck or results that hold one")


class field_reader:  # noqa: N801 - used as a function
    """Reads field files of a case: per node of its mesh, or per face or node of a side set."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    def __call__(
        self,
        path: Path,
        name: str | None,
        region: str | None = None,
        on: Literal["face", "node"] = "node",
        mesh: Path | None = None,
    ) -> Floats:
        """Return the values in the mesh's order. Raises ReaderError, MeshError."""
        if mesh is not None:
            wanted = name if region is None else array_named(path, name)
            return map_field(path, wanted, mesh, places_of(self.mesh, region, on))
        if region is None:
            return read_ordered(path, name, self.mesh.node_ids)
        if on == "face":
            count = len(self.mesh.side_sets.get(region, ()))
            return read_nodal_field(path, None, count=count)[0]
        return read_ordered(path, None, self.mesh.node_ids[side_set_nodes(self.mesh, region)])


def read_ordered(path: Path, name: str | None, node_ids: np.ndarray) -> Floats:  # type: ignore[type-arg]
    """Read a nodal field into the order of ascending node ids. Raises ReaderError."""
    record = name if path.suffix.lower() == ".node" else None
    count = len(node_ids) if record is not None else None
    values, ids = read_nodal_field(path, name, count=count)
    return order_field(values, ids, node_ids, path)


def loading_of(sources: CaseSources, simulation: Simulation, results: SolverResults | None) -> Loading:
    """Return the complete loading of one simulation; its times are the solver's increments.

    Parameters
    ----------
    sources: of the case.
    simulation: one of its simulations.
    results: what the solver wrote, where there is something.

    Raises
    ------
    CaseError: increments that are not known.
    """
    deck = sources.deck_of(simulation)
    materials, loading = resolve(sources.case, deck, field_reader(sources.mesh), simulation)
    _check_materials(sources, simulation, materials)
    if results is not None and times_from_results(sources, simulation):
        loading = replace(loading, times=results.times)
    if len(loading.times) < 2:
        raise CaseError(f"{sources.case.path}: simulation {simulation.name!r} has no increments; give [time] points")
    check_regions(sources.mesh, materials, loading)
    equations, _ = build_equations(sources.mesh, loading.constraints)
    return replace(loading, name=simulation.name, constraints=equations)


def times_from_results(sources: CaseSources, simulation: Simulation) -> bool:
    """Tell whether only the results know the increments: neither the case does, nor the deck (automatic increments)."""
    time, deck = sources.case.overrides.time, sources.deck_of(simulation)
    if time is not None and time.points is not None:
        return False
    return deck is None or deck.times_from_results or not len(deck.loading.times)


def own_loading(sources: CaseSources, first: Floats | None) -> Loading:
    """Return the case's own loading.

    Parameters
    ----------
    sources: of the case.
    first: (n_times,) increments of the first simulation, taken where only its results know them; None: not known.
    """
    simulations = sources.case.simulations
    if first is None or not simulations or not times_from_results(sources, simulations[0]):
        return sources.loading
    return replace(sources.loading, times=first)


def _check_materials(sources: CaseSources, simulation: Simulation, materials: tuple[Material, ...]) -> None:
    """Refuse a simulation with other materials than the first: one model has one set of laws."""
    ours = [repr((m.elements, m.law, m.parameters, m.density, m.reference_temperature)) for m in materials]
    first = [repr((m.elements, m.law, m.parameters, m.density, m.reference_temperature)) for m in sources.materials]
    if ours != first:
        raise CaseError(
            f"simulation {simulation.name!r}: the materials of {simulation.deck} differ from those of the first "
            "simulation; train one model per set of materials"
        )


def open_simulation(sources: CaseSources, simulation: Simulation) -> SolverResults:
    """Open the results of a simulation and check that they are on the case's mesh.

    Raises
    ------
    CaseError: there are no results. MeshError: results of another mesh.
    """
    if not simulation.results:
        raise CaseError(
            f"simulation {simulation.name!r} has no results; give `results`, or make them with "
            f"`romtool solve {sources.case.path} LOAD.toml -o REF`"
        )
    for path in simulation.results:
        _check_beginning(path)
    results = _joined(sources, simulation)
    same_ids = np.array_equal(results.mesh.node_ids, sources.mesh.node_ids)
    size = float(np.ptp(sources.mesh.points, axis=0).max())
    if not same_ids or float(np.abs(results.mesh.points - sources.mesh.points).max()) > 1e-4 * size:
        raise MeshError(
            f"{simulation.results[0]}: results of another mesh ({results.mesh.n_nodes} nodes; the case has "
            f"{sources.mesh.n_nodes}, with other ids or coordinates); give results of the case's own mesh"
        )
    if "u" not in results.fields:
        raise CaseError(
            f"{simulation.results[0]}: holds no displacement (fields: {', '.join(results.fields) or 'none'}); "
            "have the solver write it"
        )
    return results


def _check_beginning(path: Path) -> None:
    """Raise CaseError where results are a solution that does not begin with the undeformed body of virgin material."""
    file = path / "solution.h5"
    if not file.is_file():
        return
    if names := before_of(file, "solution").names:
        raise CaseError(
            f"{path}: goes on from {', '.join(names)}; train on computations that begin with the undeformed body"
        )
    if read_head(file, "solution", "loading").initial:
        raise CaseError(f"{path}: begins with [initial] fields; train on computations that begin with virgin material")


def _joined(sources: CaseSources, simulation: Simulation) -> SolverResults:
    """Open the results of a simulation; those that a solver wrote per subdomain count as one."""
    opened = [open_history(path) for path in simulation.results]
    return opened[0] if len(opened) == 1 else join_results(sources.mesh, opened)


def n_subdomains_of(sources: CaseSources) -> int:
    """Return the number of subdomains of a case.

    Raises
    ------
    CaseError: [partition] asks for another number than that of the solver's own subdomains.
    """
    wanted = sources.case.settings.partition.subdomains
    several = _in_pieces(sources)
    if several is None or wanted == len(several.results):
        return wanted
    if wanted != 1:
        raise CaseError(
            f"{sources.case.path}: [partition] subdomains = {wanted}, but the results of simulation {several.name!r} "
            f"come in {len(several.results)} subdomains, which are taken as they are; leave the key out"
        )
    return len(several.results)


def subdomains_of(sources: CaseSources) -> Ints:
    """Return the (n_elements,) subdomain of each element: the solver's own ones where it wrote results per subdomain.

    Raises
    ------
    CaseError: see `n_subdomains_of`.
    MeshError: more subdomains than elements, or a partition that leaves a subdomain empty.
    """
    count, several = n_subdomains_of(sources), _in_pieces(sources)
    if several is not None:
        return part_of_element(sources.mesh, [open_history(path) for path in several.results])
    parts = partition_elements(sources.mesh, count)
    empty = np.setdiff1d(np.arange(count), parts)
    if len(empty):
        raise MeshError(f"[partition] subdomains = {count}: {len(empty)} of them would be empty; ask for fewer")
    return parts


def _in_pieces(sources: CaseSources) -> Simulation | None:
    """Return the first simulation whose results come per subdomain."""
    return next((entry for entry in sources.case.simulations if len(entry.results) > 1), None)


def input_digests(sources: CaseSources) -> dict[str, str]:
    """Return file -> the beginning of its SHA-256, of the files that a dataset is made from, relative to the case."""
    case = sources.case
    files: list[Path] = [case.mesh_file] if case.mesh_file is not None else []
    files += case.overrides.field_paths
    for simulation in case.simulations:
        inputs = [simulation.deck, *simulation.results, simulation.load]
        files += [entry for path in inputs if path is not None for entry in _files_of(path)]
    return {os.path.relpath(path, case.path.parent): digest_file(path)[:16] for path in dict.fromkeys(files)}


def input_digest(sources: CaseSources, inputs: Mapping[str, str]) -> str:
    """Return the digest of what a dataset is made from: mesh, simulations, partition tables and all input files.

    Parameters
    ----------
    sources: a case with its decks.
    inputs: of `input_digests`; the names of the files do not matter.
    """
    case = sources.case
    texts = [__version__, str(case.settings.partition), *(simulation.name for simulation in case.simulations)]
    texts += [value_digest(sources.materials), value_digest(sources.loading)]
    return digest_text("\n".join([*texts, *inputs.values()]))[:16]


def _files_of(path: Path) -> list[Path]:
    """Return a file with its companions (same stem), or the files of a folder."""
    if path.is_dir():
        return sorted(entry for entry in path.rglob("*") if entry.is_file())
    return sorted(entry for entry in path.parent.glob(f"{path.stem}.*") if entry.is_file())

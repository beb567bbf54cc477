"""The commented case file that `romtool init` writes, so that a person can go on from it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from romtool.constraints import Constraint
from romtool.io.init_tables import constraint_words, written_tables
from romtool.io.templates import (
    LISTED,
    TABLE_TEMPLATE,
    TEMPERATURE_TEMPLATE,
    comment,
    commented,
    dirichlet_template,
    listed,
    load_template,
    material_template,
    shortened,
    shown_times,
    toml_number,
    toml_text,
)
from romtool.loading import Deck, Dirichlet, Load, Loading, Material, Table, Temperature
from romtool.settings import Settings
from romtool.types import Floats, Ints, Mesh, SolverResults


@dataclass(frozen=True)
class Source:
    """One computation that was found; all paths are relative to the folder of the case file.

    Parameters
    ----------
    name: of the simulation.
    deck: path of the input deck, or None.
    results: paths of its result files.
    contents: what the deck says, or None; without `deck` it is what was understood of one that cannot be named.
    solution: what the results hold, or None.
    """

    name: str
    deck: str | None = None
    results: tuple[str, ...] = ()
    contents: Deck | None = None
    solution: SolverResults | None = None

    @property
    def mesh(self) -> Mesh | None:
        """Return the mesh of the deck that the case names, else of the results."""
        if self.contents is not None and self.contents.mesh is not None and (self.deck or self.solution is None):
            return self.contents.mesh
        return self.solution.mesh if self.solution is not None else None

    @property
    def has_history(self) -> bool:
        """Tell whether the results hold something over time, not a mesh alone."""
        return self.solution is not None and len(self.solution.times) > 0


def case_text(name: str, sources: Sequence[Source]) -> str:
    """Write the text of a case file.

    Parameters
    ----------
    name: of the case.
    sources: the computations found; the first is the case's own loading.

    Returns
    -------
    TOML with one key per line and comments above. What the decks hold is listed in comments under the names
    that a load file uses; what is missing stands there commented out, with the mesh's set names.
    """
    contents = next((source.contents for source in sources if source.contents), None)
    mesh = next((source.mesh for source in sources if source.mesh), None)
    alone = next((source for source in sources if source.mesh and not source.deck and not source.has_history), None)
    part = next((source.contents for source in sources if source.contents and not source.deck), None)
    written = written_tables(part, mesh) if part is contents and part and mesh else {}
    blocks = [
        _head(name, contents),
        *(_mesh(source) if source is alone else _simulation(source) for source in sources),
        *([] if mesh else [commented("No file found holds the mesh.", '[mesh]\nfile = "mesh.vtu"')]),
        _sets(mesh),
        *_loading(contents, mesh, written),
        *_settings(Settings()),
    ]
    return "\n\n".join(blocks) + "\n"


def _head(name: str, contents: Deck | None) -> str:
    """Return [case]."""
    lines = [
        "# Case file of romtool, written by `romtool init`. Paths are relative to this file.",
        "[case]",
        "# Name of the case, for reports.",
        f"name = {toml_text(name)}",
        *_units(contents.materials if contents else ()),
    ]
    return "\n".join(lines)


def _units(materials: Sequence[Material]) -> list[str]:
    """Return the labels of the units; millimetre and newton where Young's modulus looks like megapascals."""
    modulus = next((m for m in map(_modulus, materials) if m), 0.0)
    head = "# Labels for reports; nothing is converted."
    if 1e2 <= modulus <= 2e6:
        guess = f"{head} Guessed from Young's modulus {modulus:g}: check them."
        return [guess, 'units = { length = "mm", force = "N", time = "s", temperature = "degC" }']
    if 1e8 <= modulus <= 2e12:
        guess = f"{head} Guessed from Young's modulus {modulus:g}: check them."
        return [guess, 'units = { length = "m", force = "N", time = "s", temperature = "degC" }']
    return [head, '# units = { length = "mm", force = "N", time = "s", temperature = "degC" }']


def _modulus(material: Material) -> float:
    """Return Young's modulus, the first of a table, 0 where there is none."""
    value = np.ravel(np.asarray(material.parameters.get("young", 0.0), dtype=np.float64))
    return float(value[min(1, len(value) - 1)]) if len(value) else 0.0


def _mesh(source: Source) -> str:
    """Return [mesh] for a file that holds a mesh alone, and a simulation to fill in."""
    notes = [f"# Note: {' '.join(warning.split())}" for warning in _warnings(source.solution)]
    simulation = '[[simulations]]\nname = "first"\nresults = "ref/first"'
    words = "The file holds no results; where there are some (also of `romtool solve`), remove the # and fill in:"
    return "\n".join(["[mesh]", f"file = {toml_text(source.results[0])}", *notes, "", commented(words, simulation)])


def _simulation(source: Source) -> str:
    """Return one [[simulations]]."""
    lines = ["# A training computation: the solver's deck, and the results that it wrote."]
    lines += ["[[simulations]]", f"name = {toml_text(source.name)}"]
    if source.deck:
        lines.append(f"deck = {toml_text(source.deck)}")
    match source.results:
        case ():
            lines += ["# No results were found beside the deck.", '# results = "…"']
        case (single,):
            lines.append(f"results = {toml_text(single)}")
        case several:
            lines.append(f"results = [{', '.join(map(toml_text, several))}]")
    for warning in (*_warnings(source.contents), *_warnings(source.solution)):
        lines.append(f"# Note: {' '.join(warning.split())}")
    lines += [f"# {line}" for line in _solution(source.solution)]
    return "\n".join(lines)


def _warnings(found: Deck | SolverResults | None) -> tuple[str, ...]:
    """Return the warnings of what was read."""
    return found.warnings if found is not None else ()


def _solution(solution: SolverResults | None) -> list[str]:
    """Return what the results hold."""
    if solution is None:
        return []
    fields = [f"{name} ({info.location})" for name, info in solution.fields.items()]
    return [f"The results hold the times {shown_times(solution.times)}", f"and the fields {listed(fields)}."]


def _sets(mesh: Mesh | None) -> str:
    """Return the names of the mesh's sets, as a comment."""
    if mesh is None:
        return "# The sets of the mesh are listed by `romtool info FILE`."
    lines = [f"The mesh has {mesh.n_nodes} nodes and {mesh.n_elements} elements."]
    for what, sets in _kinds_of_sets(mesh):
        lines.append(f"{what}: {listed([f'{toml_text(name)} ({len(rows)})' for name, rows in sets.items()])}")
    return "\n".join(f"# {line}" for line in lines)


def _kinds_of_sets(mesh: Mesh) -> tuple[tuple[str, Mapping[str, Ints]], ...]:
    """Return the mesh's sets by what they hold."""
    return (
        ("Node sets", mesh.node_sets),
        ("Element sets", mesh.element_sets),
        ("Side sets (faces)", mesh.side_sets),
    )


def _loading(contents: Deck | None, mesh: Mesh | None, written: Mapping[str, str]) -> list[str]:
    """Return what the deck says, and templates for what it does not say; `written` are whole tables by name."""
    loading = contents.loading if contents else Loading("", np.zeros(0))
    materials = contents.materials if contents else ()
    texts = {
        "materials": _part("materials", [_material(entry) for entry in materials], material_template(mesh)),
        "dirichlet": _part("dirichlet", [_dirichlet(entry) for entry in loading.dirichlet], dirichlet_template(mesh)),
        "constraints": _constraints(loading.constraints),
        "loads": _part("loads", [_load(entry) for entry in loading.loads], load_template(mesh)),
        "tables": _part("tables", [_table(entry) for entry in loading.tables], TABLE_TEMPLATE),
        "temperature": _temperature(loading.temperature),
        "time": _increments(contents),
    }
    found = [f"{_UNDERSTOOD}\n{written[name]}" if name in written else text for name, text in texts.items()]
    return [text for text in found if text]


_UNDERSTOOD = "# From the deck, which says more than is supported (see the notes above): check it."


def _part(table: str, entries: list[str], template: str) -> str:
    """Return the deck's entries of one kind as a comment, or a template where it has none."""
    if not entries:
        return commented(f"No deck gives [[{table}]]; where needed, remove the # and fill in:", template)
    key = "elements" if table == "materials" else "name"
    head = f"From the deck; [[{table}]] with the same {key} in this file replaces an entry:"
    return comment([head, *shortened(entries)])


def _constraints(entries: Sequence[Constraint]) -> str:
    """Return the deck's constraints as a comment, nothing where it has none."""
    return _part("constraints", [constraint_words(entry) for entry in entries], "") if entries else ""


def _material(entry: Material) -> str:
    """Return one line about a material."""
    density = "" if entry.density is None else f", density {entry.density:g}"
    return f"elements {toml_text(entry.elements)}: law {entry.law} ({', '.join(entry.parameters)}){density}"


def _dirichlet(entry: Dirichlet) -> str:
    """Return one line about a prescribed displacement."""
    components = " ".join("xyz"[component] for component in entry.components)
    values = f"{components} = {_value(entry.value)}{_timed(entry)}"
    return f"{toml_text(entry.name)}: nodes {toml_text(entry.nodes)}, {values}"


def _load(entry: Load) -> str:
    """Return one line about a load."""
    what = "omega" if entry.kind == "centrifugal" else "value"
    region = f"on {toml_text(entry.region)}, {what} {_value(entry.value)}"
    return f"{toml_text(entry.name)}: {entry.kind} {region}{_timed(entry)}"


def _timed(entry: Load | Dirichlet) -> str:
    """Return the table of an entry."""
    return f", table {toml_text(entry.table)}" if entry.table else ", constant"


def _value(value: float | Floats) -> str:
    """Return a number, a short vector, or the range of a field."""
    values = np.ravel(value)
    if len(values) <= 3:
        return " ".join(f"{v:g}" for v in values)
    return f"from {values.min():g} to {values.max():g} ({len(values)} values)"


def _table(entry: Table) -> str:
    """Return one line about an amplitude."""
    points = [f"({time:g}, {value:g})" for time, value in entry.points[:LISTED]]
    more = f" … {len(entry.points)} points" if len(entry.points) > LISTED else ""
    cycles = f", {entry.cycles} cycles" if entry.cycles > 1 else ""
    return f"{toml_text(entry.name)}: {' '.join(points)}{more}{cycles}"


def _temperature(temperature: Temperature) -> str:
    """Return the deck's temperature as a comment, or a template."""
    if not temperature.entries and not np.any(temperature.initial):
        return commented("No deck gives a temperature; where needed, remove the # and fill in:", TEMPERATURE_TEMPLATE)
    lines = [
        "From the deck; [temperature] in this file, or in a load file, replaces it as a whole:",
        f"initial {_value(temperature.initial)}",
    ]
    if temperature.entries:
        lines.append(f"entries at {shown_times(np.array([entry.time for entry in temperature.entries]))}")
    return comment(lines)


def _increments(contents: Deck | None) -> str:
    """Return the deck's increments as a comment."""
    lines = ["[time] points in this file, or in a load file, replaces the increments."]
    if contents is not None and any(table.cycles > 1 for table in contents.loading.tables):
        lines.append("The tables have cycles: give the points of one cycle, they are repeated.")
    if contents is None or not len(contents.loading.times) or contents.times_from_results:
        lines.append("Without it they are the times of the results.")
    else:
        lines.append(f"The deck's: {shown_times(contents.loading.times)}")
    for start, end in contents.loading.rate_independent if contents else ():
        lines.append(f"No viscous flow from {start:g} to {end:g} (rate_independent).")
    return comment(lines)


def _settings(settings: Settings) -> list[str]:
    """Return the tables of the stages with their defaults."""
    pod, quadrature, newton, balance = settings.pod, settings.quadrature, settings.newton, settings.balance
    return [
        _settings_table(
            "partition",
            ("Number of subdomains, fixed when the dataset is made; any number of ranks up to it.",
             "subdomains", settings.partition.subdomains),
        ),
        _settings_table(
            "pod",
            ("Discarded part of the snapshots, relative.", "tolerance", pod.tolerance),
            ("Inner product of the snapshots: h1, l2 or energy.", "inner_product", pod.inner_product),
            ("Largest number of modes.", "max_modes", pod.max_modes),
        ),
        _settings_table(
            "quadrature", ("Relative error of the reduced quadrature.", "tolerance", quadrature.tolerance)
        ),
        _settings_table(
            "duals",
            ("Fields at the integration points to reconstruct.", "fields", list(settings.duals.fields)),
            ("Discarded part of their snapshots; the smallest tolerance rules.", "tolerance", settings.duals.tolerance),
        ),
        _settings_table(
            "balance",
            ("Unbalance of the imported displacements above which import warns.", "tolerance", balance.tolerance),
            ("Unbalance above which offline refuses to train.", "limit", balance.limit),
        ),
        _settings_table(
            "newton",
            ("Residual at which a step has converged, relative.", "tolerance", newton.tolerance),
            ("Iterations of a step before it is halved.", "max_iterations", newton.max_iterations),
            ("How often a step may be halved.", "max_cuts", newton.max_cuts),
        ),
    ]  # fmt: skip


def _settings_table(name: str, *keys: tuple[str, str, object]) -> str:
    """Return one table: each key on its line, its comment above."""
    lines = [f"[{name}]"]
    for words, key, value in keys:
        text = toml_number(value) if isinstance(value, float) else json.dumps(value)
        lines += [f"# {words}", f"{key} = {text}"]
    return "\n".join(lines)

"""What was modelled, as blocks of a document: mesh, sets, units, laws and loading."""

from collections.abc import Iterator, Mapping

from romtool.report.charts import loading_charts
from romtool.report.content import LawFacts, LoadFacts, LoadingFacts, MeshFacts
from romtool.report.document import Block, Column, Table, Text, Value, facts, note
from romtool.report.units import Units
from romtool.report.words import count, number, plural, with_unit

MOST_SETS = 60
"""Sets of a kind that a report names."""


def mesh_table(mesh: MeshFacts, units: Units) -> Table:
    """Return the counts and sets of a mesh."""
    cells = ", ".join(f"{count(size)} {name}" for name, size in mesh.cells.items())
    rows = {
        "nodes": Value(mesh.n_nodes, "count"),
        "elements": f"{count(mesh.n_elements)} ({cells})",
        "formulations": ", ".join(mesh.formulations),
        "integration points": Value(mesh.n_points, "count"),
        "extent x, y, z": f"{' × '.join(number(length) for length in mesh.size)} {units.length}".rstrip(),
    }
    sets = {"node set": mesh.node_sets, "element set": mesh.element_sets, "side set": mesh.side_sets}
    rows |= {plural(len(found), kind): _sets(found) for kind, found in sets.items() if found}
    return facts("Mesh", rows)


def _sets(sizes: Mapping[str, int]) -> str:
    """Return names and sizes of sets, of many the first ones."""
    shown = ", ".join(f"{name} ({count(size)})" for name, size in list(sizes.items())[:MOST_SETS])
    return shown + (f" … and {len(sizes) - MOST_SETS} more" if len(sizes) > MOST_SETS else "")


def units_table(units: Units) -> Table:
    """Return the labels of the units; romtool computes in those of the case and converts nothing."""
    given = {"length": units.length, "force": units.force, "time": units.time, "temperature": units.degrees}
    rows = {name: label or "not given" for name, label in {**given, "stress": units.stress}.items()}
    return facts("Units", rows, "Labels of the case file; nothing is converted.")


def law_table(law: LawFacts) -> Table:
    """Return a law with its parameters."""
    rows = [
        ("equation", law.description),
        *((name, f"{value} {unit}".rstrip()) for name, value, unit in law.parameters),
    ]
    return facts(f"Law {law.name}", (*rows, ("reduced points", Value(law.n_sampled, "count"))))


def loading_blocks(loading: LoadingFacts, units: Units) -> Iterator[Block]:
    """Yield what acts: a table, the supports, and the loads over time."""
    first, last = loading.times[0], with_unit(float(loading.times[-1]), units.time)
    increments = plural(len(loading.times) - 1, "increment")
    temperature = ("temperature", f"over {loading.temperature_where}", "", "")
    ends = (float(loading.temperature.min()), float(loading.temperature.max()), units.degrees)
    yield Table(
        f"What acts in {loading.name}, {increments} from time {number(float(first))} to {last}",
        (
            *(Column(name) for name in ("name", "kind", "on", "table")),
            *(Column(name, "number") for name in ("smallest", "largest")),
            Column("unit"),
        ),
        (*map(_load_row, loading.loads), (*temperature, *ends)),
    )
    if loading.supports:
        yield note(f"Supports: {'; '.join(loading.supports)}.")
    yield from loading_charts(loading, units)


def _load_row(load: LoadFacts) -> tuple[object, ...]:
    """Return the row of one load."""
    kind = load.kind + (f", {load.quantity}" if load.quantity != load.kind else "")
    ends = (float(load.low.min()), float(load.high.max()))
    return load.name, kind, load.region, load.table or "constant", *ends, load.unit


def times_text(n_times: int, first: float, last: float, mesh: MeshFacts | None, units: Units) -> Text:
    """Return the times and the size of a history in a sentence."""
    sizes = (
        ""
        if mesh is None
        else f", {plural(mesh.n_nodes, 'node')}, {plural(mesh.n_elements, 'element')}, "
        f"{plural(mesh.n_points, 'integration point')}"
    )
    return Text(f"{plural(n_times, 'time')} from {number(first)} to {with_unit(last, units.time)}{sizes}.")

"""Tables of a case file that hold what a deck says, for decks that a case cannot name: parts of them are not supported.

An entry whose set the mesh of the case has not, or whose values are a field, stands in a comment.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from romtool.constraints import Constraint, CyclicSymmetry, Equations, LocalSupport, MeanMotion, RigidBody, Tie
from romtool.io.templates import comment, shortened, toml_text
from romtool.loading import Deck, Dirichlet, Load, Material, Table
from romtool.types import Mesh


def written_tables(contents: Deck, mesh: Mesh) -> dict[str, str]:
    """Return the text of [[materials]], [[dirichlet]], [[loads]], [[tables]], [temperature], [time], as far as known.

    Parameters
    ----------
    contents: what was understood of a deck.
    mesh: the mesh of the case, whose sets entries may name.
    """
    loading = contents.loading
    elements = {"all", *mesh.element_sets}
    regions = {"pressure": set(mesh.side_sets), "traction": set(mesh.side_sets)}
    fixed = loading.times if not contents.times_from_results else np.zeros(0)
    materials = [(m.elements, _material(m) if m.elements in elements else "") for m in contents.materials]
    supports = [(d.name, _dirichlet(d) if d.nodes in mesh.node_sets else "") for d in loading.dirichlet]
    loads = [(e.name, _load(e) if e.region in regions.get(e.kind, elements) else "") for e in loading.loads]
    found = {
        "materials": _written(materials),
        "dirichlet": _written(supports),
        "constraints": _constraints(loading.constraints),
        "loads": _written(loads),
        "tables": "\n\n".join(map(_table, loading.tables)),
        "temperature": _temperature(contents),
        "time": f"[time]\npoints = {_nested(fixed)}" if len(fixed) > 1 else "",
    }
    return {name: text for name, text in found.items() if text}


def _constraints(entries: Sequence[Constraint]) -> str:
    """Return a comment that names the constraints, nothing where there are none."""
    head = "In the deck, not written here; write what matters as [[constraints]]:"
    return comment([head, *shortened([constraint_words(entry) for entry in entries])]) if entries else ""


def _written(entries: Sequence[tuple[str, str]]) -> str:
    """Return the texts of entries, and in a comment the names of those without one."""
    texts = [text for _, text in entries if text]
    left = [toml_text(name) for name, text in entries if not text]
    head = "In the deck, but on a set that the mesh of this case has not, or not by one number:"
    return "\n\n".join([*texts, *([comment([head, *shortened(left)])] if left else [])])


def _material(entry: Material) -> str:
    """Return one [[materials]]."""
    lines = ["[[materials]]", f"elements = {toml_text(entry.elements)}", f"law = {toml_text(entry.law)}"]
    if entry.density is not None:
        lines.append(f"density = {_number(entry.density)}")
    if "expansion" in entry.parameters:
        lines.append(f"reference_temperature = {_number(entry.reference_temperature)}")
    lines.append("[materials.parameters]")
    return "\n".join([*lines, *(f"{name} = {_nested(value)}" for name, value in entry.parameters.items())])


def _dirichlet(entry: Dirichlet) -> str:
    """Return one [[dirichlet]], nothing for a field."""
    if np.ndim(entry.value):
        return ""
    components = ", ".join(f'"{"xyz"[component]}"' for component in entry.components)
    lines = ["[[dirichlet]]", f"name = {toml_text(entry.name)}", f"nodes = {toml_text(entry.nodes)}"]
    lines += [f"components = [{components}]", f"value = {_number(float(np.asarray(entry.value)))}"]
    return "\n".join([*lines, *_timed(entry)])


def _load(entry: Load) -> str:
    """Return one [[loads]], nothing for a field."""
    if entry.kind in ("pressure", "centrifugal") and np.ndim(entry.value):
        return ""
    key = "faces" if entry.kind in ("pressure", "traction") else "elements"
    lines = ["[[loads]]", f"name = {toml_text(entry.name)}", f"kind = {toml_text(entry.kind)}"]
    lines.append(f"{key} = {toml_text(entry.region)}")
    if entry.kind == "centrifugal":
        values: Mapping[str, object] = {"omega": entry.value, "point": entry.point, "axis": entry.axis}
        lines += [f"{name} = {_nested(value)}" for name, value in values.items()]
    else:
        lines.append(f"value = {_nested(entry.value)}")
    return "\n".join([*lines, *_timed(entry)])


def _timed(entry: Load | Dirichlet) -> list[str]:
    """Return the line that names the table of an entry."""
    return [f"table = {toml_text(entry.table)}"] if entry.table else []


def _table(entry: Table) -> str:
    """Return one [[tables]]."""
    cycles = [f"cycles = {entry.cycles}"] if entry.cycles > 1 else []
    return "\n".join(["[[tables]]", f"name = {toml_text(entry.name)}", f"points = {_nested(entry.points)}", *cycles])


def _temperature(contents: Deck) -> str:
    """Return [temperature] where it is one number that stays."""
    temperature = contents.loading.temperature
    if temperature.entries or np.ndim(temperature.initial) or not temperature.initial:
        return ""
    return f"[temperature]\ninitial = {_number(float(np.asarray(temperature.initial)))}"


def _nested(value: object) -> str:
    """Return a number, or lists of them, as TOML."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_nested, value))}]"
    return _number(float(str(value)))


def _number(value: float) -> str:
    """Return a float as TOML."""
    return repr(float(value))


def constraint_words(entry: Constraint) -> str:
    """Return one line about a constraint."""
    what = f"{entry.count} equations" if isinstance(entry, Equations) else _COUPLINGS[type(entry)]
    return f"{toml_text(entry.name)}: {what} ({entry.place})"


_COUPLINGS: dict[type, str] = {
    RigidBody: "a rigid body",
    MeanMotion: "the mean motion of nodes",
    Tie: "a tie",
    CyclicSymmetry: "cyclic symmetry",
    LocalSupport: "a support in local axes",
}

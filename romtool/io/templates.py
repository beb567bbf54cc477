"""Templates of case-file tables to fill in, and the wording of comments around them."""

import json
from collections.abc import Iterable, Mapping, Sequence

from romtool.types import Floats, Ints, Mesh

LISTED = 40
"""Names and numbers that a comment lists at most."""

TABLE_TEMPLATE = """[[tables]]
name = "cycle"
# pairs of time and value; linear between, constant outside
points = [[0.0, 0.0], [1.0, 1.0]]"""

TEMPERATURE_TEMPLATE = """[temperature]
initial = 20.0
entries = [
  { time = 0.0, value = 20.0 },
  { time = 1.0, field = "temperature.vtu", name = "T" },
]"""


def material_template(mesh: Mesh | None) -> str:
    """Return a [[materials]] to fill in."""
    return f"""[[materials]]
# {_choices("element sets", mesh.element_sets if mesh else None)}
elements = "all"
# elastic, plastic, viscoplastic_norton_af, creep_norton, creep_time_hardening, plastic_creep
law = "elastic"
density = 7.8e-9
reference_temperature = 20.0
[materials.parameters]
# numbers, or tables over temperature [[T, value], …]
young = 2.0e5
poisson = 0.3
expansion = 1.2e-5"""


def dirichlet_template(mesh: Mesh | None) -> str:
    """Return a [[dirichlet]] to fill in."""
    return f"""[[dirichlet]]
# {_choices("node sets", mesh.node_sets if mesh else None)}
nodes = {_first(mesh.node_sets if mesh else None, "ROOT")}
components = ["x", "y", "z"]
value = 0.0"""


def load_template(mesh: Mesh | None) -> str:
    """Return a [[loads]] to fill in."""
    return f"""[[loads]]
name = "gas"
# pressure | centrifugal | body | traction
kind = "pressure"
# {_choices("side sets", mesh.side_sets if mesh else None)}
faces = {_first(mesh.side_sets if mesh else None, "SURFACE")}
# positive = compression; constant in time without a table
value = 1.0"""


def _choices(what: str, sets: Mapping[str, Ints] | None) -> str:
    """Return the names that a template's key can have."""
    if sets is None:
        return f"one of the {what}"
    return f"one of the {what} {listed(map(toml_text, sets))}" if sets else f"the mesh has no {what}"


def _first(sets: Mapping[str, Ints] | None, example: str) -> str:
    """Return the first name of some sets, or an example."""
    return toml_text(next(iter(sets or {}), example))


def commented(head: str, template: str) -> str:
    """Return TOML behind # signs, with a line above."""
    return "\n".join([f"# {head}", *(f"# {line}" for line in template.splitlines())])


def comment(lines: Sequence[str]) -> str:
    """Return a comment: a head, and lines indented below it."""
    return "\n".join([f"# {lines[0]}", *(f"#   {line}" for line in lines[1:])])


def shortened(items: Sequence[str]) -> list[str]:
    """Return the first items, and how many more there are."""
    more = len(items) - LISTED
    return [*items[:LISTED], *([f"… and {more} more"] if more > 0 else [])]


def listed(items: Iterable[str]) -> str:
    """Return items with commas, "none" where there are none."""
    return ", ".join(shortened(list(items))) or "none"


def shown_times(times: Floats) -> str:
    """Return a short list of times, or their number and range."""
    if len(times) <= 12:
        return listed(f"{time:g}" for time in times)
    return f"{times[0]:g} to {times[-1]:g} ({len(times)} times)"


def toml_number(value: float) -> str:
    """Return a float as TOML, without the zero that Python puts into exponents.

    >>> toml_number(1e-4), toml_number(1e-8)
    ('1e-4', '1e-8')
    """
    text = f"{value:.0e}" if float(f"{value:.0e}") == value and value < 0.1 else repr(value)
    return text.replace("e-0", "e-")


def toml_text(text: str) -> str:
    """Return a TOML string, which is also safe in a comment."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

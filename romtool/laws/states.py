"""Where the internal variables of several materials are in one row per point.

Every law has p and the inelastic strain first, then the alpha_i of the isotropic laws; what else a law has
follows. A point belongs to one material, so that variables of one name share their columns. Names that begin
with "_" are not shown: what a plug-in has no name for, and what it must be told of the start of an increment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from romtool.errors import LawError
from romtool.laws.catalogue import CRYSTAL, LAWS, MGIS, UMAT
from romtool.loading import Material, Plugin

ALPHA = 7
"""First column of alpha_1."""
PREVIOUS = 17
"""What a plug-in is told of the start: stress 6, strain 6, temperature, three energies, number of increments."""
OLD_STRESS, OLD_STRAIN, OLD_TEMPERATURE, OLD_ENERGIES, OLD_COUNT = 0, 6, 12, 13, 16
"""Where each of these is."""
N_OCTAHEDRAL, N_CUBIC = 12, 6


@dataclass(frozen=True)
class StateLayout:
    """Columns of the internal variables.

    Parameters
    ----------
    fields: name -> first column and one beyond the last, of what is shown.
    columns: per material the columns of the variables that are its own, in its law's order.
    n_state: number of columns.
    """

    fields: dict[str, tuple[int, int]]
    columns: tuple[tuple[int, ...], ...]
    n_state: int


def lay_out(materials: Sequence[Material], n_terms: Sequence[int]) -> StateLayout:
    """Lay out the internal variables of all materials.

    Parameters
    ----------
    materials: at least one.
    n_terms: number of kinematic terms of each.

    Raises
    ------
    LawError: a plug-in whose names do not fit its variables.
    """
    own = [own_states(material) for material in materials]
    widths = {"p": 1, "inelastic_strain": 6, **{f"alpha_{i + 1}": 6 for i in range(max(n_terms))}}
    for names in own:
        for name, width in names:
            widths[name] = max(width, widths.get(name, 0))
    starts, total = {}, 0
    for name, width in widths.items():
        starts[name], total = total, total + width
    columns = tuple(tuple(starts[name] + i for name, width in names for i in range(width)) for names in own)
    shown = {name: (starts[name], starts[name] + width) for name, width in widths.items() if name[0] != "_"}
    return StateLayout(shown, columns, total)


def own_states(material: Material) -> list[tuple[str, int]]:
    """Return name and number of components of the variables that are a material's own. Raises LawError."""
    kernel = LAWS[material.law].kernel
    if kernel == CRYSTAL:
        count = n_systems(material)
        return [(name, count) for name in LAWS[material.law].states]
    if kernel in (UMAT, MGIS) and material.plugin is not None:
        return [*_plugin_states(material, material.plugin), ("_previous", PREVIOUS)]
    return []


def n_systems(material: Material) -> int:
    """Return the number of slip systems of a crystal."""
    return N_OCTAHEDRAL + (N_CUBIC if "cubic_K" in material.parameters else 0)


def _plugin_states(material: Material, plugin: Plugin) -> list[tuple[str, int]]:
    """Return the named and unnamed variables of a plug-in in their order. Raises LawError."""
    named, following = [], 1
    for name, (first, last) in sorted(plugin.states.items(), key=lambda item: item[1]):
        width = last - first + 1
        if first < following or width < 1 or last > plugin.n_state:
            raise _wrong(material, f"state '{name}' is number {first} to {last} of {plugin.n_state}")
        if not name.isidentifier() or name[0] == "_":
            raise _wrong(material, f"a state is named '{name}'")
        if width != {"p": 1, "inelastic_strain": 6}.get(name, width):
            raise _wrong(material, f"state '{name}' has {width} components")
        named += [(f"_state_{i}", 1) for i in range(following, first)]
        named.append((name, width))
        following = last + 1
    return named + [(f"_state_{i}", 1) for i in range(following, plugin.n_state + 1)]


def _wrong(material: Material, problem: str) -> LawError:
    return LawError(
        f"material of element set '{material.elements}' (law '{material.law}'): {problem}; expected names like "
        "p = 1 or damage = [2, 7], numbers from 1 to n_state, none twice (p has one, inelastic_strain six)"
    )

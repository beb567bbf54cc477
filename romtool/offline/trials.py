"""Assumptions that would explain why a training computation is out of balance, each to be tried by evaluating it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from romtool.fem.elements import ELEMENTS
from romtool.fem.loads import element_densities, load_shape, pressure_matrices
from romtool.laws import LAWS
from romtool.linalg.reduction import gather_subdomains
from romtool.loading import Load, Material
from romtool.offline.balance import Forces, Unknowns
from romtool.offline.scene import Change, Scene
from romtool.types import Floats

POWERS_OF_TEN = tuple(10.0**k for k in (-12, -9, -6, -3, -2, -1, 1, 2, 3, 6, 9, 12))
KELVIN = 273.15
_SPEEDS = {  # what omega may be given in, and the factor to rad per time unit
    "revolutions per minute": 2.0 * math.pi / 60.0,
    "revolutions per time unit": 2.0 * math.pi,
    "degrees per time unit": math.pi / 180.0,
}
STILL = 1e-6
"""Part of the largest displacement below which a node counts as held."""


@dataclass(frozen=True)
class Trial:
    """One assumption with a number in it, or without one.

    Parameters
    ----------
    forces: number -> the forces at the increments of the scene, or at the first of them.
    change: number -> the changed subdomains, of assumptions about laws: what they do depends on the history.
    words: number -> what would be wrong with the case; "" where the number makes no sense.
    start: the number that the case has.
    step: how far from it the first other one is tried; 0 for an assumption without a number, which `start` stands for.
    special: numbers with a meaning of their own, which are preferred.
    scale: what is shown is the number times this; it is preferred where it is round.
    unknowns: free ones, where the assumption changes them.
    """

    forces: Callable[[float], Sequence[Forces]]
    words: Callable[[float], str]
    start: float = 1.0
    step: float = 0.0
    special: tuple[float, ...] = ()
    scale: float = 1.0
    unknowns: Unknowns | None = None
    change: Callable[[float], Change] | None = None


def _of_laws(scene: Scene, change: Callable[[float], Change], words: Callable[[float], str], **numbers: Any) -> Trial:
    """Return an assumption about laws, temperatures or elements."""
    return Trial(lambda number: scene.again(change(number)), words, **numbers, change=change)


def load_trials(scene: Scene) -> Iterator[Trial]:
    """Yield the assumptions about loads and supports."""
    yield from _densities(scene)
    for number, load in enumerate(scene.run.loading.loads):
        columns = [[factor[number] * shape[number] for shape in scene.shapes] for factor in scene.factors()]
        yield _scaled_load(scene, load, columns)
        if load.kind == "centrifugal" and load.table is not None:
            yield _unsquared(scene, number, load)
    yield from _missing_pressures(scene)
    yield from _missing_supports(scene)


def law_trials(scene: Scene) -> Iterator[Trial]:
    """Yield the assumptions about materials, temperature and elements."""
    for row, material in enumerate(scene.parts[0].materials):
        for name in material.parameters:
            yield _parameter(scene, row, material, name)
        if material.plugin is not None:
            yield _stiffness(scene, material)
        yield from _expansion(scene, row, material)
    if scene.run.loading.temperature.entries:
        yield _offset(scene)
    if scene.is_virgin():
        yield from _formulations(scene)


def _scaled_load(scene: Scene, load: Load, columns: Sequence[Sequence[Floats]]) -> Trial:
    """Try a load times a factor."""
    spinning = load.kind == "centrifugal"

    def words(factor: float) -> str:
        if abs(factor) < 1e-9:
            return f"the {load.kind} load '{load.name}' did not act in the solver's run"
        if spinning:
            return _spin_words(load, factor)
        if factor == -1.0:
            return f"the {load.kind} '{load.name}' has the wrong sign"
        return f"the {load.kind} '{load.name}' should be {factor:.4g} times what it is{_units(factor)}"

    special = tuple(s**2 for s in _SPEEDS.values()) if spinning else (-1.0, *POWERS_OF_TEN)
    return Trial(lambda f: scene.add_load(columns, f - 1.0), words, 1.0, -0.5, (0.0, *special))


def _spin_words(load: Load, factor: float) -> str:
    """Say what a factor of a centrifugal force means for omega."""
    if factor < 0.0:
        return ""
    for unit, speed in _SPEEDS.items():
        if math.isclose(factor, speed**2):
            return f"omega of '{load.name}' is in {unit}; expected rad per time unit"
    return f"omega of '{load.name}' should be {math.sqrt(factor) * float(load.value):.4g} instead of {load.value:g}"


def _units(factor: float) -> str:
    return " (units?)" if any(math.isclose(factor, power) for power in POWERS_OF_TEN) else ""


def _unsquared(scene: Scene, number: int, load: Load) -> Trial:
    """Try a table that multiplies the square of omega."""
    columns = []
    for k in scene.increments:
        value = scene.run.loading.amplitude(load.table, float(scene.run.loading.times[k]))
        columns.append([(value - value**2) * shape[number] for shape in scene.shapes])
    text = f"the table of '{load.name}' multiplies omega² in the solver's run; here it multiplies omega"
    return Trial(lambda _: scene.add_load(columns, 1.0), lambda _: text)


def _densities(scene: Scene) -> Iterator[Trial]:
    """Try the density of each material, where something rotates."""
    loading, factors = scene.run.loading, scene.factors()
    spins = [number for number, load in enumerate(loading.loads) if load.kind == "centrifugal"]
    for row, material in enumerate(scene.parts[0].materials if spins else ()):
        if material.density is None:
            continue
        shapes = [[_of_material(part, local.loads[i], row) for i in spins] for part, local in _locals(scene)]
        columns = [[sum(f[i] * c for i, c in zip(spins, shape, strict=True)) for shape in shapes] for f in factors]
        yield _density(scene, material, columns)


def _density(scene: Scene, material: Material, columns: Any) -> Trial:
    density = float(material.density or 0.0)

    def words(factor: float) -> str:
        text = f"the density of '{material.elements}' should be {factor * density:.4g} instead of {density:g}"
        return text + _units(factor) if factor > 0.0 else ""

    return Trial(lambda f: scene.add_load(columns, f - 1.0), words, 1.0, -0.5, POWERS_OF_TEN, density)


def _locals(scene: Scene) -> Iterator[tuple[Any, Any]]:
    return zip(scene.parts, scene.run.local, strict=True)


def _of_material(part: Any, load: Load, row: int) -> Floats:
    """Return the (n_nodes_s, 3) force of a rotation on the elements of one material."""
    densities = element_densities(part.operators.mesh, part.materials)
    return load_shape(part.operators, load, np.where(part.element_materials == row, densities, 0.0))


def _missing_pressures(scene: Scene) -> Iterator[Trial]:
    """Try a pressure on every side set that has none."""
    loaded = {load.region for load in scene.run.loading.loads}
    for name in scene.parts[0].subdomain.mesh.side_sets:
        if name not in loaded:
            meshes = [part.subdomain.mesh for part in scene.parts]
            columns = [[_unit_pressure(mesh, name) for mesh in meshes]] * len(scene.increments)
            yield _missing_pressure(scene, name, columns)


def _unit_pressure(mesh: Any, name: str) -> Floats:
    """Return the (n_nodes_s, 3) force of a unit pressure."""
    matrix, _ = pressure_matrices(mesh, name)
    return np.asarray(matrix @ np.ones(matrix.shape[1])).reshape(-1, 3)


def _missing_pressure(scene: Scene, name: str, columns: Any) -> Trial:
    def words(value: float) -> str:
        return f"a pressure on side set '{name}' is missing ({value:.4g} at time {scene.time:g})"

    return Trial(lambda p: [scene.add_load(columns, p)[0]], words, 0.0, 1.0)


def _missing_supports(scene: Scene) -> Iterator[Trial]:
    """Try supports where the solver's displacement is zero on a node set."""
    fields, comm = scene.displacement(), scene.comm
    largest = max(gather_subdomains(comm, [float(np.abs(u).max(initial=0.0)) for u in fields]))
    for name in scene.parts[0].subdomain.mesh.node_sets:
        rows = [part.subdomain.mesh.node_sets[name] for part in scene.parts]
        pairs = list(zip(fields, rows, strict=True))
        own = [np.abs(u[nodes]).max(axis=0, initial=0.0) for u, nodes in pairs]
        sizes = np.max(gather_subdomains(comm, own), axis=0)
        held = tuple(int(c) for c in np.flatnonzero(sizes < STILL * largest))
        unknowns = scene.unknowns.hold(rows, held) if held else None
        if unknowns is not None:
            axes = ", ".join("xyz"[c] for c in held)
            text = f"node set '{name}' does not move along {axes} in the solver's run: a support is missing"
            yield Trial(lambda _: [scene.nominal[0]], lambda _, text=text: text, unknowns=unknowns)  # type: ignore[misc]


def _parameter(scene: Scene, row: int, material: Material, name: str) -> Trial:
    """Try one parameter of a law times a factor."""
    value = material.parameters[name]

    def change(factor: float) -> Change:
        changed = replace(material, parameters={**material.parameters, name: scaled(value, factor)})
        return scene.with_materials(_put(scene, row, changed))

    def words(factor: float) -> str:
        if isinstance(value, int | float):
            text = f"'{name}' of '{material.elements}' should be {factor * value:.4g} instead of {value:g}"
        else:
            text = f"'{name}' of '{material.elements}' should be {factor:.4g} times what it is"
        return text + _units(factor)

    scale = value if isinstance(value, int | float) and value else 1.0
    return _of_laws(scene, change, words, start=1.0, step=-0.02, special=POWERS_OF_TEN, scale=scale)


def scaled(value: object, factor: float) -> object:
    """Return a parameter of a law times a factor; abscissae of tables stay.

    >>> scaled([[20.0, 3.0], [100.0, 2.0]], 2.0)
    [[20.0, 6.0], [100.0, 4.0]]
    """
    if isinstance(value, int | float):
        return factor * value
    items = list(value) if isinstance(value, Sequence) else np.asarray(value).tolist()
    if all(isinstance(item, Sequence) and len(item) == 2 and isinstance(item[0], int | float) for item in items):
        return [[item[0], scaled(item[1], factor)] for item in items]
    return [scaled(item, factor) for item in items]


def _put(scene: Scene, row: int, material: Material) -> list[Material]:
    """Return the materials with one of them replaced."""
    return [material if i == row else other for i, other in enumerate(scene.parts[0].materials)]


def _stiffness(scene: Scene, material: Material) -> Trial:
    """Try all stresses times a factor, for laws without parameters of their own."""

    def forces(factor: float) -> list[Forces]:
        first = scene.nominal[0]
        return [Forces([factor * f for f in first.inner], first.external, [factor * f for f in first.absolute])]

    def words(factor: float) -> str:
        text = f"the stresses of the law of '{material.elements}' should be {factor:.4g} times what they are"
        return text + _units(factor)

    return Trial(forces, words, 1.0, -0.5, POWERS_OF_TEN)


def _expansion(scene: Scene, row: int, material: Material) -> Iterator[Trial]:
    """Try another reference temperature, or a thermal expansion where there is none."""
    if not scene.run.loading.temperature.entries:
        return

    def at_reference(value: float) -> Change:
        return scene.with_materials(_put(scene, row, replace(material, reference_temperature=value)))

    def with_expansion(value: float) -> Change:
        changed = replace(material, parameters={**material.parameters, "expansion": value})
        return scene.with_materials(_put(scene, row, changed))

    def words(value: float) -> str:
        old = material.reference_temperature
        return f"the reference temperature of '{material.elements}' should be {value:.5g} instead of {old:g}"

    def missing(value: float) -> str:
        return f"the expansion of '{material.elements}' is missing ({value:.4g})" if value > 0.0 else ""

    if "expansion" in material.parameters:
        known = (0.0, 20.0, 25.0, KELVIN, KELVIN + 20.0)
        start = material.reference_temperature
        yield _of_laws(scene, at_reference, words, start=start, step=1.0, special=known)
    elif "expansion" in LAWS[material.law].optional:
        yield _of_laws(scene, with_expansion, missing, start=0.0, step=1e-5)


def _offset(scene: Scene) -> Trial:
    """Try temperatures that are all shifted."""

    def change(offset: float) -> Change:
        shifted = []
        for local in scene.run.local:
            given = local.temperature
            entries = tuple(replace(entry, offset=entry.offset + offset) for entry in given.entries)
            initial = given.initial + offset
            shifted.append(replace(local, temperature=replace(given, initial=initial, entries=entries)))
        return Change(scene.parts, shifted)

    def words(offset: float) -> str:
        unit = " (kelvin against degrees Celsius)" if math.isclose(abs(offset), KELVIN) else ""
        return f"the temperatures should be {abs(offset):.5g} {'higher' if offset > 0.0 else 'lower'}{unit}"

    return _of_laws(scene, change, words, start=0.0, step=1.0, special=(KELVIN, -KELVIN))


def _formulations(scene: Scene) -> Iterator[Trial]:
    """Try the other formulations of the cells, from the virgin state on."""
    used = sorted({block.formulation for part in scene.parts for block in part.subdomain.mesh.blocks})
    for old in dict.fromkeys(name for names in scene.comm.allgather(used) for name in names):
        for new, element in ELEMENTS.items():
            if new != old and element.cell_type == ELEMENTS[old].cell_type:
                text = f"the elements '{old}' are integrated as '{new}' in the solver's run"
                change = partial(_integrated, scene, old, new)
                yield _of_laws(scene, change, lambda _, text=text: text)  # type: ignore[misc]


def _integrated(scene: Scene, old: str, new: str, _: float) -> Change:
    """Return the subdomains with another formulation in place of one."""
    return scene.with_formulation(old, new)

"""CalculiX deck -> `romtool.loading.Deck`: mesh, materials, supports, loads, temperature, increments.

Every card must be known: one that romtool neither reads nor may ignore is an error, since a constraint that is
dropped silently gives wrong answers without a word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from romtool.convert.calculix_axes import read_transforms
from romtool.convert.calculix_constraints import CARDS, ConstraintReader, reference_nodes
from romtool.convert.calculix_history import read_amplitudes
from romtool.convert.calculix_initial import initial_temperature
from romtool.convert.calculix_keywords import Card, read_cards
from romtool.convert.calculix_loads import LoadReader, Output
from romtool.convert.calculix_materials import PROPERTIES, read_creep, read_materials, read_plastic
from romtool.convert.calculix_mesh import DeckMesh, build_mesh
from romtool.convert.calculix_steps import Step, split_steps
from romtool.convert.calculix_supports import SupportReader
from romtool.convert.calculix_temperature import read_temperature
from romtool.convert.deck_dialect import Dialect
from romtool.errors import ReaderError
from romtool.loading import Deck, Loading, Material, PartialDeckError
from romtool.types import Floats, Mesh

READ = {
    "NODE", "ELEMENT", "NSET", "ELSET", "SURFACE", "MATERIAL", "SOLIDSECTION", "AMPLITUDE", "INITIALCONDITIONS",
    "BOUNDARY", "STEP", "STATIC", "VISCO", "DLOAD", "DSLOAD", "TEMPERATURE", "TRANSFORM", "ORIENTATION", *CARDS,
}  # fmt: skip
IGNORED = {
    "HEADING", "NODEFILE", "NODEOUTPUT", "NODEPRINT", "ELFILE", "ELEMENTOUTPUT", "ELPRINT", "CONTACTFILE",
    "CONTACTOUTPUT", "CONTACTPRINT", "SECTIONPRINT", "FACEPRINT", "OUTPUT", "CONTROLS", "TIMEPOINTS", "RESTART",
    "PHYSICALCONSTANTS", "USERSECTION", "FILTER", "SHELLSECTION", "BEAMSECTION", "MEMBRANESECTION",
    "BEAMGENERALSECTION",
    "SURFACEINTERACTION", "SURFACEBEHAVIOR", "FRICTION", "NODALTHICKNESS", "NORMAL",
}  # fmt: skip
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "DLOAD": ("OP", "AMPLITUDE"),
    "DSLOAD": ("OP", "AMPLITUDE"),
    "TEMPERATURE": ("OP", "AMPLITUDE"),
    "BOUNDARY": ("OP", "AMPLITUDE", "TYPE"),
}
_STEP_ONLY = {"DLOAD", "DSLOAD", "TEMPERATURE", "STATIC", "VISCO"}
_MODEL_ONLY = PROPERTIES | {
    "NODE",
    "ELEMENT",
    "NSET",
    "ELSET",
    "SURFACE",
    "MATERIAL",
    "SOLIDSECTION",
    "INITIALCONDITIONS",
    "TRANSFORM",
    "ORIENTATION",
    *CARDS,
}
REASONS: Mapping[str, str] = {
    "CLOAD": "concentrated forces are not supported; use a pressure on a surface",
    "USERMATERIAL": "user materials (single crystal too) are not read from the deck; name the law in the case file",
    "CONTACTPAIR": "contact is not supported",
    "MODELCHANGE": "adding and removing parts is not supported",
    "PRE-TENSIONSECTION": "bolt pre-tension is not supported",
    "SUBMODEL": "submodels are not supported",
    "DISTRIBUTINGCOUPLING": "elements that distribute forces are not supported; use *EQUATION or [[constraints]]",
}

CALCULIX = Dialect(
    name="CalculiX",
    read=frozenset(READ),
    ignored=frozenset(IGNORED),
    reasons=REASONS,
    check_property=lambda card: None,
    plastic=read_plastic,
    creep=read_creep,
    results=(".frd",),
    faulty=True,
)
"""CalculiX 2.20."""


def read_deck(path: Path) -> Deck:
    """Read a CalculiX deck. Raises ReaderError; see `interpret`."""
    path = Path(path)
    cards = read_cards(path)
    return interpret(path, cards, build_mesh(cards, path), CALCULIX)


def interpret(path: Path, cards: Sequence[Card], found: DeckMesh, dialect: Dialect) -> Deck:
    """Return what a deck says beside its mesh.

    Parameters
    ----------
    path: the `.inp` file.
    cards: its cards; those of the mesh are passed over.
    found: its mesh.
    dialect: whose deck it is.

    Returns
    -------
    The deck. Loads and supports are 1 × a table in total time (gravity: density × g, rotation: omega, with
    tables that are relative). Node sets, element sets and side sets that the deck has no name for are added
    to the mesh (`<ELSET>_P3`, `NODES`). `results` holds the results file beside it.

    Raises
    ------
    PartialDeckError: what is not supported, with file and line, and the deck without it.
    ReaderError: what is wrong, with file and line.
    """
    model, steps = split_steps(cards)
    _check_place(model, _STEP_ONLY, "stands before the first step; expected it inside a step")
    for step in steps:
        _check_place(step.cards, _MODEL_ONLY, "stands inside a step; expected it before the first one")
    refusals: list[ReaderError] = []
    kept = [step for step in steps if _keep(_step_refusal(step, dialect), refusals)]
    whole = _without_spoiled(model, dialect)
    model = [card for card in model if _keep(_refusal(card, dialect), refusals) and card in whole]
    kept = [replace(s, cards=tuple(c for c in s.cards if _keep(_refusal(c, dialect), refusals))) for s in kept]
    try:
        deck = _build(path, model, kept, found, dialect, refusals)
    except ReaderError as error:
        raise (refusals[0] if refusals else error) from None
    if not refusals:
        return deck
    message = str(refusals[0]) + (f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else "")
    raise PartialDeckError(message, replace(deck, warnings=(*map(str, refusals), *deck.warnings)))


def _without_spoiled(model: Sequence[Card], dialect: Dialect) -> list[Card]:
    """Return the cards without the properties (and sections) of materials that have a property that is refused."""
    owner: dict[int, str] = {}
    current = ""
    for k, card in enumerate(model):
        refused = _refusal(card, dialect) is not None
        if card.keyword == "MATERIAL":
            current = card.name("NAME")
        elif card.keyword not in PROPERTIES and not (refused and current):
            current = ""
        if current:
            owner[k] = current
    spoiled = {owner[k] for k, card in enumerate(model) if k in owner and _refusal(card, dialect) is not None}
    return [
        card for k, card in enumerate(model)
        if owner.get(k) not in spoiled and not (card.keyword == "SOLIDSECTION" and card.name("MATERIAL") in spoiled)
    ]  # fmt: skip


def _keep(refusal: ReaderError | None, refusals: list[ReaderError]) -> bool:
    """Tell whether there is no reason to refuse something; a reason is noted."""
    if refusal is not None:
        refusals.append(refusal)
    return refusal is None


def _build(
    path: Path,
    model: Sequence[Card],
    steps: Sequence[Step],
    found: DeckMesh,
    dialect: Dialect,
    refusals: list[ReaderError],
) -> Deck:
    """Return the deck of cards that are all supported; materials that are not go to the refusals."""
    warnings = list(found.warnings)
    materials, refused = read_materials(model, _span(steps), warnings, dialect)
    refusals += refused
    _check_sections(path, model, found, whole=not refusals)
    dark = sorted({block.solver_type for block in found.mesh.blocks if not block.formulation})
    if dark:
        warnings.append(f"romtool shows elements of type {', '.join(dark)} but does not compute with them")
    linear = dialect.faulty and _is_linear(materials, steps)
    mesh, loading = _loading(path, model, steps, found, materials, linear, warnings, dialect, refusals)
    warnings += _remarks(steps, linear, any("C" in material.parameters for material in materials), dialect)
    results = tuple(p for p in map(path.with_suffix, dialect.results) if p.is_file())[:1]
    automatic = not linear and any(not step.direct for step in steps)
    return Deck(mesh, materials, loading, results, automatic, tuple(warnings))


def _refusal(card: Card, dialect: Dialect) -> ReaderError | None:
    """Return why a card is not supported, None where romtool reads it or may ignore it."""
    if card.keyword in dialect.reasons:
        return card.error(dialect.reasons[card.keyword])
    if card.keyword not in dialect.read | dialect.ignored | PROPERTIES:
        return card.error(f"is not supported; romtool reads quasi-static solids (docs: {dialect.name})")
    unknown = sorted(set(card.parameters) - set(_PARAMETERS.get(card.keyword, card.parameters)))
    if unknown:
        known = ", ".join(_PARAMETERS[card.keyword])
        return card.error(f"the parameter {unknown[0]} is not supported; romtool reads {known}")
    if card.keyword == "RESTART" and "READ" in card.parameters:
        return card.error("READ: the model is in another file; give the deck that begins the run")
    if card.keyword == "INITIALCONDITIONS" and card.parameters.get("TYPE") != "TEMPERATURE":
        return card.error(f"TYPE={card.parameters.get('TYPE', '')} is not supported; romtool reads TYPE=TEMPERATURE")
    return None


def _check_place(cards: Sequence[Card], forbidden: set[str] | frozenset[str], message: str) -> None:
    """Raise a ReaderError for a card in the wrong part of the deck."""
    for card in cards:
        if card.keyword in forbidden:
            raise card.error(message)


def _step_refusal(step: Step, dialect: Dialect) -> ReaderError | None:
    """Return why a step is not quasi-static, None where it is."""
    head = step.cards[0]
    if "PERTURBATION" in head.parameters:
        return head.error("PERTURBATION steps are not supported")
    if step.procedure is None:
        return head.error("the step has no *STATIC or *VISCO")
    if step.kind not in ("STATIC", "VISCO"):
        return step.procedure.error("is not supported; romtool reads *STATIC and *VISCO")
    plain = () if dialect.faulty else ("RIKS", "STABILIZE", "ADIABATIC")
    for name in ("TIMERESET", "TOTALTIMEATSTART", *plain):
        if name in step.procedure.parameters:
            return step.procedure.error(f"{name} is not supported; romtool computes plain equilibrium in total time")
    return None


def _span(steps: Sequence[Step]) -> tuple[float, float]:
    """Return the end of the first increment of the first *VISCO step and the last time; (1, 1) without one."""
    visco = [step for step in steps if step.kind == "VISCO"]
    return (visco[0].start + visco[0].increment, visco[-1].end) if visco else (1.0, 1.0)


def _check_sections(path: Path, model: Sequence[Card], found: DeckMesh, *, whole: bool) -> None:
    """Raise a ReaderError where a section's set is unknown, or a solid has two sections or (`whole`) none."""
    mesh = found.mesh
    count = np.zeros(mesh.n_elements, dtype=np.int64)
    sections = [card for card in model if card.keyword == "SOLIDSECTION"]
    for card in sections:
        name = card.name("ELSET")
        if name not in mesh.element_sets:
            raise card.error(f"unknown element set {name}; the deck has {', '.join(sorted(mesh.element_sets))}")
        count[mesh.element_sets[name]] += 1
    solid = np.concatenate([np.full(len(b.element_ids), bool(b.formulation)) for b in mesh.blocks])
    bare = np.flatnonzero(solid & (count == 0))
    if len(bare) and sections and whole:
        raise ReaderError(f"{path}: element {mesh.element_ids[bare[0]]} has no *SOLID SECTION; give it one")
    if (count > 1).any():
        twice = mesh.element_ids[int(np.argmax(count > 1))]
        raise ReaderError(f"{path}: element {twice} has several *SOLID SECTION; keep one")


def _loading(
    path: Path,
    model: Sequence[Card],
    steps: Sequence[Step],
    found: DeckMesh,
    materials: Sequence[Material],
    linear: bool,
    warnings: list[str],
    dialect: Dialect,
    refusals: list[ReaderError],
) -> tuple[Mesh, Loading]:
    """Return the mesh with the sets that supports and loads need, and the loading."""
    every = [*model, *(card for step in steps for card in step.cards)]
    amplitudes = read_amplitudes(every, warnings, dialect)
    mesh = found.mesh
    output = Output(dict(mesh.node_sets), dict(mesh.element_sets), dict(mesh.side_sets))
    transforms = read_transforms(model, found)
    constraints = ConstraintReader(model, found, transforms, dialect, warnings).read(refusals)
    supports = SupportReader(found, steps, amplitudes, dialect, transforms, reference_nodes(constraints))
    supports.read(model)
    dirichlet, held = supports.dirichlet(output), supports.constraints(output)
    loads = LoadReader(found, steps, amplitudes, warnings, dialect.faulty)
    loads.read()
    temperature = read_temperature(steps, found, initial_temperature(model, found, faulty=dialect.faulty), amplitudes)
    loading = Loading(
        name=path.stem,
        times=_times(steps, linear),
        dirichlet=dirichlet,
        loads=loads.loads(materials, linear, output),
        tables=tuple(output.tables),
        temperature=temperature,
        rate_independent=_rate_independent(steps),
        constraints=(*constraints, *held),
    )
    full = replace(mesh, node_sets=output.node_sets, element_sets=output.element_sets, side_sets=output.side_sets)
    return full, loading


def _is_linear(materials: Sequence[Material], steps: Sequence[Step]) -> bool:
    """Tell whether nothing in the deck is nonlinear, so that ccx solves each step once."""
    return all(material.law == "elastic" for material in materials) and not any(step.nlgeom for step in steps)


def _times(steps: Sequence[Step], linear: bool) -> Floats:
    """Return time 0 and the ends of all (nominal) increments."""
    return np.concatenate([np.zeros(1), *(step.times(linear) for step in steps)])


def _rate_independent(steps: Sequence[Step]) -> tuple[tuple[float, float], ...]:
    """Return the intervals of the *STATIC steps, adjacent ones joined."""
    intervals: list[tuple[float, float]] = []
    for step in steps:
        if step.kind == "STATIC":
            joined = bool(intervals) and intervals[-1][1] == step.start
            start = intervals.pop()[0] if joined else step.start
            intervals.append((start, step.end))
    return tuple(intervals)


def _remarks(steps: Sequence[Step], linear: bool, kinematic: bool, dialect: Dialect) -> list[str]:
    """Return sentences on hardening, geometry and increments."""
    found = []
    if dialect.faulty and kinematic and not all(step.nlgeom for step in steps):
        found.append(
            "*PLASTIC: CalculiX 2.20 integrates kinematic and combined hardening without NLGEOM with the wrong sign of "
            "the back stress: its results are no reference, romtool's law has the right sign and will not agree"
        )
    if any(step.nlgeom for step in steps):
        found.append(
            f"NLGEOM: {dialect.name} writes Cauchy stress and another strain (Green-Lagrange, logarithmic); romtool "
            "computes with small strain, which errs by 6e-3 at 1 % plastic strain"
        )
    if linear and any(step.increment < step.period for step in steps):
        found.append(
            "nothing in the deck is nonlinear: CalculiX solves once per step, at its end, and ignores the increments "
            "(a *PLASTIC with a yield stress of 1e6 makes it follow them)"
        )
    return found

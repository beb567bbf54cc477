"""Z-set material files as romtool's laws: `gen_evp` with one Mises potential, and `linear_elastic`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from romtool.convert.zset_blocks import Command, Row, is_number, number, read_commands
from romtool.errors import ReaderError

Value = float | list[list[float]]
"""A coefficient: a number or a table [[T, value], …]."""

_FLOWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "norton": ("viscoplastic_norton_af", ("K", "n")),
    "plasticity": ("plastic", ()),
}
_ISOTROPIC = {"constant": ("R0",), "linear": ("R0", "H")}
_KINEMATIC = {"nonlinear": ("C", "D"), "linear": ("C",)}


@dataclass(frozen=True)
class ZsetMaterial:
    """A material file's content: key of the laws, parameters, `masvol`, `ref_temperature`, warnings."""

    law: str
    parameters: Mapping[str, object]
    density: float | None
    reference_temperature: float
    warnings: tuple[str, ...]


def read_material(path: Path, instance: int = 1, integration: Command | None = None) -> ZsetMaterial:
    """Read the `instance`-th `***behavior` of a material file.

    Coefficients keep their form: a number, or the table in temperature that is written.

    Parameters
    ----------
    path: the material file.
    instance: which `***behavior`, counted from one.
    integration: `*integration` of the deck, which goes before that of the file.

    Raises
    ------
    ReaderError: file missing, no such behaviour, or any law, option or coefficient that romtool has not
        (the message names command, file and line).
    """
    commands = read_commands(path)
    behaviors = [command for command in commands if command.name == "behavior"]
    if not 1 <= instance <= len(behaviors):
        raise ReaderError(f"{path}: {len(behaviors)} ***behavior found, number {instance} expected; correct it")
    for command in commands:
        _check_outer(command)
        if command.name == "material" and integration is None:
            integration = next(iter(command.named("integration")), None)
    return _behavior(behaviors[instance - 1], integration)


def _check_outer(command: Command) -> None:
    if command.name not in ("behavior", "material", "return"):
        raise ReaderError(f"{command.place}: {command.title} in a material file is not understood; take it out")
    if command.name == "material":
        command.check(("integration", "rotation"))


def _behavior(behavior: Command, integration: Command | None) -> ZsetMaterial:
    words = behavior.arguments.words
    if words not in (("gen_evp",), ("linear_elastic",)):
        raise ReaderError(
            f"{behavior.place}: ***behavior {' '.join(words)} is not among romtool's laws; "
            "gen_evp and linear_elastic (small strain) are: describe the material in a case.toml by hand"
        )
    behavior.check(("coefficient", "elasticity", "thermal_strain", "potential"))
    warnings: list[str] = []
    elasticity = _needed(behavior, "elasticity")
    parameters: dict[str, object] = dict(_isotropic_coefficients(elasticity, ("young", "poisson")))
    expansion, reference = _thermal(behavior)
    parameters |= expansion
    potentials = behavior.named("potential")
    if len(potentials) > 1:
        raise ReaderError(f"{potentials[1].place}: a second **potential; romtool's laws have one: keep one")
    law = "elastic"
    for potential in potentials:
        law, inelastic = _potential(potential)
        parameters |= inelastic
        warnings += _integration_warnings(potential, integration)
    density = _density(behavior, warnings)
    return ZsetMaterial(law, parameters, density, reference, tuple(warnings))


def _needed(command: Command, name: str) -> Command:
    """Return the only child of that name. Raises ReaderError for none or several."""
    found = command.named(name)
    if len(found) != 1:
        raise ReaderError(f"{command.place}: {command.title} with {len(found)} {name}, expected one; correct it")
    return found[0]


def _isotropic_coefficients(command: Command, names: tuple[str, ...]) -> dict[str, Value]:
    """Return the coefficients of an isotropic **elasticity or **thermal_strain."""
    if command.arguments.words[:1] != ("isotropic",):
        raise ReaderError(
            f"{command.place}: {command.title} {command.arguments.text} is not isotropic; "
            "describe the material in a case.toml by hand"
        )
    command.check(())
    return _exactly(command, coefficients(command, 1), names, names)


def _thermal(behavior: Command) -> tuple[dict[str, Value], float]:
    """Return {"expansion": alpha} and the reference temperature; nothing and 0 without thermal strain."""
    if not behavior.named("thermal_strain"):
        return {}, 0.0
    command = _needed(behavior, "thermal_strain")
    if command.arguments.words != ("isotropic",):
        raise ReaderError(f"{command.place}: {command.title} {command.arguments.text}: only isotropic is read")
    command.check(())
    found = _exactly(command, coefficients(command, 1), ("alpha",), ("alpha", "ref_temperature"))
    reference = found.get("ref_temperature", 0.0)
    if not isinstance(reference, float):
        raise ReaderError(f"{command.place}: ref_temperature is a table, expected a number; correct it")
    return {"expansion": found["alpha"]}, reference


def _density(behavior: Command, warnings: list[str]) -> float | None:
    found: dict[str, Value] = {}
    for command in behavior.named("coefficient"):
        command.check(())
        found |= coefficients(command)
    ignored = sorted(set(found) - {"masvol"})
    if ignored:
        warnings.append(f"{behavior.place}: coefficients {', '.join(ignored)} are not used")
    density = found.get("masvol")
    if isinstance(density, list):
        if len({value for _, value in density}) > 1:
            raise ReaderError(f"{behavior.place}: masvol depends on temperature; romtool needs one number")
        density = density[0][1]
    return density


def _potential(potential: Command) -> tuple[str, dict[str, object]]:
    """Return law and parameters of `**potential gen_evp NAME`."""
    if potential.arguments.words[:1] != ("gen_evp",):
        raise ReaderError(
            f"{potential.place}: **potential {potential.arguments.text}, expected gen_evp; "
            "describe the material in a case.toml by hand"
        )
    potential.check(("criterion", "flow", "kinematic", "isotropic"))
    criterion = _needed(potential, "criterion")
    if criterion.words() != ("mises",):
        raise ReaderError(f"{criterion.place}: *criterion {' '.join(criterion.words())}, expected mises")
    flow = _needed(potential, "flow")
    law, names = _FLOWS[_kind(flow, _FLOWS)]
    parameters: dict[str, object] = dict(_exactly(flow, coefficients(flow, 1), names, names))
    parameters |= _isotropic_hardening(potential, law)
    parameters |= _kinematic_hardening(potential)
    return law, parameters


def _kind(command: Command, table: Mapping[str, object]) -> str:
    """Return the command's first argument. Raises ReaderError where the table does not have it."""
    kind = command.arguments.words[0] if command.arguments.words else ""
    if kind not in table:
        raise ReaderError(
            f"{command.place}: {command.title} {kind} is not among romtool's laws; {', '.join(table)} are: "
            "describe the material in a case.toml by hand"
        )
    return kind


def _isotropic_hardening(potential: Command, law: str) -> dict[str, Value]:
    """Return R0 and H; R0 = 0 for a viscous flow without `*isotropic`."""
    if not potential.named("isotropic") and law == "viscoplastic_norton_af":
        return {"R0": 0.0}
    command = _needed(potential, "isotropic")
    names = _ISOTROPIC[_kind(command, _ISOTROPIC)]
    return _exactly(command, coefficients(command, 1), names, names)


def _kinematic_hardening(potential: Command) -> dict[str, object]:
    """Return the lists C and D, one entry per `*kinematic`; D = 0 for a linear one."""
    terms = []
    for command in potential.named("kinematic"):
        names = _KINEMATIC[_kind(command, _KINEMATIC)]
        found = _exactly(command, coefficients(command, 1), names, names)
        terms.append({"C": found["C"], "D": found.get("D", 0.0)})
    return {name: [term[name] for term in terms] for name in ("C", "D")} if terms else {}


def _exactly(
    command: Command, found: dict[str, Value], needed: tuple[str, ...], known: tuple[str, ...]
) -> dict[str, Value]:
    """Return `found` where it has all `needed` and only `known` coefficients. Raises ReaderError."""
    missing = [name for name in needed if name not in found]
    strange = [name for name in found if name not in known]
    if missing or strange:
        fault = f"{missing[0]} is missing" if missing else f"{strange[0]} is not understood"
        raise ReaderError(
            f"{command.place}: {command.title} {command.arguments.text}: {fault}; expected {', '.join(known)}"
        )
    return found


def _integration_warnings(potential: Command, integration: Command | None) -> list[str]:
    words = integration.words() if integration else ()
    if words[:1] == ("theta_method_a",) and len(words) > 1 and is_number(words[1]) and float(words[1]) == 1.0:
        return []
    what = f"*integration {' '.join(words)}" if integration else "no *integration"
    place = integration.place if integration else potential.place
    return [f"{place}: {what}; romtool integrates by backward Euler (theta_method_a 1.): results will differ"]


def coefficients(command: Command, skip: int = 0) -> dict[str, Value]:
    """Read `name number` and `name temperature` with rows `value T` below.

    Parameters
    ----------
    command: its rows and its arguments behind the first `skip` words are read.

    Raises
    ------
    ReaderError: another dependence, a name without value, temperatures that do not increase.
    """
    words = list(_words(command, skip))
    found: dict[str, Value] = {}
    i = 0
    while i < len(words):
        (name, place), i = words[i], i + 1
        if is_number(name):
            raise ReaderError(f"{place}: {name} found where the name of a coefficient is expected; correct it")
        end = next((k for k in range(i, len(words)) if not is_number(words[k][0])), len(words))
        if end == i + 1:
            found[name] = number(words[i][0], place)
        elif end == i < len(words) and words[i][0] == "temperature":
            i += 1
            end = next((k for k in range(i, len(words)) if not is_number(words[k][0])), len(words))
            found[name] = _table(name, [float(word) for word, _ in words[i:end]], place)
        else:
            given = " ".join(word for word, _ in words[i : max(end, i + 1)])
            raise ReaderError(f"{place}: {name} {given!r}: expected a number, or temperature and rows; correct it")
        i = end
    return found


def _words(command: Command, skip: int) -> Iterator[tuple[str, str]]:
    """Yield the words behind the first `skip` arguments, with file and line."""
    rows = (Row(command.line, " ".join(command.arguments.words[skip:])), *command.rows)
    return ((word, f"{command.file}, line {row.line}") for row in rows for word in row.words)


def _table(name: str, values: list[float], place: str) -> list[list[float]]:
    """Return [[T, value], …] of the numbers value, T, value, T … in increasing temperature."""
    if not values or len(values) % 2:
        raise ReaderError(f"{place}: {len(values)} numbers for {name} temperature, expected pairs value T")
    table = sorted([temperature, value] for value, temperature in zip(values[::2], values[1::2], strict=True))
    if any(low[0] == high[0] for low, high in pairwise(table)):
        raise ReaderError(f"{place}: {name} has a temperature twice; correct the table")
    return table

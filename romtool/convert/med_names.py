"""What the fields of a MED file are called: Code_Aster's names, and romtool's for them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from romtool.convert.array_names import COMPONENTS, NAMES

_SYMBOL = re.compile(r"^.{8}(?P<name>[A-Z]{4}(_(ELGA|ELNO|ELEM|NOEU|NODA))?(_NOME)?)_*$")
"""Code_Aster writes the result's name in eight characters, filled with `_`, before that of the field."""

_ROMTOOL: Mapping[str, str] = MappingProxyType(
    {
        "DEPL": "u",
        "TEMP": "T",
        "SIEF_ELGA": "stress",
        "SIGM_ELGA": "stress",
        "EPSI_ELGA": "strain",
        "EPSP_ELGA": "inelastic_strain",
        "FORC_NODA": "internal_force",
        "SIEF_NOEU": "stress_nodal",
        "SIGM_NOEU": "stress_nodal",
        "EPSI_NOEU": "strain_nodal",
    }
    | {name: ours for ours, names in NAMES.items() for name in names}
)
_VECTOR = ("X", "Y", "Z")
_TENSOR = ("XX", "YY", "ZZ", "XY", "YZ", "XZ")
_P = "EPSPEQ"
"""Code_Aster's name of the cumulated inelastic strain among the internal variables (VARI_ELGA_NOME)."""


@dataclass(frozen=True)
class Columns:
    """Which components of a file's field make one of romtool's.

    Parameters
    ----------
    name: romtool's name of the field, or the file's.
    components: their names, see `romtool.types.FieldInfo`.
    positions: among the components of the file; fewer than `components` where the file is flat.
    """

    name: str
    components: tuple[str, ...]
    positions: tuple[int, ...]


def symbol_of(name: str) -> str:
    """Return a field's name without the name of the result that Code_Aster puts before it.

    >>> symbol_of("reslin__SIEF_ELGA")
    'SIEF_ELGA'
    """
    match = _SYMBOL.match(name)
    return match["name"] if match else name


def columns_of(name: str, components: Sequence[str]) -> list[Columns]:
    """Return what a field of a file holds: itself, and the cumulated inelastic strain where it is a component.

    Parameters
    ----------
    name: of the field, without that of the result.
    components: the file's names of its components.
    """
    ours = _ROMTOOL.get(name, _ROMTOOL.get(name.lower(), name))
    upper = [component.upper() for component in components]
    if ours == "u":
        found = [Columns("u", COMPONENTS[3], _displacement(upper))]
    elif ours == "T":
        found = [Columns("T", ("",), (upper.index("TEMP") if "TEMP" in upper else 0,))]
    else:
        found = [_general(ours, components, upper)]
    return found + [Columns("p", ("",), (i,)) for i, component in enumerate(upper) if component == _P]


def _displacement(upper: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of DX DY DZ, else of the first three."""
    named = tuple(upper.index(name) for name in ("DX", "DY", "DZ") if name in upper)
    return named or tuple(range(min(3, len(upper))))


def _general(name: str, components: Sequence[str], upper: Sequence[str]) -> Columns:
    """Return a field as a tensor, a vector or a scalar where its components say so, else as it is."""
    for endings, names in ((_TENSOR, COMPONENTS[6]), (_VECTOR, COMPONENTS[3])):
        places = [[i for i, component in enumerate(upper) if component.endswith(ending)] for ending in endings]
        if len(upper) == len(endings) and all(len(place) == 1 for place in places):
            return Columns(name, names, tuple(place[0] for place in places))
    if len(components) == 1:
        return Columns(name, ("",), (0,))
    numbered = tuple(component or str(i + 1) for i, component in enumerate(components))
    return Columns(name, numbered, tuple(range(len(components))))

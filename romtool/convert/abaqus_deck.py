"""Abaqus deck -> `romtool.loading.Deck`: the assembly made flat, then read like CalculiX' (which took its keywords).

Differences are in `ABAQUS`: what is ignored or refused, materials, names of supports. What Abaqus does between the
ends of a step is taken from its manual, not from runs; the balance of the snapshots shows whether it holds.
"""

import re
from pathlib import Path

from romtool.convert.abaqus_assembly import flatten
from romtool.convert.abaqus_materials import check_parameters, creep, plastic
from romtool.convert.calculix_deck import IGNORED, READ, REASONS, interpret
from romtool.convert.calculix_keywords import is_deck, read_cards
from romtool.convert.deck_dialect import Dialect
from romtool.loading import Deck

_SNIFFED = 1 << 20
_MARKS = re.compile(
    r"^\*\s*(?:(?:PART|INSTANCE|ASSEMBLY|PREPRINT|END\s*PART)\b|OUTPUT\s*,.*\b(?:FIELD|HISTORY)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_BESIDE = (".odb", ".fil", ".prt", ".sim")
_ALL, _NORMAL = (0, 1, 2), {"X": 0, "Y": 1, "Z": 2}

ABAQUS = Dialect(
    name="Abaqus",
    read=frozenset(READ),
    ignored=frozenset(
        IGNORED
        | {"PREPRINT", "FILEFORMAT", "ENERGYFILE", "ENERGYPRINT", "ENERGYOUTPUT", "MODALFILE", "MODALOUTPUT"}
        | {
            "MONITOR",
            "PRINT",
            "DIAGNOSTICS",
            "SECTIONCONTROLS",
            "CONTACTCONTROLS",
            "SOLVERCONTROLS",
            "SOLUTIONTECHNIQUE",
        }
        | {
            "INTEGRATEDOUTPUT",
            "RADIATIONFILE",
            "SURFACEOUTPUT",
            "COHESIVESECTION",
            "DISPLAYBODY",
            "SHELLGENERALSECTION",
        }
        | {"CONNECTORSECTION", "MASS", "ROTARYINERTIA", "TRANSVERSESHEARSTIFFNESS", "GAP", "INCREMENTATIONOUTPUT"}
    ),
    reasons=dict(REASONS)
    | {
        "CONTACT": "contact is not supported",
        "CONTACTINCLUSIONS": "contact is not supported",
        "CLEARANCE": "contact is not supported",
        "EMBEDDEDELEMENT": "embedded elements are not supported",
        "KINEMATICCOUPLING": "couplings are not supported",
        "SHELLTOSOLIDCOUPLING": "couplings are not supported",
        "CONNECTORBEHAVIOR": "connectors are not supported",
        "SPRING": "springs are not supported",
        "DASHPOT": "dashpots are not supported",
        "FIELD": "field variables are not supported",
        "IMPORT": "a run that goes on from another is not supported; give the deck that begins the run",
        "INERTIARELIEF": "inertia relief is not supported",
        "FOLLOWERLOAD": "follower loads are not supported",
    },
    check_property=check_parameters,
    plastic=plastic,
    creep=creep,
    results=(".fil", ".xdmf"),
    supports={
        "ENCASTRE": _ALL,
        "PINNED": _ALL,
        **{f"{axis}SYMM": (k,) for axis, k in _NORMAL.items()},
        **{f"{axis}ASYMM": tuple(i for i in _ALL if i != k) for axis, k in _NORMAL.items()},
    },
)
"""Abaqus/Standard."""


def is_abaqus(path: Path) -> bool:
    """Tell whether a deck is Abaqus': by parts, output requests as Abaqus has them, or Abaqus' files beside it."""
    if not is_deck(path) or path.with_suffix(".frd").is_file():
        return False
    with path.open(encoding="latin-1") as stream:
        if _MARKS.search(stream.read(_SNIFFED)):
            return True
    return any(path.with_suffix(suffix).is_file() for suffix in _BESIDE)


def read_deck(path: Path) -> Deck:
    """Read a deck. Raises ReaderError; see `romtool.convert.calculix_deck.interpret`."""
    found, cards = flatten(read_cards(path), path)
    return interpret(path, cards, found, ABAQUS)

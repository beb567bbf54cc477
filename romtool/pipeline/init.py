"""`romtool init`: look at decks and results and write a commented case file."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from romtool.convert.registry import find_reader, read_deck, read_results
from romtool.errors import CaseError, RomtoolError
from romtool.io.atomic import output_folder
from romtool.io.init import Source, case_text
from romtool.loading import Deck, PartialDeckError
from romtool.pipeline.suitability import lacks
from romtool.types import SolverResults

NO_RESULTS = "no results to train on were found"


def init_case(paths: Sequence[Path], out: Path, *, overwrite: bool = False) -> tuple[Path, tuple[str, ...]]:
    """Write `out/case.toml` for solver decks and results.

    Parameters
    ----------
    paths: decks, or results; a deck and its own results count as one simulation, also where only the results are given
        and the deck lies beside them.
    out: folder of the new case.
    overwrite: replace an existing folder.

    Returns
    -------
    The case file, and what its simulations lack to be trained on, in sentences.

    Raises
    ------
    CaseError: the folder exists. ReaderError: a file that cannot be read; nothing is written.
    """
    chosen = dict.fromkeys(_deck_beside(path) or path for path in _without_results_of_decks(paths))
    sources = [_source(path, out) for path in chosen]
    text = case_text(_case_name(paths), _with_unique_names(sources))
    with output_folder(out, overwrite=overwrite) as temporary:
        (temporary / "case.toml").write_text(text, encoding="utf-8")
    return out / "case.toml", tuple(dict.fromkeys(text for source in sources for text in _lacks_of(source)))


def _lacks_of(source: Source) -> tuple[str, ...]:
    """Return what keeps a simulation from being trained on."""
    return lacks(source.solution) if source.solution is not None else (NO_RESULTS,)


def _case_name(paths: Sequence[Path]) -> str:
    return paths[0].stem


def _without_results_of_decks(paths: Sequence[Path]) -> list[Path]:
    """Leave out results that lie beside a given deck under its name."""
    decks = {path.with_suffix("") for path in paths if is_deck(path)}
    return [path for path in paths if is_deck(path) or path.with_suffix("") not in decks]


def _deck_beside(path: Path) -> Path | None:
    """Return the deck of the same stem that names a file as its results, None where there is none."""
    if is_deck(path):
        return None
    beside = sorted(other for other in path.parent.iterdir() if other.stem == path.stem and other != path)
    return next((other for other in beside if path in _results_of(other)), None)


def _results_of(path: Path) -> tuple[Path, ...]:
    """Return the results of a deck; none of what is not a deck, or cannot be read as one."""
    try:
        return read_deck(path).results if is_deck(path) else ()
    except PartialDeckError as error:
        return error.deck.results
    except RomtoolError:
        return ()


def is_deck(path: Path) -> bool:
    """Tell whether a file is an input deck. Raises ReaderError for a file that no reader knows."""
    return path.suffix.lower() in find_reader(path).deck_extensions


def _source(path: Path, out: Path) -> Source:
    """Read one deck with the results beside it, or results."""
    if not is_deck(path):
        return _source_of(path, None, (path,), _with_lacks(read_results(path)), out)
    try:
        deck = read_deck(path)
    except PartialDeckError as error:
        return _partial_source(path, error.deck, out)
    solution = _with_lacks(read_results(deck.results[0])) if deck.results else None
    return _source_of(path, deck, deck.results, solution, out)


def _source_of(
    path: Path, deck: Deck | None, files: Sequence[Path], solution: SolverResults | None, out: Path
) -> Source:
    """Return a source with paths that are relative to the case."""
    return Source(
        name=path.stem,
        deck=_relative(path, out) if deck is not None else None,
        results=tuple(_relative(entry, out) for entry in files),
        contents=deck,
        solution=solution,
    )


def _with_lacks(results: SolverResults) -> SolverResults:
    """Return results whose warnings also say what they lack for a reduced model."""
    return replace(results, warnings=(*results.warnings, *lacks(results)))


def _partial_source(path: Path, part: Deck, out: Path) -> Source:
    """Return a source for a deck that cannot be used as such: its results or mesh, and what of it was understood."""
    beside = part.results or (path,)
    found = _with_lacks(read_results(beside[0]))
    note = f"the deck {path.name} is not named here, since romtool does not support all of it"
    source = _source_of(path, None, beside, replace(found, warnings=(note, *found.warnings)), out)
    return replace(source, contents=part)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _with_unique_names(sources: list[Source]) -> list[Source]:
    """Check that no two simulations have the same name."""
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise CaseError(f"two sources are called {name!r}; rename one, since simulations are told apart by name")
    return sources

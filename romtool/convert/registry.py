"""The readers: a literal table of built-in ones, and strangers by the entry-point group `romtool.readers`.

A plug-in is an object with the attributes of `romtool.protocols.Reader`; it may also have `is_deck(path)`,
asked where several readers share the extension of an input deck.
"""

import difflib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from romtool.errors import MissingPartError, ReaderError, RomtoolError
from romtool.loading import Deck
from romtool.protocols import Reader
from romtool.types import Floats, SolverResults

BUILT_IN = {
    "zset": "romtool.convert.zset",
    "abaqus": "romtool.convert.abaqus",
    "calculix": "romtool.convert.calculix",
    "ansys": "romtool.convert.ansys",
    "nastran": "romtool.convert.nastran",
    "xdmf": "romtool.convert.xdmf",
    "vtk": "romtool.convert.vtk",
    "exodus": "romtool.convert.exodus",
    "med": "romtool.convert.med",
}
"""Name -> module with `READER`, imported when a reader is looked for."""

GROUP = "romtool.readers"

_PIECE = re.compile(r"(?P<extension>\.[^.]+)\.\d+\.\d+$")
"""End of the name of one file of a decomposed run: `results.e.4.0`."""


@dataclass(frozen=True)
class ReaderStatus:
    """A reader as `romtool readers` lists it; `reason` says why it is not available ("" where it is)."""

    name: str
    description: str
    extensions: tuple[str, ...]
    deck_extensions: tuple[str, ...]
    available: bool
    reason: str = ""


@dataclass(frozen=True)
class _Entry:
    """A reader, or the reason why it could not be loaded; `missing` names absent packages."""

    name: str
    reader: Reader | None
    is_deck: Callable[[Path], bool] | None
    reason: str = ""
    missing: tuple[str, ...] = ()


def list_readers() -> list[ReaderStatus]:
    """Return the status of every reader, built-in ones first; one that cannot load never hides the others."""
    return [_status(entry) for entry in _entries()]


def find_reader(path: Path) -> Reader:
    """Choose the reader of a file by its extension; of a deck that several could read, by its content.

    Parameters
    ----------
    path: an existing results file, mesh or input deck.

    Returns
    -------
    The reader.

    Raises
    ------
    ReaderError: no such file, a folder, an unknown extension, a deck that no reader recognises.
    MissingPartError: the reader needs a package that is not installed.
    """
    path = Path(path)
    _check_file(path)
    piece = _PIECE.search(path.name)
    extension = (piece["extension"] if piece else path.suffix).lower()
    entries = _entries()
    fitting = [e for e in entries if e.reader is not None and extension in _extensions(e.reader)]
    if not fitting:
        raise ReaderError(_unknown_extension(path, entries))
    claimed = fitting if len(fitting) == 1 else [entry for entry in fitting if _claims(entry, path)]
    claimed.sort(key=lambda entry: bool(entry.missing))
    if not claimed:
        names = " nor ".join(entry.name for entry in fitting)
        raise ReaderError(
            f"{path} is neither a {names} file, by its content; give a file of a solver that `romtool readers` lists"
        )
    if claimed[0].missing:
        raise MissingPartError(f"{path} cannot be read: reader {claimed[0].name} {claimed[0].reason}")
    return cast(Reader, claimed[0].reader)


def read_results(path: Path) -> SolverResults:
    """Open the results (or the mesh) in a file with the reader that fits; values are read lazily.

    Raises
    ------
    ReaderError, MissingPartError: see `find_reader`; and what the reader finds wrong in the file.
    """
    path, reader = Path(path), find_reader(path)
    with _said(reader, path):
        results = reader.read(path)
    return replace(results, read=partial(_read_value, reader, path, results.read))


def read_deck(path: Path) -> Deck:
    """Read an input deck with the reader that fits.

    Raises
    ------
    ReaderError: see `find_reader`; also for a file that is no input deck.
    """
    reader = find_reader(path)
    if Path(path).suffix.lower() not in reader.deck_extensions:
        decks = ", ".join(reader.deck_extensions) or "none in this format"
        raise ReaderError(f"{path} is not an input deck ({reader.name} decks: {decks})")
    with _said(reader, path):
        return reader.read_deck(Path(path))


def _read_value(reader: Reader, path: Path, read: Callable[[str, int], Floats], name: str, index: int) -> Floats:
    """Return what a reader's own `read` returns."""
    with _said(reader, path):
        return read(name, index)


@contextmanager
def _said(reader: Reader, path: Path) -> Iterator[None]:
    """Turn whatever a reader breaks or ends with inside into one line: a damaged file, or a fault of the reader."""
    try:
        yield
    except RomtoolError:
        raise
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())[:200]
        raise ReaderError(
            f"{path}: the reader {reader.name} failed ({type(error).__name__}: {reason}); the file is damaged, or the "
            "reader has a fault: write the file anew, or report it with --debug"
        ) from error


def _entries() -> list[_Entry]:
    """Load all readers; the first of a name wins."""
    entries = [_load(name, partial(importlib.import_module, module)) for name, module in BUILT_IN.items()]
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name in {entry.name for entry in entries}:
            reason = f"the name {point.name} is taken; the plug-in {point.value} must choose another"
            entries.append(_Entry(point.name, None, None, reason))
        else:
            entries.append(_load(point.name, point.load))
    return entries


def _load(name: str, load: Callable[[], object]) -> _Entry:
    """Load one reader (a module with READER, or the reader itself), turning any failure into its reason."""
    try:
        loaded = load()
        reader = cast(Reader, getattr(loaded, "READER", loaded))
        lacking = [key for key in Reader.__annotations__ if not hasattr(reader, key)]
        lacking += [key for key in ("read", "read_deck") if not callable(getattr(reader, key, None))]
    except (Exception, SystemExit) as error:
        return _Entry(name, None, None, f"cannot be loaded: {type(error).__name__}: {error}")
    if lacking:
        return _Entry(name, None, None, f"is not a reader: it has no {', '.join(lacking)}")
    missing = tuple(package for package in reader.requires if not _installed(package))
    reason = f"needs {', '.join(missing)}: pip install {' '.join(missing)}" if missing else ""
    return _Entry(name, reader, _content_test(loaded, reader), reason, missing)


def _content_test(loaded: object, reader: Reader) -> Callable[[Path], bool] | None:
    """Return `is_deck` of the reader, of what was loaded, or of the module that defines the reader."""
    module = sys.modules.get(type(reader).__module__)
    for owner in (reader, loaded, module):
        test = getattr(owner, "is_deck", None)
        if callable(test):
            return cast(Callable[[Path], bool], test)
    return None


def _claims(entry: _Entry, path: Path) -> bool:
    """Ask a reader whether the content is its own; one that has no such test says yes."""
    try:
        return entry.is_deck is None or bool(entry.is_deck(path))
    except (OSError, ReaderError):
        return False


def _installed(package: str) -> bool:
    """Tell whether a package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _status(entry: _Entry) -> ReaderStatus:
    """Describe an entry."""
    if entry.reader is None:
        return ReaderStatus(entry.name, "", (), (), False, entry.reason)
    reader = entry.reader
    return ReaderStatus(
        entry.name,
        reader.description,
        tuple(reader.extensions),
        tuple(reader.deck_extensions),
        not entry.missing,
        entry.reason,
    )


def _extensions(reader: Reader) -> Iterator[str]:
    """Return the extensions of results and decks."""
    return iter((*reader.extensions, *reader.deck_extensions))


def _check_file(path: Path) -> None:
    """Refuse what is not an existing file, in words."""
    if path.is_dir():
        raise ReaderError(f"{path} is a folder; give a results file or an input deck in it")
    if not path.exists():
        names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, 1)
        raise ReaderError(f"{path} does not exist" + (f"; did you mean {path.with_name(near[0])}?" if near else ""))


def _unknown_extension(path: Path, entries: list[_Entry]) -> str:
    """Say which extensions are known, and which is nearest."""
    known = sorted({ext for entry in entries if entry.reader is not None for ext in _extensions(entry.reader)})
    near = difflib.get_close_matches(path.suffix.lower(), known, 1, cutoff=0.5)
    failed = [f"{entry.name} ({entry.reason})" for entry in entries if entry.reader is None]
    return (
        f"{path}: no reader for {path.suffix or 'files without an extension'}; known: {' '.join(known)}"
        + (f"; the nearest is {near[0]}" if near else "")
        + (f"; readers that could not be loaded: {', '.join(failed)}" if failed else "")
    )

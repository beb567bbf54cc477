"""Files and folders that appear under their final name only when complete, and digests of inputs."""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from romtool.errors import CaseError

_CHUNK = 1 << 20


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, renamed to `path` on success and removed on failure.

    The temporary name has the suffix of `path`. A file that is there already is replaced only on success.

    Parameters
    ----------
    path: the final name; missing folders above it are made.

    Returns
    -------
    A context manager that gives the path to write to.

    Raises
    ------
    CaseError: the folder cannot be made or written to, or `path` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise CaseError(f"{path} is a folder, a file is to be written; give another name")
    temporary = _sibling(path, "part")
    with _parents_of(path):
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def output_folder(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path`, renamed to `path` on success and removed on failure.

    Parameters
    ----------
    path: the final name.
    overwrite: whether an existing `path` is replaced; it stays as it was until the new one is complete.

    Returns
    -------
    A context manager that gives the folder to write into.

    Raises
    ------
    CaseError: `path` exists and `overwrite` is not set (before anything is done), or cannot be written.
    """
    path = Path(path)
    _check_replaceable(path, overwrite)
    with _parents_of(path):
        temporary = _sibling(path, "part")
        _make(temporary)
        try:
            yield temporary
            _check_replaceable(path, overwrite)
            _replace_folder(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def digest_files(paths: Iterable[Path]) -> str:
    """Return a digest of the contents of files, in the given order: the SHA-256 of their SHA-256 digests.

    Parameters
    ----------
    paths: the files; their names do not matter.

    Returns
    -------
    64 hexadecimal digits.

    Raises
    ------
    CaseError: a file that cannot be read.
    """
    total = hashlib.sha256()
    for path in paths:
        total.update(_digest_file(Path(path)))
    return total.hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits, as `sha256sum` prints it. Raises CaseError: not readable."""
    return _digest_file(path).hex()


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, 64 hexadecimal digits.

    >>> digest_text("")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def _digest_file(path: Path) -> bytes:
    """Return the SHA-256 of one file."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror or error}") from error
    return digest.digest()


def _sibling(path: Path, role: str) -> Path:
    """Return an unused hidden name beside `path` with its suffix."""
    return path.with_name(f".{path.stem}.{role}-{secrets.token_hex(4)}{path.suffix}")


@contextlib.contextmanager
def _parents_of(path: Path) -> Iterator[None]:
    """Make the folders above `path`; take those made away again when the work inside fails."""
    missing = [parent for parent in path.absolute().parents if not parent.exists()]
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaseError(f"{path.parent} cannot be made: {error.strerror or error}; give another -o") from error
    if not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        raise CaseError(f"{path.absolute().parent} cannot be written to; give another -o")
    try:
        yield
    except BaseException:
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _make(folder: Path) -> None:
    """Make a folder; its parent is there."""
    try:
        folder.mkdir()
    except OSError as error:
        raise CaseError(
            f"{folder.absolute().parent} cannot be written to: {error.strerror}; give another -o"
        ) from error


def _check_replaceable(path: Path, overwrite: bool) -> None:
    """Refuse an existing path without `overwrite`, and the working folder or one above it always."""
    if os.path.lexists(path) and not overwrite:
        raise CaseError(f"{path} exists; give --overwrite or another -o")
    here = Path.cwd()
    if path.exists() and path.resolve() in (here, *here.parents):
        raise CaseError(f"{path} holds the working folder and cannot be replaced; give another -o")


def _replace_folder(new: Path, path: Path) -> None:
    """Put `new` in the place of `path`; the old one comes back when that fails."""
    if not os.path.lexists(path):
        new.rename(path)
        return
    old = _sibling(path, "old")
    try:
        path.rename(old)
        new.rename(path)
    except BaseException:
        if os.path.lexists(old) and not os.path.lexists(path):
            old.rename(path)
        raise
    finally:
        if os.path.lexists(old) and os.path.lexists(path):
            _remove(old)


def _remove(path: Path) -> None:
    """Delete a folder, a file or a link (not what it leads to)."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()

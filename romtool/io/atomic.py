"""Files and folders that appear under their final name only when complete, and digests of inputs.

What is not complete lies beside the final name: of a file `.NAME.part`, of a folder `.NAME.work`. Both have fixed names
and are written under the lock of the final name only, so that what a run that was killed has left behind is found by
the next one: it goes on with what is finished in a folder (`Work`), and drops the rest.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from romtool.errors import CaseError, StoppedError
from romtool.io.lock import Lock, beside

_CHUNK = 1 << 20

RESUMABLE = (StoppedError, KeyboardInterrupt, OSError, MemoryError)
"""Ends of a run after which the same command may go on with what is finished."""


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
    CaseError: the folder cannot be made or written to, `path` is a folder, or another run is writing it.
    """
    path = Path(path)
    if path.is_dir():
        raise CaseError(f"{path} is a folder, a file is to be written; give another name")
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    with _parents_of(path), Lock(path):
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def is_resumable(error: BaseException | None) -> bool:
    """Tell whether the same command may go on with what is finished after an error; HDF5 hides those of a full disk."""
    return isinstance(error, RESUMABLE) or "errno = " in str(error)


class Work:
    """An output folder in the making, beside its final name; all methods are of rank 0.

    `new` becomes the output; `kept` holds what an unfinished run has finished and is not part of it.

    Parameters
    ----------
    path: the final name.
    overwrite: whether an existing `path` is replaced; it stays as it was until the new one is complete.
    key: digest of all that the output depends on; finished steps of an unfinished run with another key are dropped.
        With "" nothing is kept from one run to the next.
    """

    def __init__(self, path: Path, overwrite: bool = False, key: str = "") -> None:
        self.path, self.overwrite, self.key = Path(path), overwrite, key
        self.folder = beside(self.path, "work")
        self.new, self.kept = self.folder / "new", self.folder / "kept"
        self.done = False
        self._parents = contextlib.ExitStack()
        self._lock = Lock(self.path)

    def open(self) -> "Work":
        """Take the lock and find what is there; `done` tells that an unfinished command had finished this output.

        Raises
        ------
        CaseError: `path` exists and `overwrite` is not set (before anything is done), it cannot be written, or another
            run is writing it.
        """
        check_free(self.path, self.overwrite)
        self._parents.enter_context(_parents_of(self.path))
        try:
            self._lock.acquire()
            self._put_back()
            self.done = self._is_done()
            if not self.done:
                self._drop_finished()
                _check_replaceable(self.path, self.overwrite)
                self._prepare()
        except BaseException as error:
            if self._lock.held and not self._holds_something():
                shutil.rmtree(self.folder, ignore_errors=True)
            self._leave(error)
            raise
        return self

    def publish(self) -> None:
        """Give the new folder its final name; the work folder stays until `close`."""
        _check_replaceable(self.path, self.overwrite)
        (self.folder / "published").write_text(_identity(self.new))
        _replace_folder(self.new, self.path, self.folder / "old")
        self.done = True

    def close(self, error: BaseException | None = None) -> None:
        """Remove the work folder and give the lock back; after some errors what is finished stays.

        Parameters
        ----------
        error: that ended the command; None where it is complete.
        """
        if not (self.key and is_resumable(error) and self._holds_something()):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        """Give the lock back, and take new folders above away again after an error, where they are empty."""
        self._lock.release()
        self._parents.__exit__(type(error) if error else None, error, None)

    def _holds_something(self) -> bool:
        """Tell whether anything is finished."""
        return any(entry for part in (self.new, self.kept) if part.is_dir() for entry in part.iterdir()) or self.done

    def _put_back(self) -> None:
        """Undo a replacement that a run was killed in."""
        old = self.folder / "old"
        if os.path.lexists(old) and not os.path.lexists(self.path):
            old.rename(self.path)

    def _is_done(self) -> bool:
        """Tell whether the final folder is what an unfinished command with this key has published."""
        if not self.key or self.new.exists() or self._read("key") != self.key or not self.path.is_dir():
            return False
        return self._read("published") == _identity(self.path)

    def _drop_finished(self) -> None:
        """Remove what a run left that was killed after its output was complete, or that had other inputs."""
        if not self.key or not self.new.is_dir() or self._read("key") != self.key:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _prepare(self) -> None:
        """Make the folders to work in; the key is written last."""
        try:
            for folder in (self.folder, self.kept, self.new):
                folder.mkdir(exist_ok=True)
            (self.folder / "key").write_text(self.key)
        except OSError as error:
            parent = self.folder.absolute().parent
            raise CaseError(
                f"{parent} cannot be written to: {error.strerror}; make room, or give another -o"
            ) from error

    def _read(self, name: str) -> str:
        """Return one of the small texts in the work folder; "" where there is none."""
        try:
            return (self.folder / name).read_text()
        except OSError:
            return ""


def check_free(path: Path, overwrite: bool = False) -> None:
    """Refuse a path that a run could not write to; one that an unfinished run has left is decided on by `Work`.

    Raises
    ------
    CaseError: `path` exists and `overwrite` is not set, or holds the working folder.
    """
    if not Work(path).folder.is_dir():
        _check_replaceable(path, overwrite)


def drop_leftover(path: Path) -> None:
    """Remove what a run has left beside an output that is complete, unless another run is at work there."""
    work = Work(path, overwrite=True)
    if work.folder.is_dir():
        with contextlib.suppress(CaseError):
            work.open().close()


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
    CaseError: `path` exists and `overwrite` is not set (before anything is done), it cannot be written, or another run
        is writing it.
    """
    work = Work(path, overwrite).open()
    try:
        yield work.new
        work.publish()
    except BaseException as error:
        work.close(error)
        raise
    work.close()


def _check_replaceable(path: Path, overwrite: bool) -> None:
    """Refuse an existing path without `overwrite`, and the working folder or one above it always."""
    if os.path.lexists(path) and not overwrite:
        raise CaseError(f"{path} exists; give --overwrite or another -o")
    here = Path.cwd()
    if path.exists() and path.resolve() in (here, *here.parents):
        raise CaseError(f"{path} holds the working folder and cannot be replaced; give another -o")


def _identity(folder: Path) -> str:
    """Return the digest of the names and heads of the files in a folder: of all bytes of those that are small."""
    digest = hashlib.sha256()
    for path in sorted(entry for entry in folder.rglob("*") if entry.is_file()):
        with path.open("rb") as file:
            digest.update(f"{path.relative_to(folder)} {path.stat().st_size} ".encode() + file.read(_CHUNK))
    return digest.hexdigest()


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


def _replace_folder(new: Path, path: Path, old: Path) -> None:
    """Put `new` in the place of `path`, which is `old` meanwhile; it comes back when that fails."""
    if not os.path.lexists(path):
        new.rename(path)
        return
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        if not os.path.lexists(path):
            old.rename(path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    """Delete a folder, a file or a link (not what it leads to)."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()

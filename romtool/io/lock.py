"""Locks: two runs that would write to the same place exclude each other.

The lock of `NAME` is the file `.NAME.lock` beside it, which says who holds it. Where the file system knows `flock`,
the kernel gives the lock free when its process ends, however that happens, so that a lock never has to be removed by
hand. Where it does not, the file's existence is the lock: its owner refreshes it, and one that has not been refreshed
for a while, or whose process on this host has ended, is taken over.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from romtool.errors import CaseError

REFRESH = 20.0
"""Seconds after which an owner refreshes a lock on a file system without `flock`."""

STALE = 6 * REFRESH
"""Seconds after which such a lock counts as left behind."""

_UNKNOWN = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)
"""What file systems without `flock` say."""


def beside(path: Path, role: str) -> Path:
    """Return the hidden name beside a path for something that belongs to it: `.NAME.role`."""
    named = path if path.name not in ("", "..") else path.resolve()
    return named.parent / f".{named.name}.{role}"


def drop_stale(folder: Path) -> None:
    """Remove the locks in a folder that runs have left that ended without a word."""
    for file in folder.glob(".*.lock"):
        with contextlib.suppress(CaseError):
            Lock(file.with_name(file.name[1 : -len(".lock")])).acquire().release()


class Lock:
    """The right to write to a path.

    Parameters
    ----------
    path: what is to be written; its folder is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = beside(path, "lock")
        self._descriptor: int | None = None
        self._done = threading.Event()

    @property
    def held(self) -> bool:
        """Tell whether this run has the lock."""
        return self._descriptor is not None

    def acquire(self) -> "Lock":
        """Take the lock.

        Raises
        ------
        CaseError: another run holds it, which the message names; or the folder cannot be written to.
        """
        try:
            while self._descriptor is None:
                self._descriptor = self._take()
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(_ourselves()).encode(), 0)
        except OSError as error:
            self.release()
            raise CaseError(
                f"{self.path.absolute().parent} cannot be written to: {error.strerror}; make room, or give another -o"
            ) from error
        return self

    def release(self) -> None:
        """Give the lock back."""
        self._done.set()
        if self._descriptor is not None:
            self.file.unlink(missing_ok=True)  # while it is still held: nobody else can have it
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "Lock":
        """Take the lock. Raises CaseError as `acquire`."""
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        """Give the lock back."""
        self.release()

    def _take(self) -> int | None:
        """Return the descriptor of the locked file; None where it was removed meanwhile, to try again."""
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in _UNKNOWN:
                return self._take_by_existence()
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise self._held() from error
            raise
        if _is_same(descriptor, self.file):
            return descriptor
        os.close(descriptor)
        return None

    def _take_by_existence(self) -> int | None:
        """See `_take`, on a file system without `flock`."""
        self.file.unlink(missing_ok=True)
        self.file = beside(self.path, "held")
        if _is_alive(_owner(self.file), _age(self.file)):
            raise self._held()
        self.file.unlink(missing_ok=True)
        try:
            descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return None
        threading.Thread(target=self._refresh, daemon=True).start()
        return descriptor

    def _refresh(self) -> None:
        """Say every now and then that the owner is alive."""
        while not self._done.wait(REFRESH):
            try:
                os.utime(self.file)
            except OSError:
                return

    def _held(self) -> CaseError:
        """Return the error that names the holder."""
        owner = _owner(self.file)
        who = f"`{owner['command']}`, pid {owner['pid']} on {owner['host']} since {owner['since']}" if owner else "?"
        return CaseError(f"{self.path} is being written by another run ({who}); wait for it, or give another -o")


def _ourselves() -> dict[str, object]:
    """Say who holds a lock."""
    command = " ".join(["romtool", *sys.argv[1:]])
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}


def _owner(file: Path) -> dict[str, object]:
    """Return who holds a lock; nothing where the file does not say so."""
    try:
        found = json.loads(file.read_text())
        return {key: found[key] for key in ("pid", "host", "since", "command")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _is_alive(owner: dict[str, object], age: float) -> bool:
    """Tell whether the owner of a lock that was refreshed some seconds ago may still run."""
    if not owner:
        return age < 1.0  # just made, and not yet signed
    if owner["host"] != socket.gethostname():
        return age < STALE
    try:
        os.kill(int(str(owner["pid"])), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return True


def _age(file: Path) -> float:
    """Return the seconds since a file was refreshed."""
    try:
        return time.time() - file.stat().st_mtime
    except OSError:
        return STALE


def _is_same(descriptor: int, file: Path) -> bool:
    """Tell whether a descriptor is of the file that has the name now."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False

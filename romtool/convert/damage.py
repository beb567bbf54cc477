"""Faults that a library finds in a damaged file, said in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from romtool.errors import ReaderError, RomtoolError

_FAULTS = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)
"""What netCDF4, h5py and NumPy raise for contents that are not what a format promises."""


@contextmanager
def told_as_damage(path: Path, what: str) -> Iterator[None]:
    """Turn what a library raises inside into a ReaderError that names the file.

    Parameters
    ----------
    path: the file.
    what: what is being read, e.g. "an Exodus file (nodal variable 2)".

    Raises
    ------
    ReaderError: instead of any fault of a library; romtool's own errors pass.
    """
    try:
        yield
    except RomtoolError:
        raise
    except _FAULTS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ReaderError(f"{path} is damaged or not {what}: {reason}; write it anew") from error

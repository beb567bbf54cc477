"""Faults that a library finds in a damaged file, said in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from romtool.errors import ReaderError, RomtoolError
from romtool.types import Floats, Ints

_FAULTS = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)
"""What netCDF4, h5py and NumPy raise for contents that are not what a format promises."""


_FARTHEST = 1e100
"""Largest coordinate that is taken for one; squares of larger ones overflow."""


def check_coordinates(points: Floats, node_ids: Ints, path: Path) -> None:
    """Refuse nodes whose coordinates cannot be true.

    Parameters
    ----------
    points: (n_nodes, 3) float [length].
    node_ids: (n_nodes,) their ids.
    path: the file.

    Raises
    ------
    ReaderError: with the first node that is not finite or absurdly far away.
    """
    wrong = ~(np.abs(points) < _FARTHEST).all(axis=1)
    if wrong.any():
        at = int(np.argmax(wrong))
        place = ", ".join(f"{x:g}" for x in points[at])
        raise ReaderError(f"{path}: node {node_ids[at]} is at ({place}); the file is damaged: write it anew")


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

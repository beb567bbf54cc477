"""Where the external reference data are: solver files that are used for tests and never shipped."""

import os
from pathlib import Path

import pytest

_ROOT = Path(os.environ.get("ROMTOOL_SHARED", Path(__file__).parents[2] / "shared"))


def shared(*parts: str) -> Path:
    """Return a path of the reference data; skip the calling test where it is absent."""
    path = _ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"reference data {'/'.join(parts)} are not on this machine (set ROMTOOL_SHARED)")
    return path

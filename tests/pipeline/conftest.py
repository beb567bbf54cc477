"""The small case with all that its commands write, made once."""

from pathlib import Path

import pytest

from tests.kills import COMPILING, STAGES, Running, prepare


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """The small case with all that undisturbed commands write."""
    folder = tmp_path_factory.mktemp("whole") / "case"
    prepare(folder)
    for arguments, _ in STAGES.values():
        ended = Running(folder, arguments).end(COMPILING)
        assert ended.code == 0, ended.text
    return folder

"""The small case, made and trained once."""

import shutil
from pathlib import Path

import pytest

from tests.cli.small_case import romtool, write_case


@pytest.fixture(scope="session")
def _trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("box") / "case"
    case = write_case(folder)
    done = romtool("offline", case, "-o", folder / "model", "-q")
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def case_folder(_trained, tmp_path) -> Path:
    """A private copy of the case with its dataset and model."""
    return Path(shutil.copytree(_trained, tmp_path / "case"))

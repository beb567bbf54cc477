"""Runs decks with ccx, where it is on this machine: those of the reference data, and those that tests write."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shared_data import shared


def run_calculix(name: str, folder: Path, *edits: tuple[str, str]) -> Path:
    """Run deck `name` in `folder` after replacing text in it; return the path of its `.frd`."""
    text = shared("calculix", f"{name}.inp").read_text()
    for old, new in edits:
        assert old in text, f"{name}.inp no longer holds {old!r}"
        text = text.replace(old, new)
    return run_deck(text, folder, name)


def run_deck(text: str, folder: Path, name: str = "deck") -> Path:
    """Run a deck in `folder`; return the path of its `.frd`."""
    program = shutil.which("ccx")
    if program is None:
        pytest.skip("ccx is not installed (apt-get install calculix-ccx)")
    (folder / f"{name}.inp").write_text(text)
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    done = subprocess.run(
        [program, name], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "*ERROR" not in done.stdout, done.stdout[-2000:]
    return folder / f"{name}.frd"

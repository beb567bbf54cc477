"""Compiled kernels are kept in a folder that changes with the sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import romtool
from romtool import kernel_cache


def copy_of_sources(folder: Path) -> Path:
    for part in kernel_cache.COMPILED_PARTS:
        shutil.copytree(
            Path(romtool.__file__).parent / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder


def test_a_change_in_any_compiled_part_changes_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, "ROOT", copy_of_sources(tmp_path))
    before = kernel_cache.kernel_folder()
    assert before == kernel_cache.kernel_folder()
    source = tmp_path / "laws" / "return_map.py"
    source.write_text(source.read_text() + "\n")
    assert kernel_cache.kernel_folder() != before


def test_stale_folders_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, "ROOT", copy_of_sources(tmp_path))
    present = kernel_cache.kernel_folder()
    stale = present.parent / "kernels-0"
    for folder in (present, stale):
        folder.mkdir(parents=True)
    kernel_cache.remove_stale_kernels()
    assert present.is_dir()
    assert not stale.exists()


def test_the_folder_is_used_also_where_numba_was_imported_before():
    code = (
        "import numba, romtool; from romtool.kernel_cache import kernel_folder; "
        "print(numba.config.CACHE_DIR == str(kernel_folder()))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == "True"


def test_messages_of_numba_leave_nothing_on_standard_output():
    """Numba makes one for each version of a function that it tries in vain, also where another one fits."""
    code = "import romtool; from numba.core import errors; errors.TypingError('tried in vain')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b""

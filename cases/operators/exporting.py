"""What the generators of all operator cases share: the command line, and the export of what `select` listed.

A generator is run twice: before `romtool operators select` it writes the case file and what goes with it, afterwards
also every matrix and vector that the lists (`*-parameters.csv`) name and that is not there yet. It stands for the
user's own code, so it uses nothing of romtool.
"""

import argparse
import csv
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import io, sparse

Array = Any  # a NumPy array or a SciPy sparse matrix
Makers = Mapping[str, Callable[..., Array]]
Writer = Callable[..., None]


def _write_hdf5(path: Path, array: Array) -> None:
    with h5py.File(path, "w") as file:
        file["matrix" if array.ndim == 2 else "vector"] = array


def _write_market(path: Path, array: Array) -> None:
    io.mmwrite(path, array if array.ndim == 2 else array[:, None], precision=17, symmetry="general")


def _write_zip(path: Path, array: Array) -> None:
    if sparse.issparse(array):
        sparse.save_npz(path, array)
    else:
        np.savez(path, array)


WRITERS: Mapping[str, Writer] = {".mtx": _write_market, ".npz": _write_zip, ".npy": np.save, ".h5": _write_hdf5}


def arguments(text: str, **options: tuple[Any, str]) -> argparse.Namespace:
    """Read the command line: `-o FOLDER`, and options given as default (its type counts) and help."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder, made where absent")
    for name, (default, words) in options.items():
        several = {"nargs": len(default), "type": type(default[0])} if isinstance(default, tuple) else {}
        kind = {"type": type(default), "default": default, "help": f"{words} (default {default})"}
        parser.add_argument(f"--{name.replace('_', '-')}", **(kind | several))
    return parser.parse_args()


def export(case: Path, folder: Path, makers: Makers) -> None:
    """Copy a case file into a folder, and write what the lists there ask for.

    Parameters
    ----------
    case: the case file.
    folder: made where absent.
    makers: functions of the parameters, by name, that return a matrix or a vector; their keys are patterns of the
        case file such as "matrices/A-{}.npz".
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / case.name).exists():
        shutil.copy(case, folder)
    for pattern, make in makers.items():
        list_file = folder / pattern.replace("{}", "parameters").replace(Path(pattern).suffix, ".csv")
        count = _export_list(list_file, make) if list_file.exists() else 0
        print(f"{pattern}: {count} written" if list_file.exists() else f"{pattern}: not selected yet")


def _export_list(list_file: Path, make: Callable[..., Array]) -> int:
    """Write the files of one list that are not there; return how many."""
    with list_file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    missing = [row for row in rows if not (list_file.parent / row["file"]).exists()]
    for row in missing:
        path = list_file.parent / row["file"]
        values = {name: float(text) for name, text in row.items() if name not in ("number", "file")}
        WRITERS[path.suffix](path, make(**values))
    return len(missing)

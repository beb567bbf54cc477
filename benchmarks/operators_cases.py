"""One operator case from the generator to validation: terms, vectors, errors, and an answer against a full solve; JSON.

`python benchmarks/operators_cases.py scattering` (or `bvp`, `room`, `covariance`). Seconds are of one processor
(`time.process_time`), so that other programs on the machine count little; run with one BLAS thread. The full solve is
what the generator and a direct solver need for one parameter: assembly, factorisation, solution.
"""

import argparse
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

sys.path.insert(0, str(Path(__file__).parents[1]))

from romtool.linalg.reduction import SerialComm
from romtool.operators.model import OperatorModel, evaluate
from romtool.pipeline.operator_models import read_operator_model
from romtool.pipeline.operator_validation import validate
from romtool.pipeline.operators import build, build_summary, select

CASES = Path(__file__).parents[1] / "cases" / "operators"
N_FULL = 5
N_ONE = 50


def timed(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, float]:
    start = time.process_time()
    found = function(*arguments, **options)
    return found, time.process_time() - start


def run(make: Callable[[], None], makers: Any, folder: Path) -> dict[str, Any]:
    """Go through one case."""
    make()
    case, model_folder = folder / "case.toml", folder / "model"
    selected, select_seconds = timed(select, case)
    _, export_seconds = timed(make)
    built, build_seconds = timed(build, case, model_folder, lambda text: None, SerialComm())
    summary = build_summary(built)
    validation = validate(model_folder, case, lambda text: None)
    model = read_operator_model(model_folder)
    draw = model.domain.draw(N_ONE, seed=2)
    counts = {key: entry["n_terms"] for key, entry in selected.items() if "n_terms" in entry}
    n_exported = {key: len(entry["parameters"]) for key, entry in selected.items()}
    return {
        "n_unknowns": summary["n_unknowns"],
        "n_terms": counts,
        "n_exported": n_exported,
        **{key: trimmed(summary[key]) for key in ("basis", "inverse", "logdet") if key in summary},
        "errors": validation["errors"],
        "n_unseen": validation["n"],
        "representation": selected["operator"]["errors"].tolist(),
        "seconds": {
            "select": select_seconds,
            "export": export_seconds,
            "build": build_seconds,
            **answers(model, draw),
            "full_solve": median(full_solve(makers, folder, model, row) for row in draw[:N_FULL]),
        },
    }


def trimmed(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the plain numbers of a summary, and the history."""
    plain = {key: value for key, value in entry.items() if np.isscalar(value)}
    return plain | ({"history": entry["history"].tolist()} if "history" in entry else {})


def answers(model: OperatorModel, draw: np.ndarray) -> dict[str, float]:
    """Return the time of one answer, alone and in a batch."""
    evaluate(model, draw[:1])
    one = median(timed(evaluate, model, row[None])[1] for row in draw)
    return {"answer": one, "answer_in_batch": timed(evaluate, model, draw)[1] / len(draw)}


def full_solve(makers: Any, folder: Path, model: OperatorModel, parameter: np.ndarray) -> float:
    """Return the time of assembly and direct solution at one parameter."""
    values = dict(zip(model.domain.names, map(float, parameter), strict=True))
    constant = np.load(folder / "b.npy") if (folder / "b.npy").exists() else None
    patterns = {pattern.rpartition("/")[2][0]: make for pattern, make in makers.items()}
    start = time.process_time()
    matrix = patterns["A"](**values)
    vector = constant if constant is not None else patterns["b"](**values)
    if sparse.issparse(matrix):
        splu(matrix.tocsc()).solve(vector.astype(matrix.dtype))
    else:
        linalg.solve(matrix, vector)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=["bvp", "scattering", "room", "covariance"])
    parser.add_argument("--edge", type=int, default=8, help="scattering: 20 times its square unknowns")
    parser.add_argument(
        "--axes", type=float, nargs=3, default=(1.0, 1.0, 1.0), help="scattering: half-axes of the body"
    )
    options = parser.parse_args()
    sys.path.insert(0, str(CASES / options.case))
    make = importlib.import_module("make")
    if options.case == "scattering":
        size = (options.edge, tuple(options.axes))
        makers = make.makers(make.ellipsoid(*size))
    else:
        size = {"bvp": (500,), "room": ((160, 120),), "covariance": (1000,)}[options.case]
        makers = make.makers(*size)
    with tempfile.TemporaryDirectory() as folder:
        with redirect_stdout(sys.stderr):
            results = run(lambda: make.write(Path(folder), *size), makers, Path(folder))
        print(json.dumps({"case": options.case, **results}, indent=1))


if __name__ == "__main__":
    main()

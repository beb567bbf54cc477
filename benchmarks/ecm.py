"""Time the empirical cubature on random smooth fields whose integrands need several hundred points.

Run with one BLAS thread (`OMP_NUM_THREADS=1`). Prints one JSON document.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from romtool.linalg.ecm import Cubature, ecm
from romtool.linalg.reduction import SerialComm

Floats = NDArray[np.float64]

N_FEATURES = 200
BLOCK = 20_000


@dataclass(frozen=True)
class Case:
    strain: Floats
    stress: Floats
    weights: Floats
    ids: NDArray[np.int64]


def build_case(n_points: int, n_modes: int, n_stress: int, seed: int = 0) -> Case:
    """Sum cosines of random direction, about one wave per edge of a unit cube; stress falls by three decades."""
    rng = np.random.default_rng(seed)
    side = round(n_points ** (1 / 3)) + 1
    waves = 2 * np.pi / 1.7 * rng.standard_normal((3, N_FEATURES))
    phases = rng.uniform(0, 2 * np.pi, N_FEATURES)
    mixing = rng.standard_normal((N_FEATURES, 6 * (n_modes + n_stress))) / np.sqrt(N_FEATURES)
    strain, stress = np.empty((n_points, 6, n_modes)), np.empty((n_points, 6, n_stress))
    decay = 10.0 ** -np.linspace(0, 3, n_stress)
    for start in range(0, n_points, BLOCK):
        k = np.arange(start, min(start + BLOCK, n_points))
        x = np.column_stack((k // side**2, k // side % side, k % side)) / side
        fields = np.cos(x @ waves + phases) @ mixing
        strain[k] = fields[:, : 6 * n_modes].reshape(-1, 6, n_modes)
        stress[k] = fields[:, 6 * n_modes :].reshape(-1, 6, n_stress) * decay
    numbers = np.arange(n_points)
    ids = np.column_stack((numbers // 8, numbers % 8))
    return Case(strain, stress, rng.uniform(0.5, 1.5, n_points) / n_points, ids)


def reduce_case(case: Case, tolerance: float) -> Cubature:
    return ecm([case.strain], [case.stress], [case.weights], [case.ids], SerialComm(), tolerance=tolerance)


def peak_mb() -> float:
    """Return the largest resident memory of this process so far (Linux counts KB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(n_points: int, options: argparse.Namespace) -> dict[str, object]:
    case = build_case(n_points, options.strain_modes, options.stress_modes)
    before, seconds, cpu_seconds = peak_mb(), [], []
    for _ in range(options.repeats):
        start, cpu_start = time.perf_counter(), time.process_time()
        result = reduce_case(case, options.tolerance)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    return {
        "points": n_points,
        "integrands": options.strain_modes * options.stress_modes,
        "tolerance": options.tolerance,
        "seconds": statistics.median(seconds),
        "seconds_all": seconds,
        "cpu_seconds": statistics.median(cpu_seconds),
        "n_selected": len(result.weights),
        "error": result.error,
        "volume_error": result.volume_error,
        "n_pricings": result.n_pricings,
        "input_mb": sum(array.nbytes for array in vars(case).values()) / 2**20,
        "peak_memory_mb": peak_mb(),
        "peak_memory_added_mb": peak_mb() - before,
    }


def machine() -> dict[str, object]:
    return {
        "processor": platform.processor() or platform.machine(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--strain-modes", type=int, default=20)
    parser.add_argument("--stress-modes", type=int, default=30)
    parser.add_argument("--tolerance", type=float, default=1e-6)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    reduce_case(build_case(1000, 2, 2), 1e-2)  # compiles the loops
    results = [measure(n_points, options) for n_points in options.points]
    print(json.dumps({"benchmark": "ecm", "machine": machine(), "results": results}, indent=2))


if __name__ == "__main__":
    main()

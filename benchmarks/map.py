"""`romtool map`: time per target point and error on a smooth field.

The source is a distorted cube with a hot spot, the targets are random points of it, some of which are outside the
facets of its surface. Prints JSON: seconds of the search (of the clock, and of the processor), points outside, largest
distance in element sizes, error of the field (relative, L2), and peak memory.

    python benchmarks/map.py --source 20 --points 100000
    python benchmarks/map.py --source 40 --points 1000000 --formulation hex20
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from romtool.fem.transfer import build_transfer
from tests.fem.meshes import cube, distort


def heat(x):
    """Return the temperature of a hot spot."""
    return 20.0 + 800.0 * np.exp(-((x - 0.4) ** 2).sum(axis=1) / 0.1)


def main():
    """Run and print one case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=int, default=20, help="cells of the source along an edge")
    parser.add_argument("--formulation", default="tet4", help="of the source")
    parser.add_argument("--points", type=int, default=100_000, help="number of target points")
    given = parser.parse_args()
    mesh = cube(given.formulation, given.source, distort)
    points = distort(np.random.default_rng(0).uniform(size=(given.points, 3)))
    build_transfer(mesh, np.concatenate([points[:10], points[:10] + 2.0]))  # compiles
    start, busy = time.perf_counter(), time.process_time()
    found = build_transfer(mesh, points)
    seconds, processor = time.perf_counter() - start, time.process_time() - busy
    exact = heat(points)
    error = np.linalg.norm(found.matrix @ heat(mesh.points) - exact) / np.linalg.norm(exact)
    document = {
        "formulation": given.formulation,
        "n_source_nodes": mesh.n_nodes,
        "n_source_elements": mesh.n_elements,
        "n_points": given.points,
        "seconds": seconds,
        "processor_seconds": processor,
        "processor_microseconds_per_point": 1e6 * processor / given.points,
        "n_outside": int((found.distances > 0.0).sum()),
        "largest_distance_in_elements": found.outside,
        "relative_error": float(error),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()

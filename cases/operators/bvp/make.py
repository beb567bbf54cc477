"""Write the one-dimensional case, and the matrices that `romtool operators select` asks for (Matrix Market).

python cases/operators/bvp/make.py -o bvp
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bvp import assemble, diffusivity, gauss_points, load, reaction
from exporting import arguments, export

HERE = Path(__file__).parent


def main() -> None:
    """Read the command line and write the folder."""
    options = arguments(__doc__, elements=(500, "finite elements"))
    write(options.output, options.elements)


def write(folder: Path, n_elements: int) -> None:
    """Write everything for `n_elements` finite elements."""

    def matrix(c: float, p: float):
        return assemble(n_elements, lambda x: diffusivity(c, x), lambda x: reaction(p, x))

    export(HERE / "case.toml", folder, {"matrices/A-{}.mtx": matrix, "validation/A-{}.mtx": matrix})
    np.savetxt(folder / "points.csv", gauss_points(n_elements).reshape(-1, 1), fmt="%.17g")
    np.save(folder / "b.npy", load(n_elements))


if __name__ == "__main__":
    main()

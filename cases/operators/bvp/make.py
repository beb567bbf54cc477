"""Write the one-dimensional case, and the matrices that `romtool operators select` asks for (Matrix Market).

python cases/operators/bvp/make.py -o bvp
"""

import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

sys.path.insert(0, str(Path(__file__).parents[1]))

from bvp import assemble, diffusivity, gauss_points, load, reaction
from exporting import Makers, arguments, export

HERE = Path(__file__).parent


def main() -> None:
    """Read the command line and write the folder."""
    options = arguments(__doc__, elements=(500, "finite elements"))
    write(options.output, options.elements)


def makers(n_elements: int) -> Makers:
    """Return what makes the files of each pattern."""

    def matrix(c: float, p: float) -> csr_matrix:
        return assemble(n_elements, lambda x: diffusivity(c, x), lambda x: reaction(p, x))

    return {"matrices/A-{}.mtx": matrix, "validation/A-{}.mtx": matrix}


def write(folder: Path, n_elements: int) -> None:
    """Write everything for `n_elements` finite elements."""
    export(HERE / "case.toml", folder, makers(n_elements))
    np.savetxt(folder / "points.csv", gauss_points(n_elements).reshape(-1, 1), fmt="%.17g")
    np.save(folder / "b.npy", load(n_elements))


if __name__ == "__main__":
    main()

"""Write the covariance case, and the matrices that `romtool operators select` asks for (NumPy's .npy, dense).

python cases/operators/covariance/make.py -o covariance
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from covariance import covariance, distances, observations
from exporting import Makers, arguments, export

HERE = Path(__file__).parent


def main() -> None:
    """Read the command line and write the folder."""
    options = arguments(__doc__, points=(1000, "points of the process"))
    write(options.output, options.points)


def makers(n_points: int) -> Makers:
    """Return what makes the files of each pattern."""
    distance = distances(n_points)

    def matrix(l: float) -> np.ndarray:  # noqa: E741
        return covariance(distance, l)

    return {"matrices/A-{}.npy": matrix, "validation/A-{}.npy": matrix}


def write(folder: Path, n_points: int) -> None:
    """Write everything for so many points."""
    export(HERE / "case.toml", folder, makers(n_points))
    np.save(folder / "b.npy", observations(n_points))


if __name__ == "__main__":
    main()

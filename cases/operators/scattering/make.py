"""Write the scattering case, and the matrices that `romtool operators select` asks for (HDF5, dense complex).

python cases/operators/scattering/make.py -o scattering
python cases/operators/scattering/make.py -o ellipsoid --axes 1 0.7 0.4
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bem import Surface, assemble, ellipsoid, plane_wave
from exporting import Makers, arguments, export

HERE = Path(__file__).parent
DIRECTION = np.array([1.0, 2.0, 2.0]) / 3


def main() -> None:
    """Read the command line and write the folder."""
    edge = (8, "parts of an icosahedron's edge; the matrices have 20 times its square rows")
    options = arguments(__doc__, edge=edge, axes=((1.0, 1.0, 1.0), "half-axes of the body, the longest 1"))
    write(options.output, options.edge, tuple(options.axes))


def makers(surface: Surface) -> Makers:
    """Return what makes the files of each pattern."""
    matrix, wave = partial(assemble, surface), partial(plane_wave, surface, direction=DIRECTION)
    return {
        "matrices/A-{}.h5": matrix,
        "matrices/b-{}.h5": wave,
        "validation/A-{}.h5": matrix,
        "validation/b-{}.h5": wave,
    }


def write(folder: Path, n_edge: int, axes: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> None:
    """Write everything for a body of `20 n_edge**2` triangles with half-axes `axes`."""
    surface = ellipsoid(n_edge, axes)
    export(HERE / "case.toml", folder, makers(surface))
    np.savetxt(folder / "phases.csv", surface.centres @ DIRECTION, fmt="%.17g")


if __name__ == "__main__":
    main()

"""Write the scattering case, and the matrices that `romtool operators select` asks for (HDF5, dense complex).

python cases/operators/scattering/make.py -o scattering
python cases/operators/scattering/make.py -o ellipsoid --axes 1 0.7 0.4
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bem import assemble, ellipsoid, plane_wave
from exporting import arguments, export

HERE = Path(__file__).parent
DIRECTION = np.array([1.0, 2.0, 2.0]) / 3


def main() -> None:
    """Read the command line and write the folder."""
    edge = (8, "parts of an icosahedron's edge; the matrices have 20 times its square rows")
    options = arguments(__doc__, edge=edge, axes=((1.0, 1.0, 1.0), "half-axes of the body, the longest 1"))
    write(options.output, options.edge, tuple(options.axes))


def write(folder: Path, n_edge: int, axes: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> None:
    """Write everything for a body of `20 n_edge**2` triangles with half-axes `axes`."""
    surface = ellipsoid(n_edge, axes)

    def matrix(k: float):
        return assemble(surface, k)

    def wave(k: float):
        return plane_wave(surface, k, DIRECTION)

    makers = {"A": matrix, "b": wave}
    patterns = {f"{part}/{name}-{{}}.h5": make for part in ("matrices", "validation") for name, make in makers.items()}
    export(HERE / "case.toml", folder, patterns)
    np.savetxt(folder / "phases.csv", surface.centres @ DIRECTION, fmt="%.17g")


if __name__ == "__main__":
    main()

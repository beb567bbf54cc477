"""Write the room's case, and the matrices that `romtool operators select` asks for (SciPy's .npz, sparse complex).

python cases/operators/room/make.py -o room
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from exporting import arguments, export
from room import assemble, microphone, piston

HERE = Path(__file__).parent


def main() -> None:
    """Read the command line and write the folder."""
    options = arguments(__doc__, divisions=((160, 120), "elements along x and y"))
    write(options.output, tuple(options.divisions))


def write(folder: Path, divisions: tuple[int, int]) -> None:
    """Write everything for so many elements along x and y."""

    def matrix(k: float):
        return assemble(divisions, k)

    export(HERE / "case.toml", folder, {"matrices/A-{}.npz": matrix, "validation/A-{}.npz": matrix})
    np.save(folder / "b.npy", piston(divisions))
    np.save(folder / "microphone.npy", microphone(divisions))


if __name__ == "__main__":
    main()

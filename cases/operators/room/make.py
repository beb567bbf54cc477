"""Write the room's case, and the matrices that `romtool operators select` asks for (SciPy's .npz, sparse complex).

python cases/operators/room/make.py -o room
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from exporting import Makers, arguments, export
from room import assemble, microphone, piston

HERE = Path(__file__).parent


def main() -> None:
    """Read the command line and write the folder."""
    options = arguments(__doc__, divisions=((160, 120), "elements along x and y"))
    write(options.output, tuple(options.divisions))


def makers(divisions: tuple[int, int]) -> Makers:
    """Return what makes the files of each pattern."""
    return dict.fromkeys(("matrices/A-{}.npz", "validation/A-{}.npz"), partial(assemble, divisions))


def write(folder: Path, divisions: tuple[int, int]) -> None:
    """Write everything for so many elements along x and y."""
    export(HERE / "case.toml", folder, makers(divisions))
    np.save(folder / "b.npy", piston(divisions))
    np.save(folder / "microphone.npy", microphone(divisions))


if __name__ == "__main__":
    main()

"""Write case.toml and loads/ for the results of Z-set in a folder (cube.inp, cube.ut and what goes with them).

python cases/zset-cube/make.py DATA -o cube-work
"""

import argparse
import shutil
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data, MecaSequential")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder, made where absent")
    arguments = parser.parse_args()
    for name in ("cube.inp", "cube.ut"):
        if not (arguments.data / name).is_file():
            parser.error(f"{arguments.data} holds no {name}; give the folder MecaSequential")
    write_case(arguments.data.resolve(), arguments.output)
    print(f"Z-set's cube: {arguments.data} -> {arguments.output}")


def write_case(data: Path, folder: Path) -> None:
    """Write the case and load files into `folder`."""
    shutil.copytree(HERE / "loads", folder / "loads", dirs_exist_ok=True)
    case = (HERE / "case.toml").read_text(encoding="utf-8")
    (folder / "case.toml").write_text(case.replace("DATA", data.as_posix()), encoding="utf-8")


if __name__ == "__main__":
    main()

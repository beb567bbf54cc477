"""Write everything of the blade case into a folder: mesh, CalculiX decks, temperature fields, case and load files.

python cases/blade/make.py -o demo-out/blade
"""

import argparse
import re
from pathlib import Path

import meshio
import numpy as np
from blade_deck import HOT_SPOTS, NEW_HOT_SPOTS, SUPPORTS, temperature, write_deck
from blade_mesh import BladeMesh, make_mesh

HERE = Path(__file__).parent
UNSEEN = "unseen"


def main() -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder, made where absent")
    parser.add_argument("--size", type=float, default=3.4, help="element size on the aerofoil [mm]")
    help_ = "the case takes its training results from `romtool solve` (ref/) instead of CalculiX (solver/)"
    parser.add_argument("--without-ccx", action="store_true", help=help_)
    arguments = parser.parse_args()
    mesh = make_mesh(arguments.size)
    write_case(mesh, arguments.output, arguments.without_ccx)
    print(f"blade: {len(mesh.tetrahedra)} C3D10, {n_unknowns(mesh)} unknowns -> {arguments.output}")


def write_case(mesh: BladeMesh, folder: Path, without_ccx: bool = False) -> None:
    """Write decks, fields, load files and the case file into `folder`."""
    for part in ("solver", "fields", "loads"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    load = (HERE / "loads" / f"{UNSEEN}.toml").read_text(encoding="utf-8")
    for name, spot in (HOT_SPOTS | NEW_HOT_SPOTS).items():
        field = temperature(mesh, spot)
        if name in HOT_SPOTS:
            title = f"blade, {name}: hot spot of {spot.amplitude:g} degrees at {100 * spot.height:g} % of the span"
            write_deck(folder / "solver" / f"{name}.inp", title, mesh, field)
        write_field(folder / "fields" / f"{name}.vtu", mesh, field)
        (folder / "loads" / f"{name}.toml").write_text(load.replace(UNSEEN, name), encoding="utf-8")
    case = (HERE / "case.toml").read_text(encoding="utf-8")
    (folder / "case.toml").write_text(solved_here(case) if without_ccx else case, encoding="utf-8")


def write_field(path: Path, mesh: BladeMesh, field: np.ndarray) -> None:
    """Write the (n_nodes,) temperature [°C] with the node ids, ascending, as VTU."""
    data = {"T": field, "node_ids": np.arange(1, len(field) + 1)}
    meshio.Mesh(mesh.points, [("tetra10", mesh.tetrahedra)], point_data=data).write(path)


def solved_here(case: str) -> str:
    """Replace CalculiX' results by those of `romtool solve` in the text of a case file."""
    return re.sub(r'results = "solver/(\w+)\.frd"', r'results = "ref/\1"\nload = "loads/\1.toml"', case)


def n_unknowns(mesh: BladeMesh) -> int:
    """Return the number of displacement components that are not prescribed."""
    return mesh.points.size - sum(len(mesh.node_sets[name]) for name in SUPPORTS)


if __name__ == "__main__":
    main()

"""Draw how a model of operators converges, from what `romtool operators build CASE -o MODEL --json` printed.

python cases/operators/chart.py build.json -o picture.png
"""

import argparse
import json
from pathlib import Path


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    draw(json.loads(arguments.file.read_text(encoding="utf-8")), arguments.output)


def draw(built: dict, path: Path) -> None:
    """Write the picture: the largest bound on the training against the number of vectors of the basis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.semilogy(built["basis"]["history"], "o-", markersize=4)
    axes.set(xlabel="vectors of the reduced basis", ylabel="largest relative bound on the training")
    axes.set_title(
        f"{built['name']}: {built['n_unknowns']} unknowns, {built['n_terms']} exported matrices", fontsize=10
    )
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()

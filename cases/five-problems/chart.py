"""Draw the errors that compare.py wrote, as points with their spread.

python cases/five-problems/chart.py five.json -o picture.png
"""

import argparse
import json
from pathlib import Path

import numpy as np


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    draw(json.loads(arguments.file.read_text(encoding="utf-8")), arguments.output)


def draw(problems: dict, path: Path) -> None:
    """Write the picture: per problem and method the mean error over the splits, with its standard deviation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(problems))
    methods = [entry["errors"]["as they are"] for entry in problems.values()]
    for i, name in enumerate(methods[0]):
        errors = np.array([entry[name] for entry in methods])
        shift = 0.18 * (i - 0.5 * (len(methods[0]) - 1))
        axes.errorbar(places + shift, errors.mean(axis=1), errors.std(axis=1), fmt="o", capsize=3, label=name)
    axes.set_xticks(places, [f"{name}\nK = {entry['recommended']}" for name, entry in problems.items()], fontsize=8)
    axes.set(yscale="log", ylabel="projection error, held-out simulations")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()

"""Draw a field of a .vtu, as `romtool fields` writes it, on the deformed mesh.

python cases/picture.py fields.vtu --field p --scale 100 -o picture.png
"""

import argparse
from pathlib import Path

from romtool.convert.registry import read_results
from romtool.report.pictures import render


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--field", required=True, help="a field of one number per element or node")
    parser.add_argument("--unit", default="")
    parser.add_argument("--scale", type=float, default=0.0, help="factor on the displacement u, which is in the file")
    parser.add_argument("--size", type=int, nargs=2, default=(700, 560), help="pixels")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    results = read_results(arguments.file)
    read = results.read
    render(
        results.mesh,
        read(arguments.field, 0)[:, 0],
        title=arguments.field,
        unit=arguments.unit,
        displacement=read("u", 0) if arguments.scale else None,
        scale=arguments.scale,
        size=tuple(arguments.size),
        path=arguments.output,
    )


if __name__ == "__main__":
    main()

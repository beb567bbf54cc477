"""A small case on disk (a CalculiX deck of a box and solutions of the built-in solver), and a way to run commands."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from romtool.cli.main import main
from tests.structures import box


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The last line on stderr, where errors are told."""
        lines = [line for line in self.err.splitlines() if line.startswith("romtool: error:")]
        assert len(lines) == 1, self.err
        return lines[0]


def romtool(*arguments: object) -> Outcome:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            return Outcome(int(end.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("main returned")


def deck_text(young: str = "200000., 0.3", extra_element: str = "") -> str:
    """Return a CalculiX deck of a box under pressure and heat, elastoplastic with creep."""
    mesh = box((3, 2, 2))
    nodes = [f"{i}, {x:.12g}, {y:.12g}, {z:.12g}" for i, (x, y, z) in zip(mesh.node_ids, mesh.points, strict=True)]
    cells = mesh.node_ids[mesh.blocks[0].connectivity]
    elements = [f"{i}, " + ", ".join(map(str, cell)) for i, cell in enumerate(cells, 1)]
    ids = {name.upper(): map(str, mesh.node_ids[rows]) for name, rows in mesh.node_sets.items()}
    sets = [f"*NSET, NSET={name}\n" + ",\n".join(rows) for name, rows in ids.items()]
    faces = [f"{element + 1}, S{face + 1}" for element, face in mesh.side_sets["x1"]]
    field = 20.0 + 300.0 * np.exp(-4.0 * mesh.points[:, 1] ** 2)
    heat = [f"{i}, {value:.12g}" for i, value in zip(mesh.node_ids, field, strict=True)]
    return "\n".join(
        [
            "*NODE, NSET=NALL",
            *nodes,
            "*ELEMENT, TYPE=C3D8, ELSET=EALL",
            *elements,
            extra_element,
            *sets,
            "*SURFACE, NAME=END",
            *faces,
            "*MATERIAL, NAME=STEEL",
            "*ELASTIC",
            young,
            "*PLASTIC",
            "100., 0.",
            "200., 0.1",
            "*EXPANSION, ZERO=20.",
            "1e-5",
            "*DENSITY",
            "7.8e-9",
            "*SOLID SECTION, ELSET=EALL, MATERIAL=STEEL",
            "*INITIAL CONDITIONS, TYPE=TEMPERATURE",
            "NALL, 20.",
            "*BOUNDARY",
            "X0, 1, 1",
            "Y0, 2, 2",
            "Z0, 3, 3",
            "*STEP",
            "*STATIC, DIRECT",
            "0.25, 1.",
            "*DSLOAD",
            "END, P, -120.",
            "*TEMPERATURE",
            *heat,
            "*END STEP",
            "",
        ]
    ).replace("\n\n", "\n")


CASE = """[case]
name = "box"
[[simulations]]
name = "base"
deck = "box.inp"
results = "ref/base"
[[simulations]]
name = "pulled"
results = "ref/pulled"
load = "loads/pulled.toml"
[pod]
tolerance = 1e-6
[quadrature]
tolerance = 1e-6
"""


def write_case(folder: Path) -> Path:
    """Write the case and solve its training loads; return the case file."""
    (folder / "loads").mkdir(parents=True)
    (folder / "box.inp").write_text(deck_text())
    (folder / "case.toml").write_text(CASE)
    (folder / "loads" / "base.toml").write_text('name = "base"\n')
    for name, scale in (("pulled", 1.2), ("new", 1.1)):
        (folder / "loads" / f"{name}.toml").write_text(f'name = "{name}"\n[[loads]]\nname = "END"\nscale = {scale}\n')
    loads = [folder / "loads" / f"{name}.toml" for name in ("base", "pulled", "new")]
    done = romtool("solve", folder / "case.toml", *loads, "-o", folder / "ref", "-q")
    assert done.code == 0, done.err
    return folder / "case.toml"

"""What a design is: factors of temperature and speed, and the load cases that they make."""

import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COLD = 20.0
CORNERS = {"cool-slow": (0.9, 0.85), "cool-fast": (0.9, 1.15), "hot-slow": (1.15, 0.85), "hot-fast": (1.15, 1.15)}
"""Name of each training load -> factors of the temperature's rise and of the speed."""


def temperature(factor: float) -> dict[str, Any]:
    """Return [temperature] of the case with its rise over the cold state multiplied."""
    whole = tomllib.loads((HERE / "case.toml").read_text(encoding="utf-8"))["temperature"]
    changed = {"scale": factor, "offset": COLD * (1.0 - factor)}
    entries = [entry | (changed if "expression" in entry else {}) for entry in whole["entries"]]
    return {"initial": whole["initial"], "entries": entries}


def load_text(name: str, heat: float, speed: float) -> str:
    """Return the load file of a design."""
    rows = []
    for entry in temperature(heat)["entries"]:
        cells = (f"{key} = {value!r}".replace("'", '"') for key, value in entry.items())
        rows.append("  { " + ", ".join(cells) + " },")
    spin = ["[[loads]]", 'name = "spin"', f"scale = {speed!r}"]
    return "\n".join([f'name = "{name}"', *spin, "[temperature]", f"initial = {COLD}", "entries = [", *rows, "]", ""])

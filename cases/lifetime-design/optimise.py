"""Find the design nearest to a wanted one whose critical point bears a given number of cycles.

python cases/lifetime-design/optimise.py design-work -o design-work/best.toml
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from design import CORNERS, load_text, temperature
from scipy.optimize import brentq, minimize_scalar

import romtool

WANTED = (1.12, 1.12)
"""Factors of temperature and speed that one would like to run at."""
TARGET = 3000.0


class Designs:
    """Lives of designs by the reduced model; counts the answers."""

    def __init__(self, folder: Path) -> None:
        self.model, self.life, self.answers = romtool.load(folder / "model"), folder / "life.toml", 0

    def cycles(self, heat: float, speed: float) -> float:
        """Return the cycles to failure of the critical point."""
        self.answers += 1
        load = romtool.Load("trial", scale={"spin": speed}, temperature=temperature(heat))
        return self.model.march(load).life(self.life).minimum

    def speed_for(self, heat: float, target: float) -> float:
        """Return the speed at which a given life is reached; the bound where it is not within the range."""
        low, high = min(s for _, s in CORNERS.values()), max(s for _, s in CORNERS.values())
        ends = [np.log(self.cycles(heat, speed) / target) for speed in (low, high)]
        if ends[0] <= 0.0 or ends[1] >= 0.0:
            return low if ends[0] <= 0.0 else high
        return float(brentq(lambda speed: np.log(self.cycles(heat, speed) / target), low, high, xtol=1e-5))


def derating(heat: float, speed: float) -> float:
    """Return how far a design is from the wanted one."""
    return float(np.hypot(heat / WANTED[0] - 1.0, speed / WANTED[1] - 1.0))


def optimise(folder: Path, target: float) -> dict[str, float]:
    """Return the design nearest to the wanted one whose life is the target, and what it took."""
    designs, start = Designs(folder), time.perf_counter()
    span = min(h for h, _ in CORNERS.values()), max(h for h, _ in CORNERS.values())
    best = minimize_scalar(
        lambda heat: derating(heat, designs.speed_for(heat, target)),
        bounds=span,
        method="bounded",
        options={"xatol": 3e-3},
    )
    heat = float(best.x)
    speed = designs.speed_for(heat, target)
    return {
        "temperature": heat,
        "speed": speed,
        "derating": derating(heat, speed),
        "cycles": designs.cycles(heat, speed),
        "cycles_wanted": designs.cycles(*WANTED),
        "answers": designs.answers,
        "seconds": time.perf_counter() - start,
    }


def main() -> None:
    """Read the command line, optimise, write the load file of the best design."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of make.py, with the model in model/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="load file of the best design")
    parser.add_argument("--cycles", type=float, default=TARGET, help="cycles to failure of the critical point")
    arguments = parser.parse_args()
    best = optimise(arguments.folder, arguments.cycles)
    text = load_text(arguments.output.stem, best["temperature"], best["speed"])
    arguments.output.write_text(text, encoding="utf-8")
    print(json.dumps(best, indent=1))


if __name__ == "__main__":
    main()

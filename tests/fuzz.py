"""Spoil files of every format that can be written here and see that readers answer with values or in words.

    python -m tests.fuzz --seconds 600 [--formats med exodus]

What is not one of romtool's errors is a fault: it is told with the seed that repeats it, and the exit code is 1.
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.convert.registry import read_results
from romtool.errors import RomtoolError
from tests.convert.test_round_trips import FORMULATIONS, WRITERS, sample


@dataclass(frozen=True)
class Fault:
    """An answer that is no answer."""

    form: str
    cell_type: str
    seed: int
    error: BaseException


def spoil(data: bytes, seed: int) -> bytes:
    """Return a file with some bytes changed, cut out, doubled, or the end cut off."""
    generator = np.random.default_rng(seed)
    bad = bytearray(data)
    for _ in range(int(generator.integers(1, 6))):
        if not bad:
            break
        at, length = int(generator.integers(len(bad))), int(generator.integers(1, 40))
        match int(generator.integers(5)):
            case 0 | 1:
                bad[at] = int(generator.integers(256))
            case 2:
                del bad[at : at + length]
            case 3:
                bad[at:at] = bad[at : at + length]
            case _:
                bad[at : at + length] = generator.bytes(length)[: len(bad) - at]
    return bytes(bad[: int(generator.integers(len(bad) + 1))] if generator.random() < 0.1 else bad)


def read_all(path: Path) -> None:
    """Read mesh and all values, as silently as the commands do."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = read_results(path)
        for name in results.fields:
            for i in range(len(results.times)):
                results.read(name, i)


def faults(form: str, cell_type: str, folder: Path, seeds: Iterator[int]) -> Iterator[Fault]:
    """Yield the faults of one format on spoilt files, one per seed."""
    name, write = WRITERS[form]
    data = write(folder / name, sample(cell_type)).read_bytes()
    for seed in seeds:
        path = folder / f"spoilt{Path(name).suffix}"
        path.write_bytes(spoil(data, seed))
        try:
            read_all(path)
        except RomtoolError as error:
            if "\n" in str(error):
                yield Fault(form, cell_type, seed, error)
        except BaseException as error:
            yield Fault(form, cell_type, seed, error)


def main() -> int:
    """Run for some time; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--formats", nargs="*", default=list(WRITERS), choices=list(WRITERS))
    given = parser.parse_args()
    end, seed, found = time.monotonic() + given.seconds, 0, 0
    while time.monotonic() < end:
        for form in given.formats:
            cell_type = list(FORMULATIONS)[seed // 20 % len(FORMULATIONS)]
            with tempfile.TemporaryDirectory() as folder:
                for fault in faults(form, cell_type, Path(folder), iter(range(seed, seed + 20))):
                    found += 1
                    print(f"{fault.form} {fault.cell_type} seed {fault.seed}: {fault.error!r}", flush=True)
        seed += 20
    print(f"{seed} seeds per format, {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

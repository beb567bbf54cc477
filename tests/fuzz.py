"""Spoil files of every format and see that readers answer with values or with one line that names the file.

    python -m tests.fuzz --seconds 600                         all that can be written here
    python -m tests.fuzz --seconds 600 --files job.rst job.op2   and files of solvers

What is not one of romtool's errors, takes long, or is told without the file's name is a fault: it is printed with the
seed that repeats it (`--seed`), and the exit code is 1.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from romtool.convert.registry import find_reader
from romtool.errors import RomtoolError
from romtool.loading import PartialDeckError
from tests.cli.small_case import deck_text
from tests.convert import test_abaqus_deck, test_ansys, test_nastran, test_zset, test_zset_deck
from tests.convert.test_round_trips import FORMULATIONS, WRITERS, sample

SLOW = 20.0
"""Seconds of one file that are a fault; kernels are compiled before."""


@dataclass(frozen=True)
class Target:
    """A file that is opened, and the one that is spoilt: the same, or one beside it."""

    opened: Path
    spoilt: Path


@dataclass(frozen=True)
class Fault:
    """An answer that is no answer."""

    source: str
    seed: int
    error: BaseException


Source = Callable[[Path, int], Target]
"""Writes a sound file into a folder; the number chooses among its kinds."""


def mesh_or_results(form: str, folder: Path, number: int) -> Target:
    """Write a format of the round trips."""
    name, write = WRITERS[form]
    path = write(folder / name, sample(list(FORMULATIONS)[number % len(FORMULATIONS)]))
    return Target(path, path)


def text(name: str, contents: str, folder: Path, number: int) -> Target:
    """Write a text file."""
    path = folder / name
    path.write_text(contents)
    return Target(path, path)


def zset_deck(spoilt: str, folder: Path, number: int) -> Target:
    """Write a deck of Z-set with its mesh, material and fields."""
    return Target(test_zset_deck.write(folder), folder / spoilt)


def zset_results(folder: Path, number: int) -> Target:
    """Write results of Z-set."""
    (folder / "box.geof").write_text(test_zset.geof())
    test_zset.write_results(folder)
    return Target(folder / "box.ut", folder / "box.ut")


def tables(folder: Path, number: int) -> Target:
    """Write results of CalculiX with tables of points beside them."""
    opened = mesh_or_results("calculix text", folder, 0).opened
    title = " stresses (elem, integ.pnt.,sxx,syy,szz,sxy,sxz,syz) for set A and time "
    rows = "".join(f"{e:10d}   1" + "".join(f" {x:13.6E}" for x in range(6)) + "\n" for e in (3, 7, 12))
    (folder / "a.dat").write_text("".join(f"\n{title}{t:13.7E}\n\n{rows}" for t in (0.5, 2.0)))
    return Target(opened, folder / "a.dat")


def given(file: Path, folder: Path, number: int) -> Target:
    """Copy a file of a user and those of its name beside it."""
    for other in file.parent.glob(f"{file.stem}.*"):
        shutil.copyfile(other, folder / other.name)
    return Target(folder / file.name, folder / file.name)


SOURCES: dict[str, Source] = {
    **{form: partial(mesh_or_results, form) for form in WRITERS},
    "calculix deck with loads": partial(text, "a.inp", deck_text()),
    "calculix tables": tables,
    "abaqus assembly": partial(text, "a.inp", test_abaqus_deck.assembly()),
    "ansys archive with loads": partial(text, "a.cdb", test_ansys.brick(test_ansys.PHYSICS)),
    "nastran deck with supports": partial(text, "a.bdf", test_nastran.deck("tetra10")),
    "zset deck": partial(zset_deck, "box.inp"),
    "zset material": partial(zset_deck, "mat"),
    "zset mesh with sets": partial(zset_deck, "box.geof"),
    "zset results": zset_results,
}


def spoil(data: bytes, seed: int) -> bytes:
    """Return a file with some bytes changed, cut out, doubled, moved, or the end cut off."""
    generator = np.random.default_rng(seed)
    bad = bytearray(data)
    for _ in range(int(generator.integers(1, 6))):
        if not bad:
            break
        at, length = int(generator.integers(len(bad))), int(generator.integers(1, 40))
        match int(generator.integers(6)):
            case 0 | 1:
                bad[at] = int(generator.integers(256))
            case 2:
                del bad[at : at + length]
            case 3:
                bad[at:at] = bad[at : at + length]
            case 4:
                bad[at] = int(generator.choice(list(b"0123456789-+.,*E \n")))
            case _:
                bad[at : at + length] = generator.bytes(length)[: len(bad) - at]
    return bytes(bad[: int(generator.integers(len(bad) + 1))] if generator.random() < 0.1 else bad)


def read_all(path: Path) -> None:
    """Read deck, mesh and all values, as silently as the commands do."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader = find_reader(path)
        if path.suffix in reader.deck_extensions:
            with contextlib.suppress(PartialDeckError):
                reader.read_deck(path)
        results = reader.read(path)
        for name in results.fields:
            for i in range(len(results.times)):
                results.read(name, i)


def check(target: Target) -> BaseException | None:
    """Read a spoilt file; return what is wrong about the answer."""
    start = time.monotonic()
    try:
        read_all(target.opened)
    except RomtoolError as error:
        folder = target.opened.parent
        named = str(folder) in str(error) or any(path.name in str(error) for path in folder.iterdir())
        if "\n" in str(error) or not named:
            return error
    except (Exception, SystemExit) as error:
        return error
    return TimeoutError(f"{time.monotonic() - start:.0f} s") if time.monotonic() - start > SLOW else None


def faults(name: str, source: Source, seeds: Iterable[int]) -> Iterator[Fault]:
    """Yield the faults of one format, one spoilt file per seed."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = list(seeds)
        target = source(Path(folder), seeds[0] // len(seeds))
        read_all(target.opened)
        data = target.spoilt.read_bytes()
        for seed in seeds:
            target.spoilt.unlink()  # some are still open, by what was read before
            target.spoilt.write_bytes(spoil(data, seed))
            if error := check(target):
                yield Fault(name, seed, error)


def main() -> int:
    """Run for some time; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="first seed, a multiple of 20")
    parser.add_argument("--formats", nargs="*", default=list(SOURCES), choices=list(SOURCES))
    parser.add_argument("--files", nargs="*", default=[], type=Path, help="also spoil copies of these")
    options = parser.parse_args()
    sources = {name: SOURCES[name] for name in options.formats} | {f.name: partial(given, f) for f in options.files}
    end, seed, found = time.monotonic() + options.seconds, options.seed, 0
    while time.monotonic() < end:
        for name, source in sources.items():
            for fault in faults(name, source, range(seed, seed + 20)):
                found += 1
                print(f"{fault.source}, seed {fault.seed}: {fault.error!r}", flush=True)
        seed += 20
    print(f"seeds {options.seed} to {seed - 1} of {len(sources)} formats, {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

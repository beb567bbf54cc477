"""`romtool fields`: write full fields of a result, reconstructed on demand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from romtool.errors import CaseError
from romtool.io.fields import write_series
from romtool.pipeline.results import open_history
from romtool.types import Floats, SolverResults

TIME_TOLERANCE = 1e-9


def write_fields(
    source: Path, out: Path, times: Sequence[float], names: Sequence[str], *, overwrite: bool
) -> list[str]:
    """Write fields of a result at chosen times.

    Parameters
    ----------
    source: online result, solution or solver files.
    out: `.xdmf`, `.vtu` or `.pvd`.
    times: stored ones within 1e-9 of the duration, others interpolated linearly; written in increasing order, each
        once; empty for all stored times.
    names: fields; empty for all.
    overwrite: replace an existing file.

    Returns
    -------
    The names written.

    Raises
    ------
    CaseError: an unknown field, a time outside the run, an existing output.
    """
    if out.exists() and not overwrite:
        raise CaseError(f"{out} exists; give --overwrite or another -o")
    results = open_history(source)
    chosen = list(names) or list(results.fields)
    for name in chosen:
        if name not in results.fields:
            raise CaseError(f"{source} has no field {name!r}; pick from {', '.join(results.fields)}")
    wanted = np.unique(np.array(list(times), dtype=np.float64)) if len(times) else results.times
    places = [_place(results, float(time)) for time in wanted]

    def read(name: str, i: int) -> Floats:
        row, part = places[i]
        value = results.read(name, row)
        return value if part == 0.0 else (1.0 - part) * value + part * results.read(name, row + 1)

    write_series(out, results.mesh, wanted, {name: results.fields[name] for name in chosen}, read)
    return chosen


def _place(results: SolverResults, time: float) -> tuple[int, float]:
    """Return the stored row before a time and the part of the way to the next. Raises CaseError outside the run."""
    times = results.times
    tolerance = TIME_TOLERANCE * float(times[-1] - times[0])
    nearest = int(np.abs(times - time).argmin())
    if abs(float(times[nearest]) - time) <= tolerance:
        return nearest, 0.0
    if not times[0] < time < times[-1]:
        raise CaseError(f"--at {time:g} is outside the run ({times[0]:g} to {times[-1]:g}); pick a time inside")
    row = int(np.searchsorted(times, time)) - 1
    return row, float((time - times[row]) / (times[row + 1] - times[row]))

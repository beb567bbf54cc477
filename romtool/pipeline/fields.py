"""`romtool fields`: write full fields of a result, reconstructed on demand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.convert.calculix_export import write_frd
from romtool.errors import CaseError
from romtool.io.atomic import atomic_file
from romtool.io.fields import FieldSource, write_series
from romtool.io.piecewise import PieceFiles, piece_files, write_indices, write_piece
from romtool.linalg.reduction import Comm, SerialComm
from romtool.pipeline.nodal import NodalMeans
from romtool.pipeline.ranks import on_root, owned, scratch_folder, together
from romtool.pipeline.results import Pieces, ReadField, open_history, open_pieces
from romtool.types import FieldInfo, Floats, Mesh, SolverResults

TIME_TOLERANCE = 1e-9
ALONE = SerialComm()


def write_fields(
    source: Path,
    out: Path,
    times: Sequence[float],
    names: Sequence[str],
    comm: Comm = ALONE,
    *,
    overwrite: bool,
) -> list[str]:
    """Write fields of a result at chosen times.

    Histories that romtool keeps per subdomain are written so as well where the format allows it (`.pvtu`, `.pvd`):
    each rank reconstructs and writes its subdomains. Otherwise rank 0 writes the whole mesh.

    Parameters
    ----------
    source: online result, solution or solver files.
    out: `.pvtu`, `.pvd`, `.xdmf`, `.vtu`, or `.frd` (CalculiX: all fields brought to the nodes, see `pipeline.nodal`).
    times: stored ones within 1e-9 of the duration, others interpolated linearly; written in increasing order, each
        once; empty for all stored times.
    names: fields; empty for all.
    comm: the ranks.
    overwrite: replace an existing file.

    Returns
    -------
    The names written.

    Raises
    ------
    CaseError: an unknown field, a time outside the run, an existing output.
    InputError: more ranks than subdomains.
    """
    if on_root(comm, out.exists) and not overwrite:
        raise CaseError(f"{out} exists; give --overwrite or another -o")
    pieces = on_root(comm, lambda: _n_pieces(source, out))
    if pieces:
        return _write_pieces(source, out, (times, names), comm)
    return on_root(comm, lambda: _write_whole(source, out, times, names))


def _n_pieces(source: Path, out: Path) -> int:
    """Return the number of files per time, 0 for one of the whole mesh."""
    parallel = out.suffix.lower() == ".pvtu"
    if not source.is_dir():
        if parallel:
            raise CaseError(f"{out}: {source} does not come in subdomains; write .vtu, .pvd or .xdmf")
        return 0
    count = open_pieces(source).n_subdomains if parallel or out.suffix.lower() == ".pvd" else 0
    return count if count > 1 or parallel else 0


def _write_whole(source: Path, out: Path, times: Sequence[float], names: Sequence[str]) -> list[str]:
    """Write fields of the whole mesh."""
    results = open_history(source)
    chosen, places = choose_fields(source, results, times, names)
    read, fields = at_places(results.read, places), {name: results.fields[name] for name in chosen}
    if out.suffix.lower() == ".frd":
        _write_frd(out, results.mesh, FieldSource(places.times, fields, read))
    else:
        write_series(out, results.mesh, places.times, fields, read)
    return chosen


def _write_frd(out: Path, mesh: Mesh, source: FieldSource) -> None:
    """Write fields as CalculiX does: at the nodes."""
    means = NodalMeans(mesh)
    widths = {name: len(info.components) for name, info in source.fields.items()}
    with atomic_file(out) as temporary:
        write_frd(
            temporary,
            mesh,
            source.times,
            widths,
            lambda name, i: means.take(source.fields[name], source.read(name, i)),
        )


def _write_pieces(source: Path, out: Path, wanted: tuple[Sequence[float], Sequence[str]], comm: Comm) -> list[str]:
    """Write the subdomains of this rank; rank 0 writes the index files and gives all files their names."""
    pieces = together(comm, lambda: open_pieces(source))
    chosen, places = together(comm, lambda: choose_fields(source, pieces, *wanted))
    fields = {name: pieces.fields[name] for name in chosen}
    files = piece_files(out, len(places.times), pieces.n_subdomains)
    mine = owned(comm, pieces.n_subdomains)
    with scratch_folder(out.parent, comm) as folder:

        def write() -> None:
            for index in mine:
                subdomain, read = pieces.open(index)
                fields_here = FieldSource(places.times, fields, at_places(read, places))
                write_piece(folder, files, index, subdomain.mesh, fields_here)

        together(comm, write)
        on_root(comm, lambda: _finish(folder, out.parent, files, places.times, fields))
    return chosen


def _finish(folder: Path, target: Path, files: PieceFiles, times: Floats, fields: dict[str, FieldInfo]) -> None:
    """Write the index files and move all files to their place, the one to open last."""
    write_indices(folder, files, times, fields)
    for name in files.all_names():
        (folder / name).replace(target / name)


@dataclass(frozen=True)
class _Places:
    """Where wanted times are: (n_times,) times, and for each a stored row and the part of the way to the next."""

    times: Floats
    rows: tuple[tuple[int, float], ...]


def choose_fields(
    source: Path, results: SolverResults | Pieces, times: Sequence[float], names: Sequence[str]
) -> tuple[list[str], _Places]:
    """Return the fields and times to write. Raises CaseError."""
    chosen = list(names) or list(results.fields)
    for name in chosen:
        if name not in results.fields:
            raise CaseError(f"{source} has no field {name!r}; pick from {', '.join(results.fields)}")
    wanted = np.unique(np.array(list(times), dtype=np.float64)) if len(times) else results.times
    return chosen, _Places(wanted, tuple(_place(results.times, float(time)) for time in wanted))


def at_places(read: ReadField, places: _Places) -> ReadField:
    """Return how a field is read at the wanted times."""

    def read_at(name: str, i: int) -> Floats:
        row, part = places.rows[i]
        value = read(name, row)
        return value if part == 0.0 else (1.0 - part) * value + part * read(name, row + 1)

    return read_at


def _place(times: Floats, time: float) -> tuple[int, float]:
    """Return the stored row before a time and the part of the way to the next. Raises CaseError outside the run."""
    tolerance = TIME_TOLERANCE * float(times[-1] - times[0])
    nearest = int(np.abs(times - time).argmin())
    if abs(float(times[nearest]) - time) <= tolerance:
        return nearest, 0.0
    if not times[0] < time < times[-1]:
        raise CaseError(f"--at {time:g} is outside the run ({times[0]:g} to {times[-1]:g}); pick a time inside")
    row = int(np.searchsorted(times, time)) - 1
    return row, float((time - times[row]) / (times[row + 1] - times[row]))

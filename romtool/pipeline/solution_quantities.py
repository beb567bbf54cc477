"""The case's quantities of a built-in solution, from the files of its subdomains."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from romtool.fem.partition import Subdomain, restrict_temperature
from romtool.laws import build_tables
from romtool.linalg.reduction import Comm, ordered_sum
from romtool.loading import Loading, Material, Temperature
from romtool.offline.functionals import Ground, build_functionals
from romtool.offline.parts import Part, build_part
from romtool.pipeline.quantities import Piece, ReadRows, blocks, mesh_quantity
from romtool.pipeline.solution_files import read_solution
from romtool.reduced.forces import force_history
from romtool.reduced.model import Functional
from romtool.reduced.quantities import (
    INTEGRALS,
    MESH,
    Moment,
    QuantityHistory,
    energy_and_work,
    scalar_of,
    source_of,
)
from romtool.settings import Quantity
from romtool.temperature import evaluate_at
from romtool.types import Floats, Ints

SOLUTION = "solution"
"""What a quantity of a built-in solution is computed from."""


@dataclass(frozen=True)
class Solution:
    """What quantities are taken from.

    Parameters
    ----------
    folder: with the files of the subdomains.
    source_id: of the solution.
    parts: the subdomains of this rank.
    loading: that was solved.
    materials: of the whole mesh.
    """

    folder: Path
    source_id: str
    parts: Sequence[Subdomain]
    loading: Loading
    materials: tuple[Material, ...]


def solution_quantities(quantities: Sequence[Quantity], solution: Solution, comm: Comm) -> dict[str, QuantityHistory]:
    """Return all quantities of a solution, by name; all ranks call this together.

    Parameters
    ----------
    quantities: of the case.
    solution: complete files of the subdomains of this rank.
    comm: the ranks.
    """
    if not quantities:
        return {}
    tables = build_tables(solution.materials)
    parts = [build_part(subdomain, solution.materials, tables) for subdomain in solution.parts]
    n_times = len(solution.loading.times)
    functionals = _at_times(quantities, solution, parts, comm)
    integrals = None
    found = {}
    for entry in functionals:
        quantity = entry.quantity
        if quantity.kind in INTEGRALS:
            integrals = _integrals(solution, parts, comm) if integrals is None else integrals
            values = integrals[:, INTEGRALS.index(quantity.kind)]
        elif source_of(entry) == MESH:
            pieces = [_piece(solution, subdomain) for subdomain in solution.parts]
            values = mesh_quantity(quantity, pieces, n_times, comm)
        else:
            values = _linear(entry, solution.loading)
        found[quantity.name] = QuantityHistory(values, SOLUTION)
    return found


def _linear(entry: Functional, loading: Loading) -> Floats:
    """Return the (n_times,) values of a quantity whose "modes" are the fields of all times."""
    values = entry.modes.T
    if entry.external is not None:
        values = values - force_history(entry.external, loading, loading.times)
    return scalar_of(entry.quantity, values)


def _at_times(
    quantities: Sequence[Quantity], solution: Solution, parts: Sequence[Part], comm: Comm
) -> tuple[Functional, ...]:
    """Return the functionals of the fields of all times, which stand for the modes, block after block."""
    nothing = [np.zeros((0, part.subdomain.mesh.n_nodes, 3)) for part in parts]
    ground = Ground(parts, nothing, solution.loading.loads)
    wanted = sorted({entry.source for entry in quantities})
    largest = max(comm.allgather(max(len(part.material) for part in parts)))
    found: list[tuple[Functional, ...]] = []
    for rows in blocks(len(solution.loading.times), largest):
        fields = {name: [_columns(solution, part.subdomain, name, rows) for part in parts] for name in wanted}
        found.append(build_functionals(quantities, ground, fields, comm))
    return tuple(_join([block[k] for block in found]) for k in range(len(quantities)))


def _join(entries: Sequence[Functional]) -> Functional:
    """Return the functional of all times."""
    return replace(entries[0], modes=np.concatenate([entry.modes for entry in entries], axis=1))


def _read(solution: Solution, subdomain: Subdomain, name: str, rows: slice | int) -> Floats:
    """Return a field of a subdomain at some times."""
    wanted = np.arange(len(solution.loading.times))[rows]
    found = read_solution(solution.folder, subdomain.index, solution.source_id, name, np.atleast_1d(wanted))
    return found if wanted.ndim else found[0]


def _columns(solution: Solution, subdomain: Subdomain, name: str, rows: slice) -> Floats:
    """Return the (n_entities · n_components, n_times) values of a field."""
    values = _read(solution, subdomain, name, rows)
    return np.ascontiguousarray(values.reshape(len(values), -1).T)


def _piece(solution: Solution, subdomain: Subdomain) -> Piece:
    """Return a subdomain of the solution whose fields are read as they are needed."""

    def open_members(field: str, members: Ints) -> ReadRows:
        return lambda rows: _read(solution, subdomain, field, rows)[:, members]

    return Piece(subdomain, open_members)


def _integrals(solution: Solution, parts: Sequence[Part], comm: Comm) -> Floats:
    """Return the (n_times, 2) elastic energy and inelastic work of the body."""
    initial = solution.loading.temperature.undeformed
    sums = []
    for part, whole in zip(parts, solution.parts, strict=True):
        local = restrict_temperature(Temperature(initial), whole).initial
        sites = part.sites(evaluate_at(whole.mesh.points)(local))
        sums.append(energy_and_work(part.tables, sites, part.operators.weights, _moments(solution, part)))
    return ordered_sum(comm, sums)


def _moments(solution: Solution, part: Part) -> Iterator[Moment]:
    """Yield what acts at the points of a subdomain, time after time."""
    for i in range(len(solution.loading.times)):
        heat, strain, stress = (_read(solution, part.subdomain, name, i) for name in ("T", "strain", "stress"))
        yield Moment(part.interpolation @ heat[:, 0], strain, stress)

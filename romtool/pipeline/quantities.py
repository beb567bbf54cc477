"""The case's quantities where full fields are needed: rows of fields in blocks, and all of a built-in solution."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import ModelError
from romtool.fem.elements import element_of
from romtool.fem.loads import volume_moments
from romtool.fem.operators import build_operators
from romtool.fem.partition import Subdomain
from romtool.fem.sets import element_set, nodes_of
from romtool.io.atomic import atomic_file
from romtool.linalg.reduction import Comm, SerialComm, gather_subdomains
from romtool.loading import Loading
from romtool.pipeline.folders import model_file, read_mode_field, read_subdomain
from romtool.reduced.march import ReducedHistory
from romtool.reduced.model import ModeShapes, ReducedModel
from romtool.reduced.quantities import MESH, QuantityHistory, reduced_quantities, scalar_of, source_of
from romtool.reduced.reconstruct import Coordinates, reconstruct, take_entities
from romtool.settings import Quantity
from romtool.types import Floats, Ints

BLOCK = 2**22
"""Numbers that are reconstructed at a time, on each rank."""

ALONE = SerialComm()

ReadRows = Callable[[slice], Floats]
"""Rows -> (n_rows, n_members, n_components)."""


@dataclass(frozen=True)
class Piece:
    """One subdomain, and how rows of fields (times of a history, draws at one time) are read on it.

    Parameters
    ----------
    subdomain: the part of the mesh.
    open: `open(field, members)` returns what reads rows of a field at some of the nodes or integration points.
    """

    subdomain: Subdomain
    open: Callable[[str, Ints], ReadRows]


def reduced_piece(subdomain: Subdomain, shapes: Callable[[str], ModeShapes], rows: Coordinates) -> Piece:
    """Return a subdomain on which rows of coordinates are reconstructed; `shapes` gives the modes of a field."""

    def open_members(field: str, members: Ints) -> ReadRows:
        modes = take_entities(shapes(field), field, members)
        return lambda part: reconstruct(modes, rows, field, part)

    return Piece(subdomain, open_members)


def model_pieces(path: Path, model: ReducedModel, rows: Coordinates, indices: Sequence[int]) -> list[Piece]:
    """Return some subdomains of a model folder, whose modes are read when they are needed.

    Raises
    ------
    ModelError: only the model.h5 is there.
    """

    def piece(index: int) -> Piece:
        subdomain = read_subdomain(path, model.model_id, index)
        return reduced_piece(subdomain, lambda field: read_mode_field(path, model.model_id, index, field), rows)

    return [piece(index) for index in indices]


def members_of(quantity: Quantity, subdomain: Subdomain) -> Ints:
    """Return the rows of the nodes (of u) or integration points (of other fields) of the quantity's elements."""
    mesh = subdomain.mesh
    elements = element_set(mesh, quantity.elements)
    if quantity.source == "u":
        return nodes_of(mesh, elements)
    counts = [np.full(len(block.element_ids), element_of(block).n_points) for block in mesh.blocks]
    return np.flatnonzero(np.isin(np.repeat(np.arange(mesh.n_elements), np.concatenate(counts)), elements))


def mesh_quantity(quantity: Quantity, pieces: Sequence[Piece], n_rows: int, comm: Comm = ALONE) -> Floats:
    """Return a maximum, a mean or a percentile from full fields, block after block.

    Parameters
    ----------
    quantity: of the case.
    pieces: the subdomains of this rank.
    n_rows: of the fields.
    comm: the ranks.

    Returns
    -------
    (n_rows,) float. A percentile counts every integration point (of u: node) once.
    """
    if quantity.kind == "percentile":
        return _percentiles(quantity, pieces, n_rows, comm)
    partial = gather_subdomains(comm, [_over_piece(quantity, piece, n_rows) for piece in pieces])
    if quantity.kind == "maximum":
        return np.asarray(np.max(partial, axis=0))
    total = np.sum(partial, axis=0)
    return np.asarray(total[0] / total[1])


def _over_piece(quantity: Quantity, piece: Piece, n_rows: int) -> Floats:
    """Return the (n_rows,) maximum over a subdomain, or the (2, n_rows) integrals of the field and of one."""
    members = members_of(quantity, piece.subdomain)
    found = np.full(n_rows, -np.inf) if quantity.kind == "maximum" else np.zeros((2, n_rows))
    if not len(members):
        return found
    weights = _volumes(quantity, piece.subdomain)[members] if quantity.kind == "mean" else np.zeros(0)
    read = piece.open(quantity.source, members)
    for part in blocks(n_rows, len(members)):
        values = scalar_of(quantity, read(part))
        if quantity.kind == "maximum":
            found[part] = values.max(axis=1)
        else:
            found[0, part], found[1, part] = values @ weights, weights.sum()
    return found


def _volumes(quantity: Quantity, subdomain: Subdomain) -> Floats:
    """Return the volume that belongs to each node (of u) or integration point, over the quantity's elements."""
    operators = build_operators(subdomain.mesh)
    if quantity.source == "u":
        return volume_moments(operators, element_set(subdomain.mesh, quantity.elements))[0]
    return operators.weights


def blocks(n_rows: int, n_members: int) -> Iterator[slice]:
    """Yield parts of the rows whose tensors at the members fit into a block."""
    size = max(1, BLOCK // max(1, 6 * n_members))
    return (slice(first, min(first + size, n_rows)) for first in range(0, n_rows, size))


def _percentiles(quantity: Quantity, pieces: Sequence[Piece], n_rows: int, comm: Comm) -> Floats:
    """Return the (n_rows,) percentiles over all subdomains; a node of several subdomains counts once."""
    chosen = [members_of(quantity, piece.subdomain) for piece in pieces]
    if quantity.source == "u":
        chosen = _once(chosen, pieces, comm)
    sizes = gather_subdomains(comm, [len(members) for members in chosen])
    readers = [piece.open(quantity.source, members) for piece, members in zip(pieces, chosen, strict=True)]
    found = []
    for part in blocks(n_rows, sum(sizes)):
        values = gather_subdomains(comm, [scalar_of(quantity, read(part)) for read in readers])
        found.append(np.percentile(np.concatenate(values, axis=1), quantity.percentile or 0.0, axis=1))
    return np.concatenate(found)


def _once(chosen: Sequence[Ints], pieces: Sequence[Piece], comm: Comm) -> list[Ints]:
    """Leave out the nodes that a subdomain before has."""
    rows = [piece.subdomain.node_rows[members] for piece, members in zip(pieces, chosen, strict=True)]
    everywhere = gather_subdomains(comm, [(piece.subdomain.index, r) for piece, r in zip(pieces, rows, strict=True)])
    kept = []
    for piece, members, mine in zip(pieces, chosen, rows, strict=True):
        before = [r for index, r in everywhere if index < piece.subdomain.index]
        kept.append(members[~np.isin(mine, np.concatenate(before))] if before else members)
    return kept


Pieces = Callable[[Coordinates], Sequence[Piece]]
"""The subdomains of this rank for rows of coordinates."""


def pieces_of_model(path: Path, model: ReducedModel) -> Pieces:
    """Return how the subdomains behind a model are opened, on one rank."""
    count = int(model.statistics["n_subdomains"])  # type: ignore[call-overload]
    return lambda rows: model_pieces(model_file(path).parent, model, rows, range(count))


def all_quantities(
    model: ReducedModel, loading: Loading, history: ReducedHistory, pieces: Pieces, comm: Comm = ALONE
) -> dict[str, QuantityHistory]:
    """Return all quantities of an answer, by name; those that need the mesh are not known without the model's folder.

    Parameters
    ----------
    model: the reduced model.
    loading: its temperature restricted to the model's thermal nodes.
    history: the answer to it.
    pieces: opens the subdomains of this rank; called where a quantity needs them.
    comm: the ranks.
    """
    found = reduced_quantities(model, loading, history)
    wanted = [entry for entry in model.quantities if source_of(entry) == MESH]
    for entry in wanted:
        found[entry.quantity.name] = _from_mesh(entry.quantity, history, pieces, comm)
    return {entry.quantity.name: found[entry.quantity.name] for entry in model.quantities}


def _from_mesh(quantity: Quantity, history: ReducedHistory, pieces: Pieces, comm: Comm) -> QuantityHistory:
    """Return one quantity that needs full fields; a field without modes was zero in the training and is zero here."""
    n_times = len(history.times)
    if quantity.source != "u" and quantity.source not in history.duals:
        return QuantityHistory(np.zeros(n_times), MESH)
    try:
        opened = pieces(history)
    except ModelError as error:
        return QuantityHistory(np.zeros(0), MESH, str(error))
    return QuantityHistory(mesh_quantity(quantity, opened, n_times, comm), MESH)


def quantity_summary(quantities: Mapping[str, QuantityHistory]) -> dict[str, dict[str, Any]]:
    """Return what `--json` says of quantities: values over time, what they are computed from, why there are none."""
    return {
        name: {"source": entry.source, "values": None, "missing": entry.missing}
        if entry.missing
        else {"source": entry.source, "values": entry.values.tolist()}
        for name, entry in quantities.items()
    }


def write_histories(path: Path, times: Floats, quantities: Mapping[str, QuantityHistory]) -> None:
    """Write quantities over time as CSV, one column each; nothing where there are none."""
    known = {name: entry.values for name, entry in quantities.items() if not entry.missing}
    if not known:
        return
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *known])
        writer.writerows(zip(times.tolist(), *(values.tolist() for values in known.values()), strict=True))

"""Fields of a study on the whole mesh: blocks of points times all draws are reconstructed, each once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from romtool.components import NAMES, default_component, is_linear, select
from romtool.fem.partition import merge
from romtool.io.atomic import atomic_file
from romtool.io.fields import write_series
from romtool.io.study import Output
from romtool.linalg.reduction import Comm
from romtool.online.quantiles import quantiles
from romtool.online.study import DrawBlock, MemberRows
from romtool.pipeline.folders import part_name, read_head, read_mode_field, read_subdomain, write_head
from romtool.pipeline.quantities import mesh_quantity, model_pieces
from romtool.pipeline.ranks import on_root, together
from romtool.pipeline.study_inputs import n_subdomains
from romtool.reduced.model import ReducedModel
from romtool.reduced.reconstruct import reconstruct, take_entities
from romtool.settings import Quantity
from romtool.types import FieldInfo, Floats

KIND = "study-fields"
BLOCK = 2**20
"""Numbers that are reconstructed at a time, on each rank."""


@dataclass(frozen=True)
class Answers:
    """What full fields are made of.

    Parameters
    ----------
    folder: of the model.
    models: that answered.
    block: what is kept of all draws.
    at: (n_at,) times.
    """

    folder: Path
    models: Sequence[ReducedModel]
    block: DrawBlock
    at: Floats

    def mine(self, comm: Comm) -> range:
        """Return the subdomains of this rank; of more ranks than subdomains some have none."""
        count = n_subdomains(self.models[0])
        return range(count * comm.rank // comm.size, count * (comm.rank + 1) // comm.size)

    def rows(self, time: int) -> list[tuple[ReducedModel, MemberRows]]:
        """Return the models that answered draws, with the draws' coordinates at one time."""
        pairs = zip(self.models, self.block.rows, strict=True)
        return [(model, rows.at(time)) for model, rows in pairs if len(rows.draws)]


def mesh_values(quantity: Quantity, answers: Answers, comm: Comm) -> Floats:
    """Return the (n_draws, n_at) values of a quantity that needs full fields; NaN where a draw did not converge.

    Raises
    ------
    ModelError: only the model.h5 is there.
    """
    values = np.full((len(answers.block.numbers), len(answers.at)), np.nan)
    for time in range(len(answers.at)):
        for model, rows in answers.rows(time):
            if quantity.source != "u" and quantity.source not in model.duals:
                values[rows.draws, time] = 0.0  # zero in the training
                continue
            pieces = together(comm, lambda m=model, r=rows: model_pieces(answers.folder, m, r, answers.mine(comm)))  # type: ignore[misc]
            values[rows.draws, time] = mesh_quantity(quantity, pieces, len(rows.draws), comm)
    return values


def columns_of(field: str, width: int) -> tuple[str, ...]:
    """Return the components of a field whose quantiles are taken, its invariant last.

    >>> columns_of("u", 3)
    ('x', 'y', 'z', 'magnitude')
    """
    last = default_component(field, width)
    return NAMES.get(width, ()) if is_linear(last) else (*NAMES[width], last)


def widths_of(models: Sequence[ReducedModel]) -> dict[str, int]:
    """Return field -> number of components, of all that some models give."""
    return {"u": 3, **{field: basis.components for model in models for field, basis in model.duals.items()}}


def write_field_quantiles(out: Path, answers: Answers, output: Output, comm: Comm) -> None:
    """Write quantiles and exceedance probabilities of fields: per subdomain, then `quantiles.xdmf` of the whole mesh.

    Parameters
    ----------
    out: folder of the study.
    answers: of all draws.
    output: which fields, quantiles and thresholds.
    comm: the ranks; each takes its subdomains.

    Raises
    ------
    ModelError: only the model.h5 is there.
    """
    together(comm, lambda: _write_parts(out, answers, output, answers.mine(comm)))
    on_root(comm, lambda: _write_whole(out, answers, output))


def _write_parts(out: Path, answers: Answers, output: Output, indices: Sequence[int]) -> None:
    """Write the quantiles on some subdomains."""
    for index in indices:
        fields = {field: field_quantiles(answers, field, output, index) for field in output.fields}
        with atomic_file(out / "fields" / part_name(index)) as path:
            write_head(path, KIND, fields=fields, quantiles=output.quantiles, at=answers.at)


def field_quantiles(answers: Answers, field: str, output: Output, index: int) -> Floats:
    """Return the quantiles of a field on one subdomain, and its probability to exceed the threshold, if it has one.

    Parameters
    ----------
    answers: of all draws.
    field: "u" or a dual field.
    output: which quantiles and thresholds.
    index: of the subdomain.

    Returns
    -------
    (n_at, n_quantiles (+ 1), n_entities, n_columns) float, columns of `columns_of`; the last row is the probability.
    """
    shapes = {
        model.model_id: read_mode_field(answers.folder, model.model_id, index, field)
        for model in answers.models
        if field == "u" or field in model.duals
    }
    width = widths_of(answers.models)[field]
    columns = columns_of(field, width)
    first = next(iter(shapes.values()))
    n_entities = first.displacement.shape[1] if field == "u" else first.duals[field].shape[1]
    threshold = output.thresholds.get(field)
    n_rows = len(output.quantiles) + (threshold is not None)
    found = np.zeros((len(answers.at), n_rows, n_entities, len(columns)))
    for time in range(len(answers.at)):
        members = answers.rows(time)
        n_draws = sum(len(rows.draws) for _, rows in members)
        for part in _parts(n_entities, n_draws * len(columns)):
            values = np.concatenate(
                [
                    reconstruct(take_entities(shapes[model.model_id], field, part), rows, field, slice(None))
                    if model.model_id in shapes
                    else np.zeros((len(rows.draws), part.stop - part.start, width))
                    for model, rows in members
                ]
            )
            for k, column in enumerate(columns):
                chosen = np.ascontiguousarray(select(values, column).T)
                if threshold is not None:
                    found[time, -1, part, k] = (chosen > threshold).mean(axis=1)
                found[time, : len(output.quantiles), part, k] = quantiles(chosen, output.quantiles)
    return found


def _parts(count: int, per_entity: int) -> Iterator[slice]:
    """Yield parts of the entities whose values in all draws fit into a block."""
    size = max(1, BLOCK // max(1, per_entity))
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def _write_whole(out: Path, answers: Answers, output: Output) -> None:
    """Write the fields of all subdomains to one file for viewing: means over each element of its points."""
    model = answers.models[0]
    count = n_subdomains(model)
    merged = merge([read_subdomain(answers.folder, model.model_id, index) for index in range(count)])
    parts: list[Mapping[str, Floats]] = [
        read_head(out / "fields" / part_name(index), KIND, "fields") for index in range(count)
    ]
    places = {
        name: (field, row, column)
        for field in output.fields
        for name, row, column in _named(field, widths_of(answers.models)[field], output)
    }
    infos = {name: FieldInfo("node" if entry[0] == "u" else "point", ("",)) for name, entry in places.items()}

    def read(name: str, time: int) -> Floats:
        field, row, column = places[name]
        values = [part[field][time, row, :, column : column + 1] for part in parts]
        return merged.join_nodes(values) if field == "u" else merged.join_points(values)

    write_series(out / "quantiles.xdmf", merged.mesh, answers.at, infos, read)


def _named(field: str, width: int, output: Output) -> Iterator[tuple[str, int, int]]:
    """Yield name, row and column of every scalar field that is written: "stress_mises_q95", "p_above_0.01"."""
    columns = columns_of(field, width)
    for k, column in enumerate(columns):
        stem = f"{field}_{column}" if column else field
        for row, probability in enumerate(output.quantiles):
            yield f"{stem}_q{100.0 * probability:g}", row, k
    if field in output.thresholds:
        stem = f"{field}_{columns[-1]}" if columns[-1] else field
        yield f"{stem}_above_{output.thresholds[field]:g}", len(output.quantiles), len(columns) - 1

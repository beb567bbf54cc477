"""The section of a model: what was modelled, how it was trained, what is known of its error."""

from collections.abc import Iterator

from romtool.report.case_blocks import law_table, loading_blocks, mesh_table, units_table
from romtool.report.charts import calibration_charts, cluster_chart, training_charts
from romtool.report.content import DictionaryFacts, ModelFacts, TrainingFacts
from romtool.report.document import Block, Column, Heading, Section, Table, Text, Value, facts, note
from romtool.report.judgement import worst_training
from romtool.report.units import Units
from romtool.report.words import count, number, plural


def model_section(model: ModelFacts, units: Units, number_: int) -> Section:
    """Return all that is known of a model; `number_` counts the models of the report from 1."""
    blocks = (*_case(model, units), *_training(model), *_quality(model))
    return Section(f"model-{number_}", f"Case and training of {model.label}", blocks)


def _case(model: ModelFacts, units: Units) -> Iterator[Block]:
    """Yield what was modelled."""
    if model.parent:
        yield Text(f"Enriched from model {model.parent}: unbalance and settings below are those of its training.")
    yield Heading("Case")
    yield mesh_table(model.mesh, units) if model.mesh is not None else _bare_mesh(model.training)
    yield units_table(units)
    yield from map(law_table, model.laws)
    if model.training.sources:
        yield facts("Training simulations and their files", model.training.sources)
    yield Heading("Loading of the first training simulation")
    yield from loading_blocks(model.loading, units)


def _bare_mesh(training: TrainingFacts) -> Table:
    """Return what is known of a mesh without its files."""
    rows = {
        "nodes": Value(training.n_nodes, "count"),
        "integration points": Value(training.n_points_full, "count"),
        "more": "not shown: the subdomain files are not beside model.h5",
    }
    return facts("Mesh", rows)


def _training(model: ModelFacts) -> Iterator[Block]:
    """Yield how the model was trained and what it lost on its training."""
    training = model.training
    yield Heading("Training")
    yield _reduction_table(training)
    if training.errors:
        yield _error_table(model)
    else:
        yield note("Errors on the training were not recorded.")
    if training.gappy:
        yield _gappy_table(training)
    yield from training_charts(training)
    if model.points.pictures or model.points.missing:
        yield Heading("Reduced points on the mesh")
        yield from model.points.blocks()


def _reduction_table(training: TrainingFacts) -> Table:
    """Return the sizes and errors of the reduction."""
    rows = {
        "displacement modes": Value(training.n_modes, "count"),
        "discarded part of the snapshots": Value(training.pod_error),
        **{
            f"modes of {spectrum.field}": Value(spectrum.kept, "count")
            for spectrum in training.spectra
            if spectrum.field != "u"
        },
        "points with weight": f"{count(training.n_points)} of {count(training.n_points_full)}",
        "points in all": Value(training.n_sampled, "count"),
        "quadrature error, relative": Value(training.quadrature_error),
        "volume error, relative": Value(training.volume_error),
    }
    if training.zero_fields:
        rows["zero in all training"] = ", ".join(training.zero_fields)
    return facts("Reduction", rows)


def _error_table(model: ModelFacts) -> Table:
    """Return the errors of a model on its own training, the largest one bold."""
    errors, worst = model.training.errors, worst_training(model)
    fields = list(next(iter(errors.values())))
    rows = tuple(
        (name, *(Value(found.get(f), "percent", bold=(found.get(f), f, name) == worst) for f in fields))
        for name, found in errors.items()
    )
    return Table(
        "Error of the model on its own training, relative",
        (Column("simulation"), *(Column(field, "percent") for field in fields)),
        rows,
        "The model is marched through each training loading and compared with the imported displacements and the "
        "fields recomputed from them: largest L2 norm of the difference over time, relative to the largest of the "
        "field. The largest is in bold.",
    )


def _gappy_table(training: TrainingFacts) -> Table:
    """Return how well the samples determine the dual fields."""
    return Table(
        "Gappy reconstruction of the fields from the reduced points",
        (
            Column("field"),
            *(Column(name, "count") for name in ("modes", "sampled values")),
            *(Column(name, "number") for name in ("condition", "amplification")),
        ),
        tuple((e.field, e.n_modes, e.n_rows, e.condition, e.amplification) for e in training.gappy),
        "Condition: ratio of the extreme singular values of the modes at the reduced points. Amplification: an error "
        "of the samples grows at most by this factor, in the norm of orthonormal modes.",
    )


def _quality(model: ModelFacts) -> Iterator[Block]:
    """Yield what the indicator was calibrated with, and what the training covers."""
    yield Heading("Error indicator")
    spans = ("indicator", "expected error", "95 % bound")
    yield Table(
        "Calibration: what the indicator says about the error",
        (Column("field"), Column("pairs", "count"), *(Column(name) for name in spans)),
        tuple(
            (
                entry.field,
                len(entry.pairs),
                *(
                    f"{number(float(values.min()), 2)} … {number(float(values.max()), 2)}"
                    for values in (entry.misfit, entry.expected, entry.bound)
                ),
            )
            for entry in model.calibrations
        ),
        "Indicator: misfit of the gappy fit at the reduced points, relative to the largest sample so far. Its relation "
        "to the error was learnt from poorer models run through the training; beyond the range here the error is not "
        "known.",
    )
    spanned = plural(model.domain.n_fields, "independent change")
    yield Table(
        "Validity domain: what the training covers",
        (Column("what"), Column("smallest", "number"), Column("largest", "number"), Column("unit")),
        model.domain.ranges,
        f"The temperature fields of the training span {spanned} from the initial temperature.",
    )
    yield from calibration_charts(model.calibrations)


def dictionary_section(facts_: DictionaryFacts, number_: int) -> Section:
    """Return how a training was divided between local models."""
    rows = tuple(
        (member, facts_.items[medoid], int((facts_.labels == k).sum()))
        for k, (member, medoid) in enumerate(zip(facts_.members, facts_.medoids, strict=True))
    )
    what = "increments" if facts_.by == "time" else "simulations"
    blocks: list[Block] = [
        Table(
            "Local models",
            (Column("model"), Column("medoid"), Column(what, "count")),
            rows,
            "The medoid is in the middle of its cluster. The selector puts "
            f"{number(100.0 * facts_.accuracy)} % of the training into its cluster.",
        ),
        cluster_chart(facts_),
    ]
    if len(facts_.items) > len(facts_.members):
        blocks.append(
            Table(
                "Members of the clusters",
                (Column(what[:-1]), Column("cluster", "count")),
                tuple((name, int(label)) for name, label in zip(facts_.items, facts_.labels, strict=True))[
                    :MOST_MEMBERS
                ],
                f"{count(len(facts_.items))} in all, the first {MOST_MEMBERS} are shown."
                if len(facts_.items) > MOST_MEMBERS
                else "",
            )
        )
    return Section(f"clusters-{number_}", f"Clusters of {facts_.label}", tuple(blocks))


MOST_MEMBERS = 60
"""Items of clusters in a table."""

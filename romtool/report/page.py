"""One self-contained HTML page of a report: template, style sheet, charts and pictures in a single text."""

from base64 import b64encode
from dataclasses import dataclass
from itertools import count as numbers
from pathlib import Path
from typing import Any

from romtool.report import charts, words
from romtool.report.content import HistoryFacts, ModelFacts, Picture, Report
from romtool.report.figures import Chart, draw
from romtool.report.study import StudyFacts, study_charts

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class LegendEntry:
    """One line of a legend; `colour` counts from 1, 0 is the background; `scatter` for markers alone."""

    label: str
    colour: int
    dashed: bool
    scatter: bool


@dataclass(frozen=True)
class Figure:
    """A chart as the template shows it: the SVG is markup, all else is text."""

    title: str
    svg: Any
    legend: tuple[LegendEntry, ...]
    note: str


@dataclass(frozen=True)
class ModelView:
    """A model with its figures."""

    facts: ModelFacts
    loading: list[Figure]
    training: list[Figure]
    calibration: list[Figure]
    worst: tuple[float, str, str] | None


@dataclass(frozen=True)
class StudyView:
    """A study with its figures."""

    facts: StudyFacts
    figures: list[Figure]


@dataclass(frozen=True)
class HistoryView:
    """A history with its figures; `drawn_with` are the results whose charts hold its curves.

    `rows` and `indicator` tell what is known of the error of an online result.
    """

    facts: HistoryFacts
    reference: HistoryFacts | None
    drawn_with: list[str]
    loading: list[Figure]
    rows: list[words.IndicatorRow]
    indicator: list[Figure]
    figures: list[Figure]
    errors: list[Figure]
    speed_up: float | None


class Artist:
    """Draws charts with ids that are unique on the page."""

    def __init__(self) -> None:
        self._numbers = numbers(1)

    def figures(self, given: tuple[Chart, ...]) -> list[Figure]:
        """Return the figures of charts."""
        return [self._figure(chart) for chart in given]

    def _figure(self, chart: Chart) -> Figure:
        from markupsafe import Markup

        svg = Markup(draw(chart, f"figure-{next(self._numbers)}"))
        entries = [LegendEntry(line.label, line.colour + 1, line.dashed, line.scatter) for line in chart.lines]
        shown = list(dict.fromkeys(entries))
        bare = len(shown) == 1 and not shown[0].dashed and chart.lines[0].upper is None
        return Figure(chart.title, svg, () if bare else tuple(_in_order(shown)), chart.note)


def _in_order(entries: list[LegendEntry]) -> list[LegendEntry]:
    """Return the entries by colour, the background last."""
    return sorted(entries, key=lambda entry: entry.colour or 1000)


def page(report: Report) -> str:
    """Return the HTML of a report.

    The page needs no network and no script; all texts are escaped; light or dark follows the reader's settings.

    Parameters
    ----------
    report: what to show.
    """
    artist, units = Artist(), report.units
    return render(
        "page.html",
        report=report,
        tiles=words.tiles(report),
        sentences=words.sentences(report),
        models=[_model(model, report, artist) for model in report.models],
        histories=[_history(history, report, artist) for history in report.histories],
        studies=[
            StudyView(s, artist.figures(study_charts(s, charts.axis("time", units.time)))) for s in report.studies
        ],
        costs=_costs(report),
        matching=charts.matching,
    )


def render(template: str, **values: Any) -> str:
    """Return a template of this folder filled with values and the style sheet; all texts are escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for name in ("number", "count", "percent", "duration", "plural", "with_unit", "factor"):
        environment.filters[name] = getattr(words, name)
    environment.filters["picture"] = _data_url
    style = Markup((_HERE / "page.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(style=style, **values)


def _data_url(picture: Picture) -> str:
    return "data:image/png;base64," + b64encode(picture.png).decode("ascii")


def _model(model: ModelFacts, report: Report, artist: Artist) -> ModelView:
    """Return a model with its figures."""
    return ModelView(
        facts=model,
        loading=artist.figures(charts.loading_charts(model.loading, report.units)),
        training=artist.figures(charts.training_charts(model.training)),
        calibration=artist.figures(charts.calibration_charts(model.calibrations)),
        worst=words.worst_training(model),
    )


def _history(history: HistoryFacts, report: Report, artist: Artist) -> HistoryView:
    """Return a history with its figures; those of a reference are in the charts of the results."""
    reference = report.history(history.reference)
    drawn_with = [other.label for other in report.histories if other.reference == history.label]
    own_loading = history.loading is not None and not history.same_loading and not drawn_with
    return HistoryView(
        facts=history,
        reference=reference,
        drawn_with=drawn_with,
        loading=artist.figures(charts.loading_charts(history.loading, report.units))
        if own_loading and history.loading is not None
        else [],
        rows=words.indicator_rows(history),
        indicator=artist.figures(charts.indicator_charts(history, report.units)),
        figures=artist.figures(charts.history_charts(history, reference, report.units)) if not drawn_with else [],
        errors=artist.figures((charts.error_chart(history.errors, report.units),)) if history.errors else [],
        speed_up=words.speed_up(history, report),
    )


@dataclass(frozen=True)
class Cost:
    """The seconds of one phase, and its part of its stage."""

    stage: str
    phase: str
    seconds: float
    part: float


def _costs(report: Report) -> list[Cost]:
    """Return the recorded seconds of all phases of all stages; an enriched model has those of its parent."""
    stages = [(f"offline, {model.label}", model.seconds) for model in report.models if not model.parent]
    stages += [(f"{history.label}, {history.kind}", history.seconds) for history in report.histories]
    stages += [(f"study {study.label}", study.seconds) for study in report.studies]
    return [
        Cost(stage, phase, value, value / sum(seconds.values()) if value else 0.0)
        for stage, seconds in stages
        for phase, value in seconds.items()
    ]

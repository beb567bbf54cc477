"""Facts for reports: what the error indicator said of an online result."""

from collections.abc import Mapping, Sequence

import numpy as np

from romtool.online.adapt import Enrichment
from romtool.reduced.indicator import ELASTIC, OUTSIDE, Indication
from romtool.report.indication import FieldIndication, IndicatorFacts, RepairFacts


def indicator_facts(
    indications: Mapping[str, Indication], outside: Sequence[str], repairs: Sequence[Enrichment], tolerance: float
) -> IndicatorFacts:
    """Return what is known of the error of an online result.

    Parameters
    ----------
    indications: field -> error indication of every time.
    outside: sentences on what the training does not cover.
    repairs: of the model on the way.
    tolerance: largest error bound that a step may have.
    """
    fields = tuple(_field(field, entry) for field, entry in indications.items())
    return IndicatorFacts(tolerance, tuple(outside), fields, tuple(map(_repair, repairs)))


def _field(field: str, entry: Indication) -> FieldIndication:
    """Return what is known of the error of one field."""
    elastic = entry.status == ELASTIC
    indicator = np.where(elastic, np.nan, entry.indicator)
    return FieldIndication(field, indicator, entry.expected, entry.bound, elastic, entry.status == OUTSIDE)


def _repair(entry: Enrichment) -> RepairFacts:
    """Return one repair."""
    return RepairFacts(
        step=entry.step,
        time=entry.time,
        indicator={name: np.where(np.isnan(entry.bound[name]), np.nan, v) for name, v in entry.indicator.items()},
        bound=dict(entry.bound),
        errors=dict(entry.errors),
        n_modes=entry.n_modes,
        n_points=entry.n_points,
        iterations=entry.iterations,
        seconds=sum(entry.seconds.values()),
    )

"""Which of the histories of a report is the reference of which online result."""

from collections.abc import Mapping, Sequence

import numpy as np

from romtool.pipeline.report_sources import ONLINE, SOLUTION, OpenedHistory

Warnings = list[tuple[str, str]]

References = Mapping[str, OpenedHistory]
"""Label of an online result -> the history that its errors refer to."""


def find_references(histories: Sequence[OpenedHistory]) -> tuple[References, Warnings]:
    """Return the reference of each online result, and say where there is none though other histories were given.

    Parameters
    ----------
    histories: of the report.
    """
    found: dict[str, OpenedHistory] = {}
    remarks: Warnings = []
    results = [entry for entry in histories if entry.kind == ONLINE and entry.results is not None]
    others = [entry for entry in histories if entry.kind != ONLINE and entry.results is not None]
    for entry in results if others else ():
        reference, remark = _reference(entry, results, others)
        if reference is not None:
            found[entry.label] = reference
        if remark:
            remarks.append((entry.label, remark))
    return found, remarks


def _reference(
    entry: OpenedHistory, results: Sequence[OpenedHistory], others: Sequence[OpenedHistory]
) -> tuple[OpenedHistory | None, str]:
    """Return the reference of one result and a remark on it.

    It is the one other history on the same mesh; of several, the solution of the load of that name. A solution that
    answers the load of another result is no reference.
    """
    candidates = [other for other in others if same_nodes(entry, other)]
    named = [other for other in candidates if _load_name(other) == _load_name(entry)]
    if len(candidates) != 1:
        return (named[0], "") if len(named) == 1 else (None, _no_reference(len(others), len(candidates)))
    (other,) = candidates
    name = _load_name(other)
    if named or other.kind != SOLUTION:
        return other, ""
    if name in {_load_name(result) for result in results}:
        return None, f"no errors: {other.label} answers the load {name!r} of another result"
    return other, f"the reference {other.label} answers the load {name!r}: the errors hold the difference of the loads"


def same_nodes(entry: OpenedHistory, other: OpenedHistory) -> bool:
    """Tell whether two histories are on the same nodes."""
    if entry.results is None or other.results is None:
        return False
    return np.array_equal(entry.results.mesh.node_ids, other.results.mesh.node_ids)


def _load_name(entry: OpenedHistory) -> str:
    return entry.loading.name if entry.loading is not None else ""


def _no_reference(n_others: int, n_candidates: int) -> str:
    """Say why a result has no reference."""
    if not n_candidates:
        return f"no errors: none of the other histories ({n_others}) is on its mesh"
    return (
        f"no errors: {n_candidates} other histories are on its mesh and none is its reference by name; "
        "give one, or use romtool compare"
    )

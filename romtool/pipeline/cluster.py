"""`romtool cluster`: whether a case's simulations are worth several local bases, before any training."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.io.case import Case, read_case
from romtool.laws import named_by, open_plugins
from romtool.linalg.reduction import Comm
from romtool.offline.clock import Clock, Say
from romtool.offline.cluster_fields import Snapshots, collect
from romtool.offline.clusters import Kind, members, planar_map, snapshot_energies
from romtool.offline.efficiency import Efficiency, difference, efficiency, largest_count
from romtool.pipeline.dataset import dataset_folder, import_case
from romtool.pipeline.folders import read_head
from romtool.pipeline.offline import load_training
from romtool.pipeline.ranks import on_root, shared_output_folder, together
from romtool.progress import Track, untracked
from romtool.report.cluster_figures import ClusterFacts, save_cluster_figures
from romtool.settings import Settings
from romtool.types import Floats

LEAST_SIMULATIONS = 4


def cluster(
    case_path: Path, out: Path | None, comm: Comm, say: Say, *, overwrite: bool = False, track: Track = untracked
) -> tuple[Path, dict[str, Any]]:
    """Judge how many local bases a case is worth; write the findings and their figures.

    Parameters
    ----------
    case_path: the case file.
    out: folder to write; `clusters` beside the case file where None.
    comm: the ranks.
    say: takes sentences about what is done.
    overwrite: replace an existing folder when the new one is complete.
    track: begins to show how far the import and the snapshots are.

    Returns
    -------
    The folder and the document that is written to its `clusters.json`, on every rank.

    Raises
    ------
    RomtoolError: wrong input, too few simulations, a field that is zero; nothing is written then.
    """
    case = on_root(comm, lambda: _read(case_path))
    settings, folder = case.settings, out or case_path.parent / "clusters"
    together(comm, lambda: open_plugins(named_by(case.overrides.materials)))
    with shared_output_folder(folder, comm, overwrite=overwrite) as temporary:
        dataset = import_case(case_path, comm, say, track=track)
        training = load_training(dataset_folder(case_path), dataset, comm)
        clock = Clock(say, track=track)
        with clock.phase("modes", f"modes of {settings.clusters.field} of {len(training.runs)} simulations"):
            snapshots = collect(training, settings, comm, clock)
        say(f"clusters of up to {largest_count(snapshots.starts, settings.clusters)}")
        document = on_root(comm, lambda: _judge(case, snapshots, temporary))
    for sentence in document["warnings"]:
        say(f"warning: {sentence}")
    return folder, document


def _read(case_path: Path) -> Case:
    """Read a case that has enough simulations.

    Raises
    ------
    CaseError: too few.
    """
    case = read_case(case_path)
    n_simulations = len(case.simulations)
    if case.settings.clusters.by == "simulation" and n_simulations < LEAST_SIMULATIONS:
        raise CaseError(
            f"{case_path}: {n_simulations} [[simulations]]; {LEAST_SIMULATIONS} or more are needed to leave some out "
            'and still have clusters; add some, or set [clusters] by = "time"'
        )
    return case


def _judge(case: Case, snapshots: Snapshots, folder: Path) -> dict[str, Any]:
    """Compute the criterion, write it and its figures; return the document."""
    settings = case.settings
    found = efficiency(snapshots.basis, snapshots.starts, settings.clusters, settings.pod)
    positions = planar_map(found.dissimilarity)
    document = _document(case, snapshots, found, positions)
    chosen = found.partitions[found.recommended - 1]
    document["figures"] = save_cluster_figures(
        ClusterFacts(
            names=snapshots.items(settings.clusters.by),
            labels=chosen.labels,
            medoids=chosen.medoids,
            dissimilarity=found.dissimilarity,
            measure=settings.clusters.dissimilarity,
            positions=positions,
            curves=found.held_out.curves.mean(axis=1),
            n_modes=found.n_modes,
        ),
        folder,
    )
    (folder / "clusters.json").write_text(json.dumps(_plain(document), indent=1), encoding="utf-8")
    return document


def _document(case: Case, snapshots: Snapshots, found: Efficiency, positions: Floats) -> dict[str, Any]:
    """Return all findings."""
    settings = case.settings.clusters
    names, chosen = snapshots.items(settings.by), found.partitions[found.recommended - 1]
    groups = members(chosen.labels, found.dissimilarity, settings.overlap)
    return {
        "case": case.name,
        "n_simulations": len(snapshots.names),
        "n_snapshots": len(snapshots.times),
        "by": settings.by,
        "field": settings.field,
        "dissimilarity": settings.dissimilarity,
        "recommended": found.recommended,
        "n_modes": found.n_modes,
        "n_third": found.gains.n_pilot,
        "counts": [_count(found, row) for row in range(len(found.errors))],
        "clusters": [
            {
                "medoid": names[medoid],
                "members": [names[i] for i in np.flatnonzero(chosen.labels == number)],
                "trained_on": [names[i] for i in groups[number]],
            }
            for number, medoid in enumerate(chosen.medoids)
        ],
        "items": names,
        "map": positions.tolist(),
        "dissimilarities": found.dissimilarity.tolist() if settings.by == "simulation" else None,
        "other": _other(case.settings, snapshots, found),
        "budget": _budget(case),
        "warnings": _unresolved(snapshots, case.settings.pod.tolerance),
    }


def _other(settings: Settings, snapshots: Snapshots, found: Efficiency) -> dict[str, Any]:
    """Return how the other dissimilarity does, with as many clusters and modes."""
    other: Kind = "euclidean" if settings.clusters.dissimilarity == "sine" else "sine"
    changed = replace(settings.clusters, dissimilarity=other)
    judged = efficiency(snapshots.basis, snapshots.starts, changed, settings.pod)
    mean, deviation = difference(found, judged, found.recommended, settings.clusters.seed)
    return {
        "dissimilarity": other,
        "error_equal_modes": float(judged.held_out.curves[found.recommended - 1, :, found.n_modes].mean()),
        "larger_by": mean,
        "larger_by_error": deviation,
    }


def _count(found: Efficiency, row: int) -> dict[str, Any]:
    """Return what is known of one number of clusters."""
    pilots = found.gains.pilots[:, row]
    defined = bool(np.isfinite(pilots).all())
    return {
        "count": row + 1,
        "n_clusters": found.partitions[row].n_clusters,
        "spread": float(found.gains.spreads[row]),
        "gain": float(found.gains.gains[row]),
        "gain_interval": found.gains.intervals[row].tolist(),
        "gain_third": float(pilots.mean()) if defined else None,
        "gain_third_deviation": float(pilots.std()) if defined else None,
        "error": float(found.errors[row]),
        "error_interval": found.intervals[row].tolist(),
        "modes": float(found.held_out.modes[row].mean()),
        "error_equal_modes": float(found.equal_modes[row]),
        "advantage": float(found.advantage[row, 0]),
        "advantage_error": float(found.advantage[row, 1]),
        "curve": found.held_out.curves[row].mean(axis=0).tolist(),
    }


def _unresolved(snapshots: Snapshots, tolerance: float) -> list[str]:
    """Say which simulations are so small that the modes of all do not show them to the tolerance."""
    energies = snapshot_energies(snapshots.basis, snapshots.starts)
    lost = np.add.reduceat(snapshots.basis.remainders[: snapshots.starts[-1]] ** 2, snapshots.starts[:-1])
    names = [snapshots.names[i] for i in np.flatnonzero(lost > tolerance**2 * energies)]
    if not names:
        return []
    return [
        f"the modes of all simulations leave more than the tolerance of {', '.join(names)}, which are small beside the "
        "others: they count as unlike all else; give a smaller [pod] tolerance, or leave them out"
    ]


def _budget(case: Case) -> dict[str, Any] | None:
    """Return how many training simulations the budget of the case buys."""
    budget, hours = case.settings.clusters.budget, case.settings.clusters.simulation_hours
    if budget is None:
        return None
    source = "case"
    if hours is None:
        seconds = [found for entry in case.simulations for path in entry.results if (found := _solve_seconds(path))]
        hours, source = (float(np.mean(seconds)) / 3600.0, "results") if seconds else (None, "")
    count = None if hours is None else int(budget / hours * (1.0 + 1e-12))
    return {"hours": budget, "simulation_hours": hours, "source": source, "simulations": count}


def _solve_seconds(path: Path) -> float:
    """Return how long a solution of `romtool solve` took; 0 for other results."""
    head = path / "solution.h5"
    return float(read_head(head, "solution", "provenance").seconds.get("solve", 0.0)) if head.is_file() else 0.0


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document without what is not finite, which JSON lacks."""
    return json.loads(json.dumps(document), parse_constant=lambda _: None)

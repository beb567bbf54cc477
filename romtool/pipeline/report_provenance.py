"""Where the contents of a report come from, and what its readers should be warned of."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from romtool.io.atomic import digest_files
from romtool.pipeline.folders import model_file
from romtool.pipeline.report_sources import ONLINE, SOLUTION, OpenedHistory, OpenedModel

TOTAL = {
    ".log": re.compile(r"Total CalculiX Time:\s+([\d.]+)"),
    ".msg": re.compile(r"WALLCLOCK TIME \(SEC\)\s*=\s*(\d+)"),
}
"""Suffix of a file beside the results, of the same name -> where it tells the seconds of the run."""
TAIL = 1 << 16
"""Bytes at the end of such a file that are read."""

Rows = tuple[tuple[str, str], ...]

DIGEST_LIMIT = 1 << 30
"""Bytes of input files beyond which a page has no digest of them."""


def model_warnings(entry: OpenedModel) -> list[tuple[str, str]]:
    """Return what a user of a model should read."""
    statistics = dict(entry.model.statistics)
    texts = [str(text) for text in statistics.get("warnings", ())]  # type: ignore[attr-defined]
    return [(entry.label, text) for text in texts]


def history_warnings(entry: OpenedHistory) -> list[tuple[str, str]]:
    """Return what a user of a history should read."""
    texts = list(entry.results.warnings) if entry.results is not None else []
    if entry.results is None:
        texts.append(f"no fields: {entry.reason}")
    if entry.indicator is not None:
        texts += [f"outside the training: {text}" for text in entry.indicator.outside]
    if entry.history is not None and int(entry.history.cuts.max(initial=0)):
        times = entry.history.times[entry.history.cuts > 0]
        texts.append(f"{len(times)} steps had to be cut, the first before time {times[0]:.6g}")
    return [(entry.label, text) for text in texts]


def model_provenance(entry: OpenedModel) -> tuple[str, Rows]:
    """Return where a model comes from."""
    head, statistics = model_file(entry.path), dict(entry.model.statistics)
    versions = dict(statistics.get("versions", {}))  # type: ignore[call-overload]
    rows = [
        ("kind", "model"),
        ("path", str(entry.path)),
        ("model id", entry.model.model_id),
        *([("enriched from model", str(statistics["parent"]))] if "parent" in statistics else []),
        ("input digest", str(statistics.get("digest", "not recorded"))),
        ("digest of the node ids", str(statistics.get("node_ids", "not recorded"))),
        ("file written", _written(head)),
        ("SHA-256 of model.h5", _digest((head,))),
        *made_with(versions),
    ]
    return entry.label, tuple(rows)


SPECIAL = {
    "machine": "machine",
    "processor": "processor",
    "ranks": "ranks",
    "git": "state of the sources (git)",
    "command": "command line",
}
"""What is recorded beside the versions -> its name in a report."""


def made_with(versions: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the rows on programs, machine, ranks and command."""
    plain = ", ".join(f"{name} {version}" for name, version in versions.items() if name not in SPECIAL)
    known = [(name, str(versions[key])) for key, name in SPECIAL.items() if versions.get(key)]
    return [("made with", plain or "not recorded"), *known]


def history_provenance(entry: OpenedHistory) -> tuple[str, Rows]:
    """Return where a history comes from."""
    names = {ONLINE: ("model", "model id"), SOLUTION: ("case", "digest of loading and materials")}
    heads = {ONLINE: "result.h5", SOLUTION: "solution.h5"}
    rows = [("kind", entry.kind), ("path", str(entry.path))]
    files: tuple[Path, ...] = (entry.path / heads[entry.kind],) if entry.kind in heads else (entry.path,)
    if entry.provenance is not None:
        source, identity = names[entry.kind]
        rows += [(source, entry.provenance.source), (identity, entry.provenance.source_id)]
    elif entry.results is not None:
        files = entry.results.paths
        rows += [("format", entry.results.format), ("files", ", ".join(str(path) for path in files))]
    rows += [("file written", _written(files[0])), (f"SHA-256 of {heads.get(entry.kind, 'the files')}", _digest(files))]
    if entry.provenance is not None:
        rows += made_with(entry.provenance.versions)
    return entry.label, tuple(rows)


def _written(path: Path) -> str:
    """Return the modification time of a file."""
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _digest(paths: Sequence[Path]) -> str:
    """Return the digest of one file, or of the digests of several; none for very large ones."""
    if sum(path.stat().st_size for path in paths if path.is_file()) > DIGEST_LIMIT:
        return "not computed (more than 1 GiB)"
    return digest_files(path for path in paths if path.is_file())


def recorded_seconds(path: Path) -> dict[str, float]:
    """Return the seconds that a solver tells in a file beside its results: CalculiX's output as .log, or .msg."""
    if path.is_dir():
        return {}
    for suffix, pattern in TOTAL.items():
        beside = path.with_suffix(suffix)
        if beside.is_file():
            with beside.open("rb") as file:
                file.seek(max(0, beside.stat().st_size - TAIL))
                if found := pattern.findall(file.read().decode("utf-8", errors="replace")):
                    return {"solve": float(found[-1])}
    return {}

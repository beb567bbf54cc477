"""What `romtool info` prints: a description as a few short tables of plain texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from romtool.report.plain import MOST, Brief, bytes_of, facts, listed, sentences, span, table, text, times_of
from romtool.report.words import duration

Description = Mapping[str, Any]

AROUND = ("romtool", "git", "machine", "processor", "ranks", "command")
"""What is recorded among the versions and is no package."""

LIFE = ("cycles_to_failure", "strain_range", "mean_stress", "delta_p", "max_temperature")
"""What is shown of a critical spot."""


def briefs(found: Description) -> list[Brief]:
    """Return the tables of a description, the empty ones left out.

    Parameters
    ----------
    found: what `romtool info --json` prints, with its "kind".
    """
    tables = _KINDS.get(str(found["kind"]), _anything)(found)
    return [table for table in tables if table.rows]


def _mesh(found: Description) -> Brief:
    """Return the counts of a mesh."""
    return facts(
        "mesh",
        ("nodes", found.get("n_nodes")),
        ("elements", found.get("n_elements")),
        ("cells", found.get("cells")),
        ("formulations", found.get("formulations")),
    )


def _sets(found: Description) -> Brief:
    """Return the named sets with their sizes."""
    kinds = {"node_sets": "nodes", "element_sets": "elements", "side_sets": "sides"}
    known = [(word, found[key]) for key, word in kinds.items() if found.get(key)]
    return Brief("sets", tuple((word, str(len(sets)), text(sets)) for word, sets in known), ("of", "count", "names"))


def _solver_results(found: Description) -> list[Brief]:
    """Return what solver files hold."""
    rows = [
        (
            name,
            info["location"],
            listed([entry for entry in info["components"] if entry] or ["scalar"]),
        )
        for name, info in found["fields"].items()
    ]
    return [
        facts("", ("format", found["format"]), ("times", times_of(found["times"]))),
        _mesh(found),
        _sets(found),
        table("fields", ("field", "at each", "components"), rows),
        sentences("warnings", found["warnings"]),
        sentences("lacking for a training", found["lacks"]),
    ]


def _deck(found: Description) -> list[Brief]:
    """Return what an input deck says."""
    head = facts("", ("format", found["format"]), ("times", times_of(found["times"])), ("results", found["results"]))
    return [
        head,
        _mesh(found),
        _sets(found),
        table("materials", ("elements", "law"), found["materials"].items()),
        table("loads", ("load", "kind"), found["loads"].items()),
        facts("supports", ("supports", found["dirichlet"]), ("tables", found["tables"])),
        sentences("warnings", found["warnings"]),
    ]


def _case(found: Description) -> list[Brief]:
    """Return what a case file says."""
    rows = [(entry["name"], entry["deck"], entry["results"], entry["load"]) for entry in found["sources"]]
    settings = [
        (f"[{name}]", "  ".join(f"{key} = {text(value)}" for key, value in entries.items()))
        for name, entries in found["settings"].items()
    ]
    return [
        facts("", ("case", found["name"]), ("dataset", found["dataset"])),
        table("simulations", ("name", "deck", "results", "load"), rows),
        Brief("settings", tuple(settings)),
    ]


def _load(found: Description) -> list[Brief]:
    """Return what a load file changes."""
    keys = ("loads", "tables", "dirichlet", "temperature", "time")
    return [facts("", ("load", found["name"])), Brief("changes", tuple((key, text(found[key])) for key in keys))]


def _dataset(found: Description) -> list[Brief]:
    """Return what a dataset holds."""
    rows = [
        (name, count, _largest(balance.get("unbalance")), _largest(balance.get("stress_difference")))
        for name, count in found["simulations"].items()
        for balance in [found["balance"].get(name, {})]
    ]
    return [
        facts(
            "",
            ("case", found["case"]),
            ("nodes", found["n_nodes"]),
            ("elements", found["n_elements"]),
            ("subdomains", found["n_subdomains"]),
            ("size", bytes_of(found["size"])),
        ),
        table("simulations", ("name", "times", "unbalance", "difference in stress"), rows),
        table("materials", ("elements", "law"), found["materials"].items()),
        _provenance(found, ("digest", found["digest"])),
        sentences("warnings", found["warnings"]),
    ]


def _largest(values: Any) -> float | None:
    """Return the largest of some numbers, None where there is none."""
    known = [value for value in (values.tolist() if hasattr(values, "tolist") else values or ()) if value == value]
    return max(known, default=None)


def _verdict(found: Description) -> list[Brief]:
    """Return the verdict and where it does not hold, of what has one."""
    verdict = found.get("verdict")
    if not verdict:
        return []
    return [
        sentences("verdict", [verdict["text"]]),
        sentences("limits", verdict["limits"]),
    ]


def _model(found: Description) -> list[Brief]:
    """Return what a model is and knows of itself."""
    return [
        *_verdict(found),
        facts(
            "model",
            ("id", found["model_id"]),
            ("case", found.get("case")),
            ("materials", found.get("materials")),
            ("simulations", found["simulations"]),
            ("loads", found["loads"]),
            ("sets for loads", [*found["side_sets"], *found["element_sets"]]),
            ("times", times_of(found["times"])),
        ),
        facts(
            "training",
            ("modes", f"{found['n_modes']} of u, {text(found['n_dual_modes'])}"),
            ("points", f"{found['n_points']} of {found['n_points_full']}, {found['n_sampled']} sampled"),
            ("left out by the modes", found["pod_error"]),
            ("error of the quadrature", found["quadrature_error"]),
            ("zero in the training", found["zero_fields"]),
        ),
        _indicator(found),
        Brief("validity domain", tuple(_domain(found["domain"]))),
        _costs(found),
        _provenance(found, ("dataset", found.get("digest"))),
        sentences("warnings", found.get("warnings", ())),
    ]


def _indicator(found: Description) -> Brief:
    """Return per field what a model's errors on its training are, and what its indicator can tell."""
    errors, calibration = found.get("training_errors", {}), found["calibration"]
    rows = [
        (name, errors.get(name), *(_calibrated(calibration[name]) if name in calibration else ("", "", "")))
        for name in dict.fromkeys((*errors, *calibration))
    ]
    return table("errors", ("field", "on the training", "pairs", "indicator up to", "bound up to"), rows)


def _calibrated(entry: Description) -> tuple[Any, ...]:
    """Return how much a calibration was learnt from and how far it reaches."""
    return entry["n_pairs"], entry["misfit"][1], entry["bound"][1]


def _domain(domain: Description) -> Iterable[tuple[str, str]]:
    """Yield what a training covers."""
    for name, ends in domain.items():
        if isinstance(ends, list | tuple):
            yield name, span(ends)
        else:
            yield name.replace("_", " "), text(ends)


def _costs(found: Description) -> Brief:
    """Return time and largest memory up to the end of each phase, and the size of the files."""
    seconds, memory, sizes = (found.get(key) or {} for key in ("seconds", "memory", "size"))
    rows = [
        (name, duration(seconds[name]) if name in seconds else "", bytes_of(memory[name]) if name in memory else "")
        for name in dict.fromkeys((*seconds, *memory))
    ]
    rows += [(name, "", bytes_of(value)) for name, value in sizes.items()]
    return Brief("costs", tuple(rows), ("phase or files", "time", "memory or size"))


def _provenance(found: Description, *more: tuple[str, Any]) -> Brief:
    """Return where something comes from."""
    versions = found.get("versions") or {}
    return facts(
        "provenance",
        ("created", found.get("created")),
        ("romtool", " ".join(str(versions[key]) for key in ("romtool", "git") if versions.get(key))),
        ("with", {name: value for name, value in versions.items() if name not in AROUND}),
        ("on", listed(str(versions[key]) for key in ("machine", "processor") if versions.get(key))),
        ("ranks", versions.get("ranks")),
        ("command", versions.get("command")),
        ("layout of the file", found.get("schema")),
        ("parent", found.get("parent")),
        *more,
        ("inputs", found.get("inputs")),
        ("lineage", [entry["id"] for entry in found.get("lineage", ())]),
    )


def _dictionary(found: Description) -> list[Brief]:
    """Return the local models of a dictionary, and what chooses between them."""
    rows = [
        (
            str(number),
            model["model_id"],
            model["n_modes"],
            model["n_points"],
            len(model["simulations"]),
            _largest(list(model.get("training_errors", {}).values())),
        )
        for number, model in enumerate(found["models"])
    ]
    columns = ("", "id", "modes", "points", "simulations", "training error")
    selector, first = found["selector"], found["models"][0]
    members: dict[str, list[str]] = {}
    for name, label in found["clusters"].items():
        members.setdefault(str(label), []).append(name)
    return [
        *_verdict(found),
        facts("dictionary", ("case", first.get("case")), ("clusters of", f"{found['by']}s")),
        table("local models", columns, rows),
        table("clusters", ("", "around", "holds"), _clusters(members, found["medoids"])),
        facts("selector", ("chosen rightly when left out", selector["accuracy"]), ("certainty", selector["certainty"])),
        _costs(first),
        _provenance({**first, "schema": found.get("schema")}, ("dataset", first.get("digest"))),
        sentences("warnings", first.get("warnings", ())),
    ]


def _clusters(members: Mapping[str, list[str]], medoids: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    """Yield number, medoid and members of each cluster."""
    for label in sorted(members, key=int):
        yield label, medoids[int(label)], listed(members[label])


def _result(found: Description) -> list[Brief]:
    """Return what an online result is."""
    words = list(next(iter(found["status"].values()), {}))
    rows = [(name, found["bound"][name], *(status[word] for word in words)) for name, status in found["status"].items()]
    several = len(found["probabilities"]) > 1
    return [
        *_verdict(found),
        facts(
            "result",
            ("load", found["name"]),
            ("model", f"{found['model_id']} in {found['model']}"),
            ("local model", f"{found['cluster']} of {len(found['probabilities'])}" if several else None),
            ("times", times_of(found["times"])),
            ("loads", {what: span(ends) for what, ends in found["loads"].items()}),
            ("modes", found["n_modes"]),
            ("fields", found["fields"]),
            ("iterations", found["iterations"]),
            ("repaired steps", found["enrichments"]),
            ("stopped", found["stopped"]),
            ("tolerance", found["tolerance"]),
        ),
        table("error indicator", ("field", "error below", *words), rows),
        table("quantities", ("quantity", "largest", "from"), _quantities(found)),
        sentences("outside the training", found["outside"]),
        _costs(found),
        _provenance(found),
    ]


def _quantities(found: Description) -> Iterable[tuple[Any, ...]]:
    """Yield each quantity with its value of largest magnitude, or why it is not known."""
    for name, entry in found["quantities"].items():
        values = entry["values"]
        yield (
            name,
            None if values is None else max(values, key=abs, default=None),
            entry.get("missing", entry["source"]),
        )


def _solution(found: Description) -> list[Brief]:
    """Return what a built-in solution is."""
    return [
        facts(
            "",
            ("case", found["case"]),
            ("load", found["name"]),
            ("loads", {what: span(ends) for what, ends in found["loads"].items()}),
            ("times", times_of(found["times"])),
            ("fields", {name: f"({width})" for name, width in found["fields"].items()}),
            ("subdomains", found["n_subdomains"]),
        ),
        table("quantities", ("quantity", "largest", "from"), _quantities(found)),
        _costs(found),
        _provenance(found, ("loading and materials", found["digest"])),
    ]


def _study(found: Description) -> list[Brief]:
    """Return what a study found."""
    indicator = found["indicator"]
    rows = []
    names: list[str] = []
    for name, entry in found["quantities"].items():
        names = list(entry["quantiles"])
        rows.append((name, entry["mean"][-1], *(values[-1] for values in entry["quantiles"].values())))
    return [
        facts(
            "",
            ("study", found["name"]),
            ("draws", f"{found['done']} of {found['draws']}, {found['stopped']} not converged"),
            ("random", found["random"]),
            ("at times", found["at"]),
            ("fields", found["fields"]),
            ("draws per second", found["rate"]),
            ("draws outside the training", found["outside"]["draws"] or None),
            ("which leave it in", found["outside"]["by"]),
            (f"draws that may err by more than {indicator['tolerance']:g}", f"{indicator['share_above']:.1%}"),
        ),
        table("quantities at the last time", ("quantity", "mean", *(f"quantile {name}" for name in names)), rows),
        table("not known", ("what", "why"), found["missing"].items()),
        _costs(found),
    ]


def _life(found: Description) -> list[Brief]:
    """Return the cycles to failure of a history, and where they are fewest."""
    spots = found["critical"]
    columns = [name for name in ("node", "element", "point", *LIFE) if spots and name in spots[0]]
    words = {True: "stabilised", False: "not stabilised", None: "the only one"}[found["stabilised"]]
    return [
        facts(
            "",
            ("life", found["name"]),
            ("of", found["source"]),
            ("at", f"{found['n_points']} {found['points']}"),
            ("cycle", f"{span(found['cycles'][-1])}, {words}"),
            ("cycles to failure", found["cycles_to_failure"]),
        ),
        table("critical spots", columns, ([spot[name] for name in columns] for spot in spots[:MOST])),
        _costs(found),
        _provenance(found),
        sentences("warnings", found["warnings"]),
    ]


def _anything(found: Description) -> list[Brief]:
    """Return a description as it is, tables within it by their dotted names."""
    return [Brief("", tuple(_flat(found)))]


def _flat(found: Description, prefix: str = "") -> Iterable[tuple[str, str]]:
    """Yield the entries of nested mappings."""
    for key, value in found.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif f"{prefix}{key}" != "kind":
            yield f"{prefix}{key}", text(value)


_KINDS: Mapping[str, Callable[[Description], list[Brief]]] = {
    "solver-results": _solver_results,
    "solver-deck": _deck,
    "case": _case,
    "load": _load,
    "dataset": _dataset,
    "model": _model,
    "dictionary": _dictionary,
    "result": _result,
    "solution": _solution,
    "study": _study,
    "life": _life,
}

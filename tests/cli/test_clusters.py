"""A case with clusters from the command line: trained, asked, shown, repaired and kept."""

from pathlib import Path

import numpy as np
import pytest

from romtool.pipeline.results import open_history
from tests.cli.small_case import CASE, Outcome, deck_text, romtool

SPOTS = {"low": "-4*y**2", "top": "-4*(z-1)**2"}
CLUSTERS = "[clusters]\ncount = 2\n"


def write_load(folder: Path, name: str, kind: str, heat: float) -> Path:
    """Write a load with a hot spot of some height; that on top is pulled less."""
    path = folder / "loads" / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\n[[loads]]\nname = "END"\nscale = {1.1 if kind == "low" else 0.4}\n'
        "[temperature]\ninitial = 20.0\nentries = [{ time = 0.0, value = 20.0 }, "
        f'{{ time = 1.0, expression = "20 + {heat}*exp({SPOTS[kind]})" }}]\n'
    )
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A case of five simulations in two clusters, solved and trained."""
    folder = tmp_path_factory.mktemp("clusters")
    (folder / "loads").mkdir()
    (folder / "box.inp").write_text(deck_text())
    training = (("low", 200), ("top", 250), ("low", 300), ("top", 380), ("low", 350))
    simulations = [f"{kind}-{heat}" for kind, heat in training]
    tables = [f'[[simulations]]\nname = "{n}"\nresults = "ref/{n}"\nload = "loads/{n}.toml"\n' for n in simulations]
    tables[0] = tables[0].replace("results", 'deck = "box.inp"\nresults')
    head, _, settings = CASE.partition("[[simulations]]")
    settings = settings[settings.index("[pod]") :].replace("1e-6", "1e-5")
    (folder / "case.toml").write_text(head + "".join(tables) + settings + CLUSTERS)
    loads = [write_load(folder, name, *entry) for name, entry in zip(simulations, training, strict=True)]
    loads += [write_load(folder, "new-low", "low", 270), write_load(folder, "new-top", "top", 300)]
    assert romtool("solve", folder / "case.toml", *loads, "-o", folder / "ref", "-q").code == 0
    trained = romtool("offline", folder / "case.toml", "-o", folder / "model", "-q", "--json")
    assert trained.code == 0, trained.err
    (folder / "trained.json").write_text(trained.out)
    return folder


def answer(folder: Path, *arguments: object, out: str) -> Outcome:
    done = romtool("online", folder / "model", *arguments, "-o", folder / out, "--json")
    assert done.code == 0, done.err
    return done


def errors(folder: Path, out: str, name: str) -> dict[str, float]:
    found = romtool("compare", folder / out / name, folder / "ref" / name, "--json").json["fields"]
    return {field: found[field]["relative_l2"] for field in ("u", "p", "stress")}


def test_offline_tells_of_each_cluster(folder):
    told = Outcome(0, (folder / "trained.json").read_text(), "").json
    assert sorted(sorted(entry["simulations"]) for entry in told["clusters"]) == [
        ["low-200", "low-300", "low-350"],
        ["top-250", "top-380"],
    ]
    assert all(entry["medoid"] in entry["simulations"] for entry in told["clusters"])
    assert all(max(entry["training_errors"].values()) < 1e-3 for entry in told["clusters"])
    assert told["selector"]["accuracy"] >= 0.8


def test_new_loads_are_answered_by_their_cluster(folder):
    loads = [folder / "loads" / "new-low.toml", folder / "loads" / "new-top.toml"]
    low, top = answer(folder, *loads, out="out").json["loads"]
    assert {low["cluster"], top["cluster"]} == {0, 1}
    for entry in (low, top):
        assert sum(entry["probabilities"]) == pytest.approx(1.0)
        assert max(errors(folder, "out", entry["name"]).values()) < 0.05
    told = romtool("info", folder / "out" / "new-top", "--json").json
    assert told["cluster"] == top["cluster"]
    said = romtool("online", folder / "model", *loads, "-o", folder / "said")
    assert f"new-top: cluster {top['cluster']} (probability " in said.err


def test_info_and_report_show_all_clusters(folder):
    told = romtool("info", folder / "model", "--json").json
    assert told["kind"] == "dictionary"
    assert len(told["models"]) == 2
    assert romtool("info", folder / "model").code == 0
    answer(folder, folder / "loads" / "new-low.toml", out="shown")
    page = folder / "report.html"
    done = romtool("report", folder / "model", folder / "shown" / "new-low", "-o", page)
    assert done.code == 0, done.err
    text = page.read_text()
    assert "box, cluster 0" in text
    assert "box, cluster 1" in text
    assert "steps answered by cluster" in text


def test_fields_come_from_the_cluster_that_answered(folder):
    answer(folder, folder / "loads" / "new-top.toml", out="fields")
    done = romtool("fields", folder / "fields" / "new-top", "--at", "1.0", "--names", "u,p", "-o", folder / "f.xdmf")
    assert done.code == 0, done.err


def test_model_file_alone_answers(folder, tmp_path):
    alone = tmp_path / "alone.h5"
    alone.write_bytes((folder / "model" / "model.h5").read_bytes())
    done = romtool("online", alone, folder / "loads" / "new-top.toml", "-o", tmp_path / "out", "--json")
    whole = answer(folder, folder / "loads" / "new-top.toml", out="whole")
    assert done.json["loads"][0]["largest"] == whole.json["loads"][0]["largest"]


def test_only_the_cluster_that_answered_is_repaired(folder):
    load = write_load(folder, "hotter", "top", 520)
    assert romtool("solve", folder / "case.toml", load, "-o", folder / "ref", "-q").code == 0
    adapted = answer(folder, load, "--adapt", "--tolerance", 5e-3, "--save-model", folder / "saved", out="adapted")
    (entry,) = adapted.json["loads"]
    assert entry["enrichments"] > 0
    assert max(errors(folder, "adapted", "hotter").values()) < 1e-2
    before = romtool("info", folder / "model", "--json").json["models"]
    after = romtool("info", folder / "saved", "--json").json["models"]
    same = [a["model_id"] == b["model_id"] for a, b in zip(before, after, strict=True)]
    assert same == [number != entry["cluster"] for number in range(2)]
    assert after[entry["cluster"]]["parent"] == before[entry["cluster"]]["model_id"]
    again = romtool("online", folder / "saved", load, "-o", folder / "again", "--json").json["loads"][0]
    assert again["cluster"] == entry["cluster"]
    assert max(errors(folder, "again", "hotter").values()) < 1e-2


def test_more_clusters_than_simulations(folder):
    case = folder / "many.toml"
    case.write_text((folder / "case.toml").read_text().replace("count = 2", "count = 9"))
    done = romtool("offline", case, "-o", folder / "many")
    assert done.code == 2
    assert "[clusters] count is 9, but there are 5 simulations" in done.error
    assert not (folder / "many").exists()


def test_phases_of_a_run(folder):
    case = folder / "phases.toml"
    case.write_text((folder / "case.toml").read_text().replace("count = 2", 'count = 2\nby = "time"'))
    done = romtool("offline", case, "-o", folder / "phases", "-q", "--json")
    assert done.code == 0, done.err
    assert sum(len(entry["increments"]) for entry in done.json["clusters"]) == 5 * 4
    load = folder / "loads" / "new-low.toml"
    told = romtool("online", folder / "phases", load, "-o", folder / "phased", "--json")
    assert told.code == 0, told.err
    assert max(errors(folder, "phased", "new-low").values()) < 0.05
    assert len(romtool("info", folder / "phases", "--json").json["models"]) == 2
    assert romtool("report", folder / "phased" / "new-low", "-o", folder / "phased.html").code == 0
    refused = romtool("online", folder / "phases", load, "-o", folder / "never", "--adapt")
    assert refused.code == 2
    assert "phases of a run" in refused.error


def test_a_study_takes_each_draw_from_the_model_that_answered_it(folder):
    """Draws that do not differ have the quantiles of the answer of the cluster that is right for them."""
    for name in ("new-low", "new-top"):
        (folder / "study.toml").write_text(
            f'name = "{name}"\ndraws = 3\nbase = "loads/{name}.toml"\n[[random]]\ntarget = "temperature.scale"\n'
            'distribution = { name = "norm", loc = 1.0, scale = 1e-12 }\n[output]\nfields = ["p", "u"]\n'
        )
        out = folder / f"study-{name}"
        done = romtool("study", folder / "model", folder / "study.toml", "-o", out, "-q", "--json")
        assert done.code == 0, done.err
        answer(folder, folder / f"loads/{name}.toml", out=f"of-study-{name}")
        expected = open_history(folder / f"of-study-{name}" / name)
        found = open_history(out / "quantiles.xdmf")
        u = expected.read("u", len(expected.times) - 1)
        np.testing.assert_allclose(found.read("u_x_q50", 0)[:, 0], u[:, 0], atol=1e-6 * np.abs(u).max())

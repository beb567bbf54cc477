"""Models of constrained structures, trained on CalculiX' results: import, offline, online, repairs, against `solve`."""

import numpy as np

from romtool.pipeline.folders import read_model
from tests.cli.small_case import romtool
from tests.external.test_constraints_calculix import cyclic, turned
from tests.fem.calculix_runs import run_deck


def run(*arguments):
    """Run a command that must succeed; return its JSON."""
    done = romtool(*arguments, "--json")
    assert done.code == 0, done.err
    return done.json


def case_of(folder, deck):
    """Let ccx solve a deck and train a model on two subdomains."""
    run_deck(deck, folder, "job")
    (folder / "case.toml").write_text(
        '[case]\nname = "job"\n[[simulations]]\nname = "job"\ndeck = "job.inp"\nresults = "job.frd"\n'
        "[partition]\nsubdomains = 2\n[pod]\ntolerance = 1e-6\n[quadrature]\ntolerance = 1e-6\n"
    )
    run("offline", folder / "case.toml", "-o", folder / "model")


def errors(folder, name, text, *options):
    """Return field -> relative error of the model's answer to a load file against the built-in solver."""
    load = folder / f"{name}.toml"
    load.write_text(f'name = "{name}"\n{text}')
    run("online", folder / "model", load, "-o", folder / "out", *options)
    run("solve", folder / "case.toml", load, "-o", folder / "ref")
    found = run("compare", folder / "out" / name, folder / "ref" / name)["fields"]
    return {field: found[field]["relative_l2"] for field in ("u", "stress", "p")}


def largest_unbalance(folder):
    """Return the largest unbalance of the training that a model remembers."""
    values = read_model(folder / "model").statistics["unbalance"]
    return max(float(np.max(entry)) for entry in values.values())


def test_cyclic_sector(tmp_path):
    """A spinning ring: its training is balanced, and a slower spin and a faster one come out."""
    case_of(tmp_path, cyclic())
    assert largest_unbalance(tmp_path) < 1e-7
    assert max(errors(tmp_path, "same", "").values()) < 1e-4
    slower = errors(tmp_path, "slower", '[[loads]]\nname = "EALL"\nscale = 0.98\n')
    assert slower["u"] < 5e-2
    faster = '[[loads]]\nname = "EALL"\nscale = 1.03\n'
    before = errors(tmp_path, "faster", faster)
    after = errors(tmp_path, "repaired", faster, "--adapt", "--tolerance", 1e-3)
    assert max(after.values()) < 1e-2
    assert max(after.values()) <= max(before.values())


def test_prescribed_directions(tmp_path):
    """Right-hand sides that are not zero have a lifting, which the table of a load file scales."""
    case_of(tmp_path, turned())
    assert largest_unbalance(tmp_path) < 1e-8
    assert max(errors(tmp_path, "same", "").values()) < 1e-4
    (table,) = {entry.table for entry in read_model(tmp_path / "model").loading.constraints} - {"NODES"}
    less = errors(tmp_path, "less", f'[[tables]]\nname = "{table}"\nscale = 0.97\n')
    assert less["u"] < 2e-2


def test_constraints_stay_as_they_were_trained(tmp_path):
    """A load file cannot change them."""
    (tmp_path / "load.toml").write_text('name = "x"\n[[constraints]]\nname = "C"\nremove = true\n')
    done = romtool("online", tmp_path / "model", tmp_path / "load.toml", "-o", tmp_path / "out")
    assert done.code == 2
    assert "constraints" in done.err

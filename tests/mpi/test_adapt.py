"""Repairs on several ranks: the same decisions at the same steps, the same model, and errors told once."""

import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from romtool.hifi.share import build_share
from romtool.linalg.reduction import Comm, SerialComm
from romtool.offline.clock import Clock
from romtool.offline.train import Trained, train
from romtool.online.enrich import build_ground, enrich
from romtool.pipeline.adapt import AdaptRequest, online_adaptive
from romtool.pipeline.folders import read_head, read_model
from romtool.pipeline.offline import offline
from romtool.pipeline.ranks import owned
from romtool.settings import Settings
from romtool.types import Floats
from tests.mpi.cases import on_ranks, say, write_box, write_cube
from tests.mpi.test_independence import assert_same_bits
from tests.online.runs import MESH
from tests.structures import slices, solved, thermal_cycle, training_set, viscoplastic

FIELD = "20 + 420*exp(-((x-0.5)**2 + (y-0.6)**2 + (z-0.5)**2)/0.25)"
HEAT = (
    "[temperature]\ninitial = 20.0\nentries = [{ time = 0.0, value = 20.0 }, "
    f'{{ time = 1.0, expression = "{FIELD}" }}, {{ time = 2.0, value = 20.0 }}]\n'
)


def write_load(folder: Path) -> Path:
    """Write a load with another temperature field."""
    (folder / "hot.toml").write_text(f'name = "hot"\n{HEAT}')
    return folder / "hot.toml"


@pytest.mark.mpi(2, 4, timeout=300)
def test_ranks_repair_the_same_steps(comm, shared_tmp_path):
    """The high-fidelity steps agree up to their solver's round-off, hence the points do so nearly."""
    folder, alone = shared_tmp_path, SerialComm()
    case = write_cube(folder / "case", 4, comm)
    offline(case, folder / "model", comm, say)
    if comm.rank == 0:
        write_load(folder)
    comm.Barrier()
    loads, request = [folder / "hot.toml"], AdaptRequest(tolerance=5e-3, save_model=folder / "many")
    (many,) = online_adaptive(folder / "model", loads, folder / "out-many", comm, say, request)
    if comm.rank > 0:
        return
    request = replace(request, save_model=folder / "one")
    (one,) = online_adaptive(folder / "model", loads, folder / "out-one", alone, say, request)
    assert [entry.step for entry in one.enrichments] == [entry.step for entry in many.enrichments]
    assert len(one.enrichments) > 1
    for a, b in zip(one.enrichments, many.enrichments, strict=True):
        assert (a.n_modes, a.iterations) == (b.n_modes, b.iterations)
        assert b.n_points == pytest.approx(a.n_points, rel=0.05)
        for name, error in a.errors.items():
            assert b.errors[name] == pytest.approx(error, rel=0.1)
    largest = np.abs(one.history.coordinates).max()
    np.testing.assert_allclose(many.history.coordinates, one.history.coordinates, atol=1e-3 * largest)
    for name, found in one.indications.items():
        np.testing.assert_array_equal(many.indications[name].status, found.status)
    assert read_model(folder / "one").model_id == read_model(folder / "many").model_id
    first = [read_head(folder / name / "training.h5", "training", "record") for name in ("one", "many")]
    columns = slice(0, int(first[0].starts["u"][-1]) + 2)  # the training, the predictor and the first repaired step
    a, b = (record.bases["u"].coefficients[:, columns] for record in first)
    np.testing.assert_allclose(b, a, atol=1e-8 * np.abs(a).max())


def learnt(comm: Comm, snapshots: list[dict[str, Floats]], n_subdomains: int) -> Trained:
    """Train on the ranks and learn snapshots of the whole mesh."""
    loading = thermal_cycle(400.0, 50.0, 3e3, MESH)
    whole, mine = training_set(MESH, (viscoplastic(),), (loading,), n_subdomains), list(owned(comm, n_subdomains))
    run = whole.runs[0]
    training = replace(
        whole,
        parts=tuple(whole.parts[s] for s in mine),
        liftings=tuple(whole.liftings[s] for s in mine),
        runs=(
            replace(
                run, local=tuple(run.local[s] for s in mine), displacement=tuple(run.displacement[s] for s in mine)
            ),
        ),
    )
    clock = Clock(lambda text: None)
    trained = train(training, Settings(), "first", comm, clock)
    share = build_share(MESH, slices(MESH, n_subdomains), mine, comm)
    ground = build_ground(share, replace(training, runs=()), trained.record)
    points = np.isin(np.repeat(np.arange(MESH.n_elements), 8), share.own.element_rows)
    pieces = [
        {name: field[share.own.node_rows if name == "u" else points] for name, field in snapshot.items()}
        for snapshot in snapshots
    ]
    return enrich(trained, pieces, {"p": np.array([[0.1, 0.2]])}, "second", ground, clock)


@pytest.mark.mpi(2, 3, timeout=120)
def test_the_same_snapshots_make_the_same_model_in_bits(comm):
    new = thermal_cycle(450.0, 80.0, 3e3, MESH, centre=0.6)
    displacement = solved(MESH, (viscoplastic(),), new)
    rng = np.random.default_rng(1)
    fixed = [
        {"u": displacement[i], "p": 1e-3 * rng.random((96, 1)), "stress": 100.0 * rng.standard_normal((96, 6))}
        for i in (3, 6)
    ]
    many, one = learnt(comm, fixed, 3), learnt(SerialComm(), fixed, 3)
    for name in ("strain_modes", "weights", "point_ids", "material"):
        np.testing.assert_array_equal(getattr(many.model, name), getattr(one.model, name))
    for name, found in one.model.calibrations.items():
        np.testing.assert_array_equal(many.model.calibrations[name].bound, found.bound)
    for name, basis in one.record.bases.items():
        np.testing.assert_array_equal(many.record.bases[name].coefficients, basis.coefficients)
    for s, modes in zip(owned(comm, 3), many.modes, strict=True):
        np.testing.assert_array_equal(modes.displacement, one.modes[s].displacement)
        for name, shapes in modes.duals.items():
            np.testing.assert_array_equal(shapes, one.modes[s].duals[name])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The small box on two subdomains with its model, and a new load."""
    folder = tmp_path_factory.mktemp("adapt")
    case = write_box(folder / "case", 2, SerialComm())
    offline(case, folder / "model", SerialComm(), say)
    write_load(folder)
    return folder


def test_the_command_shares_its_work_and_prints_once(trained, tmp_path):
    arguments = ("online", trained / "model", trained / "hot.toml", "--adapt", "--json")
    run = on_ranks(2, *arguments, "-o", tmp_path / "out", "--save-model", tmp_path / "kept")
    assert run.code == 0, run.err
    assert run.out.count('"loads": [') == 1
    assert run.err.count("-> " + str(tmp_path / "out" / "hot")) == 1
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "model.h5",
        "subdomain-0000.h5",
        "subdomain-0001.h5",
        "training.h5",
    ]
    plain = on_ranks(2, "online", trained / "model", trained / "hot.toml", "-o", tmp_path / "plain", "--json")
    assert plain.code == 0, plain.err
    assert plain.out.count('"loads": [') == 1


def test_a_model_that_no_repair_changed_is_saved_as_it_was(trained, tmp_path):
    (tmp_path / "base.toml").write_text('name = "base"\n')
    arguments = ("online", trained / "model", tmp_path / "base.toml", "--adapt")
    run = on_ranks(2, *arguments, "-o", tmp_path / "out", "--save-model", tmp_path / "kept")
    assert run.code == 0, run.err
    assert (read_model(tmp_path / "kept").strain_modes == read_model(trained / "model").strain_modes).all()
    for name in ("training.h5", "subdomain-0000.h5", "subdomain-0001.h5"):
        for folder in (tmp_path / "a", tmp_path / "b"):
            folder.mkdir(exist_ok=True)
        (tmp_path / "a" / name).write_bytes((trained / "model" / name).read_bytes())
        (tmp_path / "b" / name).write_bytes((tmp_path / "kept" / name).read_bytes())
    assert_same_bits(tmp_path / "a", tmp_path / "b")


def test_a_run_that_ends_early_is_told_once_and_kept(trained, tmp_path):
    model = Path(shutil.copytree(trained / "model", tmp_path / "model"))
    with h5py.File(model / "training.h5", "r+") as file:
        for name, value in (("max_iterations", 1), ("max_cuts", 0)):
            file[f"record/settings/newton/{name}"].attrs["value"] = value
    run = on_ranks(2, "online", model, trained / "hot.toml", "--adapt", "-o", tmp_path / "out", timeout=60)
    assert run.code == 1, run.err
    assert len(run.errors) == 1
    assert "hot: no convergence from t = " in run.errors[0]
    assert (tmp_path / "out" / "hot" / "result.h5").is_file()


def test_wrong_input_is_told_once(trained, tmp_path):
    for words, n_ranks, arguments in (
        ("3 ranks for 2 subdomains", 3, ()),
        ("exists", 2, ("--save-model", trained / "model")),
    ):
        run = on_ranks(
            n_ranks, "online", trained / "model", trained / "hot.toml", "--adapt", "-o", tmp_path / "out", *arguments
        )
        assert run.code == 2, run.err
        assert len(run.errors) == 1
        assert words in run.errors[0]
        assert not (tmp_path / "out").exists()

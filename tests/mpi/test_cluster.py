"""The same findings, figures, local models and answers whatever the number of ranks."""

from pathlib import Path

import pytest

from romtool.linalg.reduction import SerialComm
from romtool.pipeline.cluster import cluster
from romtool.pipeline.offline import offline
from romtool.pipeline.online import online
from romtool.pipeline.solve import solve_loads
from tests.cli.small_case import CASE, deck_text
from tests.mpi.cases import say, write
from tests.mpi.test_independence import assert_same_bits

SCALES = (0.3, 0.6, 1.0, 1.1, 1.2)


def write_and_solve(folder: Path, comm, clusters: str) -> list[Path]:
    """Write a case of two subdomains and several simulations, and solve these; return the load files."""
    names = [f"load{i}" for i in range(len(SCALES))]
    settings = CASE[CASE.index("[pod]") :] + f"[partition]\nsubdomains = 2\n[clusters]\n{clusters}\n"
    if comm.rank == 0:
        (folder / "box.inp").write_text(deck_text())
        for name, scale in zip(names, SCALES, strict=True):
            (folder / f"{name}.toml").write_text(f'name = "{name}"\n[[loads]]\nname = "END"\nscale = {scale}\n')
        entries = [f'[[simulations]]\nname = "{n}"\nresults = "ref/{n}"\nload = "{n}.toml"\n' for n in names]
        write(folder, '[case]\nname = "box"\n' + entries[0] + 'deck = "box.inp"\n' + "".join(entries[1:]) + settings)
    comm.allgather(None)
    loads = [folder / f"{n}.toml" for n in names]
    solve_loads(folder / "case.toml", loads, folder / "ref", comm, say)
    return loads


@pytest.mark.mpi(1, 2, timeout=240)
@pytest.mark.parametrize("field", ["u", "stress"])
def test_findings_are_identical(comm, shared_tmp_path, field):
    folder = shared_tmp_path
    write_and_solve(folder, comm, f'field = "{field}"')
    path, many = cluster(folder / "case.toml", None, comm, say)
    if comm.rank == 0:
        alone, one = cluster(folder / "case.toml", folder / "one", SerialComm(), say)
        assert one == many
        for file in alone.iterdir():
            assert file.read_text() == (path / file.name).read_text()
        assert len(list(alone.iterdir())) == 4


@pytest.mark.mpi(1, 2, timeout=240)
@pytest.mark.parametrize("by", ["simulation", "time"])
def test_local_models_and_answers_are_identical_in_bits(comm, shared_tmp_path, by):
    folder = shared_tmp_path
    loads = write_and_solve(folder, comm, f'count = 2\nby = "{by}"')
    found = offline(folder / "case.toml", folder / "many", comm, say)
    if comm.rank == 0:
        assert len(found.models) == 2
        offline(folder / "case.toml", folder / "one", SerialComm(), say)
        places = ("", "cluster-0", "cluster-1") if by == "simulation" else ("",)
        for place in places:
            assert_same_bits(folder / "one" / place, folder / "many" / place)
        for name in ("one", "many"):
            online(folder / name, loads[1:2], folder / f"out-{name}", say)
        assert_same_bits(folder / "out-one" / "load1", folder / "out-many" / "load1")

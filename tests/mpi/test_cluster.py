"""The same findings and figures whatever the number of ranks."""

import pytest

from romtool.linalg.reduction import SerialComm
from romtool.pipeline.cluster import cluster
from romtool.pipeline.solve import solve_loads
from tests.cli.small_case import CASE, deck_text
from tests.mpi.cases import say, write

SCALES = (0.3, 0.6, 1.0, 1.1, 1.2)


@pytest.mark.mpi(1, 2, timeout=240)
@pytest.mark.parametrize("field", ["u", "stress"])
def test_findings_are_identical(comm, shared_tmp_path, field):
    folder, names = shared_tmp_path, [f"load{i}" for i in range(len(SCALES))]
    settings = CASE[CASE.index("[pod]") :] + "[partition]\nsubdomains = 2\n" + f'[clusters]\nfield = "{field}"\n'
    if comm.rank == 0:
        (folder / "box.inp").write_text(deck_text())
        for name, scale in zip(names, SCALES, strict=True):
            (folder / f"{name}.toml").write_text(f'name = "{name}"\n[[loads]]\nname = "END"\nscale = {scale}\n')
        entries = [f'[[simulations]]\nname = "{n}"\nresults = "ref/{n}"\nload = "{n}.toml"\n' for n in names]
        write(folder, '[case]\nname = "box"\n' + entries[0] + 'deck = "box.inp"\n' + "".join(entries[1:]) + settings)
    comm.allgather(None)
    solve_loads(folder / "case.toml", [folder / f"{n}.toml" for n in names], folder / "ref", comm, say)
    path, many = cluster(folder / "case.toml", None, comm, say)
    if comm.rank == 0:
        alone, one = cluster(folder / "case.toml", folder / "one", SerialComm(), say)
        assert one == many
        for file in alone.iterdir():
            assert file.read_text() == (path / file.name).read_text()
        assert len(list(alone.iterdir())) == 4

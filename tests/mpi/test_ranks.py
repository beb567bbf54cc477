"""What the ranks own, how they fail together, and which launches are refused."""

import pytest

from romtool.errors import CaseError, InputError, ModelError
from romtool.linalg.reduction import SerialComm
from romtool.pipeline import ranks
from tests.mpi.cases import on_ranks

LAUNCHER = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
SLURM = ("SLURM_STEP_ID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_JOB_ID")


class Rank:
    """One of `size` ranks, for what needs no communication."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


@pytest.mark.parametrize(("n_subdomains", "n_ranks"), [(1, 1), (4, 3), (7, 2), (7, 7)])
def test_ranks_own_successive_ranges_that_cover_all(n_subdomains, n_ranks):
    ranges = [ranks.owned(Rank(r, n_ranks), n_subdomains) for r in range(n_ranks)]
    assert [i for found in ranges for i in found] == list(range(n_subdomains))
    assert min(map(len, ranges)) >= n_subdomains // n_ranks


def test_more_ranks_than_subdomains_are_refused():
    with pytest.raises(InputError, match=r"3 ranks for 2 subdomains.*subdomains = 3"):
        ranks.owned(Rank(0, 3), 2)


@pytest.mark.mpi(1, 3)
def test_an_error_of_root_is_raised_everywhere(comm):
    def fail() -> None:
        raise CaseError("case.toml: wrong")

    assert ranks.on_root(comm, lambda: comm.rank) == 0
    with pytest.raises(CaseError, match="wrong"):
        ranks.on_root(comm, fail)
    assert comm.allgather(comm.rank) == list(range(comm.size))


@pytest.mark.mpi(1, 3)
def test_an_error_of_the_last_rank_is_raised_everywhere(comm):
    def fail_there() -> int:
        if comm.rank == comm.size - 1:
            raise ModelError(f"subdomain-{comm.rank:04d}.h5: damaged")
        return comm.rank

    with pytest.raises(ModelError, match=f"subdomain-{comm.size - 1:04d}"):
        ranks.together(comm, fail_there)
    assert ranks.together(comm, lambda: comm.rank) == comm.rank


@pytest.mark.mpi(1, 2)
def test_a_shared_folder_appears_when_all_have_written(comm, shared_tmp_path):
    out = shared_tmp_path / "new" / "model"
    with ranks.shared_output_folder(out, comm) as folder:
        assert not out.exists()
        (folder / f"{comm.rank}.txt").write_text("here")
        comm.Barrier()
    comm.Barrier()
    assert sorted(path.name for path in out.iterdir()) == [f"{r}.txt" for r in range(comm.size)]
    with pytest.raises(CaseError, match="exists"), ranks.shared_output_folder(out, comm):
        pass


@pytest.mark.mpi(1, 2)
def test_a_shared_folder_is_gone_after_an_error(comm, shared_tmp_path):
    with pytest.raises(CaseError), ranks.shared_output_folder(shared_tmp_path / "new" / "model", comm):
        raise CaseError("wrong")
    comm.Barrier()
    assert list(shared_tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "size"),
    [
        ({}, 1),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}, 1),  # inside salloc
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, 1),  # batch script
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_STEP_ID": "4294967291"}, 1),  # batch script, by step id
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_STEP_ID": "4294967290", "SLURM_STEP_NUM_TASKS": "1"}, 1),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}, 4),  # srun
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_STEP_ID": "3"}, 4),
        # mpiexec -n 1 on a node that its daemon reached by srun
        ({"OMPI_COMM_WORLD_SIZE": "1", "SLURM_PROCID": "0", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2"}, 1),
        ({"OMPI_COMM_WORLD_SIZE": "3"}, 3),
        ({"PMI_SIZE": "2"}, 2),
    ],
)
def test_the_size_of_a_launch(monkeypatch, environment, size):
    for name in (*LAUNCHER, *SLURM):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ranks.launched_size() == size


@pytest.mark.parametrize(("number", "told"), [("0", 1), ("1", 0)])
def test_processes_that_do_not_see_each_other_are_refused_once(number, told):
    step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2", "SLURM_PROCID": number}
    refused = on_ranks(0, "readers", "--json", environment=step)
    assert refused.code == 2
    assert len(refused.errors) == told
    assert all("started 2 processes" in line and "ROMTOOL_ALLOW_SINGLETON=1" in line for line in refused.errors)
    allowed = on_ranks(0, "readers", "--json", environment={**step, "ROMTOOL_ALLOW_SINGLETON": "1"})
    assert (allowed.code, allowed.errors) == (0, [])


def test_a_serial_process_needs_no_mpi(monkeypatch):
    for name in (*LAUNCHER, *SLURM):
        monkeypatch.delenv(name, raising=False)
    ranks.world.cache_clear()
    assert isinstance(ranks.world(), SerialComm)
    assert not ranks.is_launched()

"""The launching of MPI tests itself: every rank takes part and sees the same folder."""

import pytest


@pytest.mark.mpi(1, 2, 3)
def test_every_rank_takes_part(comm):
    assert comm.allreduce(comm.rank) == comm.size * (comm.size - 1) // 2


@pytest.mark.mpi(2)
def test_ranks_share_a_folder(comm, shared_tmp_path):
    (shared_tmp_path / f"{comm.rank}.txt").write_text("here", encoding="utf-8")
    comm.Barrier()
    assert sorted(path.name for path in shared_tmp_path.iterdir()) == ["0.txt", "1.txt"]

"""The check at import on several ranks finds what one rank finds, to the last bit."""

import numpy as np
import pytest

from romtool.linalg.reduction import SerialComm
from romtool.pipeline.dataset import import_case
from tests.mpi.cases import say, write_box


@pytest.mark.mpi(1, 2)
def test_the_check_does_not_depend_on_the_number_of_ranks(comm, shared_tmp_path):
    case = write_box(shared_tmp_path / "case", 3, comm)
    if comm.rank == 0:
        deck = case.parent / "box.inp"
        deck.write_text(deck.read_text().replace("200000., 0.3", "200000., 0.27"))
    comm.Barrier()
    (many,) = import_case(case, comm, say).balance
    assert many.causes[0].startswith("'poisson' of 'EALL' should be 0.3 instead of 0.27")
    assert many.largest > 1e-3
    if comm.rank == 0:
        (one,) = import_case(case, SerialComm(), say, anew=True).balance
        np.testing.assert_array_equal(one.unbalance, many.unbalance)
        np.testing.assert_array_equal(one.stress, many.stress)
        assert one.causes == many.causes
        assert one.worst == many.worst

import numpy as np
import pytest

from romtool.errors import InputError
from romtool.linalg.compression import SMALLEST_BLOCK, WORKSPACE, Compression
from romtool.linalg.pod import pod
from romtool.linalg.products import point_product
from romtool.linalg.reduction import SerialComm
from tests.linalg.ranks import run_ranks

COMM = SerialComm()
N_DOFS, N_SNAPSHOTS = 300, 120
WEIGHTS = np.random.default_rng(0).uniform(1.0, 2.0, N_DOFS)


def wave(n_snapshots=N_SNAPSHOTS):
    """A front that moves through the body: every block of times brings new directions."""
    x, t = np.linspace(0.0, 1.0, N_DOFS), np.linspace(0.0, 1.0, n_snapshots)
    return (1.0 + t[:, None]) * np.tanh(20.0 * (x - t[:, None]))


def compress(snapshots, tolerance, columns, comm=COMM, weights=(WEIGHTS,)):
    """Compress snapshots, (n_snapshots, n_dofs_s) per subdomain, with memory for some columns of the first."""
    inner = [point_product(part) for part in weights]
    sizes = [part.shape[1] for part in snapshots]
    n = len(snapshots[0])
    memory = 8 * WORKSPACE * columns * max(sizes)
    compression = Compression(inner, sizes, comm, tolerance=tolerance, n_snapshots=n, memory=memory)
    for i in range(n):
        compression.add([part[i] for part in snapshots])
    return compression.finish(), compression.n_compressions


def norms(fields):
    return np.sqrt(np.sum(WEIGHTS * fields**2, axis=1))


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6, 1e-8])
def test_error_budget_is_kept_whatever_the_memory(tolerance):
    snapshots = wave()
    whole = pod([snapshots.T], [point_product(WEIGHTS)], COMM, tolerance=tolerance)
    for columns in (16, 40, 70):
        found, n_compressions = compress([snapshots], tolerance, columns)
        modes = found.modes[0]
        lost = norms(snapshots - (modes @ (modes.T @ (WEIGHTS[:, None] * snapshots.T))).T)
        error = np.linalg.norm(lost) / np.linalg.norm(norms(snapshots))
        assert n_compressions > 0
        assert error <= found.truncation_error <= tolerance
        assert found.n_modes <= whole.n_modes + 3
        np.testing.assert_allclose(modes.T @ (WEIGHTS[:, None] * modes), np.eye(found.n_modes), atol=1e-12)


def test_coefficients_and_remainders_describe_every_snapshot():
    snapshots = wave()
    for columns in (30, N_SNAPSHOTS):
        found, _ = compress([snapshots], 1e-3, columns)
        gap = norms(snapshots - (found.modes[0] @ found.coefficients).T)
        assert found.coefficients.shape == (found.n_modes, N_SNAPSHOTS)
        assert (gap <= found.remainders * (1.0 + 1e-6)).all()
        assert found.remainders.max() < 10.0 * 1e-3 * norms(snapshots).max()


def test_with_enough_memory_it_is_the_pod():
    snapshots = wave()
    found, n_compressions = compress([snapshots], 1e-4, 10**6)
    whole = pod([snapshots.T], [point_product(WEIGHTS)], COMM, tolerance=1e-4)
    assert n_compressions == 0
    np.testing.assert_array_equal(found.modes[0], whole.modes[0])
    np.testing.assert_array_equal(found.coefficients, whole.coefficients)
    assert found.truncation_error == pytest.approx(whole.truncation_error, rel=1e-12)


def test_memory_holds_fewer_snapshots_than_there_are():
    compression = Compression(
        [point_product(WEIGHTS)],
        [N_DOFS],
        COMM,
        tolerance=1e-3,
        n_snapshots=10**7,
        memory=8.0 * WORKSPACE * N_DOFS * 20,
    )
    assert sum(held.nbytes for held in compression._held) == 8 * N_DOFS * 20
    small = Compression([point_product(WEIGHTS)], [N_DOFS], COMM, tolerance=1e-3, n_snapshots=10**7, memory=1.0)
    assert len(small._held[0]) == SMALLEST_BLOCK


def test_fields_that_begin_with_zero():
    snapshots = np.vstack([np.zeros((50, N_DOFS)), wave(30)])
    found, n_compressions = compress([snapshots], 1e-4, 20)
    assert n_compressions >= 3
    assert found.coefficients.shape[1] == 80
    np.testing.assert_array_equal(found.coefficients[:, :50], 0.0)
    gap = norms(snapshots - (found.modes[0] @ found.coefficients).T)
    assert np.linalg.norm(gap) <= 1e-4 * np.linalg.norm(norms(snapshots))


def test_zero_throughout_has_no_modes():
    assert compress([np.zeros((40, N_DOFS))], 1e-4, 20)[0] is None


def test_not_finite():
    snapshots = wave()
    snapshots[100, 7] = np.nan
    with pytest.raises(InputError, match="not finite"):
        compress([snapshots], 1e-4, 30)


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_ranks_change_no_bit(n_ranks):
    pieces = np.array_split(wave(), 4, axis=1)
    weights = np.array_split(WEIGHTS, 4)
    one, _ = compress(pieces, 1e-5, 24, weights=weights)

    def run(comm, mine, shares):
        return compress(mine, 1e-5, 24, comm, shares)[0]

    found = run_ranks(n_ranks, run, pieces, weights)
    np.testing.assert_array_equal(np.vstack([part for rank in found for part in rank.modes]), np.vstack(one.modes))
    for rank in found:
        np.testing.assert_array_equal(rank.coefficients, one.coefficients)

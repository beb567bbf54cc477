"""Equations solved for their dependent unknowns: chains, equations that need each other, right-hand sides."""

import numpy as np

from romtool.constraints import Equations
from romtool.fem.dependence import Prescribed, resolve
from romtool.loading import Dirichlet


def system(matrix, values, table=None):
    """Return the equations of dense rows on the x displacements of nodes 1, 2 …; the first entry of a row depends."""
    rows = [np.flatnonzero(row) for row in matrix]
    nodes = np.concatenate(rows) + 1
    return Equations(
        "dense",
        "test",
        np.cumsum([0, *map(len, rows)]),
        nodes,
        np.zeros_like(nodes),
        np.concatenate([row[at] for row, at in zip(matrix, rows, strict=True)]),
        np.array(values),
        table,
    )


NONE = Prescribed(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), ())


def test_random_systems_against_dense_algebra():
    """`A_d u_d + A_o u_o = b`: chains, and all equations together."""
    rng = np.random.default_rng(3)
    for chained in (True, False):
        left = np.triu(rng.normal(size=(6, 6)), 1) if chained else rng.normal(size=(6, 6))
        matrix = np.hstack([left + 4.0 * np.eye(6), rng.normal(size=(6, 4))])
        if not chained:
            matrix[:, :6] = np.tril(np.triu(matrix[:, :6]), 0) + np.triu(np.abs(matrix[:, :6]), 1)
        values = rng.normal(size=6)
        found = resolve([system(matrix, values)], NONE)
        assert (found.dependent // 6).tolist() == [1, 2, 3, 4, 5, 6]
        assert (found.others // 6).tolist() == [7, 8, 9, 10]
        expected = -np.linalg.solve(matrix[:, :6], matrix[:, 6:])
        np.testing.assert_allclose(found.matrix.toarray(), expected, atol=1e-13)
        np.testing.assert_allclose(found.shift.toarray()[:, 0], np.linalg.solve(matrix[:, :6], values), atol=1e-13)


def test_equations_that_need_each_other():
    """Two directions of one node: neither component can be found alone."""
    rows = np.array([[0, 1, 0], [1, 0, 2]])
    entry = Equations(
        "pair",
        "test",
        np.array([0, 3, 6]),
        np.full(6, 9),
        rows.ravel(),
        np.array([0.3, 0.9, 0.0, 0.8, 0.5, 0.1]),
        np.array([0.2, 0.1]),
        "ramp",
    )
    found = resolve([entry], NONE)
    assert found.dependent.tolist() == [54, 55]
    left, right = np.array([[0.3, 0.9], [0.5, 0.8]]), np.array([0.0, 0.1])
    np.testing.assert_allclose(found.matrix.toarray()[:, -1], -np.linalg.solve(left, right), atol=1e-14)
    np.testing.assert_allclose(found.shift.toarray()[:, 0], np.linalg.solve(left, [0.2, 0.1]), atol=1e-14)
    assert found.tables == ("ramp",)


def test_what_supports_satisfy_is_left_out():
    """An equation between prescribed displacements whose values fit, with their tables."""
    support = Dirichlet("s", "s", (0,), 1.0, "ramp")
    prescribed = Prescribed(np.array([6, 12]), np.array([2.0, -1.0]), np.array([0, 0]), (support,))
    entry = system(np.array([[1.0, 2.0, 0.0]]), [0.0])
    assert len(resolve([entry], prescribed).dependent) == 0

"""What acts on the whole is the sum of what acts on its subdomains."""

import numpy as np
import pytest

from romtool.fem.loads import load_shapes, side_set_nodes
from romtool.fem.operators import build_operators
from romtool.fem.partition import restrict_loading, split_mesh
from romtool.loading import Load, Loading
from tests.structures import box

MESH = box((2, 3, 2))


def force(load: Load, parts: np.ndarray) -> np.ndarray:
    """Return the nodal forces of a load, summed over the subdomains."""
    total = np.zeros((MESH.n_nodes, 3))
    for part in split_mesh(MESH, parts):
        local = restrict_loading(Loading("one", np.array([0.0, 1.0]), loads=(load,)), MESH, part)
        total[part.node_rows] += load_shapes(build_operators(part.mesh), local, ())[0]
    return total


@pytest.mark.parametrize("on", ["face", "node"])
def test_pressure_fields_are_cut_with_the_faces(on):
    """Subdomains may share nodes of the set without any of its faces."""
    n_values = {"face": len(MESH.side_sets["x1"]), "node": len(side_set_nodes(MESH, "x1"))}[on]
    load = Load("p", "pressure", "x1", np.linspace(1.0, 2.0, n_values), on=on)
    whole = force(load, np.zeros(MESH.n_elements, dtype=np.int64))
    assert np.abs(whole).max() > 0.0
    middle = MESH.points[MESH.blocks[0].connectivity].mean(axis=1)
    for parts in (middle[:, 0] > 1.5, middle[:, 1] > 0.5, np.arange(MESH.n_elements) % 3):
        np.testing.assert_allclose(force(load, np.asarray(parts, dtype=np.int64)), whole, atol=1e-14)

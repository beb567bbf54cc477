"""Results written as `.frd`: read back by romtool, and by a reader of others; fields brought to the nodes."""

from pathlib import Path

import meshio
import numpy as np
import pytest

from romtool.convert.calculix_export import write_frd
from romtool.convert.registry import read_results
from romtool.errors import InputError
from romtool.fem.elements import ELEMENTS
from romtool.fem.operators import build_operators
from romtool.pipeline.nodal import NodalMeans
from romtool.types import FieldInfo
from tests.fem.meshes import cube, distort

TIMES = np.array([0.0, 0.1, 1.0 / 3.0, 1234.56789])
WIDTHS = {"u": 3, "T": 1, "stress": 6, "own field": 8}
SIX_DIGITS = 5e-6
CELLS = {  # the formulation that the reader takes for each cell of the format
    **{"tetra": "tet4", "tetra10": "tet10", "hexahedron": "hex8_mean", "hexahedron20": "hex20_corner"},
    **{"wedge": "wedge6", "wedge15": "wedge15"},
}


def values(mesh, name, i):
    return np.random.default_rng([len(name), i]).normal(0.0, 10.0 ** (3 - i), (mesh.n_nodes, WIDTHS[name]))


@pytest.mark.parametrize("formulation", CELLS.values())
def test_a_file_holds_what_was_written(formulation, tmp_path):
    mesh = cube(formulation, 2, distort)
    path = tmp_path / "x.frd"
    write_frd(path, mesh, TIMES, WIDTHS, lambda name, i: values(mesh, name, i))
    found = read_results(path)
    assert np.array_equal(found.mesh.node_ids, mesh.node_ids)
    assert np.array_equal(found.mesh.element_ids, mesh.element_ids)
    assert np.array_equal(found.mesh.blocks[0].connectivity, mesh.blocks[0].connectivity)
    assert found.mesh.blocks[0].cell_type == mesh.blocks[0].cell_type
    assert np.abs(found.mesh.points - mesh.points).max() < SIX_DIGITS
    assert np.allclose(found.times, TIMES, rtol=1e-9, atol=0.0)
    for name, theirs in {"u": "u", "T": "T", "stress": "stress_nodal", "own field": "OWN FIEL"}.items():
        for i in range(len(TIMES)):
            exact = values(mesh, name, i)
            assert np.allclose(found.read(theirs, i), exact, rtol=1.01 * SIX_DIGITS, atol=1e-95), (name, i)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_reader_of_others_finds_the_same(tmp_path, capfd):
    converter = pytest.importorskip("ccx2paraview", reason="ccx2paraview is not installed")
    mesh, widths = cube("hex20_corner", 2, distort), {name: WIDTHS[name] for name in ("u", "T", "stress")}
    for i in range(len(TIMES)):  # a file each: with several times it writes one while it reads the next
        write_frd(tmp_path / f"x{i}.frd", mesh, TIMES[i : i + 1], widths, lambda name, _, i=i: values(mesh, name, i))
        converter.Converter(str(tmp_path / f"x{i}.frd"), ["vtu"]).run()
        capfd.readouterr()
        found = meshio.read(tmp_path / f"x{i}.vtu")
        assert np.allclose(found.points, mesh.points, atol=SIX_DIGITS)
        (cells,) = found.cells
        assert cells.type == "hexahedron20"
        assert np.array_equal(cells.data, mesh.blocks[0].connectivity)
        assert np.allclose(found.point_data["U"], values(mesh, "u", i), rtol=1.01 * SIX_DIGITS)
        assert np.allclose(found.point_data["NT"].ravel(), values(mesh, "T", i)[:, 0], rtol=1.01 * SIX_DIGITS)
        assert np.allclose(found.point_data["S"][:, :6], values(mesh, "stress", i), rtol=1.01 * SIX_DIGITS)


def test_numbers_too_small_for_the_columns_are_zero_and_fields_of_one_name_are_refused(tmp_path):
    mesh = cube("hex8", 1)
    write_frd(tmp_path / "x.frd", mesh, TIMES[:1], {"T": 1}, lambda name, i: np.full((8, 1), 1e-120))
    assert (read_results(tmp_path / "x.frd").read("T", 0) == 0.0).all()
    with pytest.raises(InputError, match="two fields would be STRESS"):
        write_frd(tmp_path / "x.frd", mesh, TIMES, {"stress": 6, "stress_nodal": 6}, lambda name, i: np.zeros((8, 6)))


@pytest.mark.parametrize("formulation", list(ELEMENTS))
def test_a_linear_field_keeps_its_values_at_the_nodes(formulation):
    mesh = cube(formulation, 2)
    operators = build_operators(mesh)
    slope = np.array([[2.0, -1.0, 0.5]]).T if formulation not in ("tet4", "wedge6") else np.zeros((3, 1))
    at_points, at_nodes = operators.coordinates @ slope + 3.0, mesh.points @ slope + 3.0
    info = FieldInfo("point", ("",))
    assert np.allclose(NodalMeans(mesh).take(info, at_points), at_nodes, atol=1e-11)


def test_element_fields_become_means_over_the_elements_of_a_node():
    mesh = cube("hex8", 2)
    found = NodalMeans(mesh).take(FieldInfo("element", ("",)), np.arange(8.0)[:, None])
    middle = int(np.argmin(np.linalg.norm(mesh.points - mesh.points.mean(axis=0), axis=1)))
    assert found[middle, 0] == pytest.approx(3.5)


def test_fields_writes_it(tmp_path):
    from romtool.pipeline.fields import write_fields

    mesh = cube("hex8_mean", 1)
    source = Path(tmp_path / "a.frd")
    write_frd(source, mesh, TIMES, {"u": 3}, lambda name, i: values(mesh, name, i))
    write_fields(source, tmp_path / "b.frd", [TIMES[1]], ["u"], overwrite=False)
    again = read_results(tmp_path / "b.frd")
    assert again.times[-1] == pytest.approx(TIMES[1])
    assert np.allclose(again.read("u", len(again.times) - 1), values(mesh, "u", 1), rtol=2 * SIX_DIGITS)

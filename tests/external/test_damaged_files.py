"""Damaged variants of every sample: one line that names the file, exit code 2, nothing written, no crash."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from romtool.convert.registry import find_reader
from romtool.errors import RomtoolError
from romtool.loading import PartialDeckError
from tests.cli.small_case import romtool
from tests.shared_data import shared

FILES = (
    "abaqus/hex_C3D8.fil", "abaqus/discontinuous_numbering_2D.fil", "abaqus/hex_C3D8.inp",
    "abaqus/discontinuous_numbering_2D.inp", "ansys/beam_static_bc.rst", "ansys/hexbeam_modal_file.rst",
    "ansys/msup_transient_plate1.rst", "ansys/targe170_contact_thermomech.rst", "ansys/HexBeam.cdb",
    "nastran/sol401_tstep1.op2", "nastran/solid_bending.op2", "nastran/tet10_simple_example.op2",
    "nastran/time_thermal_elements.op2", "nastran/transient_solid_shell_bar.op2", "nastran/sol401_tstep1.dat",
    "nastran/solid_bending.bdf", "nastran/tet10_simple_example.bdf", "nastran/time_thermal_elements.bdf",
    "nastran/transient_solid_shell_bar.bdf", "calculix/bar_c3d10.frd", "calculix/bar_c3d20r.frd",
    "calculix/vtkdata_mesh.frd", "calculix/bar_c3d10.inp", "calculix/bar_c3d20r.inp", "calculix/bar_c3d10.dat",
    "zset/cube.ut", "zset/cube.geof", "exodus/biplane_hex20_tetra10_shell8.exo", "exodus/mug.e", "exodus/noh.exo",
    "exodus/spec_hex20_synthetic.e", "med/gmsh_hexahedron20.med", "med/gmsh_pyramid13.med", "med/gmsh_tetra10.med",
    "med/gmsh_wedge15.med", "med/medcoupling_multistep_gauss_synthetic.med", "xdmf/no_checkpoint.xdmf",
    "xdmf/out.xdmf",
)  # fmt: skip
COMPANIONS = {
    "zset/cube.geof": "cube.ut",
    "zset/cube.node": "cube.ut",
    "zset/cube.integ": "cube.ut",
    "zset/cube.ctnod": "cube.ut",
    "xdmf/out.h5": "out.xdmf",
    "xdmf/no_checkpoint.h5": "no_checkpoint.xdmf",
}
"""A damaged file beside the one that is opened."""

VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "first tenth": lambda data: data[: len(data) // 10],
    "first half": lambda data: data[: len(data) // 2],
    "noise": lambda data: np.random.default_rng(0).bytes(4000),
    "zeros": lambda data: bytes(4000),
    "text": lambda data: b"hello\nworld\n" * 50,
    "half noise": lambda data: data[: len(data) // 2] + np.random.default_rng(0).bytes(len(data) - len(data) // 2),
}
UNHARMED = {
    "ansys/hexbeam_modal_file.rst": "the noise is in modes, which are not read",
    "xdmf/no_checkpoint.h5": "the noise is in numbers",
    "zset/cube.integ": "the noise is in numbers",
    "zset/cube.ctnod": "the noise is in numbers",
    "zset/cube.node": "the noise is in numbers",
}
"""Files in whose second half any bytes are values."""


def located(name: str) -> Path:
    if name.startswith("nastran"):
        pytest.importorskip("pyNastran", reason="pyNastran (numpy < 2) reads Nastran's files")
    return shared("solver-files", *name.split("/"))


def damaged(name: str, variant: str, folder: Path) -> Path:
    """Copy a file and those of its name beside it, damage it, and return it."""
    source = located(name)
    for file in source.parent.glob(f"{source.stem}.*"):
        shutil.copyfile(file, folder / file.name)
    path = folder / source.name
    path.write_bytes(VARIANTS[variant](source.read_bytes()))
    return path


def case_of(path: Path) -> Path:
    """Write a case that is trained on a file."""
    key = "deck" if path.suffix in (".inp", ".cdb", ".bdf") else "results"
    folder = path.parent / "study"
    folder.mkdir()
    (folder / "case.toml").write_text(
        f'[case]\nname = "c"\n[[simulations]]\nname = "s"\n{key} = "../{path.name}"\n'
        '[[materials]]\nelements = "all"\nlaw = "elastic"\nparameters = { young = 1.0, poisson = 0.3 }\n'
    )
    return folder / "case.toml"


def check_refused(opened: Path, named: str) -> None:
    """Have `info`, `init` and `import` refuse a file in one line that names it, and write nothing."""
    case = case_of(opened)
    for arguments in (["info", opened], ["init", opened, "-o", opened.parent / "new"], ["import", case]):
        failed = romtool(*arguments, "--json")
        assert failed.code == 2, failed.out
        message = failed.json["error"]["message"]
        assert "\n" not in message
        assert named in message
        assert len(message) < 400 + len(str(opened))
    assert not (opened.parent / "new").exists()
    assert [path.name for path in case.parent.iterdir()] == ["case.toml"]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused_in_one_line(name: str, variant: str, tmp_path: Path) -> None:
    if variant == "half noise" and name in UNHARMED:
        pytest.skip(UNHARMED[name])
    path = damaged(name, variant, tmp_path)
    check_refused(path, path.name)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", COMPANIONS)
def test_a_damaged_file_beside_the_opened_one_is_named(name: str, variant: str, tmp_path: Path) -> None:
    if variant == "half noise" and name in UNHARMED:
        pytest.skip(UNHARMED[name])
    path = damaged(name, variant, tmp_path)
    check_refused(path.with_name(COMPANIONS[name]), path.name)


SAMPLES = (
    "abaqus/hex_C3D8.fil", "abaqus/hex_C3D8.inp", "ansys/beam_static_bc.rst", "ansys/HexBeam.cdb",
    "nastran/solid_bending.op2", "nastran/solid_bending.bdf", "calculix/bar_c3d20r.frd", "calculix/bar_c3d20r.dat",
    "zset/cube.ut", "zset/cube.geof", "exodus/mug.e", "exodus/biplane_hex20_tetra10_shell8.exo", "med/gmsh_tetra10.med",
    "xdmf/out.xdmf",
)  # fmt: skip
SAME = ({".e", ".exo"}, {".bdf", ".dat"}, {".geof", ".geo"})
"""Extensions of one format."""


@pytest.mark.parametrize(
    "extension", [*sorted({Path(name).suffix for name in SAMPLES}), ".vtu", ".vtk", ".pvd", ".geo"]
)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_with_the_extension_of_another_program_is_refused(name: str, extension: str, tmp_path: Path) -> None:
    source = located(name)
    if source.suffix == extension or {source.suffix, extension} in SAME:
        return
    if extension in (".op2", ".bdf"):
        pytest.importorskip("pyNastran", reason="pyNastran (numpy < 2) reads Nastran's files")
    path = tmp_path / f"wrong{extension}"
    shutil.copyfile(source, path)
    check_refused(path, path.name)


def refusal(path: Path) -> str:
    """Read everything that a reader gives; return why it does not."""
    try:
        reader = find_reader(path)
        if path.suffix in reader.deck_extensions:
            with contextlib.suppress(PartialDeckError):
                reader.read_deck(path)
        found = reader.read(path)
        for name in found.fields:
            found.read(name, len(found.times) - 1)
    except RomtoolError as error:
        return str(error)
    return ""


SMALL = ("abaqus/hex_C3D8.fil", "abaqus/hex_C3D8.inp", "ansys/HexBeam.cdb", "ansys/beam_static_bc.rst",
         "nastran/solid_bending.bdf", "nastran/sol401_tstep1.op2")  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_scrambled_bytes_never_crash(name: str, tmp_path: Path, data: st.DataObject) -> None:
    """Change a few bytes, drop a piece, double a piece: the answer is results or one line of refusal."""
    content = bytearray(located(name).read_bytes())
    changes = data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8))
    for place, value in changes:
        content[place] = value
    start = data.draw(st.integers(0, len(content) - 1))
    length = data.draw(st.integers(0, 400))
    kind = data.draw(st.sampled_from(("keep", "drop", "double", "cut")))
    pieces = {
        "keep": content,
        "drop": content[:start] + content[start + length :],
        "double": content[: start + length] + content[start:],
        "cut": content[:start],
    }
    path = tmp_path / Path(name).name
    path.write_bytes(bytes(pieces[kind]))
    reason = refusal(path)
    assert "\n" not in reason
    assert not reason or path.name in reason

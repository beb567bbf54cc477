"""Damaged variants of Abaqus, Ansys and Nastran files: one line, exit code 2, no crash."""

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
    "nastran/transient_solid_shell_bar.bdf",
)  # fmt: skip

VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "first tenth": lambda data: data[: len(data) // 10],
    "first half": lambda data: data[: len(data) // 2],
    "noise": lambda data: np.random.default_rng(0).bytes(4000),
    "zeros": lambda data: bytes(4000),
    "text": lambda data: b"hello\nworld\n" * 50,
    "half noise": lambda data: data[: len(data) // 2] + np.random.default_rng(0).bytes(len(data) - len(data) // 2),
}
UNHARMED = {("ansys/hexbeam_modal_file.rst", "half noise")}


def located(name: str) -> Path:
    if name.startswith("nastran"):
        pytest.importorskip("pyNastran", reason="pyNastran (numpy < 2) reads Nastran's files")
    return shared("solver-files", *name.split("/"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused_in_one_line(name: str, variant: str, tmp_path: Path) -> None:
    if (name, variant) in UNHARMED:
        pytest.skip("the noise is in modes, which are not read")
    path = tmp_path / Path(name).name
    path.write_bytes(VARIANTS[variant](located(name).read_bytes()))
    for arguments in (["info", str(path)], ["init", str(path), "-o", str(tmp_path / "case")]):
        failed = romtool(*arguments, "--json")
        assert failed.code == 2, failed.out
        assert "\n" not in failed.json["error"]["message"]
        assert path.name in failed.json["error"]["message"]
    assert not (tmp_path / "case").exists()


EXTENSIONS = (".fil", ".inp", ".rst", ".cdb", ".op2", ".bdf")


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("name", [FILES[0], FILES[2], FILES[4], FILES[8], FILES[10], FILES[15]])
def test_a_file_with_the_extension_of_another_program_is_refused(name: str, extension: str, tmp_path: Path) -> None:
    if located(name).suffix == extension:
        return
    if extension in (".op2", ".bdf"):
        pytest.importorskip("pyNastran", reason="pyNastran (numpy < 2) reads Nastran's files")
    path = tmp_path / f"wrong{extension}"
    shutil.copyfile(located(name), path)
    failed = romtool("info", path, "--json")
    assert failed.code == 2, failed.out
    assert path.name in failed.json["error"]["message"]


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

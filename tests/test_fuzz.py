"""A short run of the fuzzer, the same every time: spoilt files of every format are read, or refused in one line."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import SOURCES, check, spoil


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), number=st.integers(0, 5))
def test_spoilt_files_are_read_or_refused_in_words(name, seed, number, tmp_path_factory):
    if name.startswith("nastran"):
        pytest.importorskip("pyNastran", reason="pyNastran (numpy < 2) reads Nastran's files")
    target = SOURCES[name](tmp_path_factory.mktemp("spoilt"), number)
    data = spoil(target.spoilt.read_bytes(), seed)
    target.spoilt.unlink()
    target.spoilt.write_bytes(data)
    error = check(target)
    assert error is None, repr(error)


def test_the_fuzzer_finds_a_reader_that_breaks(tmp_path, monkeypatch):
    target = SOURCES["zset mesh"](tmp_path, 0)
    assert check(target) is None
    monkeypatch.setattr("romtool.convert.zset_mesh.build_mesh", lambda *_: 1 / 0)
    assert isinstance(check(target), ZeroDivisionError)

"""Numbers in text of fixed width are those that Python reads, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from romtool.convert.calculix_numbers import parse_fields


def table(rows: list[str]) -> np.ndarray:  # type: ignore[type-arg]
    return np.frombuffer("".join(rows).encode(), np.uint8).reshape(len(rows), -1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=40))
def test_numbers_of_six_digits(values: list[float]) -> None:
    texts = [f"{value:12.5E}" for value in values]
    found = parse_fields(table([f" -1{text}\n" for text in texts]), 3, 12, 1)
    assert found[:, 0].tolist() == [float(text) for text in texts]
    assert np.signbit(found[:, 0]).tolist() == np.signbit(values).tolist()


@settings(max_examples=100, deadline=None)
@given(st.text("0123456789+-.E ", min_size=8, max_size=8))
def test_what_is_a_number_is_what_python_says(text: str) -> None:
    try:
        expected = float(text)
    except ValueError:
        with pytest.raises(ValueError, match="convert"):
            parse_fields(table([text]), 0, 8, 1)
    else:
        assert parse_fields(table([text]), 0, 8, 1).tolist() == [[expected]]


def test_other_words_for_numbers() -> None:
    texts = ["         nan", "        -inf", " 1.2345e-300", "123456789012", " 0.123456789", "  1.00000+10"]
    found = parse_fields(table(texts[:5]), 0, 12, 1)[:, 0]
    np.testing.assert_array_equal(found, [float(text) for text in texts[:5]])
    with pytest.raises(ValueError, match="convert"):
        parse_fields(table(texts[5:]), 0, 12, 1)


def test_several_numbers_in_a_row() -> None:
    rows = [f"x{a:6.1f}{b:6.1f}\n" for a, b in ((1.5, -2.5), (-10.5, 100.0))]
    np.testing.assert_array_equal(parse_fields(table(rows), 1, 6, 2), [[1.5, -2.5], [-10.5, 100.0]])
    with pytest.raises(ValueError, match="14 characters, expected 19"):
        parse_fields(table(rows), 1, 6, 3)

"""Expressions of coordinates: values against NumPy, and every refusal with its column."""

import numpy as np
import pytest

from romtool.errors import CaseError
from romtool.expression import check_expression, evaluate_expression

POINTS = np.random.default_rng(3).uniform(0.1, 2.0, (7, 3))
X, Y, Z = POINTS.T


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("20 + 30*exp(-((x-1)**2 + y**2)/4)", 20 + 30 * np.exp(-((X - 1) ** 2 + Y**2) / 4)),
        ("  -x ** 2 + +y", -(X**2) + Y),
        ("sin(x)*cos(y)/tan(z)", np.sin(X) * np.cos(Y) / np.tan(Z)),
        ("log(x) + sqrt(y) + abs(-z) + tanh(pi*x)", np.log(X) + np.sqrt(Y) + Z + np.tanh(np.pi * X)),
        ("min(x, y, z) - max(x, 1)", np.minimum(np.minimum(X, Y), Z) - np.maximum(X, 1)),
        ("where(x < 1, y, z)", np.where(X < 1, Y, Z)),
        (
            "where(0.5 <= x < 1 or not y > 1 and z != 2, 1, 2)",
            np.where(((X >= 0.5) & (X < 1)) | (Y <= 1), 1, 2),
        ),
        ("where(x > 1, log(x - 1), 0)", np.log(X - 1, where=X > 1, out=np.zeros(7))),
        ("3", np.full(7, 3.0)),
        ("(x\n + y)", X + Y),
    ],
)
def test_values_are_those_of_numpy(text: str, values: np.ndarray) -> None:
    result = evaluate_expression(text, POINTS)
    assert result.shape == (7,)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, values, rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20 + foo(x)", r'unknown function "foo", did you mean "\w+"\? at column 6'),
        ("20 + exq(x)", r'did you mean "exp"\?'),
        ("x + t", r'unknown name "t" \(known: x, y, z, pi\) at column 5'),
        ("x +", r"cannot be read at column 3"),
        ("", r"cannot be read"),
        ("exp(x", r"cannot be read at column 4: '\(' was never closed"),
        ("__import__('os').system('true')", r"is not allowed"),
        ("x.T", r"x\.T is not allowed .* at column 1"),
        ("[x for x in y]", r"is not allowed"),
        ("x % 2", r"x % 2 is not allowed"),
        ("1 + 'a'", r"'a' is not a number at column 5"),
        ("1j*x", r"1j is not a number"),
        ("True + x", r"True is not a number"),
        ("exp(x, y)", r"exp takes 1 plain argument at column 1"),
        ("min(x)", r"min takes at least 2 plain arguments"),
        ("max(x, y, key=z)", r"max takes at least 2 plain arguments"),
        ("where(x, y, z)", r"x is no condition; compare with .* at column 7"),
        ("x < 1", r"x < 1 is not allowed"),
        ("(" * 400 + "x" + ")" * 400, r"cannot be read"),
        ("1" + "0" * 5000, r"cannot be read"),
        ("x\0", r"cannot be read"),
    ],
)
def test_what_is_not_arithmetic_is_refused_in_one_line(text: str, message: str) -> None:
    for check in (check_expression, lambda t: evaluate_expression(t, POINTS)):
        with pytest.raises(CaseError, match=message) as caught:
            check(text)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["1/(x - x)", "log(-x)", "9**9**9**9*x", "1e400"])
def test_a_value_that_is_not_finite_names_the_point(text: str) -> None:
    check_expression(text)
    with pytest.raises(CaseError, match=r"gives (inf|nan) at \(x, y, z\) = \(.*\); it must be finite"):
        evaluate_expression(text, POINTS)

"""Expressions of x, y, z in case files, evaluated over many points without `eval`.

Allowed: numbers, `x y z pi`, `+ - * / **`, parentheses, comparisons joined by `and or not`, and the functions
of `FUNCTIONS`. Everything else is refused with its column.
"""

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from romtool.errors import CaseError
from romtool.types import Floats

Value = Any  # a float or an array over the points

FUNCTIONS: Mapping[str, tuple[int, Callable[..., Value]]] = MappingProxyType(
    {
        "exp": (1, np.exp),
        "log": (1, np.log),
        "sqrt": (1, np.sqrt),
        "abs": (1, np.abs),
        "sin": (1, np.sin),
        "cos": (1, np.cos),
        "tan": (1, np.tan),
        "tanh": (1, np.tanh),
        "min": (-2, lambda *values: reduce(np.minimum, values)),
        "max": (-2, lambda *values: reduce(np.maximum, values)),
        "where": (3, np.where),
    }
)
"""Functions by name: number of arguments (negative: at least that many) and NumPy function."""

_OPERATIONS: Mapping[type, Callable[..., Value]] = MappingProxyType(
    {
        ast.Add: np.add,
        ast.Sub: np.subtract,
        ast.Mult: np.multiply,
        ast.Div: np.divide,
        ast.Pow: np.power,
        ast.UAdd: np.positive,
        ast.USub: np.negative,
    }
)
_CONDITIONS: Mapping[type, Callable[..., Value]] = MappingProxyType(
    {
        ast.Lt: np.less,
        ast.LtE: np.less_equal,
        ast.Gt: np.greater,
        ast.GtE: np.greater_equal,
        ast.Eq: np.equal,
        ast.NotEq: np.not_equal,
        ast.And: np.logical_and,
        ast.Or: np.logical_or,
        ast.Not: np.logical_not,
    }
)


def evaluate_expression(text: str, points: Floats) -> Floats:
    """Evaluate an expression of x, y, z at points.

    Parameters
    ----------
    text: the expression, e.g. "20 + 30*exp(-((x-1)**2 + y**2)/4)".
    points: (n, 3) float [length] coordinates.

    Returns
    -------
    (n,) float values, a fresh array.

    Raises
    ------
    CaseError: something that is not allowed (with its column), or a value that is not finite.

    >>> evaluate_expression("2*x + max(y, z)", np.array([[1.0, 2.0, 3.0]]))
    array([5.])
    """
    values = _evaluate(text, points)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        place = ", ".join(f"{c:g}" for c in points[wrong[0]])
        found = f"{values[wrong[0]]} at (x, y, z) = ({place})"
        raise CaseError(f'expression "{_shown(text)}" gives {found}; it must be finite at every node')
    return values


def check_expression(text: str) -> None:
    """Raise CaseError where `text` is no valid expression; nothing is evaluated at a point."""
    _evaluate(text, np.zeros((0, 3)))


def _evaluate(text: str, points: Floats) -> Floats:
    """Return the (n,) values, finite or not."""
    source = " ".join(text.split())
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tokenizer's warnings on text like "1if"
            tree = ast.parse(source, mode="eval")
            value = _Evaluation(source, points).value(tree.body)
    except SyntaxError as error:
        place = f"at column {error.offset or len(source)}"
        raise CaseError(f'expression "{_shown(text)}" cannot be read {place}: {error.msg}') from error
    except CaseError:
        raise
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        raise CaseError(f'expression "{_shown(text)}" cannot be read: {error or "too long"}') from error
    return np.array(np.broadcast_to(value, (len(points),)), dtype=np.float64)


def _shown(text: str) -> str:
    """Return the start of an expression on one line, for messages."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}…"


@dataclass(frozen=True)
class _Evaluation:
    """The walk through one expression's syntax tree at given points."""

    text: str
    points: Floats

    def refuse(self, node: ast.AST, found: str) -> NoReturn:
        """Raise the error for a part of the expression, with its column counted from 1."""
        column = getattr(node, "col_offset", 0) + 1
        raise CaseError(f'expression "{_shown(self.text)}": {found} at column {column}')

    def value(self, node: ast.expr) -> Value:
        """Return the number or the (n,) values of a part of the expression."""
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.variable(node)
            case ast.UnaryOp(op=ast.UAdd() | ast.USub()):
                return _OPERATIONS[type(node.op)](self.value(node.operand))
            case ast.BinOp() if type(node.op) in _OPERATIONS:
                return _OPERATIONS[type(node.op)](self.value(node.left), self.value(node.right))
            case ast.Call(func=ast.Name()):
                return self.call(node)
        allowed = "numbers, x y z pi, + - * / ** and functions"
        return self.refuse(node, f"{ast.unparse(node)} is not allowed (allowed: {allowed})")

    def number(self, node: ast.Constant) -> Value:
        """Return a literal as a float, so that powers overflow to infinity instead of growing."""
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            self.refuse(node, f"{node.value!r} is not a number")
        return np.float64(node.value)

    def variable(self, node: ast.Name) -> Value:
        """Return a coordinate or pi."""
        if node.id == "pi":
            return np.pi
        if node.id not in ("x", "y", "z"):
            self.refuse(node, f'unknown name "{node.id}" (known: x, y, z, pi)')
        return self.points[:, "xyz".index(node.id)]

    def call(self, node: ast.Call) -> Value:
        """Return the values of a function of `FUNCTIONS`."""
        name = getattr(node.func, "id", "")
        if name not in FUNCTIONS:
            nearest = get_close_matches(name, FUNCTIONS, n=1, cutoff=0.0)[0]
            self.refuse(node, f'unknown function "{name}", did you mean "{nearest}"?')
        count, function = FUNCTIONS[name]
        if node.keywords or (len(node.args) != count if count > 0 else len(node.args) < -count):
            need = f"{count}" if count > 0 else f"at least {-count}"
            self.refuse(node, f"{name} takes {need} plain argument{'s' if abs(count) > 1 else ''}")
        if name == "where":
            return function(self.condition(node.args[0]), *map(self.value, node.args[1:]))
        return function(*map(self.value, node.args))

    def condition(self, node: ast.expr) -> Value:
        """Return the truth values of comparisons joined by and, or, not."""
        match node:
            case ast.Compare() if all(type(op) in _CONDITIONS for op in node.ops):
                sides = [self.value(side) for side in (node.left, *node.comparators)]
                parts = [_CONDITIONS[type(op)](*sides[i : i + 2]) for i, op in enumerate(node.ops)]
                return reduce(np.logical_and, parts)
            case ast.BoolOp():
                return reduce(_CONDITIONS[type(node.op)], map(self.condition, node.values))
            case ast.UnaryOp(op=ast.Not()):
                return np.logical_not(self.condition(node.operand))
        return self.refuse(node, f"{ast.unparse(node)} is no condition; compare with < <= > >= == !=")

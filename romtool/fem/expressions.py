"""Arithmetic expressions of coordinates from case files, evaluated on arrays; nothing else is allowed in them."""

import ast
import operator
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import numpy as np

from romtool.errors import CaseError
from romtool.types import Floats

_BINARY: Mapping[type, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: operator.pow,
    }
)
_UNARY: Mapping[type, Callable[[Any], Any]] = MappingProxyType({ast.USub: operator.neg, ast.UAdd: operator.pos})
_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "sqrt": np.sqrt,
        "exp": np.exp,
        "log": np.log,
        "sin": np.sin,
        "cos": np.cos,
        "tan": np.tan,
        "tanh": np.tanh,
        "arctan2": np.arctan2,
        "abs": np.abs,
        "minimum": np.minimum,
        "maximum": np.maximum,
    }
)


def evaluate_expression(text: str, values: Mapping[str, Floats]) -> Floats:
    """Evaluate arithmetic on named arrays.

    Parameters
    ----------
    text: numbers, names, + - * / **, parentheses, and sqrt exp log sin cos tan tanh arctan2 abs minimum
        maximum; `pi` is known.
    values: name -> (n,) float, all of one length.

    Returns
    -------
    (n,) float.

    Raises
    ------
    CaseError: not an expression of this kind, or its value is not finite everywhere.

    >>> evaluate_expression("20 + 3*x**2", {"x": np.array([0.0, 2.0])}).tolist()
    [20.0, 32.0]
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise CaseError(f"expression '{text}' is not arithmetic ({error.msg}); write e.g. 20 + 3*x**2") from error
    names = {"pi": np.pi, **values}
    length = len(next(iter(values.values())))
    with np.errstate(all="ignore"):
        result = np.array(np.broadcast_to(_value(tree, names, text), (length,)), dtype=np.float64)
    if not np.isfinite(result).all():
        raise CaseError(f"expression '{text}' is not finite at {int((~np.isfinite(result)).sum())} nodes")
    return result


def _value(node: ast.expr, names: Mapping[str, Any], text: str) -> Any:
    """Return the value of a part of the expression."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return np.float64(number)
        case ast.Name(id=name):
            return _named(name, names, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left, names, text), _value(right, names, text))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand, names, text))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, [_value(argument, names, text) for argument in arguments], text)
    raise CaseError(f"expression '{text}': '{ast.unparse(node)}' is not allowed; only arithmetic of x, y, z is")


def _named(name: str, names: Mapping[str, Any], text: str) -> Any:
    """Return the value of a name."""
    if name not in names:
        raise CaseError(f"expression '{text}': name '{name}' is unknown; known are {', '.join(names)}")
    return names[name]


def _call(name: str, arguments: list[Any], text: str) -> Any:
    """Return the value of a function."""
    if name not in _FUNCTIONS:
        near = get_close_matches(name, _FUNCTIONS, n=1) or [", ".join(_FUNCTIONS)]
        raise CaseError(f"expression '{text}': function '{name}' is unknown; did you mean {near[0]}?")
    try:
        return _FUNCTIONS[name](*arguments)
    except TypeError as error:
        raise CaseError(f"expression '{text}': {name} takes another number of arguments") from error

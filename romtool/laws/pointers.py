"""Calls of functions at an address from compiled code."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def call_pointers(context: Any, address: Any, pointers: Any, length: Any) -> Any:
    """Call the function at `address` with a tuple of pointers and one number, by C's conventions."""

    def generate(target, builder, signature, arguments):  # type: ignore[no-untyped-def]
        word, count = ir.IntType(64), len(signature.args[1])
        function = ir.FunctionType(ir.VoidType(), [word] * (count + 1))
        callee = builder.inttoptr(arguments[0], function.as_pointer())
        values = [builder.extract_value(arguments[1], i) for i in range(count)]
        builder.call(callee, [*values, arguments[2]])
        return target.get_dummy_value()

    return types.void(types.int64, pointers, types.int64), generate

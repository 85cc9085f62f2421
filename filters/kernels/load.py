"""Eight bytes of an array as one integer: the one thing the kernels need that Numba cannot say.

A branch in a function that takes arrays makes Numba count references at each call (20 ns, more than the work
itself), so what runs once per word takes numbers, or arrays and no branch.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types, uint64
from numba.extending import intrinsic

PADDING = 8  # bytes that must be readable after the last text


@intrinsic
def load64(typing, array, position):
    """The little-endian uint64 at byte `position`, whatever its alignment."""

    def generate(context, builder, signature, args):
        view = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.bitcast(builder.gep(view.data, [args[1]]), ir.IntType(64).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(array, types.int64), generate


@njit
def lowest(word, length):
    """The first `length` bytes (1 to 8) of a little-endian word, zeros after them."""
    return word & (uint64(0xFFFFFFFFFFFFFFFF) >> uint64(64 - 8 * length))

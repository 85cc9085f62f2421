"""64 bytes compared at once, and counts of the bits that come of it.

A class mask is one comparison of a vector of 64 bytes, read as a 64-bit integer whose bit i stands for byte i. LLVM
makes of it what the processor has: SSE2, AVX2, AVX-512, NEON or plain code. Nothing here checks bounds: `PADDING`
bytes must be readable after the text.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types, uint64
from numba.extending import intrinsic

PADDING = 128
ONE, ALL = 1, 0xFFFFFFFFFFFFFFFF
_WORD, _BYTES = ir.IntType(64), ir.VectorType(ir.IntType(8), 64)


def _pointer(context, builder, kind, array_type, array, position):
    """Where a value of LLVM type `kind` lies that begins with byte `position` of an array."""
    view = context.make_array(array_type)(context, builder, array)
    return builder.bitcast(builder.gep(view.data, [position]), kind.as_pointer())


def _load(context, builder, signature, args, kind):
    """The value of LLVM type `kind` at byte args[1] of array args[0], whatever its alignment."""
    return builder.load(_pointer(context, builder, kind, signature.args[0], *args), align=1)


@intrinsic
def move64(typing, target, at, source, position):
    """Copy the 64 bytes at byte `position` of `source` to byte `at` of `target`."""

    def generate(context, builder, signature, args):
        moved = builder.load(_pointer(context, builder, _BYTES, signature.args[2], *args[2:]), align=1)
        builder.store(moved, _pointer(context, builder, _BYTES, signature.args[0], *args[:2]), align=1)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64), generate


@intrinsic
def trailing_zeros(typing, word):
    """Position of the lowest bit that is set, 64 if none is."""

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@intrinsic
def bit_count(typing, word):
    """How many bits are set."""

    def generate(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.int64(types.uint64), generate


def _mask(is_member):
    """An intrinsic (array, position) -> mask of the 64 bytes there that `is_member` says are in a class."""

    @intrinsic
    def mask(typing, array, position):
        def generate(context, builder, signature, args):
            vector = _load(context, builder, signature, args, _BYTES)
            return builder.bitcast(is_member(builder, vector), _WORD)

        return types.uint64(array, types.int64), generate

    return mask


def _every(byte):
    return ir.Constant(_BYTES, [byte] * 64)


def _is(builder, vector, byte):
    return builder.icmp_unsigned("==", vector, _every(byte))


def _within(builder, vector, first, last):
    return builder.icmp_unsigned("<=", builder.sub(vector, _every(first)), _every(last - first))


def _is_space(builder, vector):
    return builder.or_(_within(builder, vector, 0x09, 0x0D), _within(builder, vector, 0x1C, 0x20))


def _is_letter(builder, vector):
    return _within(builder, builder.or_(vector, _every(0x20)), ord("a"), ord("z"))


def _is_continuation(builder, vector):
    return _is(builder, builder.and_(vector, _every(0xC0)), 0x80)


# White space, letters and digits of ASCII; continuation bytes are those that begin no character of UTF-8.
spaces = _mask(_is_space)
letters = _mask(_is_letter)
digits = _mask(lambda builder, vector: _within(builder, vector, ord("0"), ord("9")))
beyond_ascii = _mask(lambda builder, vector: builder.icmp_unsigned(">=", vector, _every(0x80)))
continuations = _mask(_is_continuation)
line_feeds = _mask(lambda builder, vector: _is(builder, vector, 0x0A))
carriage_returns = _mask(lambda builder, vector: _is(builder, vector, 0x0D))
full_stops = _mask(lambda builder, vector: _is(builder, vector, ord(".")))
hash_signs = _mask(lambda builder, vector: _is(builder, vector, ord("#")))


@njit
def below(position):
    """The bits below `position` (0 to 63)."""
    return (uint64(ONE) << uint64(position)) - uint64(ONE)


@njit
def before(counts, masks, position):
    """How many bits are set before byte `position`; counts[b] is how many before block b."""
    block = position >> 6
    return int(counts[block]) + bit_count(masks[block] & below(position & 63))

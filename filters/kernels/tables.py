"""Hash tables of units of a text: where to look. What is equal is decided by comparing bytes.

The tables keep a branch out of the way: an empty slot takes the newcomer before it is compared, so that "new" and
"known", which nobody can predict, are one case, and only a collision is another.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from numba import int64, njit, uint64

from filters.kernels.load import load64

GOLDEN = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, for multiplicative hashing (Knuth)
OTHER = 0xD6E8FEB86659FD93  # another odd number of well-mixed bits


@njit
def slots_for(units):
    """Slots of a hash table for so many units: a power of two."""
    capacity = 16
    while 2 * capacity < 3 * units:
        capacity *= 2
    return capacity


@njit
def shift_to(capacity):
    """What shifts a hash of 64 bits down to a slot."""
    shift = uint64(64)
    while capacity > 1:
        capacity >>= 1
        shift -= uint64(1)
    return shift


@njit
def cleared(table, units):
    """Empty as much of the table as `units` need; (mask of a slot, shift of a hash to a slot)."""
    capacity = slots_for(units)
    table[:capacity] = -1
    return capacity - 1, shift_to(capacity)


@njit
def mixed(code):
    code = (code ^ code >> uint64(32)) * uint64(GOLDEN)
    return code ^ code >> uint64(29)


@njit
def hash_of(text, start, end):
    """Hash of text[start:end], at least 16 bytes, in two lanes that the processor runs side by side."""
    one, other = load64(text, end - 16), load64(text, end - 8) * uint64(OTHER) + uint64(end - start)
    while start < end - 16:
        one = mixed(one ^ load64(text, start))
        other = mixed(other + load64(text, start + 8))
        start += 16
    return mixed(mixed(one) + other)


@njit
def are_equal(text, edges, u, v):
    """Whether two units of at least 8 bytes are the same bytes."""
    i, j = int64(edges[2 * u]), int64(edges[2 * v])
    last = int64(edges[2 * u + 1]) - 8
    if last - i != edges[2 * v + 1] - 8 - j:
        return False
    different = load64(text, last) ^ load64(text, int64(edges[2 * v + 1]) - 8)
    while i < last and not different:
        different = load64(text, i) ^ load64(text, j)
        i += 8
        j += 8
    return different == 0

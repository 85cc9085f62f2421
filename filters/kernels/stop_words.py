"""How many of Gopher's eight stop words a text holds."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from filters.kernels.bits import ONE, bit_count, trailing_zeros
from filters.kernels.load import load64, lowest

WORDS = (b"the", b"be", b"to", b"of", b"and", b"that", b"have", b"with")
BLANKS = 0x20202020


def _hash(word: int, factor: int) -> int:
    return (word * factor & 0xFFFFFFFF) >> 29


def _perfect() -> tuple[int, np.ndarray]:
    """(factor, table): `_hash` puts each stop word, filled up by blanks, into a place of its own."""
    words = [int.from_bytes(word.ljust(4), "little") for word in WORDS]
    factor = next(f for f in range(1, 1 << 20, 2) if len({_hash(word, f) for word in words}) == len(words))
    return factor, np.array(sorted(words, key=lambda word: _hash(word, factor)), np.uint64)


FACTOR, TABLE = _perfect()


@njit
def count(text, size, space, alphanumeric):
    """Distinct stop words among the cores of the words of text[:size], from masks of its blocks.

    A core that is a stop word is one run of two to four alphanumeric bytes, and the only such run in its word.
    """
    found, last = uint64(0), uint64(0)
    for block in range((size >> 6) + 1):
        here, then = alphanumeric[block], alphanumeric[block + 1]
        second = here >> uint64(1) | then << uint64(63)
        more = (here >> uint64(2) | then << uint64(62)) & (here >> uint64(3) | then << uint64(61))
        fifth = here >> uint64(4) | then << uint64(60)
        runs = here & ~(here << uint64(ONE) | last) & second & ~(more & fifth)
        last = here >> uint64(63)
        while runs:
            i = trailing_zeros(runs)
            runs &= runs - uint64(ONE)
            start = (block << 6) + i
            tail = here >> uint64(i) | (then << uint64(1)) << uint64(63 - i)
            length = trailing_zeros(~tail)
            word = lowest(load64(text, start), length) | uint64(BLANKS)
            place = (word * uint64(FACTOR) & uint64(0xFFFFFFFF)) >> uint64(29)
            if word == TABLE[place]:
                bit = uint64(ONE) << place
                if not found & bit and _stands_alone(space, alphanumeric, start, start + length):
                    found |= bit
        if found == uint64(0xFF):
            break
    return bit_count(found)


@njit
def _stands_alone(space, alphanumeric, start, end):
    """Whether nothing else in the word around bytes start to end is alphanumeric."""
    i = start - 1
    while i >= 0 and not _is_set(space, i):
        if _is_set(alphanumeric, i):
            return False
        i -= 1
    while not _is_set(space, end):
        if _is_set(alphanumeric, end):
            return False
        end += 1
    return True


@njit
def _is_set(masks, position):
    return masks[position >> 6] >> uint64(position & 63) & uint64(ONE)

"""Byte-pair encoding: the best-scored pair of neighbouring symbols merges until no pair makes a piece.

A vocabulary is turned into a table of pairs (left piece, right piece) -> piece, each entry one integer, so that a
candidate costs one look-up and no comparison of bytes.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint64

from filters.kernels.load import PADDING, load64, lowest

ID_BITS = 21  # three ids fit into one integer
ID_MASK = (1 << ID_BITS) - 1
FACTOR, SPREAD = uint64(0x9E3779B97F4A7C15), uint64(0xD6E8FEB86659FD93)
NO_PIECE = -1


class Pieces(NamedTuple):
    """A vocabulary as arrays, with blanks as blanks.

    After the model's pieces come characters that only longer pieces hold; left over, they are written as their bytes.
    """

    text: np.ndarray  # uint8: the pieces' UTF-8, one after the other, and PADDING
    ends: np.ndarray  # int64 [pieces + 1]
    table: np.ndarray  # int32: piece + 1 by the hash of its bytes, 0 where there is none
    pairs: np.ndarray  # uint64: left, right and made piece by the hash of left and right, 0 where there is none
    rank: np.ndarray  # int64 [pieces]: 0 merges first
    symbol: np.ndarray  # bool [pieces]: a user-defined symbol, taken as it stands and never merged
    character: np.ndarray  # int32 [256]: the piece for an ASCII character or NO_PIECE
    opens: np.ndarray  # int64 [256]: bytes of the longest user-defined symbol that begins with this byte
    byte: np.ndarray  # int32 [256]: the piece for a byte
    vocabulary: int  # number of the model's pieces


@njit(inline="always")
def hash_bytes(data, at, size):
    """Hash of `size` (1 or more) bytes."""
    found = uint64(size) * SPREAD
    while size > 8:
        found = (found ^ load64(data, at)) * FACTOR
        found ^= found >> uint64(29)
        at, size = at + 8, size - 8
    found = (found ^ lowest(load64(data, at), size)) * FACTOR
    return found ^ (found >> uint64(32))


@njit
def _same(left, at, right, other, size):
    """Whether `size` bytes are the same in both."""
    while size > 8:
        if load64(left, at) != load64(right, other):
            return False
        at, other, size = at + 8, other + 8, size - 8
    return lowest(load64(left, at), size) == lowest(load64(right, other), size)


@njit
def _piece(data, at, size, text, ends, table):
    """The piece with these bytes, or NO_PIECE."""
    mask = table.shape[0] - 1
    slot = int64(hash_bytes(data, at, size)) & mask
    while table[slot]:
        piece = int64(table[slot]) - 1
        if ends[piece + 1] - ends[piece] == size and _same(data, at, text, ends[piece], size):
            return piece
        slot = (slot + 1) & mask
    return int64(NO_PIECE)


@njit(nogil=True, cache=True)
def fill_table(text, ends, chosen, table):
    """Enter the `chosen` pieces into `table`, by their bytes."""
    mask = table.shape[0] - 1
    for piece in chosen:
        slot = int64(hash_bytes(text, ends[piece], ends[piece + 1] - ends[piece])) & mask
        while table[slot]:
            slot = (slot + 1) & mask
        table[slot] = piece + 1


@njit(nogil=True, cache=True)
def find_pairs(text, ends, table, chosen, symbol):
    """Every way to make one of the `chosen` pieces of two, uint64 [ways]: left, right, made."""
    found = np.empty(ends[-1], np.uint64)
    count = 0
    for made in chosen:
        for middle in range(ends[made] + 1, ends[made + 1]):
            left = _piece(text, ends[made], middle - ends[made], text, ends, table)
            right = _piece(text, middle, ends[made + 1] - middle, text, ends, table)
            if left >= 0 and right >= 0 and not symbol[left] and not symbol[right]:
                found[count] = left << 2 * ID_BITS | right << ID_BITS | made
                count += 1
    return found[:count]


@njit(inline="always")
def _pair_hash(pair):
    found = pair * FACTOR
    return int64(found >> uint64(32))


@njit(nogil=True, cache=True)
def fill_pairs(found, pairs):
    """Enter the ways to make a piece into `pairs`."""
    mask = pairs.shape[0] - 1
    for way in found:
        slot = _pair_hash(way >> uint64(ID_BITS)) & mask
        while pairs[slot]:
            slot = (slot + 1) & mask
        pairs[slot] = way


@njit(inline="always")
def _made(left, right, pairs):
    """The piece that two pieces make, or NO_PIECE."""
    mask = pairs.shape[0] - 1
    pair = uint64(left << ID_BITS | right)
    slot = _pair_hash(pair) & mask
    made = int64(NO_PIECE)
    while pairs[slot]:
        if pairs[slot] >> uint64(ID_BITS) == pair:
            made = int64(pairs[slot]) & ID_MASK
            break
        slot = (slot + 1) & mask
    return made


@njit(inline="always")
def _push(heap, count, key):
    at = count
    while at and heap[(at - 1) >> 1] > key:
        heap[at] = heap[(at - 1) >> 1]
        at = (at - 1) >> 1
    heap[at] = key
    return count + 1


@njit(inline="always")
def _pop(heap, count):
    """Take the least key away; what is left stays a heap."""
    count -= 1
    last, at = heap[count], 0
    while 2 * at + 1 < count:
        below = 2 * at + 1
        below += below + 1 < count and heap[below + 1] < heap[below]
        if heap[below] >= last:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = last
    return count


@njit(inline="always")
def _symbol_at(data, at, size, text, ends, table, symbol, longest):
    """The longest user-defined symbol that begins here, or NO_PIECE."""
    found = int64(NO_PIECE)
    for length in range(min(size, longest), 0, -1):
        piece = _piece(data, at, length, text, ends, table)
        if piece >= 0 and symbol[piece]:
            found = piece
            break
    return found


@njit
def _cut(data, at, size, ids, width, before, text, ends, table, symbol, character, opens):
    """Cut a unit into characters and user-defined symbols: ids, widths, and where the one before begins."""
    i, last = 0, -1
    while i < size:
        first = int64(data[at + i])
        ids[i], width[i], before[i] = NO_PIECE, 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0), last
        if opens[first]:
            ids[i] = _symbol_at(data, at + i, size - i, text, ends, table, symbol, opens[first])
        if ids[i] >= 0:
            width[i] = ends[ids[i] + 1] - ends[ids[i]]
        elif first < 128:
            ids[i] = character[first]
        else:
            ids[i] = _piece(data, at + i, int64(width[i]), text, ends, table)
        last = i
        i += width[i]


@njit
def merge(data, at, size, pieces, scratch, heap, out):
    """Number of ids of the unit of `size` bytes at `at`, written to `out`.

    `scratch`: int32 [4, size], `heap`: int64 [3 * size], `out`: [size] or more.
    """
    text, ends, table, pairs, rank, symbol, character, opens, byte, vocabulary = pieces
    ids, width, before, pair = scratch[0], scratch[1], scratch[2], scratch[3]
    _cut(data, at, size, ids, width, before, text, ends, table, symbol, character, opens)
    waiting, left = 0, 0
    while left < size:
        right = left + width[left]
        pair[left] = NO_PIECE
        if right < size and ids[left] >= 0 and ids[right] >= 0:
            pair[left] = _made(int64(ids[left]), int64(ids[right]), pairs)
            if pair[left] >= 0:
                waiting = _push(heap, waiting, rank[pair[left]] << 32 | left)
        left = right
    while waiting:
        best, left = heap[0] >> 32, heap[0] & 0xFFFFFFFF
        waiting = _pop(heap, waiting)
        if pair[left] < 0 or rank[pair[left]] != best:
            continue  # one of the two has merged with another since
        right = left + width[left]
        after = right + width[right]
        ids[left], width[left], pair[right] = pair[left], after - left, NO_PIECE
        if after < size:
            before[after] = left
        for start in (left, int64(before[left])):
            if start < 0:
                continue
            pair[start] = NO_PIECE
            follows = start + width[start]
            if follows < size and ids[start] >= 0 and ids[follows] >= 0:
                pair[start] = _made(int64(ids[start]), int64(ids[follows]), pairs)
                if pair[start] >= 0:
                    waiting = _push(heap, waiting, rank[pair[start]] << 32 | start)
    return _write(data, at, size, ids, width, byte, vocabulary, out)


@njit(inline="always")
def _write(data, at, size, ids, width, byte, vocabulary, out):
    """The ids of the symbols that are left; one that is no piece is written as its bytes."""
    count, left = 0, 0
    while left < size:
        if 0 <= ids[left] < vocabulary:
            out[count] = ids[left]
            count += 1
        else:
            for i in range(left, left + width[left]):
                out[count] = byte[data[at + i]]
                count += 1
        left += width[left]
    return count


def padded(data: np.ndarray | bytes) -> np.ndarray:
    """A copy of the bytes with room behind them for reading eight at once."""
    found = np.zeros(len(data) + PADDING, np.uint8)
    found[: len(data)] = data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
    return found

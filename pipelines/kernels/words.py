"""Byte-pair encoding of texts unit by unit, each different unit merged once and then looked up.

A unit is a run of blanks with the word after it. Characters that no longer piece holds stand alone and need neither
merging nor looking up. Units are told apart by their bytes, not by a hash of them. When the memory of units is full
it is emptied: what is forgotten is merged again, to the same ids.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint64

from filters.kernels.load import PADDING, load64, lowest

PLAIN, BLANK, ALONE = 0, 1, 2
REMEMBERED = 64  # bytes of the longest unit that is kept
SIZE_BITS = 8
SIZE_MASK = (1 << SIZE_BITS) - 1
FACTOR, SPREAD = uint64(0x9E3779B97F4A7C15), uint64(0xD6E8FEB86659FD93)


class Pieces(NamedTuple):
    """A vocabulary as arrays. Blanks are blanks here, not U+2581."""

    text: np.ndarray  # uint8: the pieces' UTF-8, one after the other, and PADDING
    ends: np.ndarray  # int64 [pieces + 1]
    score: np.ndarray  # float32 [pieces]
    symbol: np.ndarray  # bool [pieces]: a user-defined symbol, taken as it stands and never merged
    table: np.ndarray  # int32: piece + 1 by the hash of its bytes, 0 where there is none
    opens: np.ndarray  # bool [256]: bytes with which a user-defined symbol begins
    byte: np.ndarray  # int32 [256]: the piece for a byte
    kind: np.ndarray  # uint8 [256]: PLAIN, BLANK or ALONE
    single: np.ndarray  # int32 [256]: the piece for a byte that stands alone
    longest: int  # bytes of the longest piece
    longest_symbol: int


class Memory(NamedTuple):
    """Units that were met, with their ids."""

    slots: np.ndarray  # uint64 [slots, 3]: first eight bytes; place in `text` and size; place in `ids` and number
    text: np.ndarray  # uint64: bytes of the units from the ninth on, filled up by zeros
    ids: np.ndarray  # int32
    used: np.ndarray  # int64 [3]: slots, words of `text`, `ids` in use


@njit
def _hash(data, at, size):
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
    """The piece with these bytes, or -1."""
    mask = table.shape[0] - 1
    slot = int64(_hash(data, at, size)) & mask
    while table[slot]:
        piece = int64(table[slot]) - 1
        if ends[piece + 1] - ends[piece] == size and _same(data, at, text, ends[piece], size):
            return piece
        slot = (slot + 1) & mask
    return -1


@njit(nogil=True, cache=True)
def fill_table(text, ends, chosen, table):
    """Enter the `chosen` pieces into the table."""
    mask = table.shape[0] - 1
    for piece in chosen:
        slot = int64(_hash(text, ends[piece], ends[piece + 1] - ends[piece])) & mask
        while table[slot]:
            slot = (slot + 1) & mask
        table[slot] = piece + 1


@njit
def _before(score, one, other):
    """Whether of two candidates (piece, place) the first merges earlier: higher score, then further left."""
    if score[one[0]] != score[other[0]]:
        return score[one[0]] > score[other[0]]
    return one[1] < other[1]


@njit
def _push(heap, count, piece, left, score):
    at = count
    while at:
        above = (at - 1) >> 1
        if not _before(score, (piece, left), (heap[above, 0], heap[above, 1])):
            break
        heap[at, 0], heap[at, 1] = heap[above, 0], heap[above, 1]
        at = above
    heap[at, 0], heap[at, 1] = piece, left
    return count + 1


@njit
def _pop(heap, count, score):
    """Take the first of the heap away; what is left stays ordered."""
    count -= 1
    last = (heap[count, 0], heap[count, 1])
    at = 0
    while 2 * at + 1 < count:
        below = 2 * at + 1
        if below + 1 < count and _before(
            score, (heap[below + 1, 0], heap[below + 1, 1]), (heap[below, 0], heap[below, 1])
        ):
            below += 1
        if not _before(score, (heap[below, 0], heap[below, 1]), last):
            break
        heap[at, 0], heap[at, 1] = heap[below, 0], heap[below, 1]
        at = below
    heap[at, 0], heap[at, 1] = last
    return count


@njit
def _symbol_size(data, at, size, pieces):
    """Bytes of the longest user-defined symbol that begins here, 0 if none does."""
    for length in range(min(size, pieces.longest_symbol), 0, -1):
        piece = _piece(data, at, length, pieces.text, pieces.ends, pieces.table)
        if piece >= 0 and pieces.symbol[piece]:
            return length
    return 0


@njit
def _candidate(data, at, size, left, width, frozen, pieces):
    """The piece that the symbol at `left` and the next one make together, or -1."""
    right = left + width[left]
    if right >= size or frozen[left] or frozen[right]:
        return -1
    both = int64(width[left] + width[right])
    if both > pieces.longest:
        return -1
    return _piece(data, at + left, both, pieces.text, pieces.ends, pieces.table)


@njit
def _characters(data, at, size, width, before, frozen, pieces):
    """Cut a unit into characters and user-defined symbols: their widths, and where the one before begins."""
    i, last = 0, -1
    while i < size:
        first = data[at + i]
        width[i] = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
        frozen[i] = 0
        if pieces.opens[first]:
            symbol = _symbol_size(data, at + i, size - i, pieces)
            if symbol:
                width[i], frozen[i] = symbol, 1
        before[i], last = last, i
        i += width[i]


@njit
def _merge(data, at, size, pieces, scratch, heap, made):
    """Number of ids, written to `made`: the best-scored pair of neighbours merges until none is a piece."""
    width, before, frozen = scratch[0], scratch[1], scratch[2]
    _characters(data, at, size, width, before, frozen, pieces)
    waiting, left = 0, 0
    while left < size:
        piece = _candidate(data, at, size, left, width, frozen, pieces)
        if piece >= 0:
            waiting = _push(heap, waiting, piece, left, pieces.score)
        left += width[left]
    while waiting:
        piece, left = int64(heap[0, 0]), int64(heap[0, 1])
        waiting = _pop(heap, waiting, pieces.score)
        both, right = pieces.ends[piece + 1] - pieces.ends[piece], left + width[left]
        if width[left] == 0 or right >= size or width[left] + width[right] != both:
            continue  # one of the two has merged with another since
        width[left], width[right] = both, 0
        if left + both < size:
            before[left + both] = left
        for start in (int64(before[left]), left):
            if start >= 0:
                piece = _candidate(data, at, size, start, width, frozen, pieces)
                if piece >= 0:
                    waiting = _push(heap, waiting, piece, start, pieces.score)
    return _ids(data, at, size, width, pieces, made)


@njit
def _ids(data, at, size, width, pieces, made):
    """The ids of the symbols that are left; one that is no piece is written as its bytes."""
    count, left = 0, 0
    while left < size:
        piece = _piece(data, at + left, int64(width[left]), pieces.text, pieces.ends, pieces.table)
        if piece >= 0:
            made[count] = piece
            count += 1
        else:
            for i in range(left, left + width[left]):
                made[count] = pieces.byte[data[at + i]]
                count += 1
        left += width[left]
    return count


@njit(inline="always")
def _remembered(data, at, size, slots, text):
    """The slot of a unit, or ~ of the empty slot where it belongs."""
    mask = slots.shape[0] - 1
    slot = int64(_hash(data, at, size)) & mask
    first = lowest(load64(data, at), min(size, 8))
    while slots[slot, 1]:
        held = int64(slots[slot, 1])
        if slots[slot, 0] == first and held & SIZE_MASK == size:
            same, place, i = True, held >> SIZE_BITS, 8
            while i < size:
                same &= text[place] == lowest(load64(data, at + i), min(size - i, 8))
                place, i = place + 1, i + 8
            if same:
                return slot
        slot = (slot + 1) & mask
    return ~slot


@njit
def _remember(data, at, size, slot, made, count, slots, text, ids, used):
    """Keep a unit and its ids in an empty slot; if there is no room, forget all units instead."""
    if 2 * used[0] >= slots.shape[0] or used[1] + 8 > text.shape[0] or used[2] + count > ids.shape[0]:
        slots[:, 1] = 0
        used[:] = 0
        return
    slots[slot, 0] = lowest(load64(data, at), min(size, 8))
    slots[slot, 1] = uint64(used[1] << SIZE_BITS | size)
    slots[slot, 2] = uint64(used[2] << SIZE_BITS | count)
    used[0] += 1
    for i in range(8, size, 8):
        text[used[1]] = lowest(load64(data, at + i), min(size - i, 8))
        used[1] += 1
    for i in range(count):
        ids[used[2] + i] = made[i]
    used[2] += count


@njit(nogil=True, cache=True)
def encode(data, offsets, pieces, memory, out, ends):
    """Write the ids of all texts to `out` and where each text's end to `ends`[1:].

    `data`, uint8: the texts and PADDING; `out` has room for an id per byte.
    """
    slots, text, ids, used = memory
    kind, single = pieces.kind, pieces.single
    scratch, heap = np.empty((3, REMEMBERED), np.int32), np.empty((3 * REMEMBERED, 2), np.int32)
    made = np.empty(REMEMBERED, np.int32)
    o = 0
    for d in range(offsets.shape[0] - 1):
        p, end = offsets[d], offsets[d + 1]
        while p < end:
            if kind[data[p]] == ALONE:
                out[o] = single[data[p]]
                o, p = o + 1, p + 1
                continue
            start = p
            while p < end and kind[data[p]] == BLANK:
                p += 1
            while p < end and kind[data[p]] == PLAIN:
                p += 1
            size = p - start
            slot = int64(-1)
            if size <= REMEMBERED:
                slot = _remembered(data, start, size, slots, text)
                if slot >= 0:
                    held = int64(slots[slot, 2])
                    first = held >> SIZE_BITS
                    for i in range(held & SIZE_MASK):
                        out[o + i] = ids[first + i]
                    o += held & SIZE_MASK
                    continue
            elif size > made.shape[0]:
                scratch, heap = np.empty((3, size), np.int32), np.empty((3 * size, 2), np.int32)
                made = np.empty(size, np.int32)
            count = _merge(data, start, size, pieces, scratch, heap, made)
            for i in range(count):
                out[o + i] = made[i]
            o += count
            if size <= REMEMBERED:
                _remember(data, start, size, ~slot, made, count, slots, text, ids, used)
        ends[d + 1] = o


def padded(data: np.ndarray | bytes) -> np.ndarray:
    """A copy of the bytes with room behind them for reading eight at once."""
    found = np.zeros(len(data) + PADDING, np.uint8)
    found[: len(data)] = data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
    return found

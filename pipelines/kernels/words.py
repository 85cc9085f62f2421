"""Texts encoded unit by unit, each different unit merged once and then looked up.

A unit is a run of blanks with the word after it. Characters that no longer piece holds stand alone and need neither
merging nor looking up. Units are told apart by their bytes, not by a hash of them. When the memory of units is full
it is emptied: what is forgotten is merged again, to the same ids.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint8, uint64

from filters.kernels.load import load64, lowest
from pipelines.kernels.merges import hash_bytes, merge

PLAIN, BLANK, ALONE = 0, 1, 2
REMEMBERED = 64  # bytes of the longest unit that is kept
INLINE = 2  # ids that stand in the slot itself
BLOCK = 4096  # bytes that are cut into units at a time
SIZE_BITS = 8
SIZE_MASK = (1 << SIZE_BITS) - 1


class Memory(NamedTuple):
    """Units that were met, with their ids."""

    # uint64 [slots, 4]: first eight bytes; place in `text` and size; place in `ids` and number; first two ids
    slots: np.ndarray
    text: np.ndarray  # uint64: bytes of the units from the ninth on, filled up by zeros
    ids: np.ndarray  # int32
    used: np.ndarray  # int64 [3]: slots, words of `text`, `ids` in use


@njit(inline="always")
def _find(data, at, size, first, slots, text):
    """The slot of a unit, or the empty slot where it belongs."""
    mask = slots.shape[0] - 1
    slot = int64(hash_bytes(data, at, size)) & mask
    while slots[slot, 1]:
        held = int64(slots[slot, 1])
        if slots[slot, 0] == first and held & SIZE_MASK == size:
            same, place = True, held >> SIZE_BITS
            for i in range(8, size, 8):
                same &= text[place] == lowest(load64(data, at + i), min(size - i, 8))
                place += 1
            if same:
                break
        slot = (slot + 1) & mask
    return slot


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
    slots[slot, 3] = uint64(made[0]) | uint64(made[min(1, count - 1)]) << uint64(32)
    used[0] += 1
    for i in range(8, size, 8):
        text[used[1]] = lowest(load64(data, at + i), min(size - i, 8))
        used[1] += 1
    for i in range(count):
        ids[used[2] + i] = made[i]
    used[2] += count


@njit(inline="always")
def _cut(data, p, end, kind, begin):
    """Write where units begin in a block from `p` on, and where the last ends; their number."""
    stop = min(p + BLOCK, end)
    units, before = 0, uint8(ALONE)
    for i in range(p, stop):
        here = kind[data[i]]
        begin[units] = i
        units += ((here | before) >> 1) | (here & ~before & 1)
        before = here
    if stop < end and units > 1:
        units -= 1
        stop = begin[units]  # the last one may go on behind the block
    elif stop < end:
        stop = p
        while stop < end and kind[data[stop]] == BLANK:
            stop += 1
        while stop < end and kind[data[stop]] == PLAIN:
            stop += 1
    begin[units] = stop
    return units


@njit(nogil=True, cache=True)
def encode(data, offsets, kind, single, pieces, memory, out, ends):
    """Write the ids of all texts to `out` and where each text's end to `ends`[1:].

    `data`, uint8: the texts and PADDING; `kind`, uint8 [256]: PLAIN, BLANK or ALONE; `single`, int32 [256]: the piece
    for a byte that stands alone; `out` has room for an id per byte and INLINE more.
    """
    slots, text, ids, used = memory
    scratch, heap = np.empty((4, REMEMBERED), np.int32), np.empty(3 * REMEMBERED, np.int64)
    made, begin = np.empty(REMEMBERED, np.int32), np.empty(BLOCK + 1, np.int64)
    o = 0
    for d in range(offsets.shape[0] - 1):
        p = offsets[d]
        while p < offsets[d + 1]:
            units = _cut(data, p, offsets[d + 1], kind, begin)
            p = begin[units]
            for unit in range(units):
                start = begin[unit]
                if kind[data[start]] == ALONE:
                    out[o] = single[data[start]]
                    o += 1
                    continue
                size, slot = begin[unit + 1] - start, int64(0)
                if size <= REMEMBERED:
                    slot = _find(data, start, size, lowest(load64(data, start), min(size, 8)), slots, text)
                    if slots[slot, 1]:
                        count = int64(slots[slot, 2]) & SIZE_MASK
                        out[o] = slots[slot, 3] & uint64(0xFFFFFFFF)
                        out[o + 1] = slots[slot, 3] >> uint64(32)
                        for i in range(INLINE, count):
                            out[o + i] = ids[(int64(slots[slot, 2]) >> SIZE_BITS) + i]
                        o += count
                        continue
                elif size > made.shape[0]:
                    scratch, heap = np.empty((4, size), np.int32), np.empty(3 * size, np.int64)
                    made = np.empty(size, np.int32)
                count = merge(data, start, size, pieces, scratch, heap, made)
                for i in range(count):
                    out[o + i] = made[i]
                o += count
                if size <= REMEMBERED:
                    _remember(data, start, size, slot, made, count, slots, text, ids, used)
        ends[d + 1] = o

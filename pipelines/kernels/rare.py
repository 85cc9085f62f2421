"""Near mates inside one big bucket, without comparing all pairs: an exact prefix filter.

Order the bucket's shingles from rare to frequent. Two sets that need c common members share one among the first
|x| - c + 1 of x, and at the least common member both have c members left. So rows are indexed under their rarest
shingles only, and a pair is compared only if it meets there with enough left on both sides. Rows come in survivor order
in blocks that fit memory: a block is indexed, then every later row that still needs an answer streams past it.

Template pages share frequent shingles alone, which stand too far back to be looked up; near copies find a mate at the
first look. Both stay far from the square of their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numba import njit, uint64

from pipelines.kernels.sets import greatest_size, least_overlap, least_size, overlap
from pipelines.kernels.shingles import mix

SKETCH_BITS = (10, 24)
LEVELS = 80
CLASSES = 512
_SALT = np.uint64(0x9E3779B97F4A7C15)


# Shingle sets of the rows with these numbers: hashes uint64 [shingles], offsets int64 [rows + 1].
Fetch = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _levels() -> np.ndarray:
    """Frequency to level, uint8 [65536]: 0 for one occurrence, then four levels for each doubling."""
    counts = np.arange(1 << 16)
    shift = np.maximum(0, np.floor(np.log2(np.maximum(counts, 1))).astype(np.int64) - 2)
    return np.where(counts < 2, 0, shift * 4 + (counts >> shift)).astype(np.uint8)


def _class_bounds() -> np.ndarray:
    """Least set size of every size class, each about a twentieth above the one before, int64 [CLASSES]."""
    bounds = [1]
    while len(bounds) < CLASSES:
        bounds.append(max(bounds[-1] + 1, bounds[-1] * 21 // 20))
    return np.array(bounds, np.int64)


_LEVEL = _levels()
_BOUNDS = _class_bounds()


def search(
    sizes: np.ndarray,
    kept: np.ndarray,
    fetch: Fetch,
    threshold: tuple[int, int],
    block_bytes: int,
    answers: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Fill `answers` (mate, shared, waits, verified: see near.Mates) for a bucket's rows."""
    mate, _, waits, _ = answers
    rows = np.arange(len(sizes))
    sketch = _sketch(rows, sizes, fetch, block_bytes)
    begin = 0
    while begin < len(rows):
        block = next(_chunks(rows[begin:], sizes, block_bytes))
        begin = int(block[-1]) + 1
        sets, offsets = fetch(block)
        index = _Index(block, sizes, kept, sets, offsets, sketch, threshold)
        index.stream(block, sets, offsets, answers, insert=True)
        unanswered = ~kept[begin:] & (mate[begin:] < 0)
        wanted = unanswered if kept[block].any() else unanswered & ~waits[begin:]
        for chunk in _chunks(rows[begin:][wanted], sizes, block_bytes // 4):
            index.stream(chunk, *fetch(chunk), answers, insert=False)
        if not (unanswered & (~waits[begin:] | kept[begin:].any()) & (mate[begin:] < 0)).any():
            break
    waits &= mate < 0


def _chunks(rows: np.ndarray, sizes: np.ndarray, limit: int) -> Iterator[np.ndarray]:
    """Consecutive rows whose sets take at most `limit` bytes together, or one larger row."""
    before = np.concatenate([[0], np.cumsum(sizes[rows] * 8)])
    start = 0
    while start < len(rows):
        stop = max(start + 1, int(np.searchsorted(before, before[start] + limit, "right")) - 1)
        yield rows[start:stop]
        start = stop


def _sketch(rows: np.ndarray, sizes: np.ndarray, fetch: Fetch, limit: int) -> np.ndarray:
    """Upper bounds of the shingles' frequencies in the bucket by their low bits, uint32 [a power of two]."""
    bits = min(max(int(sizes.sum()).bit_length(), SKETCH_BITS[0]), SKETCH_BITS[1])
    sketch = np.zeros(1 << bits, np.uint32)
    for chunk in _chunks(rows, sizes, limit // 4):
        _count(fetch(chunk)[0], sketch)
    return sketch


class _Index:
    """A block's rows under their rarest shingles; kept and waiting rows apart, each by size class."""

    def __init__(
        self, block: np.ndarray, sizes: np.ndarray, kept: np.ndarray, sets: np.ndarray, offsets: np.ndarray,
        sketch: np.ndarray, threshold: tuple[int, int],
    ) -> None:  # fmt: skip
        p, q = threshold
        entries = int((sizes[block] - p * sizes[block] // q).sum())
        slots = 1 << max(4, (2 * entries).bit_length())
        self.first, self.sets, self.offsets, self.kept = int(block[0]), sets, offsets, kept
        self.sketch, self.threshold = sketch, threshold
        self.keys = np.zeros(slots, np.uint64)
        self.slots = np.full((slots, 3), -1, np.int32)
        self.entries = np.zeros((entries, 3), np.int32)
        self.population = np.zeros((2, CLASSES), np.int64)
        self.seen = np.full(len(block), -1, np.int64)
        self.used = np.zeros(1, np.int64)

    def stream(
        self, rows: np.ndarray, sets: np.ndarray, offsets: np.ndarray, answers: tuple[np.ndarray, ...], insert: bool
    ) -> None:
        """Look up the rows' mates, and insert each row after its own look-up."""
        _stream(
            rows, sets, offsets, insert, self.first, self.sets, self.offsets, self.kept, self.sketch,
            *self.threshold, self.keys, self.slots, self.entries, self.population, self.seen, self.used, *answers,
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _count(shingles: np.ndarray, sketch: np.ndarray) -> None:
    low = uint64(sketch.shape[0] - 1)
    for shingle in shingles:
        sketch[shingle & low] += np.uint32(1)


@njit(nogil=True, cache=True)
def _rarest(
    sets: np.ndarray, begin: int, end: int, wanted: int, sketch: np.ndarray, level: np.ndarray, found: np.ndarray
) -> int:
    """Fill found[:wanted] with the set's rarest shingles, by (level, hash); returns how many of them are alone."""
    low = uint64(sketch.shape[0] - 1)
    places = np.zeros(LEVELS + 1, np.int64)
    for at in range(begin, end):
        count = min(np.int64(sketch[sets[at] & low]), np.int64(65535))
        level[at - begin] = _LEVEL[count]
        places[np.int64(level[at - begin]) + 1] += 1
    for k in range(1, LEVELS + 1):
        places[k] += places[k - 1]
    alone = places[1]
    for at in range(begin, end):
        of_level = np.int64(level[at - begin])
        if places[of_level] < wanted:
            found[places[of_level]] = sets[at]
        places[of_level] += 1
    return min(alone, wanted)


@njit(cache=True)
def _slot(keys: np.ndarray, slots: np.ndarray, key: np.uint64) -> np.int64:
    """Where the key stands in the hash table, or the free slot where it belongs."""
    low = uint64(keys.shape[0] - 1)
    at = np.int64(key & low)
    while slots[at, 1] >= 0 and keys[at] != key:
        at = np.int64(uint64(at + 1) & low)
    return at


@njit(cache=True)
def _key(shingle: np.uint64, group: int, state: int) -> np.uint64:
    return mix(shingle ^ (_SALT * uint64(2 * group + state + 1)))


@njit(nogil=True, cache=True)
def _stream(
    rows: np.ndarray, sets: np.ndarray, offsets: np.ndarray, insert: bool, first: int, block_sets: np.ndarray,
    block_offsets: np.ndarray, kept: np.ndarray, sketch: np.ndarray, p: int, q: int, keys: np.ndarray,
    slots: np.ndarray, entries: np.ndarray, population: np.ndarray, seen: np.ndarray, used: np.ndarray,
    mate: np.ndarray, shared: np.ndarray, waits: np.ndarray, verified: np.ndarray,
) -> None:  # fmt: skip
    """`slots` holds per key the greatest set size that any entry can serve, its first and its last entry; `entries`
    the row, the shingle's place in the row's order, and the next entry of the key, in survivor order.
    """
    longest = 1
    for k in range(rows.shape[0]):
        longest = max(longest, offsets[k + 1] - offsets[k])
    level = np.empty(longest, np.uint8)
    found = np.empty(longest, np.uint64)
    for k in range(rows.shape[0]):
        x, begin, end = rows[k], offsets[k], offsets[k + 1]
        size = end - begin
        wanted = size - least_size(size, p, q) + 1
        alone = _rarest(sets, begin, end, wanted, sketch, level, found)
        for state in (1, 0):
            if kept[x] or mate[x] >= 0 or (state == 0 and waits[x]):
                continue
            best, best_shared = np.int64(-1), np.int64(0)
            low_group = np.searchsorted(_BOUNDS, least_size(size, p, q), "right") - 1
            high_group = np.searchsorted(_BOUNDS, greatest_size(size, p, q), "right") - 1
            for group in range(low_group, min(high_group, CLASSES - 1) + 1):
                if population[state, group] == 0 or (state == 0 and best >= 0):
                    continue
                smallest = max(_BOUNDS[group], least_size(size, p, q))
                for i in range(alone, size - least_overlap(size, smallest, p, q) + 1):
                    slot = _slot(keys, slots, _key(found[i], group, state))
                    entry = slots[slot, 1]
                    if slots[slot, 0] < size:
                        continue
                    while entry >= 0:
                        y = np.int64(entries[entry, 0])
                        if best >= 0 and (state == 0 or y >= best):
                            break
                        b, b_end = block_offsets[y - first], block_offsets[y - first + 1]
                        least = least_overlap(size, b_end - b, p, q)
                        if seen[y - first] != x and size - i >= least and b_end - b - entries[entry, 1] >= least:
                            seen[y - first] = x
                            verified[x] += 1
                            common = overlap(sets, begin, end, block_sets, b, b_end, least)
                            if common >= 0:
                                best, best_shared = y, common
                        entry = np.int64(entries[entry, 2])
            if best >= 0 and state == 1:
                mate[x], shared[x] = best, best_shared
            elif best >= 0:
                waits[x] = True
        if insert:
            _insert(x, size, found, alone, wanted, kept[x], p, q, keys, slots, entries, population, used)


@njit(cache=True)
def _insert(
    x: int, size: int, found: np.ndarray, alone: int, wanted: int, is_kept: bool, p: int, q: int, keys: np.ndarray,
    slots: np.ndarray, entries: np.ndarray, population: np.ndarray, used: np.ndarray,
) -> None:  # fmt: skip
    state = 1 if is_kept else 0
    group = np.searchsorted(_BOUNDS, size, "right") - 1
    population[state, group] += 1
    for i in range(alone, wanted):
        key = _key(found[i], group, state)
        slot = _slot(keys, slots, key)
        entry = used[0]
        used[0] += 1
        entries[entry, 0], entries[entry, 1], entries[entry, 2] = x, i, -1
        serves = min(((size - i) * (p + q) - 1) // p - size, 0x7FFFFFFF)
        if slots[slot, 1] < 0:
            keys[slot] = key
            slots[slot, 1] = entry
        else:
            entries[slots[slot, 2], 2] = entry
        slots[slot, 0] = max(slots[slot, 0], serves)
        slots[slot, 2] = entry

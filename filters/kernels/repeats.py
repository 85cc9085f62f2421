"""The thirteen repetition signals, from the words and lines that `filters.kernels.units` cut.

Equal words get equal numbers; so do lines, and paragraphs as sequences of lines. An n-gram can repeat only
where both of its (n-1)-grams do, so few candidates are left after n = 2, and each n-gram is named exactly by
the pair of those two. A hash only says where to look: equality is that of bytes or of pairs, and no signal
hangs on the absence of a collision.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint64

from filters.kernels.load import load64, lowest
from filters.kernels.units import Units

SIGNALS = 13
TOP, LONGEST = 4, 10  # the column of top_2; words in the longest n-gram
GOLDEN = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, for multiplicative hashing (Knuth)
LONG = 0xFF00000000000000  # marks the key of a unit of 8 bytes or more


def measure(data: np.ndarray, offsets: np.ndarray, units: Units, all_copies: bool, repetition: np.ndarray) -> None:
    """Fill `repetition`, float64 [texts, 13], with the signals of `filters.repetition`; spoils `units`."""
    most = max(1, int(np.diff(units.word_from).max(initial=0)))
    before, number, count, live = (np.empty(most + 1, np.int32) for _ in range(4))
    key, table = np.empty(most, np.uint64), np.empty(_capacity(most), np.int32)
    _measure(data, offsets, *units, all_copies, before, number, count, live, key, table, repetition)


@njit(nogil=True, cache=True)
def _measure(
    data, offsets,
    word_from, start, end, characters, line_from, line_start, line_end, line_characters, line_opens,
    all_copies, before, number, count, live, key, table, repetition,
):  # fmt: skip
    for text in range(offsets.shape[0] - 1):
        own, row = data[offsets[text] : offsets[text + 1]], repetition[text]
        w, words = word_from[text], word_from[text + 1] - word_from[text]
        k, lines = line_from[text], line_from[text + 1] - line_from[text]
        if words == 0:
            continue
        _number_units(own, line_start[k:], line_end[k:], lines, key, table, number)
        row[0], row[2] = _copies(number, line_characters[k:], lines, count, all_copies)
        paragraphs = _number_paragraphs(line_opens[k:], line_characters[k:], lines, key, table, number)
        row[1], row[3] = _copies(number, line_characters[k:], paragraphs, count, all_copies)
        _number_units(own, start[w:], end[w:], words, key, table, number)
        before[0] = 0
        for i in range(words):
            before[i + 1] = before[i] + characters[w + i]
        _ngram_shares(before, words, number, key, table, count, live, start[w:], end[w:], row)


@njit(cache=True)
def _capacity(units):
    """Slots of a hash table for so many units: a power of two."""
    capacity = 16
    while 2 * capacity < 3 * units:
        capacity *= 2
    return capacity


@njit
def _clear(table, units):
    """Empty as much of the table as `units` need; (mask of a slot, shift of a hash to a slot)."""
    capacity, shift = _capacity(units), uint64(64)
    table[:capacity] = -1
    slots = capacity
    while slots > 1:
        slots >>= 1
        shift -= uint64(1)
    return capacity - 1, shift


@njit
def _number_units(data, start, end, units, key, table, number):
    """number[u] = the first unit whose bytes equal those of unit u.

    The key of up to 7 bytes is those bytes and their number; that of longer units a hash, marked as one.
    """
    mask, shift = _clear(table, units)
    for u in range(units):
        begin, last = int64(start[u]), int64(end[u]) - 8
        if last < begin:
            code = lowest(load64(data, begin), last + 8 - begin) | uint64(last + 8 - begin) << uint64(56)
        else:
            code = _mix(load64(data, last)) + uint64(last - begin)
            while begin < last:
                code = _mix(code ^ load64(data, begin))
                begin += 8
            code |= uint64(LONG)
        key[u] = code
        slot = int64(_mix(code) >> shift)
        while table[slot] >= 0:
            first = table[slot]
            if key[first] == code and (code < uint64(LONG) or _equal(data, start, end, first, u)):
                break
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot] = u
        number[u] = table[slot]


@njit
def _mix(code):
    code = (code ^ code >> uint64(32)) * uint64(GOLDEN)
    return (code ^ code >> uint64(29)) * uint64(GOLDEN)


@njit
def _equal(data, start, end, u, v):
    """Whether two units of at least 8 bytes are the same bytes."""
    i, j, last = int64(start[u]), int64(start[v]), int64(end[u]) - 8
    if last - i != end[v] - 8 - j:
        return False
    different = load64(data, last) ^ load64(data, int64(end[v]) - 8)
    while i < last and not different:
        different = load64(data, i) ^ load64(data, j)
        i += 8
        j += 8
    return different == 0


@njit
def _number_paragraphs(opens, characters, lines, key, table, number):
    """Turn numbers and characters of lines into those of paragraphs, in place; returns how many.

    Paragraphs walk a trie of lines, whose nodes are named by the first line that reached them: equal
    paragraphs, and only they, end at one node.
    """
    mask, shift = _clear(table, lines)
    paragraphs, node, length = 0, 0, 0
    for line in range(lines):
        if opens[line]:
            paragraphs, node, length = paragraphs + 1, -1, -1
        key[line] = uint64(node + 1) << uint64(32) | uint64(number[line])
        slot = int64(_mix(key[line]) >> shift)
        while table[slot] >= 0 and key[table[slot]] != key[line]:
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot] = line
        node = table[slot]
        length += 1 + characters[line]  # 1 for the LF before it
        number[paragraphs - 1], characters[paragraphs - 1] = node, length
    return paragraphs


@njit
def _copies(number, characters, units, count, all_copies):
    """(share of units that are copies, share of their characters)."""
    copies, copied, total = 0, 0, 0
    for u in range(units):
        count[number[u]] = 0
    for u in range(units):
        count[number[u]] += 1
        total += characters[u]
    for u in range(units):  # each distinct unit once, at its first occurrence
        times = count[number[u]]
        count[number[u]] = 0
        if times > 1:
            times -= not all_copies
            copies += times
            copied += times * characters[u]
    return copies / units, copied / total


@njit
def _ngram_shares(before, words, number, key, table, count, live, reached, covered, row):
    """Fill in top_2..4 and dup_5..10; before[w] is the characters of the words before w."""
    for w in range(words):
        live[w] = w
        count[w] = 0
    for w in range(words):
        count[number[w]] += 1
    alive = _repeated(number, count, live, words)
    for n in range(2, LONGEST + 1):
        alive = _followed(live, alive)
        _number_pairs(number, live, alive, key, table, count)
        alive = _repeated(number, count, live, alive)
        if alive == 0:
            return  # and no longer n-gram repeats either
        if n < 5:
            characters = _top(n, before, number, count, live, alive, reached, covered)
        else:
            characters = _covered(n, before, live, alive)
        row[TOP + n - 2] = characters / before[words]


@njit
def _repeated(number, count, live, alive):
    """Keep the live positions whose n-gram stands elsewhere too; returns how many."""
    kept = 0
    for j in range(alive):
        q = live[j]
        live[kept] = q
        kept += count[number[q]] > 1
    return kept


@njit
def _followed(live, alive):
    """Keep the live positions whose successor lives, too; returns how many."""
    kept = 0
    for j in range(alive - 1):
        q = live[j]
        live[kept] = q
        kept += live[j + 1] == q + 1
    return kept


@njit
def _number_pairs(number, live, alive, key, table, count):
    """From numbers of (n-1)-grams to numbers of n-grams at the live positions, with their counts."""
    mask, shift = _clear(table, alive)
    for j in range(alive):
        q = live[j]
        code = uint64(number[q]) << uint64(32) | uint64(number[q + 1])
        key[q] = code
        slot = int64(_mix(code) >> shift)
        while table[slot] >= 0 and key[table[slot]] != code:
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot] = q
            count[q] = 0
        number[q] = table[slot]
        count[number[q]] += 1


@njit
def _top(n, before, number, count, live, alive, reached, covered):
    """Most characters covered by one n-gram among those of the largest count."""
    largest, best = 0, 0
    for j in range(alive):
        largest = max(largest, count[number[live[j]]])
    for j in range(alive):
        q = live[j]
        first = number[q]
        if count[first] == largest:
            if first == q:
                reached[q], covered[q] = q, 0
            covered[first] += before[q + n] - before[max(q, reached[first])]
            reached[first] = q + n
            best = max(best, covered[first])
    return best


@njit
def _covered(n, before, live, alive):
    """Characters of the words inside the windows at the live positions, each word once."""
    characters, reached = 0, 0
    for j in range(alive):
        q = live[j]
        characters += before[q + n] - before[max(q, reached)]
        reached = q + n
    return characters

"""The thirteen repetition signals of a text, from the words and lines that `filters.kernels.units` cut.

Equal lines get equal numbers, and so do paragraphs as sequences of lines; `filters.kernels.ngrams` counts words. No
signal hangs on the absence of a collision.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint64

from filters.kernels.bits import before
from filters.kernels.load import load64, lowest
from filters.kernels.ngrams import candidates, places_for, shares
from filters.kernels.tables import OTHER, are_equal, cleared, hash_of, mixed, slots_for

SIGNALS = 13
TOP = 4  # the column of top_2
LONG = 0xFF << 56  # marks the code of a line of 8 bytes or more, which is a hash


class Repeats(NamedTuple):
    """Work space for the text with the most words."""

    code: np.ndarray  # uint64 [2 * units]: a unit's bytes and length, or a hash; then pairs of numbers
    hashed: np.ndarray  # uint32 [units]: of the 2-gram there; then how far an n-gram's windows reach
    number: np.ndarray  # int32 [units]: the first unit or n-gram that is equal
    times: np.ndarray  # int32 [units]: how many there are, by number
    live: np.ndarray  # int32 [units]: positions whose n-gram may repeat
    table: np.ndarray  # int32 [power of two]
    seen: np.ndarray  # uint8 [power of two]: the filter


def work_space(size: int) -> Repeats:
    """Room for texts of `size` bytes; untouched pages of it cost nothing."""
    units = size // 2 + 2
    return Repeats(
        code=np.empty(2 * units, np.uint64),
        hashed=np.empty(units, np.uint32),
        number=np.empty(units, np.int32),
        times=np.empty(units, np.int32),
        live=np.empty(units, np.int32),
        table=np.empty(slots_for(units), np.int32),
        seen=np.empty(places_for(units), np.uint8),
    )


@njit
def measure(
    text, words, lines, heads, visible, heads_before, visible_before, edges, line_edges, line_opens,
    code, hashed, number, count, live, table, seen, all_copies, row,
):  # fmt: skip
    """Fill `row`, float64 [13]; a text without words has zeros."""
    if words == 0:
        return
    if _number_lines(text, line_edges, lines, code, table, number) < lines:
        length = live  # of each line, until 2-grams need the room
        for line in range(lines):
            start, end = int64(line_edges[2 * line]), int64(line_edges[2 * line + 1])
            length[line] = before(heads_before, heads, end) - before(heads_before, heads, start)
        row[0], row[2] = _copies(number, length, lines, count, all_copies)
        paragraphs = _number_paragraphs(line_opens, length, lines, code, table, number)
        row[1], row[3] = _copies(number, length, paragraphs, count, all_copies)
    alive = candidates(text, edges, words, code, hashed, seen, live)
    if alive > 1:
        shares(
            text, words, visible, visible_before, edges, code, hashed, number, count, live, alive, table, row[TOP:]
        )  # fmt: skip


@njit
def _number_lines(text, edges, lines, code, table, number):
    """number[u] = the first line whose bytes equal those of line u; returns how many are distinct."""
    mask, shift = cleared(table, lines)
    distinct = 0
    for u in range(lines):
        start, end = int64(edges[2 * u]), int64(edges[2 * u + 1])
        size = end - start
        if size < 8:
            own = lowest(load64(text, start), size) | uint64(size) << uint64(56)
        elif size < 16:
            own = mixed(load64(text, start) + uint64(size)) + load64(text, end - 8) | uint64(LONG)
        else:
            own = hash_of(text, start, end) | uint64(LONG)
        code[u] = own
        slot = int64(mixed(own) * uint64(OTHER) >> shift)
        while True:
            first = table[slot]
            if first < 0:
                table[slot] = first = u
                distinct += 1
                break
            if code[first] == own and (size < 8 or are_equal(text, edges, first, u)):
                break
            slot = (slot + 1) & mask
        number[u] = first
    return distinct


@njit
def _number_paragraphs(opens, length, lines, code, table, number):
    """Turn numbers and lengths of lines into those of paragraphs, in place; returns how many.

    Paragraphs walk a trie of lines, whose nodes are named by the first line that reached them: equal
    paragraphs, and only they, end at one node.
    """
    mask, shift = cleared(table, lines)
    paragraphs, node, characters = 0, 0, 0
    for line in range(lines):
        if opens[line]:
            paragraphs, node, characters = paragraphs + 1, -1, -1
        code[line] = uint64(node + 1) << uint64(32) | uint64(number[line])
        slot = int64(mixed(code[line]) * uint64(OTHER) >> shift)
        while table[slot] >= 0 and code[table[slot]] != code[line]:
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot] = line
        node = table[slot]
        characters += 1 + length[line]  # 1 for the LF before it
        number[paragraphs - 1], length[paragraphs - 1] = node, characters
    return paragraphs


@njit
def _copies(number, length, units, count, all_copies):
    """(share of units that are copies, share of their characters)."""
    copies, copied, total = 0, 0, 0
    for u in range(units):
        count[number[u]] = 0
    for u in range(units):
        count[number[u]] += 1
        total += length[u]
    for u in range(units):  # each distinct unit once, at its first occurrence
        times = count[number[u]]
        count[number[u]] = 0
        if times > 1:
            times -= not all_copies
            copies += times
            copied += times * length[u]
    return copies / units, copied / total

"""Words and lines of a text from masks of 64 bytes, and the quality signals that are counts of bits.

A mask has a bit per byte of a block of 64, so one addition, shift or count serves 64 bytes. Each pass is one loop over
the blocks of a text; what crosses the edge of a block is carried over.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint64

from filters.kernels import bits
from filters.kernels.bits import ALL, ONE, PADDING, below, bit_count, trailing_zeros
from filters.kernels.classes import ALPHABETIC, ALPHANUMERIC, SPACE
from filters.kernels.load import load64

SIGNALS = 8
ELLIPSIS = 0x2026


class Units(NamedTuple):
    """Work space for the largest text: its bytes, masks per block, edges of words and lines.

    `heads` marks bytes that begin a character, `visible` those of them that are no white space; `*_before` counts them
    in the blocks before. Word w is text[edges[2w]:edges[2w + 1]].
    """

    text: np.ndarray  # uint8 [bytes + padding]
    space: np.ndarray  # uint64 [blocks]
    letter: np.ndarray
    alphanumeric: np.ndarray
    heads: np.ndarray
    visible: np.ndarray
    heads_before: np.ndarray  # int32 [blocks]
    visible_before: np.ndarray
    edges: np.ndarray  # int32 [2 * words + 2]
    line_edges: np.ndarray  # int32 [2 * lines], bytes of the stripped line
    line_opens: np.ndarray  # bool [lines]: the line opens a paragraph


def work_space(size: int) -> Units:
    """Room for texts of `size` bytes; untouched pages of it cost nothing."""
    blocks, units = (size >> 6) + 2, size // 2 + 2
    return Units(
        text=np.empty((blocks << 6) + PADDING, np.uint8),
        space=np.empty(blocks, np.uint64),
        letter=np.empty(blocks, np.uint64),
        alphanumeric=np.empty(blocks, np.uint64),
        heads=np.empty(blocks, np.uint64),
        visible=np.empty(blocks, np.uint64),
        heads_before=np.empty(blocks, np.int32),
        visible_before=np.empty(blocks, np.int32),
        edges=np.empty(2 * units + 8, np.int32),  # eight are written at a time
        line_edges=np.empty(2 * units, np.int32),
        line_opens=np.empty(units, np.bool_),
    )


@njit
def cut(
    data, begin, end, index, classes,
    text, space, letter, alphanumeric, heads, visible, heads_before, visible_before, edges, line_edges, line_opens, row,
):  # fmt: skip
    """(words, lines) of data[begin:end]; fills the work space, and in `row` all but the stop words."""
    size = end - begin
    _copy(data, begin, size, text)
    ellipses = _classify(text, size, index, classes, space, letter, alphanumeric, heads)
    words, unalphabetic = _words(size, space, letter, edges)
    if words == 0:
        return 0, 0
    characters = _count_before(size, space, heads, visible, heads_before, visible_before)
    lines = _lines(text, size, space, edges, words, line_edges, line_opens)
    hash_signs, more_ellipses = _symbols(text, size)
    row[0], row[1] = words, characters / words
    row[2], row[3] = hash_signs / words, (ellipses + more_ellipses) / words
    row[4], row[5] = _line_shares(text, line_edges, lines)
    row[6] = (words - unalphabetic) / words
    return words, lines


@njit
def _copy(data, begin, size, text):
    """Put a text before blanks; Numba's own copy of a slice goes byte by byte."""
    whole = size & ~63
    for i in range(0, whole, 64):
        bits.move64(text, i, data, begin + i)
    for i in range(whole, size):
        text[i] = data[begin + i]
    text[size : size + PADDING] = 32


@njit
def _classify(text, size, index, classes, space, letter, alphanumeric, heads):
    """Fill in the masks of each block and blanks behind the last; returns how often U+2026 occurs."""
    ellipses = 0
    over_space, over_letter, over_alphanumeric = (
        uint64(0),
        uint64(0),
        uint64(0),
    )  # bytes of a character in the next block
    for block in range((size >> 6) + 1):
        at = block << 6
        blank, alphabetic = bits.spaces(text, at), bits.letters(text, at)
        mixed, head = alphabetic | bits.digits(text, at), uint64(ALL)
        high = bits.beyond_ascii(text, at)
        if high:
            head = ~bits.continuations(text, at)
            blank, alphabetic, mixed = blank | over_space, alphabetic | over_letter, mixed | over_alphanumeric
            over_space, over_letter, over_alphanumeric = uint64(0), uint64(0), uint64(0)
            lead = high & head
            while lead:
                i = trailing_zeros(lead)
                lead &= lead - uint64(ONE)
                point, width = _decode(load64(text, at + i))
                kind = classes[int64(index[point >> 8]) << 8 | point & 0xFF]
                over = below(width) >> uint64(1) >> uint64(63 - i)  # in two steps, since a shift by 64 is no shift
                own = below(width) << uint64(i)
                if kind & ALPHABETIC:
                    alphabetic, over_letter = alphabetic | own, over_letter | over
                if kind & ALPHANUMERIC:
                    mixed, over_alphanumeric = mixed | own, over_alphanumeric | over
                if kind & SPACE:
                    blank, over_space = blank | own, over_space | over
                ellipses += point == ELLIPSIS
        space[block], letter[block], alphanumeric[block], heads[block] = blank, alphabetic, mixed, head
    space[(size >> 6) + 1], alphanumeric[(size >> 6) + 1] = uint64(ALL), uint64(0)
    return ellipses


@njit
def _words(size, space, letter, edges):
    """(words, words without a letter); fills in where words begin and end."""
    edge, unalphabetic = 0, 0
    after_space, plain = uint64(ONE), uint64(0)  # plain: a word without a letter so far crosses into the next block
    for block in range((size >> 6) + 1):
        at, blank = block << 6, space[block]
        behind = blank << uint64(ONE) | after_space
        after_space = blank >> uint64(63)
        dull = ~(blank | letter[block])  # bytes of words that are part of no letter
        total = dull + (~blank & behind & dull)  # carries run from the start of a word over such bytes ...
        crossed = uint64(total < dull)
        total += plain
        plain = crossed | uint64(total < plain)
        unalphabetic += bit_count(total & blank)  # ... to a blank only if there is nothing else in the word
        turns = blank ^ behind
        edge, reached = edge + bit_count(turns), edge
        while reached < edge:  # eight at a time, some of them too many: fewer branches to guess
            for i in range(8):
                edges[reached + i] = at + trailing_zeros(turns)
                turns &= turns - uint64(ONE)
            reached += 8
    return edge >> 1, unalphabetic


@njit
def _count_before(size, space, heads, visible, heads_before, visible_before):
    """Characters of all words; fills in `visible` and the counts of the blocks before each."""
    head_count, visible_count = 0, 0
    for block in range((size >> 6) + 1):
        heads_before[block], visible_before[block] = head_count, visible_count
        visible[block] = heads[block] & ~space[block]
        head_count += bit_count(heads[block])
        visible_count += bit_count(visible[block])
    return visible_count


@njit
def _lines(text, size, space, edges, words, line_edges, line_opens):
    """Number of lines; fills in where they begin and end, and which opens a paragraph: the one after an empty one."""
    lines, first, seen, opens, after_space = 0, 0, 0, True, uint64(ONE)  # words: first of the line, seen so far
    for block in range((size >> 6) + 1):
        at, blank = block << 6, space[block]
        starts = ~blank & (blank << uint64(ONE) | after_space)
        after_space = blank >> uint64(63)
        breaks, returns = bits.line_feeds(text, at), bits.carriage_returns(text, at)
        if returns:  # but those that a line feed follows
            breaks |= returns & ~(breaks >> uint64(ONE) | uint64(text[at + 64] == 10) << uint64(63))
        while breaks:
            i = trailing_zeros(breaks)
            breaks &= breaks - uint64(ONE)
            word = seen + bit_count(starts & below(i))
            if word > first:
                line_edges[2 * lines], line_edges[2 * lines + 1] = edges[2 * first], edges[2 * word - 1]
                line_opens[lines] = opens
                lines, first, opens = lines + 1, word, False
            else:
                opens = True
        seen += bit_count(starts)
    if words > first:
        line_edges[2 * lines], line_edges[2 * lines + 1] = edges[2 * first], edges[2 * words - 1]
        line_opens[lines] = opens
        lines += 1
    return lines


@njit
def _symbols(text, size):
    """(number signs, ellipses of three full stops)."""
    hash_signs, ellipses, stops = 0, 0, 0
    for block in range((size >> 6) + 1):
        hash_signs += bit_count(bits.hash_signs(text, block << 6))
        found, stops = _ellipses(bits.full_stops(text, block << 6), stops)
        ellipses += found
    return hash_signs, ellipses


@njit
def _decode(word):
    """(code point, bytes) of the character beyond ASCII that a little-endian word of valid UTF-8 begins with."""
    a, b, c, d = word & uint64(0xFF), word >> uint64(8), word >> uint64(16), word >> uint64(24)
    b, c, d = b & uint64(0x3F), c & uint64(0x3F), d & uint64(0x3F)
    if a < uint64(0xE0):
        return int64((a & uint64(0x1F)) << uint64(6) | b), 2
    if a < uint64(0xF0):
        return int64((a & uint64(0x0F)) << uint64(12) | b << uint64(6) | c), 3
    return int64((a & uint64(0x07)) << uint64(18) | b << uint64(12) | c << uint64(6) | d), 4


@njit
def _ellipses(stop, stops):
    """(ellipses that end in a block with these full stops, stops at its end that may be part of one).

    `stops`, 0 to 2, are those at the end of the block before: "..." is found from left to right without overlap.
    """
    if not stop & (stop << uint64(ONE) | uint64(stops > 0)):  # single stops, as at the end of a sentence
        return 0, int64(stop >> uint64(63))
    found = 0
    while stop:
        i = trailing_zeros(stop)
        length = trailing_zeros(~(stop >> uint64(i)))
        stops = length + (stops if i == 0 else 0)
        found += stops // 3
        reached = i + length
        if reached > 63:
            return found, stops % 3
        stop &= ~below(reached)
    return found, 0


@njit
def _line_shares(text, edges, lines):
    """(share of lines that begin with a bullet, share that end in an ellipsis)."""
    bullets, ellipses = 0, 0
    for line in range(lines):
        i, j = edges[2 * line], edges[2 * line + 1]
        first, long = text[i], j - i > 2
        bullets += first == 42 or first == 45
        if long and first == 0xE2:  # U+2022 and U+25CF
            bullets += (text[i + 1] == 0x80 and text[i + 2] == 0xA2) or (text[i + 1] == 0x97 and text[i + 2] == 0x8F)
        if long:
            a, b, c = text[j - 3], text[j - 2], text[j - 1]
            ellipses += (a == 46 and b == 46 and c == 46) or (a == 0xE2 and b == 0x80 and c == 0xA6)
    return bullets / lines, ellipses / lines

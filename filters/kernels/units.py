"""Where the words and lines of each text stand, and the eight quality signals that fall out on the way.

Passes of one short loop each, with as few branches as they allow: a class for every byte, the words from the
classes, the lines from the gaps between words.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint64

from filters.kernels.classes import ALPHABETIC, ALPHANUMERIC, SPACE, class_tables
from filters.kernels.load import load64, lowest

CONTINUATION = 8  # of a byte that does not begin a character
SIGNALS = 8

# The stop words, filled up by blanks, as little-endian integers: the, be, to, of, and, that, have, with.
STOP_WORDS = tuple(
    int.from_bytes(word, "little") for word in (b"the ", b"be  ", b"to  ", b"of  ", b"and ", b"that", b"have", b"with")
)


class Units(NamedTuple):
    """Words and lines of all texts; bytes count from the beginning of the text."""

    word_from: np.ndarray  # int64 [texts + 1]: where each text's words begin in the next three
    start: np.ndarray  # int32 [words], bytes
    end: np.ndarray
    characters: np.ndarray  # int32 [words]
    line_from: np.ndarray  # int64 [texts + 1]: where each text's lines begin in the last four
    line_start: np.ndarray  # int32 [lines], bytes of the stripped line
    line_end: np.ndarray
    line_characters: np.ndarray  # int32 [lines]
    line_opens: np.ndarray  # bool [lines]: the line opens a paragraph


def cut(data: np.ndarray, offsets: np.ndarray, quality: np.ndarray) -> Units:
    """The units of each text; fills `quality`, float64 [texts, 8], with the signals of `filters.quality`."""
    inside, texts = data[offsets[0] : offsets[-1]], len(offsets) - 1
    words = texts + np.count_nonzero((inside <= 32) | (inside >= 0xC0))  # how white space can begin
    lines = texts + np.count_nonzero((inside == 10) | (inside == 13))
    units = Units(
        word_from=np.zeros(texts + 1, np.int64),
        start=np.empty(words + 1, np.int32),
        end=np.empty(words + 1, np.int32),
        characters=np.empty(words + 1, np.int32),
        line_from=np.zeros(texts + 1, np.int64),
        line_start=np.empty(lines, np.int32),
        line_end=np.empty(lines, np.int32),
        line_characters=np.empty(lines, np.int32),
        line_opens=np.empty(lines, np.bool_),
    )
    kinds = np.empty(np.diff(offsets).max(initial=0), np.uint8)
    _cut(data, offsets, *class_tables(), kinds, *units, quality)
    return units


@njit(nogil=True, cache=True)
def _cut(
    data, offsets, index, classes, kinds,
    word_from, start, end, characters, line_from, line_start, line_end, line_characters, line_opens, quality,
):  # fmt: skip
    for text in range(offsets.shape[0] - 1):
        own = data[offsets[text] : offsets[text + 1]]
        w, k = word_from[text], line_from[text]
        ascii_only = _classify(own, index, classes, kinds)
        words = _words(own.shape[0], kinds, start[w:], end[w:])
        lines = _lines(own, start[w:], end[w:], words, line_start[k:], line_end[k:], line_opens[k:])
        _characters(kinds, ascii_only, start[w:], end[w:], words, characters[w:])
        _characters(kinds, ascii_only, line_start[k:], line_end[k:], lines, line_characters[k:])
        if words:
            _judge_words(own, kinds, start[w:], end[w:], characters[w:], words, quality[text])
            _judge_lines(own, line_start[k:], line_end[k:], lines, quality[text])
        word_from[text + 1], line_from[text + 1] = w + words, k + lines


@njit
def _classify(data, index, classes, kinds):
    """Give every byte the classes of its character; returns whether all are ASCII."""
    high = data.dtype.type(0)
    for i in range(data.shape[0]):
        kinds[i] = classes[data[i]]
        high |= data[i]
    if high < 0x80:
        return True
    i = 0
    while i < data.shape[0]:
        byte, width = int64(data[i]), 1
        if byte >= 0x80:
            kinds[i], width = _beyond_ascii(data, i, index, classes)
            for j in range(i + 1, i + width):
                kinds[j] = kinds[i] | CONTINUATION
        i += width
    return False


@njit
def _beyond_ascii(data, i, index, classes):
    """(classes, bytes) of the character that begins with byte i; (0, 1) if none begins there."""
    byte = int64(data[i])
    width = 1 + (byte >= 0xC0) + (byte >= 0xE0) + (byte >= 0xF0)
    if width == 1 or i + width > data.shape[0]:
        return 0, 1
    point = byte & (0x7F >> width)
    for j in range(i + 1, i + width):
        point = point << 6 | int64(data[j]) & 0x3F
    if point > 0x10FFFF:
        return 0, 1
    return int64(classes[int64(index[point >> 8]) << 8 | point & 0xFF]), width


@njit
def _words(size, kinds, start, end):
    """Number of words; every position is written down, and counted where a word begins or ends there."""
    words, ends, inside = 0, 0, False
    for i in range(size):
        word = kinds[i] & SPACE == 0
        start[words] = i
        words += word & ~inside
        end[ends] = i
        ends += inside & ~word
        inside = word
    if inside:
        end[ends] = size
    return words


@njit
def _lines(data, start, end, words, line_start, line_end, line_opens):
    """Number of lines: a word after a line break opens one, after two a paragraph, too."""
    lines, breaks, last = 0, 2, 0
    for w in range(words):
        if w and (start[w] - last > 1 or data[last] != 32):
            breaks = _breaks(data, last, start[w])
        if breaks:
            line_start[lines], line_opens[lines] = start[w], breaks > 1
            lines, breaks = lines + 1, 0
        last = end[w]
        line_end[lines - 1] = last
    return lines


@njit
def _breaks(data, begin, end):
    """Line breaks in white space that a word follows: LF, and CR unless LF follows it."""
    breaks = 0
    for i in range(begin, end):
        breaks += data[i] == 10 or (data[i] == 13 and data[i + 1] != 10)
    return breaks


@njit
def _characters(kinds, ascii_only, start, end, units, characters):
    """Fill in the characters of each unit."""
    for u in range(units):
        characters[u] = end[u] - start[u]
        if not ascii_only:
            for i in range(start[u], end[u]):
                characters[u] -= kinds[i] & CONTINUATION != 0


@njit
def _judge_words(data, kinds, start, end, characters, words, row):
    """Fill in the signals that are per word."""
    length, alphabetic, stop_words = 0, 0, uint64(0)
    for w in range(words):
        first, last = start[w], end[w] - 1
        length += characters[w]
        i = first
        while i < last and not kinds[i] & ALPHABETIC:
            i += 1
        alphabetic += kinds[i] & ALPHABETIC != 0
        while first < last and not kinds[first] & ALPHANUMERIC:  # the core of the word is what is left
            first += 1
        while first < last and not kinds[last] & ALPHANUMERIC:
            last -= 1
        stop_words |= _stop_word(load64(data, int64(first)), last + 1 - first)
    hash_signs, ellipses = _symbols(data)
    row[0], row[1], row[2], row[3] = words, length / words, hash_signs / words, ellipses / words
    row[6], row[7] = alphabetic / words, _members(stop_words)


@njit
def _stop_word(word, length):
    """The bit of the stop word in the first `length` bytes of `word`, whatever its case; 0 if it is none.

    No letter beyond ASCII has a lower case among the letters of the stop words, which a test asserts.
    """
    lower = lowest(word, min(length, 4)) | uint64(0x20202020)
    found = uint64(0)
    for k in range(len(STOP_WORDS)):
        found |= uint64(lower == uint64(STOP_WORDS[k])) << uint64(k)
    return found * uint64(length < 5)


@njit
def _members(bits):
    count = 0
    while bits:
        bits &= bits - uint64(1)
        count += 1
    return count


@njit
def _symbols(data):
    """(number signs, ellipses): "..." from left to right without overlap, and U+2026."""
    hash_signs, ellipses, dots = 0, 0, 0
    for i in range(data.shape[0]):
        byte = data[i]
        dots = dots + 1 if byte == 46 else 0
        if dots == 3:
            ellipses, dots = ellipses + 1, 0
        hash_signs += byte == 35
        if byte == 0xA6 and i > 1 and data[i - 1] == 0x80 and data[i - 2] == 0xE2:
            ellipses += 1
    return hash_signs, ellipses


@njit
def _judge_lines(data, start, end, lines, row):
    """Fill in the shares of lines that begin with a bullet and that end in an ellipsis."""
    bullets, ellipses = 0, 0
    for line in range(lines):
        i, j = start[line], end[line]
        first, long = data[i], j - i > 2
        bullets += first == 42 or first == 45
        if long and first == 0xE2:  # U+2022 and U+25CF
            bullets += (data[i + 1] == 0x80 and data[i + 2] == 0xA2) or (data[i + 1] == 0x97 and data[i + 2] == 0x8F)
        if long:
            a, b, c = data[j - 3], data[j - 2], data[j - 1]
            ellipses += (a == 46 and b == 46 and c == 46) or (a == 0xE2 and b == 0x80 and c == 0xA6)
    row[4], row[5] = bullets / lines, ellipses / lines

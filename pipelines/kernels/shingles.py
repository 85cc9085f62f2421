"""Shingles: the set of 13-tuples of consecutive normalised words, as sorted 64-bit hashes (MassiveText, section 7).

Normalising deletes every code point whose Unicode category starts with P and splits at white space; case and digits
stay. A text of 1 to 12 words has one shingle, all its words; a text without words has none.

>>> normalised_words("Don't stop -- it's 3.5!")
['Dont', 'stop', 'its', '35']

`shingle_set` in plain Python is the definition, `shingle_sets` the same for many texts at once.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

import numpy as np
from numba import njit, uint64

WORDS = 13
MASK = (1 << 64) - 1
FIRST = 0xFF51AFD7ED558CCD
SECOND = 0xC4CEB9FE1A85EC53
BASE = 0x9FB21C651E98DF25
SPACE, PUNCTUATION = 1, 2

_FIRST, _SECOND, _BASE = np.uint64(FIRST), np.uint64(SECOND), np.uint64(BASE)
_HIGH, _LOW = np.uint64(33), np.uint64(29)


def normalised_words(text: str) -> list[str]:
    """The white-space words of the text once all punctuation (Unicode categories P*) is deleted."""
    return text.translate(_punctuation()).split()


@cache
def _punctuation() -> dict[int, None]:
    points = range(sys.maxunicode + 1)
    return dict.fromkeys(point for point in points if unicodedata.category(chr(point)).startswith("P"))


def mixed(value: int) -> int:
    """The 64-bit value with every input bit spread over all output bits; a bijection."""
    value = value * FIRST & MASK
    value = (value ^ value >> 33) * SECOND & MASK
    return value ^ value >> 29


def word_hash(word: bytes) -> int:
    """64-bit hash of a word's UTF-8, eight bytes at a time."""
    value = 0
    for start in range(0, len(word), 8):
        value = mixed(value ^ int.from_bytes(word[start : start + 8], "little"))
    return mixed(value ^ len(word))


def shingle_hash(words: list[str]) -> int:
    """64-bit hash of a tuple of words: a polynomial over the words' hashes, mixed."""
    value = 0
    for word in words:
        value = (value * BASE + word_hash(word.encode())) & MASK
    return mixed(value)


def shingle_set(text: str, length: int = WORDS) -> list[int]:
    """The text's distinct shingle hashes in ascending order: the definition that `shingle_sets` is held to."""
    words = normalised_words(text)
    starts = range(max(1, len(words) - length + 1)) if words else ()
    return sorted({shingle_hash(words[start : start + length]) for start in starts})


def shingle_sets(data: np.ndarray, offsets: np.ndarray, length: int = WORDS) -> tuple[np.ndarray, np.ndarray]:
    """Each text's distinct shingle hashes in ascending order, uint64 [shingles], and where each text's begin and the
    last ends, int64 [texts + 1].

    The texts are UTF-8 `data` uint8 [bytes] with `offsets` int64 [texts + 1], as `filters.text.buffers` gives them.
    """
    texts = len(offsets) - 1
    hashes = np.empty(int(offsets[-1] - offsets[0] + texts) // 2 + 1, np.uint64)
    ends = np.zeros(texts + 1, np.int64)
    _shingle(data, offsets, *classes(), length, hashes, ends)
    for start, stop in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        hashes[start:stop].sort()
    count = _distinct(hashes, ends)
    return hashes[:count].copy(), ends


@cache
def classes() -> tuple[np.ndarray, np.ndarray]:
    """The running Python's white space and punctuation: class of a code point p is blocks[index[p >> 8], p & 255]."""
    points = "".join(map(chr, range(sys.maxunicode + 1)))
    kinds = {f"P{kind}": PUNCTUATION for kind in "cdefios"}
    flat = np.array([kinds.get(category, 0) for category in map(unicodedata.category, points)], np.uint8)
    flat[[found.start() for found in re.finditer(r"\s", points)]] = SPACE
    blocks, index = np.unique(flat.reshape(-1, 256), axis=0, return_inverse=True)
    return index.ravel().astype(np.int64), blocks


@njit(cache=True)
def mix(value: np.uint64) -> np.uint64:
    """`mixed` for the kernels."""
    value = value * _FIRST
    value = (value ^ (value >> _HIGH)) * _SECOND
    return value ^ (value >> _LOW)


@njit(cache=True)
def _code_point(data: np.ndarray, at: int) -> tuple[np.int64, int]:
    """(code point, bytes it takes) of valid UTF-8 at a byte that is not ASCII."""
    lead = np.int64(data[at])
    second = np.int64(data[at + 1]) & 63
    if lead < 0xE0:
        return (lead & 31) << 6 | second, 2
    third = np.int64(data[at + 2]) & 63
    if lead < 0xF0:
        return (lead & 15) << 12 | second << 6 | third, 3
    return (lead & 7) << 18 | second << 12 | third << 6 | (np.int64(data[at + 3]) & 63), 4


@njit(cache=True)
def _split(
    data: np.ndarray,
    at: int,
    stop: int,
    index: np.ndarray,
    blocks: np.ndarray,
    letters: np.ndarray,
    ends: np.ndarray,
) -> np.int64:
    """Write a text's word bytes one after the other to `letters`, and to `ends` where each piece between white space
    ends there; returns the number of pieces, empty ones too. ASCII goes through without a branch.
    """
    ascii_classes = blocks[index[0]]
    size, pieces, here, last = uint64(0), uint64(0), uint64(at), uint64(stop)
    while here < last:
        byte = data[here]
        if byte < 128:
            kind = ascii_classes[byte]
            letters[size] = byte
            size += uint64(kind == 0)
            here += uint64(1)
        else:
            point, width = _code_point(data, np.int64(here))
            kind = blocks[index[point >> 8], point & 255]
            for k in range(width if kind == 0 else 0):
                letters[size] = data[here + uint64(k)]
                size += uint64(1)
            here += uint64(width)
        ends[pieces] = size
        pieces += uint64(kind == SPACE)
    ends[pieces] = size
    return np.int64(pieces) + 1


@njit(cache=True)
def _load(letters: np.ndarray, at: np.uint64) -> np.uint64:
    """Eight bytes, the first lowest; written out so that the compiler makes it one load."""
    value = uint64(0)
    for k in range(8):
        value |= uint64(letters[at + uint64(k)]) << uint64(8 * k)
    return value


@njit(cache=True)
def _word_hash(letters: np.ndarray, begin: np.uint64, end: np.uint64) -> np.uint64:
    """`word_hash` of the bytes from `begin` to `end`, which is above it."""
    word, left = uint64(0), end - begin
    at = begin
    while left > uint64(8):
        word = mix(word ^ _load(letters, at))
        at += uint64(8)
        left -= uint64(8)
    word = mix(word ^ (_load(letters, at) & (~uint64(0) >> (uint64(64) - (left << uint64(3))))))
    return mix(word ^ (end - begin))


@njit(nogil=True, cache=True)
def _shingle(
    data: np.ndarray, offsets: np.ndarray, index: np.ndarray, blocks: np.ndarray, length: int, hashes: np.ndarray,
    ends: np.ndarray,
) -> None:  # fmt: skip
    """Write each text's shingle hashes in text order to `hashes`, and where they end to `ends`."""
    longest = 0
    for text in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    letters = np.zeros(longest + 16, np.uint8)
    stops = np.empty(longest + 1, np.int64)
    ring = np.zeros(length, np.uint64)
    leaving = uint64(1)
    for _ in range(length):
        leaving = leaving * _BASE
    written = 0
    for text in range(offsets.shape[0] - 1):
        ring[:] = 0
        words, place = 0, 0
        rolling, begin = uint64(0), uint64(0)
        for piece in range(_split(data, offsets[text], offsets[text + 1], index, blocks, letters, stops)):
            end = uint64(stops[piece])
            if end == begin:
                continue
            word = _word_hash(letters, begin, end)
            begin = end
            rolling = rolling * _BASE + word - ring[place] * leaving
            ring[place] = word
            place = place + 1 if place + 1 < length else 0
            words += 1
            if words >= length:
                hashes[written] = mix(rolling)
                written += 1
        if 0 < words < length:
            hashes[written] = mix(rolling)
            written += 1
        ends[text + 1] = written


@njit(nogil=True, cache=True)
def _distinct(hashes: np.ndarray, ends: np.ndarray) -> int:
    """Close the gaps that repeated hashes leave in each sorted run; returns how many are left."""
    written = 0
    start = ends[0]
    for text in range(ends.shape[0] - 1):
        first = written
        for at in range(start, ends[text + 1]):
            if written == first or hashes[at] != hashes[written - 1]:
                hashes[written] = hashes[at]
                written += 1
        start = ends[text + 1]
        ends[text + 1] = written
    return written

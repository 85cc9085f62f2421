"""What the attributes of a tag say of its element: names looked up in tables, the words of class names, styles."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint64

from pipelines.html.names import (
    ALONE,
    ARIA_HIDDEN,
    CANCEL,
    CLASS,
    COMMENT,
    CONTENT,
    FRAGMENT,
    HIDDEN,
    HIDES,
    HREF,
    ID,
    ITEMPROP,
    KILL,
    LINK,
    META,
    OFFSET,
    PRIME,
    PROPERTY_TABLE,
    ROLE,
    ROLE_TABLE,
    STRONG,
    STYLE,
    TAGS,
    WORD_STARTS,
    WORD_TABLE,
)

SECTION = TAGS["section"]
LONGEST = 48  # bytes of the longest name that is looked up
# Whether a byte ends a name in a tag: blanks, "=", ">", "/".
ENDS_NAME = np.zeros(256, np.bool_)
ENDS_NAME[[0, *range(9, 14), 32, 47, 61, 62]] = True
# What a byte of a class name is.
_OTHER, _BLANK, _SMALL, _CAPITAL, _DIGIT = range(5)
KINDS = np.zeros(256, np.uint8)
KINDS[[0, *range(9, 14), 32]] = _BLANK
KINDS[97:123], KINDS[65:91], KINDS[48:58] = _SMALL, _CAPITAL, _DIGIT
_DISPLAY, _VISIBILITY, _NONE, _UNSEEN = (
    np.frombuffer(word, np.uint8) for word in (b"display", b"visibility", b"none", b"hidden")
)


@njit(inline="always")
def lower(byte):
    return byte | 32 if 65 <= byte <= 90 else byte


@njit(inline="always")
def is_letter(byte):
    return 97 <= (byte | 32) <= 122


@njit(inline="always")
def is_blank(byte):
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@njit(inline="always")
def find_byte(page, at, size, byte):
    """The next position of a byte from `at` on, `size` if there is none."""
    i = uint64(at)  # numba looks whether a signed index is negative, at each byte
    while i + uint64(16) <= uint64(size):
        met = False
        for ahead in range(16):  # compiled to a few instructions on all sixteen
            met |= page[i + uint64(ahead)] == byte
        if met:
            break
        i += uint64(16)
    while i < uint64(size) and page[i] != byte:
        i += uint64(1)
    return int64(i)


@njit(inline="always")
def _mixed(value, byte):
    return (value ^ uint64(byte)) * uint64(PRIME)


@njit(inline="always")
def _probe(page, begin, end, value, known, exact):
    """What the name page[begin:end] with the hash `value` stands for in a table, 0 if it is in none."""
    mask, result = known.slots.shape[0] - 1, 0
    at = int64(value ^ (value >> uint64(29))) & mask
    while known.slots[at]:
        number = int64(known.slots[at]) - 1
        first = int64(known.edges[number])
        same = known.edges[number + 1] - first == end - begin
        i = 0
        while same and i < end - begin:
            same = (page[begin + i] if exact else lower(page[begin + i])) == known.names[first + i]
            i += 1
        if same:
            result = int64(known.values[number])
            break
        at = (at + 1) & mask
    return result


@njit(inline="always")
def find_name(page, begin, end, known, exact=False):
    """What the name page[begin:end] stands for in a table, 0 if it is in none; in any case, unless `exact`."""
    if end - begin > LONGEST:
        return 0
    value = uint64(OFFSET)
    for i in range(begin, end):
        value = _mixed(value, page[uint64(i)] if exact else lower(page[uint64(i)]))
    return _probe(page, begin, end, value, known, exact)


@njit(inline="always")
def _word(page, begin, end, value, shorter):
    """What a word stands for, with or without an s at its end: `value` is its hash, `shorter` that but for one byte."""
    length = end - begin
    if length < 2 or length > LONGEST:
        return 0
    starts = WORD_STARTS[uint64(page[uint64(begin)] & 31) << uint64(5) | uint64(page[uint64(begin + 1)] & 31)]
    if not (starts >> uint64(length - 1)) & uint64(3):
        return 0
    found = _probe(page, begin, end, value, WORD_TABLE, False)
    if not found and length > 3 and page[end - 1] | 32 == 115:
        found = _probe(page, begin, end - 1, shorter, WORD_TABLE, False)
    return found


@njit(inline="always")
def class_hints(page, begin, end, longest=LONGEST):
    """What class names say; names of more than `longest` words say nothing.

    A name is cut at what is no letter or digit, and where a capital follows a small letter.

    A word that is a whole name counts for more than one that is a part: "post share-enabled" is a post, and
    "post share" is not.
    """
    whole, part = 0, 0
    i = begin
    while i < end:
        if KINDS[page[uint64(i)]] == _BLANK:
            i += 1
            continue
        first = start = i
        name, shorter_name, word, shorter_word = uint64(OFFSET), uint64(0), uint64(OFFSET), uint64(0)
        said, contents, words, before = 0, 0, 0, _OTHER
        while True:
            byte = page[uint64(i)] if i < end else 32
            kind = KINDS[byte]
            if kind <= _BLANK or (kind == _CAPITAL and before == _SMALL):
                if i > start:
                    at_end = kind == _BLANK and start == first
                    meaning = 0 if at_end else _word(page, start, i, word, shorter_word)
                    if not meaning & ALONE:
                        said |= meaning
                        contents += meaning & CONTENT != 0
                    words += 1
                if kind == _BLANK:
                    break
                start = i + (kind == _OTHER)
                word = uint64(OFFSET)
            before = kind
            small = lower(byte)
            shorter_name, name = name, _mixed(name, small)
            if kind != _OTHER:
                shorter_word, word = word, _mixed(word, small)
            i += 1
        meaning = _word(page, first, i, name, shorter_name)
        if meaning:
            whole |= 0 if meaning & CANCEL else meaning & ~ALONE
            continue
        if said & META and contents == 1:
            said &= ~CONTENT  # "post-meta" is no post
        if not said & CANCEL and words <= longest:
            part |= said | (STRONG if contents > 1 else 0)
    against = KILL | COMMENT
    if whole & against or not whole & CONTENT:
        return whole | part
    return whole | (part & ~against)


@njit
def begins(page, begin, end, word):
    """Whether page[begin:end] begins with a word, in any case."""
    if end - begin < word.shape[0]:
        return False
    same = 0
    for i in range(word.shape[0]):
        same += lower(page[begin + i]) == word[i]
    return same == word.shape[0]


@njit
def _hides(page, begin, end):
    """Whether a style says display:none or visibility:hidden."""
    i = begin
    while i < end:
        while i < end and is_blank(page[i]):
            i += 1
        start = i
        while i < end and page[i] != 58 and page[i] != 59:
            i += 1
        stop, value = i, i + 1
        while stop > start and is_blank(page[stop - 1]):
            stop -= 1
        while value < end and is_blank(page[value]):
            value += 1
        if i < end and page[i] == 58:
            if stop - start == 7 and begins(page, start, stop, _DISPLAY) and begins(page, value, end, _NONE):
                return True
            if stop - start == 10 and begins(page, start, stop, _VISIBILITY) and begins(page, value, end, _UNSEEN):
                return True
        i = find_byte(page, i, end, 59) + 1
    return False


@njit(inline="always")
def value_hints(page, tag, attribute, begin, end):
    if attribute in (CLASS, ID):
        hints = class_hints(page, begin, end, LONGEST if attribute == CLASS else 3)
        # The identifiers of sections and headings are their headings' words.
        return hints & (CONTENT | STRONG) if attribute == ID and tag == SECTION else hints
    if attribute == ROLE:
        return find_name(page, begin, end, ROLE_TABLE)
    if attribute == ITEMPROP:
        return find_name(page, begin, end, PROPERTY_TABLE)
    if attribute == STYLE:
        return HIDDEN if _hides(page, begin, end) else 0
    if attribute == ARIA_HIDDEN:
        return HIDDEN if end - begin == 4 and page[begin] | 32 == 116 else 0
    if attribute == HIDES:
        return HIDDEN if end - begin != 11 else 0  # "until-found" is text that a search finds
    if attribute != HREF:
        return 0
    return LINK | FRAGMENT if find_byte(page, begin, end, 35) < end else LINK

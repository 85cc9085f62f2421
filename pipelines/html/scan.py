"""Markup to tokens: tags that matter, with what their attributes say, and the stretches of text between them.

Follows the tokenizer of the HTML standard where pages differ by it: quoted values hold any byte, a comment or a
script ends only at its own end, and a "<" that begins no tag is text. One pass; `reference.scan` is the definition.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint64

from pipelines.html.names import (
    ALONE,
    ARIA_HIDDEN,
    ATTRIBUTE_TABLE,
    ATTRIBUTES,
    CANCEL,
    CLASS,
    COMMENT,
    CONTENT,
    CUSTOM,
    EMPTY,
    FLAGS,
    HIDDEN,
    HIDES,
    HREF,
    ID,
    ITEMPROP,
    KILL,
    LINK,
    OFFSET,
    PRIME,
    PROPERTY_TABLE,
    RAW,
    ROLE,
    ROLE_TABLE,
    STRONG,
    STYLE,
    TAG_TABLE,
    TAGS,
    WORD_STARTS,
    WORD_TABLE,
)

# A tag is TOKEN[0] > 0, its end tag the negative number, text 0; then begin and end in the page, and hints.
COLUMNS = 4
TOKEN_LIMIT = 1 << 22  # tokens that are read of a page: 64 MiB of memory; the rest of the page is left off
TITLE, NOSCRIPT, INLINE, SECTION = TAGS["title"], TAGS["noscript"], TAGS["inline"], TAGS["section"]
FIRST_LETTERS = sum({1 << (ord(name[0]) & 31) for name in ATTRIBUTES})  # most attributes are told by one look
LONGEST = 48  # bytes of the longest name that is looked up
_DISPLAY, _VISIBILITY, _NONE, _UNSEEN = (
    np.frombuffer(word, np.uint8) for word in (b"display", b"visibility", b"none", b"hidden")
)


@njit(inline="always")
def _lower(byte):
    return byte | 32 if 65 <= byte <= 90 else byte


@njit(inline="always")
def _is_letter(byte):
    return 97 <= (byte | 32) <= 122


@njit(inline="always")
def _is_blank(byte):
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@njit(inline="always")
def find_byte(page, at, size, byte):
    """The next position of a byte from `at` on, `size` if there is none."""
    i = uint64(at)  # numba looks whether a signed index is negative, at each byte
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
            same = (page[begin + i] if exact else _lower(page[begin + i])) == known.names[first + i]
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
        value = _mixed(value, page[uint64(i)] if exact else _lower(page[uint64(i)]))
    return _probe(page, begin, end, value, known, exact)


@njit(inline="always")
def _word(page, begin, end):
    """What a word stands for, with or without an s at its end."""
    length = end - begin
    if length < 2 or length > LONGEST:
        return 0
    starts = WORD_STARTS[uint64(page[begin] & 31) << uint64(5) | uint64(page[begin + 1] & 31)]
    if not (starts >> uint64(length - 1)) & uint64(3):
        return 0
    value, before = uint64(OFFSET), uint64(0)
    for i in range(begin, end):
        before = value
        value = _mixed(value, _lower(page[uint64(i)]))
    found = _probe(page, begin, end, value, WORD_TABLE, False)
    if not found and end - begin > 3 and page[end - 1] | 32 == 115:
        found = _probe(page, begin, end - 1, before, WORD_TABLE, False)
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
        if _is_blank(page[i]):
            i += 1
            continue
        stop = i
        while stop < end and not _is_blank(page[stop]):
            stop += 1
        meaning = _word(page, i, stop)
        if meaning:
            whole |= 0 if meaning & CANCEL else meaning & ~ALONE
            i = stop
            continue
        said, contents, words, first = 0, 0, 0, i
        while i < stop:
            start = i
            while i < stop and (_is_letter(page[i]) or 48 <= page[i] <= 57):
                if i > start and 65 <= page[i] <= 90 and 97 <= page[i - 1] <= 122:
                    break
                i += 1
            if i == start:
                i += 1
                continue
            meaning = _word(page, start, i) if i - start < stop - first else 0
            if not meaning & ALONE:
                said |= meaning
                contents += meaning & CONTENT != 0
            words += 1
        if not said & CANCEL and words <= longest:
            part |= said | (STRONG if contents > 1 else 0)
    against = KILL | COMMENT
    if whole & against or not whole & CONTENT:
        return whole | part
    return whole | (part & ~against)


@njit
def _begins(page, begin, end, word):
    """Whether page[begin:end] begins with a word, in any case."""
    if end - begin < word.shape[0]:
        return False
    same = 0
    for i in range(word.shape[0]):
        same += _lower(page[begin + i]) == word[i]
    return same == word.shape[0]


@njit
def _hides(page, begin, end):
    """Whether a style says display:none or visibility:hidden."""
    i = begin
    while i < end:
        while i < end and _is_blank(page[i]):
            i += 1
        start = i
        while i < end and page[i] != 58 and page[i] != 59:
            i += 1
        stop, value = i, i + 1
        while stop > start and _is_blank(page[stop - 1]):
            stop -= 1
        while value < end and _is_blank(page[value]):
            value += 1
        if i < end and page[i] == 58:
            if stop - start == 7 and _begins(page, start, stop, _DISPLAY) and _begins(page, value, end, _NONE):
                return True
            if stop - start == 10 and _begins(page, start, stop, _VISIBILITY) and _begins(page, value, end, _UNSEEN):
                return True
        i = find_byte(page, i, end, 59) + 1
    return False


@njit(inline="always")
def _value_hints(page, tag, attribute, begin, end):
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
    return LINK if attribute == HREF else 0


@njit(inline="always")
def attributes(page, at, size, tag):
    """(position after the tag's ">", or `size` if it never ends; hints) of the attributes from `at` on."""
    hints = 0
    while at < size:
        byte = page[at]
        if byte == 62:
            return at + 1, hints
        if _is_blank(byte) or byte == 47:
            at += 1
            continue
        start = at
        at += 1
        while at < size and not _is_blank(page[at]) and page[at] != 61 and page[at] != 62 and page[at] != 47:
            at += 1
        attribute = 0
        if tag and (FIRST_LETTERS >> (page[start] & 31)) & 1:
            attribute = find_name(page, start, at, ATTRIBUTE_TABLE)
        while at < size and _is_blank(page[at]):
            at += 1
        begin = end = at
        if at < size and page[at] == 61:
            at += 1
            while at < size and _is_blank(page[at]):
                at += 1
            if at < size and (page[at] == 34 or page[at] == 39):
                quote = page[at]
                begin = at + 1
                end = find_byte(page, begin, size, quote)
                at = min(end + 1, size)
            else:
                begin = at
                while at < size and not _is_blank(page[at]) and page[at] != 62:
                    at += 1
                end = at
        if attribute:
            hints |= _value_hints(page, tag, attribute, begin, end)
    return size, hints


@njit(inline="always")
def _put(tokens, count, tag, begin, end, hints):
    tokens[count, 0] = tag
    tokens[count, 1] = begin
    tokens[count, 2] = end
    tokens[count, 3] = hints
    return count + 1


@njit
def _after_comment(page, at, size):
    """The position after a comment, a declaration or an instruction whose "<" stands at `at`."""
    if at + 3 < size and page[at + 1] == 33 and page[at + 2] == 45 and page[at + 3] == 45:
        i = at + 4
        while i < size:
            i = find_byte(page, i, size, 62)
            bang = i > at + 6 and page[i - 1] == 33
            if i < size and page[i - 1 - bang] == 45 and page[i - 2 - bang] == 45:
                return i + 1
            i += 1
        return size
    return min(find_byte(page, at + 2, size, 62) + 1, size)


@njit
def _raw_end(page, at, size, begin, end):
    """Where the end tag of the raw element named page[begin:end] begins."""
    length = end - begin
    while at + length + 2 <= size:
        at = find_byte(page, at, size, 60)
        if at + length + 2 <= size and page[at + 1] == 47:
            same = True
            for i in range(length):
                if _lower(page[at + 2 + i]) != _lower(page[begin + i]):
                    same = False
                    break
            after = at + 2 + length
            if same and (after == size or _is_blank(page[after]) or page[after] == 62 or page[after] == 47):
                return at
        at += 1
    return size


@njit(nogil=True, cache=True)
def scan(page, noscript, tokens):
    """The number of tokens of a page (uint8, UTF-8), put in `tokens`, int32 [room, 4].

    `noscript`: whether what stands there for browsers without scripts is read.
    """
    size, count, at, text = page.shape[0], 0, 0, 0
    while at < size and count + 2 <= tokens.shape[0]:
        at = find_byte(page, at, size, 60)
        start = at
        following = page[at + 1] if at + 1 < size else 0
        closing = following == 47
        name = at + 1 + closing
        if at >= size:
            break
        if not (name < size and _is_letter(page[name])):
            if following == 33 or following == 63 or (closing and name < size):
                at = _after_comment(page, at, size)
                if start > text:
                    count = _put(tokens, count, 0, text, start, 0)
                text = at
            else:
                at += 1
            continue
        end = name
        dashed = False
        while end < size and not _is_blank(page[end]) and page[end] != 62 and page[end] != 47:
            dashed |= page[end] == 45
            end += 1
        tag = find_name(page, name, end, TAG_TABLE)
        hints = 0
        if not tag:
            tag = CUSTOM if dashed else INLINE
            hints = class_hints(page, name, end) if dashed else 0
        at, found = attributes(page, end, size, 0 if closing else tag)
        if page[at - 1] == 62 and page[at - 2] == 47:
            found |= EMPTY
        if start > text:
            count = _put(tokens, count, 0, text, start, 0)
        text = at
        if FLAGS[tag] & RAW and not (tag == NOSCRIPT and noscript):
            if not closing:
                at = _raw_end(page, at, size, name, end)
                if tag == TITLE:
                    count = _put(tokens, count, tag, text, at, 0)
                text = at
            continue
        count = _put(tokens, count, -tag if closing else tag, start, at, hints | found)
    if size > text and at >= size and count < tokens.shape[0]:
        count = _put(tokens, count, 0, text, size, 0)
    return count

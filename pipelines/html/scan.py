"""Markup to tokens: tags that matter, with what their attributes say, and the stretches of text between them.

Follows the tokenizer of the HTML standard where pages differ by it: quoted values hold any byte, a comment or a
script ends only at its own end, and a "<" that begins no tag is text. One pass; `reference.scan` is the definition.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from pipelines.html.hints import ENDS_NAME, class_hints, find_byte, find_name, is_blank, is_letter, lower, value_hints
from pipelines.html.names import ATTRIBUTE_TABLE, ATTRIBUTES, CUSTOM, EMPTY, FLAGS, RAW, TAG_TABLE, TAGS

# A tag is TOKEN[0] > 0, its end tag the negative number, text 0; then begin and end in the page, and hints.
COLUMNS = 4
TOKEN_LIMIT = 1 << 22  # tokens that are read of a page: 64 MiB of memory; the rest of the page is left off
TITLE, NOSCRIPT, INLINE, SVG = TAGS["title"], TAGS["noscript"], TAGS["inline"], TAGS["svg"]
# Of the attributes that are read, by first letter: a bit per length. Most others are told by one look.
LENGTHS = np.zeros(32, np.uint64)
for _name in ATTRIBUTES:
    LENGTHS[ord(_name[0]) & 31] |= np.uint64(1 << len(_name))


@njit(inline="always")
def attributes(page, at, size, tag):
    """(position after the tag's ">", or `size` if it never ends; hints) of the attributes from `at` on."""
    hints = 0
    while at < size:
        byte = page[at]
        if byte == 62:
            return at + 1, hints
        if is_blank(byte) or byte == 47:
            at += 1
            continue
        start = at
        at += 1
        while at < size and not ENDS_NAME[page[uint64(at)]]:
            at += 1
        attribute = 0
        if tag and at - start < 64 and (LENGTHS[page[uint64(start)] & 31] >> uint64(at - start)) & uint64(1):
            attribute = find_name(page, start, at, ATTRIBUTE_TABLE)
        while at < size and is_blank(page[at]):
            at += 1
        begin = end = at
        if at < size and page[at] == 61:
            at += 1
            while at < size and is_blank(page[at]):
                at += 1
            if at < size and (page[at] == 34 or page[at] == 39):
                quote = page[at]
                begin = at + 1
                end = find_byte(page, begin, size, quote)
                at = min(end + 1, size)
            else:
                begin = at
                while at < size and not is_blank(page[at]) and page[at] != 62:
                    at += 1
                end = at
        if attribute:
            hints |= value_hints(page, tag, attribute, begin, end)
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
                if lower(page[at + 2 + i]) != lower(page[begin + i]):
                    same = False
                    break
            after = at + 2 + length
            if same and (after == size or is_blank(page[after]) or page[after] == 62 or page[after] == 47):
                return at
        at += 1
    return size


@njit(nogil=True, cache=True)
def scan(page, noscript, tokens):
    """The number of tokens of a page (uint8, UTF-8), put in `tokens`, int32 [room, 4].

    `noscript`: whether what stands there for browsers without scripts is read.
    """
    size, count, at, text, drawings = page.shape[0], 0, 0, 0, 0
    while at < size and count + 2 <= tokens.shape[0]:
        at = find_byte(page, at, size, 60)
        start = at
        following = page[at + 1] if at + 1 < size else 0
        closing = following == 47
        name = at + 1 + closing
        if at >= size:
            break
        if not (name < size and is_letter(page[name])):
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
        while end < size and (page[uint64(end)] == 61 or not ENDS_NAME[page[uint64(end)]]):
            dashed |= page[uint64(end)] == 45
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
        if tag == SVG and not found & EMPTY:
            drawings = max(0, drawings - 1) if closing else drawings + 1
        if FLAGS[tag] & RAW and not (tag == NOSCRIPT and noscript):
            # In a drawing, "<title/>" is all of it; elsewhere the slash says nothing.
            if not closing and not (drawings and found & EMPTY):
                at = _raw_end(page, at, size, name, end)
                if tag == TITLE:
                    count = _put(tokens, count, tag, text, at, 0)
                text = at
            continue
        count = _put(tokens, count, -tag if closing else tag, start, at, hints | found)
    if size > text and at >= size and count < tokens.shape[0]:
        count = _put(tokens, count, 0, text, size, 0)
    return count

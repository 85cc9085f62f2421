"""Character references, as the HTML standard reads them in text."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from html.entities import html5

import numpy as np
from numba import njit

from pipelines.html.hints import find_name
from pipelines.html.names import table

_LONGEST = 31  # letters and digits of the longest name
_TEXTS = sorted({text.encode() for text in html5.values()})
_NUMBERS = {text: number for number, text in enumerate(_TEXTS, 1)}
_CLOSED = table({name[:-1].encode(): _NUMBERS[text.encode()] for name, text in html5.items() if name.endswith(";")})
# Names that count without a semicolon, even as the beginning of a longer word.
_OPEN = table({name.encode(): _NUMBERS[text.encode()] for name, text in html5.items() if not name.endswith(";")})
_LONGEST_OPEN = max(len(name) for name in html5 if not name.endswith(";"))
TEXTS = np.frombuffer(b"".join(_TEXTS), np.uint8)
EDGES = np.cumsum([0, 0, *map(len, _TEXTS)], dtype=np.int32)  # the text of number n is TEXTS[EDGES[n]:EDGES[n + 1]]
# Numbers that pages write for characters of Windows-1252.
WINDOWS = np.array([ord(bytes([byte]).decode("cp1252", "replace")) for byte in range(0x80, 0xA0)], np.int32)


@njit
def named(page, at, end):
    """(number of the text, position after it) of the named reference whose "&" stands at `at`; (0, at) if none."""
    i = at + 1
    while i < end and i - at <= _LONGEST and (97 <= (page[i] | 32) <= 122 or 48 <= page[i] <= 57):
        i += 1
    if i < end and page[i] == 59:
        found = find_name(page, at + 1, i, _CLOSED, True)
        if found:
            return found, i + 1
    i = min(i, at + 1 + _LONGEST_OPEN)
    while i > at + 2:
        found = find_name(page, at + 1, i, _OPEN, True)
        if found:
            return found, i
        i -= 1
    return 0, at


@njit
def numbered(page, at, end):
    """(code point, position after it) of the numeric reference whose "&#" stands at `at`; (-1, at) if none."""
    i = at + 2
    base = 10
    if i < end and page[i] | 32 == 120:
        base = 16
        i += 1
    start, point = i, 0
    while i < end:
        digit = int(page[i]) - 48
        if base == 16 and 97 <= (page[i] | 32) <= 102:
            digit = int(page[i] | 32) - 87
        elif not 0 <= digit <= 9:
            break
        point = min(point * base + digit, 0x110000)
        i += 1
    if i == start:
        return -1, at
    if i < end and page[i] == 59:
        i += 1
    if point == 0 or point > 0x10FFFF or 0xD800 <= point < 0xE000:
        return 0xFFFD, i
    return (int(WINDOWS[point - 0x80]) if 0x80 <= point < 0xA0 else point), i


@njit
def write(text, at, point):
    """Write the UTF-8 of a code point to text[at:]; the position after it."""
    if point < 0x80:
        text[at] = point
        return at + 1
    if point < 0x800:
        text[at] = 0xC0 | point >> 6
        text[at + 1] = 0x80 | point & 63
        return at + 2
    if point < 0x10000:
        text[at] = 0xE0 | point >> 12
        text[at + 1] = 0x80 | point >> 6 & 63
        text[at + 2] = 0x80 | point & 63
        return at + 3
    text[at] = 0xF0 | point >> 18
    text[at + 1] = 0x80 | point >> 12 & 63
    text[at + 2] = 0x80 | point >> 6 & 63
    text[at + 3] = 0x80 | point & 63
    return at + 4

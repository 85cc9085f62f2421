"""Tokens to a tree of block-level elements and the blocks of text in them.

A block is a stretch of text between two block-level tags, with references decoded and white space as a browser shows
it. End tags that pages leave out are implied as in the HTML standard, each in constant time: for every tag it is known
where the innermost open element of it stands. `reference.build` is the definition.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint64

from pipelines.html.entities import EDGES, TEXTS, named, numbered, write
from pipelines.html.names import BLOCK, CELL, EMPTY, FLAGS, FRAGMENT, HEADING, HIDDEN, LINK, RAW, SKIP, TAGS, VOID

TAG, PARENT, HINTS = range(3)  # columns of nodes
BEGIN, END, NODE, WEIGHT, LINKED, STOPS = range(6)  # columns of blocks
NODE_COLUMNS, BLOCK_COLUMNS = 3, 6
# fmt: off
A, BODY, BR, BUTTON, DD, DL, DT, HEAD_TAG, HTML, INLINE, LI, OL, P, PRE, SUMMARY, TABLE, TBODY, TD, TFOOT, TH, THEAD, \
    TITLE, TR, UL = (
        TAGS[name] for name in (
            "a", "body", "br", "button", "dd", "dl", "dt", "head", "html", "inline", "li", "ol", "p", "pre", "summary",
            "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul",
        )
    )
H1, H6, LISTING = TAGS["h1"], TAGS["h6"], TAGS["listing"]
# fmt: on
_STOPS = np.array([0x3002, 0xFF01, 0xFF1F, 0x0964, 0x061F, 0x06D4, 0xFF0C, 0x3001, 0x060C, 0xFF1B], np.int32)


@njit
def _point(page, at):
    """Code point of the character beyond ASCII at `at`, of valid UTF-8, and its bytes."""
    a = int64(page[at])
    if a < 0xE0:
        return (a & 31) << 6 | int64(page[at + 1]) & 63, 2
    if a < 0xF0:
        return (a & 15) << 12 | (int64(page[at + 1]) & 63) << 6 | int64(page[at + 2]) & 63, 3
    high = (a & 7) << 18 | (int64(page[at + 1]) & 63) << 12
    return high | (int64(page[at + 2]) & 63) << 6 | int64(page[at + 3]) & 63, 4


@njit(inline="always")
def _weighs(point):
    """Weight of a character: an ideograph or a syllable says as much as three letters."""
    return 3 if 0x3041 <= point <= 0xD7A3 or 0x20000 <= point <= 0x3FFFF else 1


@njit
def _is_stop(point):
    found = 0
    for stop in _STOPS:
        found += point == stop
    return found > 0


@njit(inline="always")
def _copy(page, begin, end, pre, text, at, first):
    """(end of the text, weight, stops) once page[begin:end] is written to text[at:] in the block begun at `first`."""
    weight, stops = 0, 0
    i = begin
    while i < end:
        byte = page[uint64(i)]
        if 32 < byte < 127 and byte != 38:
            text[uint64(at)] = byte
            at += 1
            i += 1
            weight += 1
            stops += byte == 46 or byte == 44 or byte == 33 or byte == 63 or byte == 59
            continue
        point, after, number = int64(byte), i + 1, 0
        if byte >= 0x80:
            point, width = _point(page, i)
            after = i + width
        elif byte == 38 and i + 2 < end:
            if page[i + 1] == 35:
                point, after = numbered(page, i, end)
            else:
                number, after = named(page, i, end)
            if after == i:
                point, number, after = 38, 0, i + 1
        i = after
        if number:
            low, high = int64(EDGES[number]), int64(EDGES[number + 1])
            point = _point(TEXTS, low)[0] if TEXTS[low] >= 0x80 else int64(TEXTS[low])
            if point > 32 and point != 0xA0 and high - low > 1:
                for j in range(low, high):
                    text[at] = TEXTS[j]
                    at += 1
                weight += 1
                continue
        if point == 0xA0 or point == 0x3000:
            point = 32
        if point <= 32 or 127 <= point < 0xA0:
            if point != 9 and point != 10 and point != 12 and point != 13 and point != 32:
                continue
            if pre:
                if point == 13 or (point == 10 and at == first):
                    continue
                text[at] = 32 if point == 12 else point
                at += 1
            elif at > first and text[at - 1] != 32 and text[at - 1] != 10:
                text[at] = 32
                at += 1
            continue
        if point == 0xAD or point == 0x200B or point == 0xFEFF:
            continue
        at = write(text, at, point)
        weight += _weighs(point)
        stops += point > 127 and _is_stop(point)
    return at, weight, stops


@njit(inline="always")
def _implied(tag, top, nearest, wall):
    """Depth that remains once a start tag has closed what it implies the end of."""
    if nearest[P] > wall:
        top = nearest[P] - 1
    if tag == LI:
        if nearest[LI] > max(nearest[UL], nearest[OL], wall):
            top = min(top, nearest[LI] - 1)
    elif tag in (DD, DT):
        item = max(nearest[DD], nearest[DT])
        if item > max(nearest[DL], wall):
            top = min(top, item - 1)
    elif tag in (TD, TH, TR, TBODY, THEAD, TFOOT):
        table = nearest[TABLE]
        cell = max(nearest[TD], nearest[TH])
        if cell > table:
            top = min(top, cell - 1)
        if tag != TD and tag != TH:
            if nearest[TR] > table:
                top = min(top, nearest[TR] - 1)
            group = max(nearest[TBODY], nearest[THEAD], nearest[TFOOT])
            if tag != TR and group > table:
                top = min(top, group - 1)
    return top


@njit(nogil=True, cache=True)
def build(page, tokens, nodes, blocks, text):
    """(nodes, blocks, bytes of text) of a page's tokens.

    `nodes`, int32 [tokens + 1, 3]: tag, parent, hints; parents come first, node 0 is the page. `blocks`, int32
    [tokens + 1, 6]: begin and end in `text`, node, weight (in letters), weight inside links, stops. `text`, uint8, has
    room for five quarters of the page and 8 bytes more.
    """
    count = tokens.shape[0]
    most = count + 2
    stack, under, walls = np.zeros(most, np.int32), np.zeros(most, np.int32), np.zeros(most, np.int32)
    dead = np.zeros(most, np.uint8)  # 0, or the tag of the element that hides all in it
    nearest, to_come = np.zeros(256, np.int64), np.zeros(256, np.int64)  # by tag: innermost open one, end tags to come
    for t in range(count):
        if tokens[t, 0] < 0:
            to_come[-tokens[t, 0]] += 1
    nodes[0, TAG], nodes[0, PARENT], nodes[0, HINTS] = 0, 0, 0
    made, found, top, at, begin = 1, 0, 0, 0, 0
    weight, linked, stops, link = 0, 0, 0, -1  # link: depth at which the open link began, or -1
    for t in range(count + 1):
        tag = int64(tokens[t, 0]) if t < count else -HTML
        closing = tag < 0
        kind = int64(tokens[t, 0]) if t < count else int64(0)
        tag = abs(tag)
        if t < count and closing:
            to_come[tag] -= 1
        if t < count and kind == 0:
            if not dead[top]:
                pre = nearest[PRE] > 0 or nearest[LISTING] > 0
                at, more, ends = _copy(page, tokens[t, 1], tokens[t, 2], pre, text, at, begin)
                weight += more
                stops += ends
                linked += more if link >= 0 else 0
            continue
        if tag == INLINE and not dead[top] and not nearest[INLINE] and not tokens[t, 3] & HIDDEN:
            continue
        flags, hints = int64(FLAGS[tag]), int64(tokens[t, 3]) if t < count else int64(0)
        if tag == BR:
            if at > begin and not dead[top]:
                if text[at - 1] == 32 and nearest[PRE] == 0:
                    at -= 1
                if at > begin:
                    text[at] = 10
                    at += 1
            continue
        hidden = hints & HIDDEN != 0 and not closing
        if tag == A and dead[top] != A and (closing or not hidden):
            # Headings are often links to themselves.
            anchor = hints & FRAGMENT and FLAGS[nodes[stack[top], TAG]] & HEADING
            link = top if hints & LINK and not closing and not anchor else -1
            continue
        if tag == BUTTON and not dead[top] and top > 0:
            above = nodes[stack[top], TAG]
            if FLAGS[above] & HEADING or above in (SUMMARY, DT):
                continue
        # What hides all in it and never ends would hide the rest of the page.
        endless = flags & SKIP and not closing and (hints & EMPTY or not to_come[tag])
        leaves = flags & (VOID | RAW) or endless or tag in (HTML, BODY, HEAD_TAG)
        if flags & BLOCK or t == count:
            # A block-level tag ends the running block.
            while at > begin and (text[at - 1] == 32 or text[at - 1] == 10):
                at -= 1
            if weight:
                blocks[found, BEGIN], blocks[found, END], blocks[found, NODE] = begin, at, stack[top]
                blocks[found, WEIGHT], blocks[found, LINKED], blocks[found, STOPS] = weight, linked, stops
                found += 1
            else:
                at = begin
            begin, weight, linked, stops = at, 0, 0, 0
        elif not (flags & SKIP or hidden or dead[top] == tag or (closing and nearest[tag])):
            continue
        if leaves:
            continue
        if closing:
            remains = nearest[tag] - 1
            if FLAGS[tag] & HEADING and remains < 0 and FLAGS[nodes[stack[top], TAG]] & HEADING:
                remains = top - 1
            if remains < 0 or (
                remains + 1 < walls[top] and not (flags & CELL or tag in (TABLE, TR, TBODY, THEAD, TFOOT))
            ):
                continue
            if not flags & BLOCK and remains + 1 < top:
                # An inline end tag closes no block-level element.
                blocked = False
                for depth in range(top, max(remains + 1, top - 8), -1):
                    blocked |= FLAGS[nodes[stack[depth], TAG]] & BLOCK != 0
                if blocked:
                    continue
        else:
            remains = top
            if flags & BLOCK and not dead[top]:
                remains = _implied(tag, top, nearest, walls[top])
                if flags & HEADING and remains > 0 and FLAGS[nodes[stack[remains], TAG]] & HEADING:
                    remains -= 1
            elif tag == BUTTON and dead[top] == BUTTON:
                remains = nearest[BUTTON] - 1
        while top > remains:
            nearest[nodes[stack[top], TAG]] = under[top]
            top -= 1
        if link > top:
            link = -1
        if closing:
            continue
        nodes[made, TAG], nodes[made, PARENT], nodes[made, HINTS] = tag, stack[top], hints
        top += 1
        stack[top], under[top], nearest[tag] = made, nearest[tag], top
        walls[top] = top if flags & CELL or tag in (TABLE, BUTTON) else walls[top - 1]
        dead[top] = dead[top - 1]
        if not dead[top] and (hidden or flags & SKIP):
            dead[top] = tag
        made += 1
    return made, found, at

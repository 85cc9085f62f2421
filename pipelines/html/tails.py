"""Blocks that are no text by what they say, and headings that nothing follows.

"Related articles" and what stands under it, "Read more: ..." between paragraphs, notices of copyright.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from pipelines.html.evidence import counted
from pipelines.html.hints import begins, find_name
from pipelines.html.names import FIRST, FLAGS, HEADING, TAGS, TAIL_TABLE, WHOLE
from pipelines.html.tree import BEGIN, END, LINKED, NODE, PARENT, TAG, WEIGHT

DD, H1, LI, PRE, TD, TH = (TAGS[name] for name in ("dd", "h1", "li", "pre", "td", "th"))
_COPYRIGHT = np.frombuffer(b"copyright", np.uint8)


@njit
def is_tail(text, begin, end, before_colon=False):
    """Whether a heading says that what follows is not the page's own text.

    `before_colon`: its words up to a colon will do.
    """
    i, words = begin, 0
    while i < end and words < 4:
        while i < end and text[i] != 32 and text[i] != 10:
            i += 1
        stop = i
        while stop > begin and (text[stop - 1] == 58 or text[stop - 1] == 46 or text[stop - 1] == 33):
            stop -= 1
        found = find_name(text, begin, stop, TAIL_TABLE)
        if found == FIRST or (found == WHOLE and (i >= end or (before_colon and stop < i and text[stop] == 58))):
            return True
        words += 1
        i += 1
    return find_name(text, begin, end, TAIL_TABLE) != 0


@njit
def is_notice(blocks, text, b):
    """Whether a block says first of all whose rights something is."""
    if blocks[b, WEIGHT] >= 200:
        return False
    begin, end = blocks[b, BEGIN], blocks[b, END]
    dated = False
    for i in range(begin, min(begin + 32, end - 1)):
        if i < begin + 16 and text[i] == 0xC2 and text[i + 1] == 0xA9:
            return True
        dated |= 48 <= text[i] <= 57
    return dated and begins(text, begin, end, _COPYRIGHT)


@njit
def is_pointer(blocks, text, b):
    """Whether a block between paragraphs is a "Read more: ..."."""
    weight = blocks[b, WEIGHT]
    linked = 40 < weight < 300 and 2 * blocks[b, LINKED] > weight
    return linked and is_tail(text, blocks[b, BEGIN], blocks[b, END], True)


@njit
def drop_tails(nodes, blocks, text, last, counts, keep):
    """What follows a heading such as "Related articles" in the same part of the page, unless it is much."""
    steps = 4 * blocks.shape[0]  # a page of such headings alone must not take the square of its size
    for b in range(blocks.shape[0]):
        if steps <= 0:
            break
        if not keep[b] or blocks[b, WEIGHT] > 40 or not is_tail(text, blocks[b, BEGIN], blocks[b, END]):
            continue
        node = blocks[b, NODE]
        if nodes[node, TAG] in (LI, TD, TH, DD, PRE):
            continue
        rank = nodes[node, TAG] - H1 if FLAGS[nodes[node, TAG]] & HEADING else 6
        part = nodes[node, PARENT]
        # A heading may have a wrapper of its own.
        for _ in range(2):
            if part and (b + 1 == blocks.shape[0] or blocks[b + 1, NODE] > last[part]):
                part = nodes[part, PARENT]
        held, stop = 0, b + 1
        while stop < blocks.shape[0] and blocks[stop, NODE] <= last[part]:
            tag = nodes[blocks[stop, NODE], TAG]
            if FLAGS[tag] & HEADING and tag - H1 <= rank:
                break
            held += counted(nodes, blocks, stop)
            stop += 1
        steps -= stop - b
        if 4 * held < counts[0]:
            for other in range(b, stop):
                keep[other] = False


@njit
def drop_idle_headings(nodes, blocks, keep):
    """Headings that no text follows before the next heading of their rank or a higher one head nothing."""
    served = np.zeros(8, np.bool_)  # whether text has been met since a heading of each rank, from the end
    for b in range(blocks.shape[0] - 1, -1, -1):
        if not keep[b]:
            continue
        tag = nodes[blocks[b, NODE], TAG]
        if FLAGS[tag] & HEADING:
            rank = tag - H1
            keep[b] = served[rank]
            for r in range(rank, 8):
                served[r] = False
        else:
            served[:] = True

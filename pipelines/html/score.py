"""Which blocks of a page are its text.

Elements are judged by tag, by class names and by the running text that they hold; evidence against a part that holds
most of the page's text is taken back. From the root the way goes down while one child holds nearly all running text:
where it forks is the group of elements at one level whose blocks are the text. Every function runs compiled and plain.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from pipelines.html import evidence
from pipelines.html.evidence import BY_COMMENT, BY_FORM, BY_HEADER, BY_META, BY_TAG, BY_WORDS, counted, is_rich
from pipelines.html.hints import find_name
from pipelines.html.names import FIRST, FLAGS, HEADING, MAIN, STRONG, TAGS, TAIL_TABLE, WHOLE
from pipelines.html.tree import BEGIN, END, HINTS, LINKED, NODE, PARENT, STOPS, TAG, WEIGHT

# fmt: off
ARTICLE, BLOCKQUOTE, DD, DETAILS, DL, DT, LI, MAIN_TAG, OL, P, PRE, TABLE, TD, TH, TR, UL, H1 = (
    TAGS[name] for name in (
        "article", "blockquote", "dd", "details", "dl", "dt", "li", "main", "ol", "p", "pre", "table", "td", "th", "tr",
        "ul", "h1",
    )
)
# fmt: on


@njit
def groups(nodes):
    """(per element the outermost list or the innermost table it is in, 0 if in none; the last element inside it)."""
    n = nodes.shape[0]
    group, last = np.zeros(n, np.int32), np.arange(n).astype(np.int32)
    for i in range(1, n):
        tag, parent = nodes[i, TAG], nodes[i, PARENT]
        group[i] = group[parent]
        if tag == TABLE or ((tag in (UL, OL, DL)) and nodes[group[parent], TAG] in (0, TABLE)):
            group[i] = i
    for i in range(n - 1, 0, -1):
        last[nodes[i, PARENT]] = max(last[nodes[i, PARENT]], last[i])
    return group, last


@njit
def container(nodes, counts, total):
    """(core, ring): the way goes from the root down while one child holds nearly all that counts. The core is where it
    forks. The ring is the outermost element around it that is marked as the page's matter, or that holds little else.
    """
    n = nodes.shape[0]
    heaviest = np.zeros(n, np.int32)
    for i in range(1, n):
        parent = nodes[i, PARENT]
        if counts[i] and (heaviest[parent] == 0 or counts[i] > counts[heaviest[parent]]):
            heaviest[parent] = i
    here, ring = 0, 0
    while heaviest[here]:
        child = heaviest[here]
        tag, hints = nodes[child, TAG], nodes[child, HINTS]
        if tag in (P, LI, UL, OL, DL, BLOCKQUOTE, PRE, TR, DETAILS, DD):
            break
        matter = tag in (ARTICLE, MAIN_TAG) or hints & (MAIN | STRONG)
        if counts[child] * 100 < counts[here] * (60 if matter else 80):
            break
        here = child
        if matter and not ring:
            ring = here
    if not ring:
        ring = here
        while ring and 4 * (total[nodes[ring, PARENT]] - total[here]) < total[here]:
            ring = nodes[ring, PARENT]
    return here, ring


@njit
def inside_of(nodes, element):
    """Per element whether it is `element` or in it."""
    inside = np.zeros(nodes.shape[0], np.bool_)
    inside[element] = True
    for i in range(element + 1, nodes.shape[0]):
        inside[i] = inside[nodes[i, PARENT]]
    return inside


@njit
def is_linky(nodes, blocks, group, total, linked, b):
    """Whether a block is a link and little else, alone or in a list or table of such."""
    node = blocks[b, NODE]
    tag, weight, links = nodes[node, TAG], blocks[b, WEIGHT], blocks[b, LINKED]
    if tag in (LI, DD, DT, TD, TH):
        within = group[node]
        if 2 * linked[within] > total[within]:
            return weight - links < 60
        return False
    if tag == PRE:
        return False
    if tag == P:
        return 5 * links > 4 * weight and weight < 60
    return 2 * links > weight


@njit
def is_tail(text, begin, end):
    """Whether a heading says that what follows is not the page's own text."""
    i, words = begin, 0
    while i < end and words < 4:
        while i < end and text[i] != 32 and text[i] != 10:
            i += 1
        stop = i
        while stop > begin and (text[stop - 1] == 58 or text[stop - 1] == 46 or text[stop - 1] == 33):
            stop -= 1
        found = find_name(text, begin, stop, TAIL_TABLE)
        if found == FIRST or (found == WHOLE and i >= end):
            return True
        words += 1
        i += 1
    return find_name(text, begin, end, TAIL_TABLE) != 0


@njit
def is_notice(text, begin, end):
    """Whether a block says first of all whose rights something is."""
    found = False
    for i in range(begin, min(begin + 16, end - 1)):
        found |= text[i] == 0xC2 and text[i + 1] == 0xA9
    return found


@njit
def _drop_tails(nodes, blocks, text, last, counts, keep):
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
def kept(nodes, blocks, text, spared, listing=False):
    """(bool [blocks], what is kept and what the page holds, as it counts) with some kinds of evidence left aside."""
    count = blocks.shape[0]
    every = np.ones(count, np.bool_)
    total, linked, counts = evidence.sums(nodes, blocks, every)
    inside = evidence.surroundings(nodes)
    held = evidence.against(nodes, inside, total, linked, counts, spared)
    usable = np.zeros(count, np.bool_)
    for b in range(count):
        usable[b] = held[blocks[b, NODE]] == 0
    use_total, _, use_counts = evidence.sums(nodes, blocks, usable, listing)
    core, ring = container(nodes, use_counts, use_total)
    in_core, in_ring = inside_of(nodes, core), inside_of(nodes, ring)
    group, last = groups(nodes)
    keep = np.zeros(count, np.bool_)
    for b in range(count):
        node = blocks[b, NODE]
        if not usable[b] or not in_ring[node]:
            continue
        tag = nodes[node, TAG]
        if in_core[node]:
            keep[b] = FLAGS[tag] & HEADING or listing or not is_linky(nodes, blocks, group, total, linked, b)
        elif FLAGS[tag] & HEADING:
            keep[b] = tag != H1 or last[nodes[node, PARENT]] > core
        else:
            rich = is_rich(blocks[b, WEIGHT], blocks[b, LINKED], blocks[b, STOPS])
            keep[b] = tag == PRE or (rich and 4 * blocks[b, LINKED] < blocks[b, WEIGHT])
    for b in range(count):
        if keep[b] and blocks[b, WEIGHT] < 200 and is_notice(text, blocks[b, BEGIN], blocks[b, END]):
            keep[b] = False
    _drop_tails(nodes, blocks, text, last, use_counts, keep)
    _drop_idle_headings(nodes, blocks, keep)
    weight = 0
    for b in range(count):
        if keep[b]:
            weight += counted(nodes, blocks, b, listing)
    return keep, weight, counts[0]


@njit(nogil=True, cache=True)
def choose(nodes, blocks, text):
    """Whether each block is part of the page's text, bool [blocks].

    Where little of a page is left, evidence by class names is left aside, then that by tags.
    """
    keep, weight, whole = kept(nodes, blocks, text, 0)
    for spared in (BY_WORDS, BY_WORDS | BY_HEADER | BY_TAG):
        if 3 * weight >= whole or weight >= 2000:
            break
        more, other, _ = kept(nodes, blocks, text, spared)
        if other >= 3 * weight:
            keep, weight = more, other
    if weight < 600:
        # Where comments are nearly all that there is, they are the page.
        more, other, _ = kept(nodes, blocks, text, BY_COMMENT | BY_FORM)
        if other >= 5 * weight:
            keep, weight = more, other
    if weight < 200:
        more, other, _ = kept(nodes, blocks, text, BY_META, True)
        have = 0
        for b in range(blocks.shape[0]):
            have += blocks[b, WEIGHT] if keep[b] else 0
        if other >= 4 * have:
            keep = more
    return keep


@njit
def _drop_idle_headings(nodes, blocks, keep):
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

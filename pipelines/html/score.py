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
from pipelines.html.cards import drop_cards
from pipelines.html.evidence import BY_COMMENT, BY_FORM, BY_HEADER, BY_META, BY_TAG, BY_WORDS, counted, is_rich
from pipelines.html.names import FLAGS, HEADING, MAIN, STRONG, TAGS
from pipelines.html.tails import drop_idle_headings, drop_tails, is_notice, is_pointer
from pipelines.html.tree import HINTS, LINKED, NODE, PARENT, STOPS, TAG, WEIGHT

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
def is_linky(nodes, blocks, group, total, linked, prose, b):
    """Whether a block is a link and little else, alone or in a list or table of such.

    `prose`: whether nearly all around it is running text, so that a paragraph may be a longer link.
    """
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
        if weight < 60:
            return 5 * links > 4 * weight
        return prose and links == weight < 150 and blocks[b, STOPS] < 2
    return 2 * links > weight


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
    if not listing:
        drop_cards(nodes, blocks, usable)
    use_total, _, use_counts = evidence.sums(nodes, blocks, usable, listing)
    core, ring = container(nodes, use_counts, use_total)
    in_core, in_ring = inside_of(nodes, core), inside_of(nodes, ring)
    group, last = groups(nodes)
    prose = 8 * (use_total[core] - use_counts[core]) < use_total[core]
    keep = np.zeros(count, np.bool_)
    for b in range(count):
        node = blocks[b, NODE]
        if not usable[b] or not in_ring[node]:
            continue
        tag = nodes[node, TAG]
        if in_core[node]:
            keep[b] = FLAGS[tag] & HEADING or listing or not is_linky(nodes, blocks, group, total, linked, prose, b)
        elif FLAGS[tag] & HEADING:
            keep[b] = tag != H1 or last[nodes[node, PARENT]] > core
        else:
            rich = is_rich(blocks[b, WEIGHT], blocks[b, LINKED], blocks[b, STOPS])
            keep[b] = tag == PRE or (rich and 4 * blocks[b, LINKED] < blocks[b, WEIGHT])
    for b in range(count):
        keep[b] = keep[b] and not is_notice(blocks, text, b) and not is_pointer(blocks, text, b)
    drop_tails(nodes, blocks, text, last, use_counts, keep)
    drop_idle_headings(nodes, blocks, keep)
    weight = 0
    for b in range(count):
        if keep[b]:
            weight += counted(nodes, blocks, b, listing)
    return keep, weight, counts[0]


@njit(nogil=True, cache=True)
def choose(nodes, blocks, text):
    """Whether each block is part of the page's text, bool [blocks].

    Where little of a page is left, evidence by class names is left aside, then that against comments if they are
    nearly all that there is, then that by tags.
    """
    keep, weight, whole = kept(nodes, blocks, text, 0)
    for spared, little, times in (
        (BY_WORDS, 2000, 3),
        (BY_COMMENT | BY_FORM, 600, 5),
        (BY_WORDS | BY_HEADER | BY_TAG, 2000, 3),
    ):
        if 3 * weight < whole and weight < little:
            more, other, _ = kept(nodes, blocks, text, spared)
            if other >= times * weight:
                keep, weight = more, other
    if weight < 200:
        more, other, _ = kept(nodes, blocks, text, BY_META, True)
        have = 0
        for b in range(blocks.shape[0]):
            have += blocks[b, WEIGHT] if keep[b] else 0
        if other >= 4 * have:
            keep = more
    return keep

"""What speaks for and against the elements of a page: their tags, their class names and the text that they hold."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from pipelines.html.names import COMMENT, CONTENT, FLAGS, HEADING, KILL, MAIN, META, STRONG, TAGS
from pipelines.html.tree import HINTS, LINKED, NODE, PARENT, STOPS, TAG, WEIGHT

# Why an element is thought to be no part of the text.
BY_TAG, BY_CLASS, BY_COMMENT, BY_META, BY_HEADER, BY_FORM, BY_CAPTION = (1 << n for n in range(7))
BY_WORDS = BY_CLASS | BY_META | BY_CAPTION | BY_FORM
_MUCH = 400  # letters, about five lines: less does not clear a part of what speaks against it
# Properties handed down the tree.
IN_ARTICLE, IN_SECTION = 1, 2
# fmt: off
ARTICLE, ASIDE, DIALOG, FIELDSET, FIGCAPTION, FOOTER, FORM, HEADER, LEGEND, MAIN_TAG, MENU, NAV, PRE, SEARCH, \
    SECTION = (
        TAGS[name] for name in (
            "article", "aside", "dialog", "fieldset", "figcaption", "footer", "form", "header", "legend", "main",
            "menu", "nav", "pre", "search", "section",
        )
    )
# fmt: on


@njit
def is_rich(weight, linked, stops):
    """Whether a block reads like running text."""
    plain = weight - linked
    return plain >= 20 and 2 * linked < weight and (plain >= 80 or stops > 0)


@njit
def counted(nodes, blocks, b, listing=False):
    """What a block counts for when elements are compared: running text and code in full, other words by a quarter.
    In a `listing` every word counts in full.
    """
    weight, linked = blocks[b, WEIGHT], blocks[b, LINKED]
    if listing:
        return weight
    if is_rich(weight, linked, blocks[b, STOPS]) or nodes[blocks[b, NODE], TAG] == PRE:
        return weight - linked
    return (weight - linked) // 4 if 2 * linked < weight else 0


@njit
def sums(nodes, blocks, use, listing=False):
    """Per element, with all below it: weight of text, of links, and what counts."""
    n = nodes.shape[0]
    total, linked, counts = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    for b in range(blocks.shape[0]):
        if use[b]:
            node = blocks[b, NODE]
            total[node] += blocks[b, WEIGHT]
            linked[node] += blocks[b, LINKED]
            counts[node] += counted(nodes, blocks, b, listing)
    for i in range(n - 1, 0, -1):
        parent = nodes[i, PARENT]
        total[parent] += total[i]
        linked[parent] += linked[i]
        counts[parent] += counts[i]
    return total, linked, counts


@njit
def surroundings(nodes):
    """Per element, whether it is in an article, in a section."""
    inside = np.zeros(nodes.shape[0], np.uint8)
    for i in range(1, nodes.shape[0]):
        tag, hints = nodes[i, TAG], nodes[i, HINTS]
        above = inside[nodes[i, PARENT]]
        if tag in (ARTICLE, MAIN_TAG) or hints & (MAIN | STRONG):
            above |= IN_ARTICLE
        if tag == SECTION:
            above |= IN_SECTION
        inside[i] = above
    return inside


@njit
def reasons(tag, hints, above):
    """Evidence against an element from itself alone."""
    found = 0
    if tag in (NAV, FOOTER, ASIDE, MENU, DIALOG, SEARCH):
        found |= BY_TAG
    if tag in (FORM, FIELDSET, LEGEND):
        found |= BY_FORM
    if tag == HEADER and not above:
        found |= BY_HEADER
    if tag == FIGCAPTION:
        found |= BY_CAPTION
    if tag in (ARTICLE, MAIN_TAG) or hints & (MAIN | STRONG):
        return found
    if hints & KILL and not FLAGS[tag] & HEADING:
        found |= BY_CLASS
    if hints & COMMENT:
        found |= BY_COMMENT
    if hints & META and not hints & CONTENT:
        found |= BY_META
    return found


@njit
def against(nodes, inside, total, linked, counts, spared):
    """Per element the evidence that stands against it or what it is in: bits, 0 if none; but not that in `spared`."""
    n = nodes.shape[0]
    held = np.zeros(n, np.uint8)
    page = max(counts[0], 1)
    for i in range(1, n):
        above = held[nodes[i, PARENT]]
        found = reasons(nodes[i, TAG], nodes[i, HINTS], inside[nodes[i, PARENT]]) & ~spared
        if found and not above:
            share = 100 * counts[i] // page
            if share >= 50 and counts[i] >= _MUCH:
                found &= BY_COMMENT
            if share >= 85 and page - counts[i] < 600 and counts[i] >= _MUCH:
                found = 0
            if share >= 15 or (total[i] >= _MUCH and share >= 5):
                found &= ~(BY_META | BY_CAPTION)
            if share >= 15 and counts[i] * 3 >= total[i]:
                found &= ~BY_HEADER
            if share >= 30:
                found &= ~BY_FORM
            if nodes[i, TAG] == ASIDE and inside[i] & IN_ARTICLE and counts[i] >= 200 and 8 * linked[i] < total[i]:
                found &= ~BY_TAG
        held[i] = above | found
    return held

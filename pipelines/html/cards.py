"""Cards: the beginnings of other pages, each a part of its own with its title as a link, in lists below the text."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from pipelines.html.evidence import counted
from pipelines.html.names import FLAGS, HEADING, TEASER
from pipelines.html.tree import HINTS, LINKED, NODE, PARENT, TAG, WEIGHT

_MOST = 500  # letters of a card
_LEAST = 300  # letters of running text that there must be beside the cards


@njit
def is_title(nodes, blocks, b):
    """Whether a block is a heading and a link."""
    return FLAGS[nodes[blocks[b, NODE], TAG]] & HEADING and 10 * blocks[b, LINKED] >= 9 * blocks[b, WEIGHT]


@njit
def in_cards(nodes, blocks, usable):
    """Per element whether it is a card or in one: what its class calls a teaser, or the largest part that holds one
    title and has others beside it.
    """
    n = nodes.shape[0]
    titles, weight, card = np.zeros(n, np.int32), np.zeros(n, np.int64), np.zeros(n, np.bool_)
    for b in range(blocks.shape[0]):
        if usable[b]:
            weight[blocks[b, NODE]] += blocks[b, WEIGHT]
            titles[blocks[b, NODE]] += is_title(nodes, blocks, b)
    for i in range(n - 1, 0, -1):
        titles[nodes[i, PARENT]] += titles[i]
        weight[nodes[i, PARENT]] += weight[i]
    for i in range(1, n):
        parent = nodes[i, PARENT]
        alone = titles[i] == 1 and titles[parent] > 1 and parent > 0
        card[i] = card[parent] or (weight[i] < _MOST and (alone or nodes[i, HINTS] & TEASER))
    return card


@njit
def drop_cards(nodes, blocks, usable):
    """Take the cards out of the `usable` blocks at the end of a page whose text is four times what they hold.

    A page of nothing but cards keeps them, and so does one that leads to others by cards between its paragraphs.
    """
    card = in_cards(nodes, blocks, usable)
    inside, beside, after = 0, 0, 0
    for b in range(blocks.shape[0]):
        if usable[b] and card[blocks[b, NODE]]:
            inside += counted(nodes, blocks, b)
        elif usable[b]:
            beside += counted(nodes, blocks, b)
    if beside < max(_LEAST, 4 * inside):
        return
    for b in range(blocks.shape[0] - 1, -1, -1):
        if usable[b] and card[blocks[b, NODE]]:
            usable[b] = False
        elif usable[b]:
            after += counted(nodes, blocks, b)
            if 10 * after > beside:
                break

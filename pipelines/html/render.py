"""Kept blocks as plain text: paragraphs apart, list items with bullets, table rows on a line, code as it stands."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from collections import Counter

import numpy as np
from numba import njit

from pipelines.html.names import FLAGS, HEADING, TAGS
from pipelines.html.tree import BEGIN, END, NODE, PARENT, TAG

ITEM, DEPTH, ROW, CELL_OF, CODE = range(5)
BULLET, INDENT = "- ", "  "
DEEPEST = 8  # levels that are shown by indentation
# fmt: off
DD, DT, LI, OL, PRE, TD, TH, TR, UL = (TAGS[name] for name in ("dd", "dt", "li", "ol", "pre", "td", "th", "tr", "ul"))
# fmt: on


@njit(nogil=True, cache=True)
def places(nodes):
    """Per element, int32 [elements, 5]: the list item, how many lists, the row, the cell and the code it is in."""
    n = nodes.shape[0]
    found = np.zeros((n, 5), np.int32)
    for i in range(1, n):
        tag, parent = nodes[i, TAG], nodes[i, PARENT]
        for column in range(5):
            found[i, column] = found[parent, column]
        if tag in (UL, OL):
            found[i, DEPTH] += 1
        elif tag == LI:
            found[i, ITEM] = i
        elif tag == TR:
            found[i, ROW], found[i, ITEM], found[i, DEPTH] = i, 0, 0
        elif tag in (TD, TH):
            found[i, CELL_OF] = i
        elif tag == PRE:
            found[i, CODE] = i
    return found


def render(nodes: np.ndarray, blocks: np.ndarray, text: np.ndarray, keep: np.ndarray) -> str:
    """The text of the kept blocks. Between blocks is an empty line; between list items, table rows and the lines of a
    definition list a line end.
    """
    chosen = blocks[keep]
    where = places(nodes)[chosen[:, NODE]].tolist()
    tags = nodes[chosen[:, NODE], TAG].tolist()
    rows = _data_rows(tags, where)
    data = text.tobytes() if len(chosen) else b""
    pieces: list[str] = []
    item, before = 0, (0, 0)  # list item and (kind, group) of the block before
    for (begin, end), tag, place in zip(chosen[:, [BEGIN, END]].tolist(), tags, where, strict=True):
        piece = data[begin:end].decode()
        kind = _kind(tag, place, rows)
        if pieces:
            pieces.append(_between(before, kind))
        if kind[0] == ROW:
            piece = " ".join(piece.split())
        elif place[ITEM]:
            indent = INDENT * min(max(place[DEPTH] - 1, 0), DEEPEST)
            piece = indent + (BULLET if place[ITEM] != item else INDENT) + piece.replace("\n", "\n" + indent + INDENT)
        item, before = place[ITEM], (kind[0], kind[1] if kind[0] != ROW else place[ROW] << 32 | place[CELL_OF])
        pieces.append(piece)
    return "".join(pieces).strip("\n").rstrip()


def _kind(tag: int, place: list[int], rows: set[int]) -> tuple[int, int]:
    if place[ROW] in rows:
        return ROW, place[ROW] << 32 | place[CELL_OF]
    if place[ITEM]:
        return ITEM, 0
    return (DEPTH, 0) if tag in (DT, DD) else (CODE, 0)


def _between(before: tuple[int, int], kind: tuple[int, int]) -> str:
    if before[0] != kind[0] or kind[0] == CODE:
        return "\n\n"
    if kind[0] == ROW and before[1] >> 32 == kind[1] >> 32:
        return " " if before[1] == kind[1] else " | "
    return "\n"


def _data_rows(tags: list[int], where: list[list[int]]) -> set[int]:
    """Rows of which every cell is a word or a sentence; those of a table that only lays out a page are no lines."""
    held = Counter(place[ROW] for place in where)
    cells = Counter(row for row, _ in {(place[ROW], place[CELL_OF]) for place in where})
    apart = {
        place[ROW] for tag, place in zip(tags, where, strict=True) if place[ITEM] or place[CODE] or FLAGS[tag] & HEADING
    }
    return {row for row, blocks in held.items() if row and row not in apart and blocks <= 2 * cells[row]}

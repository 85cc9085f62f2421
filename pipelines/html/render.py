"""Kept blocks as plain text: paragraphs apart, list items with bullets, table rows on a line, code as it stands."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from pipelines.html.names import FLAGS, HEADING, TAGS
from pipelines.html.tree import BEGIN, END, NODE, PARENT, TAG

ITEM, DEPTH, ROW, CELL_OF, CODE = range(5)
ROW_LINE, ITEM_LINE, DEFINITION, PARAGRAPH = range(4)  # how a block is set
DEEPEST = 8  # levels that are shown by indentation, two spaces each
# fmt: off
DD, DT, LI, OL, PRE, TD, TH, TR, UL = (TAGS[name] for name in ("dd", "dt", "li", "ol", "pre", "td", "th", "tr", "ul"))
# fmt: on
_SPACE, _LINE_END, _DASH, _BAR = 32, 10, 45, 124


@njit
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


@njit
def data_rows(nodes, blocks, keep, where):
    """Per element whether it is a row of which every cell is a word or a sentence: rows of a table that only lays out
    a page are no lines.
    """
    n = nodes.shape[0]
    held, cells = np.zeros(n, np.int32), np.zeros(n, np.int32)
    apart, met = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for b in range(blocks.shape[0]):
        node = blocks[b, NODE]
        row = where[node, ROW]
        if not keep[b] or not row:
            continue
        held[row] += 1
        innermost = max(row, where[node, CELL_OF])  # parents come first
        cells[row] += not met[innermost]
        met[innermost] = True
        if where[node, ITEM] or where[node, CODE] or FLAGS[nodes[node, TAG]] & HEADING:
            apart[row] = True
    return (held > 0) & ~apart & (held <= 2 * cells)


@njit
def _room(blocks, text, keep):
    """Bytes that the text can take at most."""
    most = 0
    for b in range(blocks.shape[0]):
        if keep[b]:
            lines = 2
            for i in range(blocks[b, BEGIN], blocks[b, END]):
                lines += text[i] == _LINE_END
            most += blocks[b, END] - blocks[b, BEGIN] + lines * (2 * DEEPEST + 4)
    return most


@njit(inline="always")
def _fill(out, at, byte, times):
    for _ in range(times):
        out[at] = byte
        at += 1
    return at


@njit
def _put_row(text, begin, end, out, at):
    """A block of a row, its white space as single spaces; the position after it."""
    first = at
    for i in range(begin, end):
        if text[i] > _SPACE:
            out[at] = text[i]
            at += 1
        elif at > first and out[at - 1] != _SPACE:
            out[at] = _SPACE
            at += 1
    return at - 1 if at > first and out[at - 1] == _SPACE else at


@njit
def _put(text, begin, end, indent, out, at):
    """A block, its further lines indented; the position after it."""
    for i in range(begin, end):
        out[at] = text[i]
        at += 1
        if text[i] == _LINE_END and indent:
            at = _fill(out, at, _SPACE, indent)
    return at


@njit(inline="always")
def _between(same_kind, kind, same_row, same_cell, out, at):
    """What stands between two blocks; the position after it."""
    if not same_kind or kind == PARAGRAPH:
        return _fill(out, at, _LINE_END, 2)
    if not same_row:
        return _fill(out, at, _LINE_END, 1)
    if not same_cell:
        at = _fill(out, at, _SPACE, 1)
        at = _fill(out, at, _BAR, 1)
    return _fill(out, at, _SPACE, 1)


@njit(nogil=True, cache=True)
def render(nodes, blocks, text, keep):
    """The text of the kept blocks, UTF-8 as uint8. Between blocks is an empty line; between list items, table rows and
    the lines of a definition list a line end.
    """
    where = places(nodes)
    rows = data_rows(nodes, blocks, keep, where)
    out = np.empty(_room(blocks, text, keep), np.uint8)
    at, item, kind, row, cell = 0, 0, -1, 0, 0  # those of the block before
    for b in range(blocks.shape[0]):
        if not keep[b]:
            continue
        node, begin, end = blocks[b, NODE], blocks[b, BEGIN], blocks[b, END]
        own_item, own_row, own_cell, tag = where[node, ITEM], where[node, ROW], where[node, CELL_OF], nodes[node, TAG]
        own = PARAGRAPH
        if rows[own_row]:
            own = ROW_LINE
        elif own_item:
            own = ITEM_LINE
        elif tag in (DT, DD):
            own = DEFINITION
        if kind >= 0:
            same_row = own == ROW_LINE and row == own_row
            at = _between(kind == own, own, same_row, cell == own_cell, out, at)
        if own == ROW_LINE:
            at = _put_row(text, begin, end, out, at)
        elif own_item:
            indent = 2 * min(max(where[node, DEPTH] - 1, 0), DEEPEST)
            at = _fill(out, at, _SPACE, indent)
            at = _fill(out, at, _SPACE if own_item == item else _DASH, 1)
            at = _fill(out, at, _SPACE, 1)
            at = _put(text, begin, end, indent + 2, out, at)
        else:
            at = _put(text, begin, end, 0, out, at)
        item, kind, row, cell = own_item, own, own_row, own_cell
    return out[:at]

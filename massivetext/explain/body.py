"""The text part of the screen: lines with their numbers and marks, elided around the marks where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from massivetext.explain.explained import Difference
from massivetext.explain.ink import CLOSE, OPEN, Ink, marked, wrapped
from massivetext.explain.marks import Span

_BREAK = re.compile(r"\r\n|\r|\n")
GUTTER = 8


@dataclass(frozen=True)
class Row:
    """A row of the screen: what stands in the gutter, the text with `OPEN` and `CLOSE`, whether a mark reaches in."""

    gutter: str
    text: str
    inside: bool

    @property
    def marks(self) -> bool:
        return self.inside or OPEN in self.text


def text_rows(text: str, spans: Sequence[Span], width: int) -> list[Row]:
    """All lines of a text that are not empty."""
    rows: list[Row] = []
    at, ahead = 0, list(spans)
    for number, (start, stop) in enumerate(_lines(text), 1):
        while at < len(ahead) and ahead[at][1] <= start:
            at += 1
        if text[start:stop].strip():
            rows += _wrapped(f"{number:>5}", marked(text, start, stop, _within(ahead, at, stop)), width)
    return rows


def difference_rows(differences: Sequence[Difference], width: int) -> list[Row]:
    """Lines that differ, with `-` for this document's and `+` for the other's."""
    rows: list[Row] = []
    for difference in differences:
        line = marked(difference.text, 0, len(difference.text), difference.spans)
        rows += _wrapped(f"{difference.sign}{difference.line:>4}", line, width, difference.sign)
    return rows


def drawn(rows: Sequence[Row], height: int, ink: Ink) -> list[str]:
    """The rows as they are printed, in at most `height`: those with marks first, `...` for what is left out."""
    shown = sorted(_chosen(rows, height))
    lines, last = [], -1
    for place in shown:
        if place > last + 1:
            lines.append(_gap(place - last - 1, ink))
        row, last = rows[place], place
        sign = ">" if row.marks else " "
        lines.append(f"{row.gutter:<5} {sign} {ink.drawn(row.text, row.inside)[0]}")
    if last + 1 < len(rows):
        lines.append(_gap(len(rows) - last - 1, ink))
    return lines


def _gap(rows: int, ink: Ink) -> str:
    return ink.paint(f"  ... {rows:,} more row{'s' if rows > 1 else ''}", "dim")


def _chosen(rows: Sequence[Row], height: int) -> set[int]:
    """Which rows to show, so that they and the gaps between them fit."""
    if len(rows) <= height:
        return set(range(len(rows)))
    marks = [place for place, row in enumerate(rows) if row.marks]
    shown: set[int] = set()
    for place in marks or [0]:
        if _needed({*shown, place}, len(rows)) > height:
            break
        shown.add(place)
    grown = True
    while grown:
        grown = False
        for place in sorted({near for at in shown for near in (at - 1, at + 1)} - shown):
            if 0 <= place < len(rows) and _needed({*shown, place}, len(rows)) <= height:
                shown.add(place)
                grown = True
    return shown


def _needed(shown: set[int], rows: int) -> int:
    places = sorted(shown)
    gaps = sum(b > a + 1 for a, b in zip([-1, *places], [*places, rows], strict=True))
    return len(places) + gaps


def _wrapped(gutter: str, line: str, width: int, below: str = "") -> list[Row]:
    rows: list[Row] = []
    inside = False
    # The brackets take a column each, or two, where the marks take one.
    for piece in wrapped(line, width - GUTTER - 2):
        rows.append(Row(gutter if not rows else below, piece, inside))
        inside = piece.rfind(OPEN) > piece.rfind(CLOSE) or (inside and CLOSE not in piece)
    return rows


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for found in _BREAK.finditer(text):
        yield start, found.start()
        start = found.end()
    yield start, len(text)


def _within(spans: Sequence[Span], first: int, stop: int) -> list[Span]:
    found = []
    for span in spans[first:]:
        if span[0] >= stop:
            break
        found.append(span)
    return found

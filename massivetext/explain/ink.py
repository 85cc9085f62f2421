"""Text for a terminal: colour where there is one, signs everywhere, and widths in cells."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from massivetext.explain.marks import Span

OPEN, CLOSE = "\x02", "\x03"
BRACKETS, PLAIN_BRACKETS = ("⟦", "⟧"), ("[[", "]]")
# Controls would move the cursor or worse, and bidirectional ones reorder the screen.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CODES = {"bad": "31;1", "good": "32;1", "mark": "33;1", "dim": "2", "bold": "1"}


@dataclass(frozen=True)
class Ink:
    """How things are told apart: by `brackets` around what is marked, and by colour."""

    colour: bool = False
    brackets: tuple[str, str] = BRACKETS

    @staticmethod
    def of(stream: TextIO) -> Ink:
        """Colour on a terminal unless NO_COLOR is set; plain brackets where the others cannot be written."""
        colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        try:
            "".join(BRACKETS).encode(stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return Ink(colour, PLAIN_BRACKETS)
        return Ink(colour)

    def paint(self, text: str, kind: str) -> str:
        return f"\x1b[{_CODES[kind]}m{text}\x1b[0m" if self.colour and text else text

    def drawn(self, row: str, inside: bool) -> tuple[str, bool]:
        """A row with `OPEN` and `CLOSE` in it as it is printed, and whether a mark goes on beyond its end."""
        parts = []
        for piece in re.split(f"([{OPEN}{CLOSE}])", row):
            if piece in (OPEN, CLOSE):
                inside = piece == OPEN
                parts.append(self.paint(self.brackets[0 if inside else 1], "mark"))
            else:
                parts.append(self.paint(piece, "mark") if inside else piece)
        return "".join(parts), inside


def clean(text: str) -> str:
    """The text without what would act on a terminal."""
    return _CONTROLS.sub("\ufffd", text.replace("\t", "    ") if "\t" in text else text)


def cells(text: str) -> int:
    """Columns of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def clip(text: str, width: int) -> str:
    """One line of the text in at most `width` columns, `...` where it goes on."""
    line = clean(" ".join(text[: 4 * width].split()))
    if cells(line) <= width and len(text) <= 4 * width:
        return line
    while cells(line) > max(0, width - 3):
        line = line[:-1]
    return f"{line}..."


def marked(text: str, start: int, stop: int, spans: Sequence[Span]) -> str:
    """text[start:stop] with `OPEN` and `CLOSE` around what of it lies in the spans, which are in order."""
    parts, at = [], start
    for begin, end in spans:
        first, last = max(begin, start), min(end, stop)
        if first < last:
            parts += [clean(text[at:first]), OPEN, clean(text[first:last]), CLOSE]
            at = last
    return "".join([*parts, clean(text[at:stop])])


def wrapped(line: str, width: int) -> list[str]:
    """The line in pieces of at most `width` columns, cut at blanks where there are any; at least one piece."""
    pieces = []
    while cells(line) > width:
        cut = width
        while cells(line[:cut]) > width:
            cut -= 1
        blank = line.rfind(" ", 1, cut + 1)
        cut = blank if blank > width // 2 else max(1, cut)
        pieces.append(line[:cut])
        line = line[cut:].removeprefix(" ")
    return [*pieces, line]


def columns(rows: Iterable[Sequence[str]], right: int = 2) -> list[str]:
    """The rows' cells in columns as wide as their widest, of which number `right` stands at the right of its own."""
    table = [list(row) for row in rows]
    widths = [max(map(cells, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        pads = [" " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)]
        padded = (
            pad + cell if at == right else cell + pad for at, (cell, pad) in enumerate(zip(row, pads, strict=True))
        )
        lines.append(" ".join(padded))
    return lines

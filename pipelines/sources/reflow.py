"""Wrapped lines joined to paragraphs; verse, tables, title pages and their kind are kept as lines.

A line break is a wrap if the first word of the next line would not have fitted on the line before it: that
is how text is wrapped. The width is the one that the book's own long lines show. Verse has lines that end
early, or that each begin with a capital.
"""

from __future__ import annotations

import itertools
import re

_WRAPPED_LINES = 20  # fewer long lines tell nothing about a width
_WIDTHS = (40, 120)  # columns between which a text may be wrapped
_WIDTH_RANK = 0.9  # of the lines are no longer than the width
_MOST = 0.6  # share of a block's breaks that make the block one wrapped paragraph
_SHORT = 0.6  # of the width: a shorter line in such a block still stands for itself
_CLOSERS = "\"'”’)]"  # may follow the end of a sentence
_OWN_WIDTH_LINES = 4  # a block of so many lines shows a width of its own: quotations are wrapped narrower
_CENTRED = 3  # columns that the middle of a centred line may be off
_BLANKS = re.compile(r"\n(?:[ \t\f]*\n)+")
_GAP = re.compile(r"\S(?: {3,}|\t+)\S")  # columns of a table


def reflow(text: str) -> str:
    """The text, one line per paragraph, a blank line between paragraphs wherever the text had one or more."""
    lines = [line.rstrip() for line in text.split("\n")]
    width = _width(lines)
    blocks = _BLANKS.split("\n".join(lines).strip("\n"))
    if width is None:
        return "\n\n".join(blocks)
    return "\n\n".join("\n".join(_join(block.split("\n"), width)) for block in blocks)


def _width(lines: list[str]) -> int | None:
    """Columns at which the text is wrapped, None if it is not."""
    lengths = sorted(len(line) for line in lines if line)
    if not lengths:
        return None
    width = lengths[int(_WIDTH_RANK * (len(lengths) - 1))]
    near = sum(1 for length in lengths if 0.85 * width <= length <= width + 8)
    wrapped = near >= max(_WRAPPED_LINES, len(lengths) // 4)
    return width if wrapped and _WIDTHS[0] <= width <= _WIDTHS[1] else None


def _join(lines: list[str], width: int) -> list[str]:
    if len(lines) < 2:
        return _dedent(lines)
    if len(lines) >= _OWN_WIDTH_LINES:
        width = min(width, max(_WIDTHS[0], max(map(len, lines))))
    wraps = [_is_wrap(line, after, width) for line, after in itertools.pairwise(lines)]
    if not any(wraps) or _is_verse(lines, width) or _is_table(lines):
        return _dedent(lines)
    if sum(wraps) >= _MOST * len(wraps):
        rest = (len(line) >= _SHORT * width and not _ends_a_sentence(line) for line in lines)
        wraps = [wrap or joins for wrap, joins in zip(wraps, rest, strict=False)]
    joined = [lines[0]]
    for line, wrap in zip(lines[1:], wraps, strict=True):
        if wrap:
            joined[-1] = _glue(joined[-1], line.lstrip())
        else:
            joined.append(line)
    return _dedent(joined)


def _is_wrap(line: str, after: str, width: int) -> bool:
    return len(line) + 1 + len(after.split(maxsplit=1)[0]) > width


def _ends_a_sentence(line: str) -> bool:
    return line.rstrip(_CLOSERS).endswith((".", "!", "?", ":"))


def _is_verse(lines: list[str], width: int) -> bool:
    if len(lines) < 3:
        return False
    capitals = sum(1 for line in lines if line.lstrip(" \"'“‘(_[")[:1].isupper())
    long = sum(1 for line in lines[:-1] if len(line) >= 0.9 * width)
    return capitals >= 0.8 * len(lines) and long < 0.7 * (len(lines) - 1)


def _is_table(lines: list[str]) -> bool:
    return sum(1 for line in lines if ("   " in line or "\t" in line) and _GAP.search(line)) >= max(2, len(lines) // 2)


def _glue(line: str, after: str) -> str:
    """Both, with a space unless the line was broken at a dash or a hyphen."""
    at_dash = line.endswith(("--", "—"))
    at_hyphen = len(line) > 1 and line[-1] == "-" and line[-2].isalpha() and after[:1].isalpha()
    return line + after if at_dash or at_hyphen else f"{line} {after}"


def _dedent(lines: list[str]) -> list[str]:
    """The lines without their common margin; centred ones without any."""
    if len(lines) == 1:
        return [lines[0].lstrip()]
    margins = [len(line) - len(line.lstrip()) for line in lines]
    middles = [(margin + len(line)) / 2 for margin, line in zip(margins, lines, strict=True)]
    is_ragged = len(set(margins)) > len(margins) / 2
    if is_ragged and min(margins) > _CENTRED and max(middles) - min(middles) <= _CENTRED:
        return [line.strip() for line in lines]
    return [line[min(margins) :] for line in lines]

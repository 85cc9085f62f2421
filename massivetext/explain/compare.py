"""Which lines two documents have and have not in common, and which words of those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from massivetext.explain.explained import Difference
from massivetext.explain.marks import Span, word_units

LINES = 4000


def differences(text: str, other: str) -> list[Difference]:
    """The lines that only one of two texts has, in order, each with the words that differ. Looks at 4,000 lines."""
    ours, theirs = text.splitlines()[:LINES], other.splitlines()[:LINES]
    found: list[Difference] = []
    for kind, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        words = _differing_words("\n".join(ours[a:b]), "\n".join(theirs[c:d])) if kind == "replace" else ([], [])
        for sign, lines, first, spans in (("-", ours[a:b], a, words[0]), ("+", theirs[c:d], c, words[1])):
            found += _lines(sign, lines, first, spans)
    return [difference for difference in found if difference.text.strip()]


def _lines(sign: str, lines: Sequence[str], first: int, spans: Sequence[Span]) -> Iterable[Difference]:
    """Differences of consecutive lines; `spans` count from the first one's start."""
    at = 0
    for number, line in enumerate(lines):
        here = [(max(s - at, 0), min(e - at, len(line))) for s, e in spans if s < at + len(line) and e > at]
        yield Difference(sign, first + number + 1, line, here)
        at += len(line) + 1


def _differing_words(text: str, other: str) -> tuple[list[Span], list[Span]]:
    units = word_units(text), word_units(other)
    ours, theirs = ([unit.text for unit in some] for some in units)
    spans: tuple[list[Span], list[Span]] = ([], [])
    for kind, a, b, c, d in SequenceMatcher(None, ours, theirs).get_opcodes():
        for into, some, start, stop in ((spans[0], units[0], a, b), (spans[1], units[1], c, d)):
            if kind != "equal" and start < stop:
                into.append((some[start].start, some[stop - 1].end))
    return spans

"""Gopher's repetition rules (Rae et al. 2021, Table A1): thirteen shares, of which none may be too large.

A line or paragraph is a later copy if an equal one stands before it. N-grams are windows of n words, weighed
by the characters of their words; a word inside several windows counts once. `reference` is the executable
definition, `measure` the compiled kernel equal to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import pyarrow as pa

from filters.rule import Rule, Verdict
from filters.rule import judge as verdicts
from filters.text import lines, paragraphs, words

PAPER = "Rae et al. 2021, Table A1"
Copies = Literal["later", "all"]

RULES = (
    Rule("duplicate_line_share", high=0.30, unit="share of lines", source=PAPER),
    Rule("duplicate_paragraph_share", high=0.30, unit="share of paragraphs", source=PAPER),
    Rule("duplicate_line_character_share", high=0.20, unit="share of characters in lines", source=PAPER),
    Rule(
        "duplicate_paragraph_character_share",
        high=0.20,
        unit="share of characters in paragraphs",
        source=PAPER,
    ),
    Rule("top_2", high=0.20, unit="share of characters in words", source=PAPER),
    Rule("top_3", high=0.18, unit="share of characters in words", source=PAPER),
    Rule("top_4", high=0.16, unit="share of characters in words", source=PAPER),
    Rule("dup_5", high=0.15, unit="share of characters in words", source=PAPER),
    Rule("dup_6", high=0.14, unit="share of characters in words", source=PAPER),
    Rule("dup_7", high=0.13, unit="share of characters in words", source=PAPER),
    Rule("dup_8", high=0.12, unit="share of characters in words", source=PAPER),
    Rule("dup_9", high=0.11, unit="share of characters in words", source=PAPER),
    Rule("dup_10", high=0.10, unit="share of characters in words", source=PAPER),
)
SIGNALS = tuple(rule.signal for rule in RULES)


def measure(texts: Sequence[str] | pa.Array | pa.ChunkedArray, copies: Copies = "later") -> pa.Table:
    """The thirteen signals of each text, one float64 column per signal; errors as in `filters.text.buffers`.

    `copies="all"` counts every line and paragraph that occurs twice or more, its first occurrence too.
    """
    from filters import gopher  # here, since it loads Numba (0.4 s), which rules and `judge` do without

    return gopher.measure(texts, copies).select(SIGNALS)


def judge(text: str, rules: Sequence[Rule] = RULES) -> list[Verdict]:
    """One verdict per rule on one text."""
    return verdicts(rules, reference(text))


def reference(text: str, copies: Copies = "later") -> dict[str, float]:
    """The thirteen signals of one text as the README defines them, in plain Python."""
    line_share, line_characters = duplicates(lines(text), copies)
    paragraph_share, paragraph_characters = duplicates(paragraphs(text), copies)
    all_words = words(text)
    return {
        "duplicate_line_share": line_share,
        "duplicate_paragraph_share": paragraph_share,
        "duplicate_line_character_share": line_characters,
        "duplicate_paragraph_character_share": paragraph_characters,
        **{f"top_{n}": top(all_words, n) for n in (2, 3, 4)},
        **{f"dup_{n}": dup(all_words, n) for n in range(5, 11)},
    }


def duplicates(units: Sequence[str], copies: Copies = "later") -> tuple[float, float]:
    """(share of units, share of their characters) that are copies."""
    if not units:
        return 0.0, 0.0
    counts, seen = Counter(units), set()
    repeated = []
    for unit in units:
        if unit in seen or (copies == "all" and counts[unit] > 1):
            repeated.append(unit)
        seen.add(unit)
    return len(repeated) / len(units), sum(map(len, repeated)) / sum(map(len, units))


def top(all_words: Sequence[str], n: int) -> float:
    """Share of the characters of words inside the n-gram of the largest count (the largest such share)."""
    positions = occurrences(all_words, n)
    largest = max(map(len, positions.values()), default=0)
    if largest < 2:
        return 0.0
    return max(covered(all_words, n, found) for found in positions.values() if len(found) == largest)


def dup(all_words: Sequence[str], n: int) -> float:
    """Share of the characters of all words inside any n-gram that occurs twice or more."""
    found = [position for group in occurrences(all_words, n).values() if len(group) > 1 for position in group]
    return covered(all_words, n, found)


def occurrences(all_words: Sequence[str], n: int) -> dict[tuple[str, ...], list[int]]:
    """The positions of each n-gram, in the order of its first occurrence."""
    positions: dict[tuple[str, ...], list[int]] = {}
    for start in range(len(all_words) - n + 1):
        positions.setdefault(tuple(all_words[start : start + n]), []).append(start)
    return positions


def covered(all_words: Sequence[str], n: int, starts: Iterable[int]) -> float:
    """Share of the characters of all words in the windows of n words at `starts`; each word counts once."""
    inside = {position for start in starts for position in range(start, start + n)}
    total = sum(map(len, all_words))
    return sum(len(all_words[position]) for position in inside) / total if total else 0.0

"""Gopher's quality rules (Rae et al. 2021, paragraph "Quality Filtering (MassiveWeb only)").

Seven clauses of the paper, eight measures. What the paper leaves open (what a word is, which characters are
bullets) is decided in this package's README; `reference` is the executable definition, `measure` the compiled
kernel equal to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from filters.rule import Rule, Verdict
from filters.rule import judge as verdicts
from filters.text import ELLIPSES, lines, strings, words

PAPER = "Rae et al. 2021, Quality Filtering (MassiveWeb only)"
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
BULLETS = ("\u2022", "\u25cf", "*", "-")

RULES = (
    Rule("word_count", low=50, high=100_000, unit="words", source=PAPER),
    Rule("mean_word_length", low=3, high=10, unit="characters per word", source=PAPER),
    Rule("hash_ratio", high=0.1, unit="hash signs per word", source=PAPER),
    Rule("ellipsis_ratio", high=0.1, unit="ellipses per word", source=PAPER),
    Rule("bullet_line_share", high=0.9, unit="share of lines", source=PAPER),
    Rule("ellipsis_line_share", high=0.3, unit="share of lines", source=PAPER),
    Rule("alphabetic_word_share", low=0.8, unit="share of words", source=PAPER),
    Rule("stop_word_count", low=2, unit="distinct stop words", source=PAPER),
)
SIGNALS = tuple(rule.signal for rule in RULES)


def measure(texts: Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Table:
    """The eight signals of each text, one float64 column per signal; errors as in `filters.text.buffers`."""
    from filters import gopher  # here, since it loads Numba (0.4 s), which rules and `judge` do without

    return gopher.measure(texts).select(SIGNALS)


def count_words(texts: Sequence[str] | pa.Array | pa.ChunkedArray, wanted: Sequence[str]) -> pa.Array:
    """How many distinct members of `wanted` occur in each text, float64: `stop_word_count` for any words.

    `wanted` are cores: lower case, alphanumeric at both ends. Raises ValueError for one that no core can equal.
    """
    for word in wanted:
        if core(word) != word or not word:
            raise ValueError(f"{word!r} equals no word: give {core(word)!r}, lower case without punctuation around it")
    sought = frozenset(wanted)
    counts = [len(sought.intersection(map(core, set(words(text))))) for text in strings(texts)]
    return pa.array(counts, pa.int64()).cast(pa.float64())


def judge(text: str, rules: Sequence[Rule] = RULES) -> list[Verdict]:
    """One verdict per rule on one text."""
    return verdicts(rules, reference(text))


def reference(text: str) -> dict[str, float]:
    """The eight signals of one text as the README defines them, in plain Python."""
    all_words, all_lines = words(text), lines(text)
    ellipses = text.count(ELLIPSES[0]) + text.count(ELLIPSES[1])
    return {
        "word_count": float(len(all_words)),
        "mean_word_length": share(sum(map(len, all_words)), all_words),
        "hash_ratio": share(text.count("#"), all_words),
        "ellipsis_ratio": share(ellipses, all_words),
        "bullet_line_share": share(sum(line.startswith(BULLETS) for line in all_lines), all_lines),
        "ellipsis_line_share": share(sum(line.endswith(ELLIPSES) for line in all_lines), all_lines),
        "alphabetic_word_share": share(sum(any(map(str.isalpha, word)) for word in all_words), all_words),
        "stop_word_count": float(len({core(word) for word in all_words}.intersection(STOP_WORDS))),
    }


def core(word: str) -> str:
    """A word without the leading and trailing characters that are not alphanumeric, in lower case."""
    if word.isalnum():
        return word.lower()
    kept = [position for position, character in enumerate(word) if character.isalnum()]
    return word[kept[0] : kept[-1] + 1].lower() if kept else ""


def share(count: int, units: Sequence[str]) -> float:
    """count / number of units, 0.0 if there are none."""
    return count / len(units) if units else 0.0

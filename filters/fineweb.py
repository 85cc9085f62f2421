"""FineWeb's three rules on lines (Penedo et al. 2024, section 3.6), found by comparing good and bad dumps.

One of them bounds a signal that Gopher's repetition rules measure already; the paper's text gives 0.1 for it, its
appendix 0.01.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from filters.quality import share
from filters.repetition import duplicates
from filters.rule import Rule, Verdict
from filters.rule import judge as verdicts
from filters.text import lines, strings

PAPER = "Penedo et al. 2024, section 3.6"
MEASURE = "filters.fineweb:measure"
DUPLICATES = "duplicate_line_character_share"
TERMINAL = (".", "!", "?", '"', "'")
SHORT = 30

RULES = (
    Rule("punctuated_line_share", low=0.12, unit="share of lines", source=PAPER, measure=MEASURE),
    Rule(
        "fineweb_duplicate_line_character_share",
        high=0.1,
        unit="share of characters in lines",
        source=PAPER,
        signal=DUPLICATES,
    ),
    Rule("short_line_share", high=0.67, unit="share of lines", source=PAPER, measure=MEASURE),
)
SIGNALS = tuple(rule.signal for rule in RULES)


def measure(texts: Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Table:
    """The three signals of each text, one float64 column per signal; errors as in `filters.text.buffers`."""
    rows = [reference(text) for text in strings(texts)]
    return pa.table({signal: pa.array([row[signal] for row in rows], pa.float64()) for signal in SIGNALS})


def judge(text: str, rules: Sequence[Rule] = RULES) -> list[Verdict]:
    """One verdict per rule on one text."""
    return verdicts(rules, reference(text))


def reference(text: str) -> dict[str, float]:
    """The three signals of one text as the README defines them."""
    all_lines = lines(text)
    return {
        "punctuated_line_share": share(sum(line.endswith(TERMINAL) for line in all_lines), all_lines),
        DUPLICATES: duplicates(all_lines)[1],
        "short_line_share": share(sum(len(line) < SHORT for line in all_lines), all_lines),
    }

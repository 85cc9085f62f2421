"""C4's line and page rules (Raffel et al. 2020, section 2.2), as signals about a text that stays as it is.

C4 removes lines, then judges what is left of the page. A filter here never rewrites, so the lines that C4 would remove
are left out of what is counted: `c4_sentence_count` is that of the page as C4 would keep it. Its list of forbidden
words is left out on principle: such lists over-remove what minorities write (`filters.safety`). Removing repeated spans
of three sentences is deduplication, not judged per text.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from filters.quality import share
from filters.rule import Rule, Verdict
from filters.rule import judge as verdicts
from filters.text import lines, strings, words

PAPER = "Raffel et al. 2020, section 2.2"
MEASURE = "filters.c4:measure"
TERMINAL = (".", "!", "?", '"', "\u201d")
CLOSING = "\"'\u2019\u201d)]"
LINE_WORDS = 5

RULES = (
    Rule("c4_kept_line_share", unit="share of lines", source=PAPER, measure=MEASURE),
    Rule("c4_sentence_count", low=3, unit="sentences in the lines C4 keeps", source=PAPER, measure=MEASURE),
    Rule("c4_curly_bracket_count", high=0, unit="curly brackets", source=PAPER, measure=MEASURE),
    Rule("c4_lorem_ipsum_count", high=0, unit='times "lorem ipsum"', source=PAPER, measure=MEASURE),
)
SIGNALS = tuple(rule.signal for rule in RULES)


def measure(texts: Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Table:
    """The four signals of each text, one float64 column per signal; errors as in `filters.text.buffers`."""
    rows = [reference(text) for text in strings(texts)]
    return pa.table({signal: pa.array([row[signal] for row in rows], pa.float64()) for signal in SIGNALS})


def judge(text: str, rules: Sequence[Rule] = RULES) -> list[Verdict]:
    """One verdict per rule on one text."""
    return verdicts(rules, reference(text))


def reference(text: str) -> dict[str, float]:
    """The four signals of one text as the README defines them."""
    all_lines = lines(text)
    kept = [line for line in all_lines if keeps_line(line)]
    return {
        "c4_kept_line_share": share(len(kept), all_lines),
        "c4_sentence_count": float(sum(map(sentences, kept))),
        "c4_curly_bracket_count": float(text.count("{")),
        "c4_lorem_ipsum_count": float(text.lower().count("lorem ipsum")),
    }


def keeps_line(line: str) -> bool:
    """Whether C4 keeps a line: it ends in a terminal mark, has five words or more, and says nothing of Javascript."""
    return line.endswith(TERMINAL) and len(words(line)) >= LINE_WORDS and "javascript" not in line.lower()


def sentences(line: str) -> int:
    """Sentences in a line that C4 keeps: words that end in `.`, `!` or `?` before closing marks; the last always."""
    *inner, _ = words(line)
    return 1 + sum(word.rstrip(CLOSING).endswith((".", "!", "?")) for word in inner)

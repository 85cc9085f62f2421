"""All 21 signals of Gopher's quality and repetition rules from one tokenisation of each text."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import njit

from filters.kernels import repeats, stop_words, units
from filters.kernels.classes import class_tables

SIGNALS = (
    "word_count", "mean_word_length", "hash_ratio", "ellipsis_ratio",
    "bullet_line_share", "ellipsis_line_share", "alphabetic_word_share", "stop_word_count",
    "duplicate_line_share", "duplicate_paragraph_share",
    "duplicate_line_character_share", "duplicate_paragraph_character_share",
    "top_2", "top_3", "top_4", "dup_5", "dup_6", "dup_7", "dup_8", "dup_9", "dup_10",
)  # fmt: skip
STOP_WORD_COUNT, REPETITION = SIGNALS.index("stop_word_count"), SIGNALS.index("duplicate_line_share")
LARGEST_TEXT = 2**31 - 256  # bytes; positions inside a text are int32


def measure(data: np.ndarray, offsets: np.ndarray, copies: str = "later") -> np.ndarray:
    """The signals of each text, float64 [texts, 21] in the order of `SIGNALS`.

    `data` and `offsets` are what `filters.text.buffers` returns: valid UTF-8. Raises ValueError for a text of 2 GiB or
    more, and for `copies` other than "later" or "all".
    """
    if copies not in ("later", "all"):
        raise ValueError(f"copies={copies!r}; expected 'later' (k equal units count k - 1) or 'all' (they count k)")
    sizes = np.diff(offsets)
    largest = int(sizes.max(initial=0))
    if largest > LARGEST_TEXT:
        raise ValueError(f"text {sizes.argmax()} has {largest:,} bytes; at most {LARGEST_TEXT:,} fit, split it")
    values = np.zeros((len(sizes), len(SIGNALS)))
    _measure(
        data, offsets, *class_tables(), *units.work_space(largest), *repeats.work_space(largest),
        copies == "all", values,
    )  # fmt: skip
    return values


@njit(nogil=True, cache=True)
def _measure(
    data, offsets, index, classes,
    text, space, letter, alphanumeric, heads, visible, heads_before, visible_before, edges, line_edges, line_opens,
    code, hashed, number, count, live, table, seen, all_copies, values,
):  # fmt: skip
    for t in range(offsets.shape[0] - 1):
        begin, end, row = offsets[t], offsets[t + 1], values[t]
        words, lines = units.cut(
            data, begin, end, index, classes, text, space, letter, alphanumeric, heads, visible, heads_before,
            visible_before, edges, line_edges, line_opens, row,
        )  # fmt: skip
        row[STOP_WORD_COUNT] = stop_words.count(text, end - begin, space, alphanumeric)
        repeats.measure(
            text, words, lines, heads, visible, heads_before, visible_before, edges, line_edges, line_opens,
            code, hashed, number, count, live, table, seen, all_copies, row[REPETITION:],
        )  # fmt: skip

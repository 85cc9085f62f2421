"""All 21 signals of Gopher's quality and repetition rules from one tokenisation of each text."""

from __future__ import annotations

import numpy as np

from filters.kernels import repeats, units
from filters.kernels.load import PADDING

SIGNALS = (
    "word_count", "mean_word_length", "hash_ratio", "ellipsis_ratio",
    "bullet_line_share", "ellipsis_line_share", "alphabetic_word_share", "stop_word_count",
    "duplicate_line_share", "duplicate_paragraph_share",
    "duplicate_line_character_share", "duplicate_paragraph_character_share",
    "top_2", "top_3", "top_4", "dup_5", "dup_6", "dup_7", "dup_8", "dup_9", "dup_10",
)  # fmt: skip
LARGEST_TEXT = 2**31 - 64  # bytes; positions inside a text are int32


def measure(data: np.ndarray, offsets: np.ndarray, copies: str = "later") -> np.ndarray:
    """The signals of each text, float64 [texts, 21] in the order of `SIGNALS`.

    `data` and `offsets` are what `filters.text.buffers` returns. Raises ValueError for a text of 2 GiB or
    more, and for `copies` other than "later" or "all".
    """
    if copies not in ("later", "all"):
        raise ValueError(f"copies={copies!r}; expected 'later' (k equal units count k - 1) or 'all' (they count k)")
    sizes = np.diff(offsets)
    if sizes.max(initial=0) > LARGEST_TEXT:
        raise ValueError(f"text {sizes.argmax()} has {sizes.max():,} bytes; at most {LARGEST_TEXT:,} fit, split it")
    data, offsets = _padded(data[offsets[0] : offsets[-1]]), offsets - offsets[0]
    quality = np.zeros((len(sizes), units.SIGNALS))
    repetition = np.zeros((len(sizes), repeats.SIGNALS))
    found = units.cut(data, offsets, quality)
    repeats.measure(data, offsets, found, copies == "all", repetition)
    return np.hstack([quality, repetition])


def _padded(data: np.ndarray) -> np.ndarray:
    """A copy with bytes after the last text, since the kernels read eight at a time."""
    copy = np.zeros(len(data) + PADDING, np.uint8)
    copy[: len(data)] = data
    return copy

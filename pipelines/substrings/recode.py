"""Ids of a text after its cut from those before it: only the lines that a cut touched are encoded again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from pipelines.substrings.spans import Span, left
from pipelines.tokenization.tokenizer import Encoder

# Ids that stay as they were, or text to be encoded.
Part: TypeAlias = np.ndarray | str


@lru_cache(maxsize=1)
def lines_alone(encoder: Encoder) -> bool:
    """Whether the ids of a line hang on that line alone: no piece holds a line break and something else."""
    if not encoder.exact:
        return False
    pieces = (encoder.decode([piece]) for piece in range(encoder.vocabulary))
    return not any("\n" in piece and piece != "\n" for piece in pieces)


def parts(text: str, spans: Iterable[Span], ids: np.ndarray, bounds: np.ndarray) -> list[Part]:
    """The text without its spans, in order: whole lines as their ids, touched ones as text.

    `ids` [tokens] and `bounds` int64 [tokens + 1], where they stand in the UTF-8, are the whole text's.
    """
    at = _byte_places(text)
    result: list[Part] = []
    touched = ""
    for start, end, seam in left(text, spans):
        first = text.find("\n", start, end) if start else 0
        stop = text.rfind("\n", start, end) + 1 if end < len(text) else end
        if first < 0 or stop <= first:
            touched += text[start:end] + seam
            continue
        whole = np.searchsorted(bounds, [at[first], at[stop]])
        result += [touched + text[start:first], ids[whole[0] : whole[1]]]
        touched = text[stop:end] + seam
    return [part for part in [*result, touched] if len(part)]


def encoded(encoder: Encoder, texts: Sequence[Sequence[Part]]) -> list[np.ndarray]:
    """Ids of each text, given as its parts."""
    fresh = iter(encoder.encode([part for text in texts for part in text if isinstance(part, str)]))
    found = [[next(fresh) if isinstance(part, str) else part for part in text] for text in texts]
    return [np.concatenate([np.zeros(0, encoder.dtype), *text]) for text in found]


def _byte_places(text: str) -> Sequence[int] | np.ndarray:
    """Where each code point begins in the UTF-8, and where the last ends."""
    if text.isascii():
        return range(len(text) + 1)
    utf8 = np.frombuffer(text.encode(), np.uint8)
    return np.append(np.flatnonzero((utf8 & 0xC0) != 0x80), len(utf8))

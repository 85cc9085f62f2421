"""Words, lines and paragraphs of a text, and many texts as two flat buffers.

Lengths are code points, character classes those of the running Python; nothing is folded or normalised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

ELLIPSES = ("...", "\u2026")


def words(text: str) -> list[str]:
    """The maximal runs of characters that are not white space; punctuation stays attached."""
    return text.split()


def lines(text: str) -> list[str]:
    """The stripped pieces between line breaks (CRLF, CR or LF, nothing else) that are not empty."""
    return [line for line in _physical_lines(text) if line]


def paragraphs(text: str) -> list[str]:
    """The maximal runs of lines without an empty line between them, each joined by one LF."""
    found: list[list[str]] = [[]]
    for line in _physical_lines(text):
        if line:
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return ["\n".join(run) for run in found if run]


def _physical_lines(text: str) -> list[str]:
    return [piece.strip() for piece in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def strings(texts: Sequence[str] | pa.Array | pa.ChunkedArray) -> list[str]:
    """The texts as str; raises ValueError as `buffers` does."""
    return _arrow(texts).to_pylist()


def buffers(texts: Sequence[str] | pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The UTF-8 of all texts, uint8 [bytes], and where each begins and the last ends, int64 [texts + 1].

    Arrow `large_string` arrays are passed on without a copy. Raises ValueError, naming the text's index, for
    a null, a str with a lone surrogate, bytes that are no UTF-8, or anything that is not text.
    """
    array = _arrow(texts)
    if len(array) == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, data = (memoryview(buffer or b"") for buffer in array.buffers())
    return np.frombuffer(data, np.uint8), np.frombuffer(offsets, np.int64, len(array) + 1, array.offset * 8)


def _arrow(texts: Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(texts, str):
        raise ValueError("expected several texts, not one str; pass [text], or call judge(text)")
    if not isinstance(texts, pa.Array | pa.ChunkedArray):
        return _from_strings(texts)
    array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise ValueError(f"expected an Arrow array of string or large_string, not {array.type}; cast the column first")
    if array.null_count:
        first = int(np.flatnonzero(np.asarray(array.is_null()))[0])
        raise ValueError(f"text {first} is null; fill it, for instance with pyarrow.compute.fill_null(texts, '')")
    return _validated(array.cast(pa.large_string()))


def _from_strings(texts: Sequence[str]) -> pa.Array:
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"text {index} is {type(text).__name__}; expected str")
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        index = next(index for index, text in enumerate(texts) if _has_surrogate(text))
        raise ValueError(
            f"text {index} has a lone surrogate, which UTF-8 cannot hold; replace it by U+FFFD first"
        ) from None


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _validated(array: pa.Array) -> pa.Array:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise ValueError(f"the texts are not valid UTF-8 ({error}); readers replace bad bytes by U+FFFD") from error
    return array

"""Repeated windows of arrays in memory: the algorithm of the stages, for what one machine holds.

Also what both share: which of the tokens in repeated windows are cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.kernels.substrings import anchors, equals, live_windows, paint

KEEP_ONE, REMOVE_ALL = "keep_one", "remove_all"
SPAN = np.dtype([("array", "i8"), ("start", "i8"), ("end", "i8"), ("first", "i8")])


@dataclass(frozen=True)
class Cutting:
    """What is cut: repeated windows of `length` tokens. A document left with fewer than `minimum` is dropped.

    `keep_one` leaves every repeated passage standing once, `remove_all` nowhere.
    """

    length: int = 50
    minimum: int = 10
    mode: str = KEEP_ONE

    def __post_init__(self) -> None:
        if self.length < 2 or not 1 <= self.minimum <= self.length:
            raise ValueError(
                f"cut: length {self.length}, minimum {self.minimum}; expected length >= 2 and 1 <= minimum <= length"
            )
        if self.mode not in (KEEP_ONE, REMOVE_ALL):
            raise ValueError(f"cut: mode is {self.mode!r}, expected 'keep_one' or 'remove_all'")


def repeated_spans(arrays: Sequence[np.ndarray], length: int = 50, mode: str = KEEP_ONE) -> np.ndarray:
    """The spans to cut from integer arrays so that no window of `length` is repeated, as rows of SPAN.

    A row: which array, from `start` to `end`, and `first`, the array in which the span's first window stands first;
    in order of array and start. Earlier arrays keep what later ones repeat. A window never crosses arrays.
    Raises ValueError where an array is no row of integers.
    """
    how = Cutting(length, 1, mode)
    tokens, offsets = _flat(arrays)
    begins, origins = repeated_windows(tokens, offsets, length)
    first = begins == origins
    starts, ends = runs(marked_tokens(len(tokens), begins, first, how), offsets)
    documents = np.searchsorted(offsets, starts, "right") - 1
    cutting = slice(None) if mode == REMOVE_ALL else ~first
    cause = earliest(starts, begins[cutting], origins[cutting], length)
    spans = np.empty(len(starts), SPAN)
    spans["array"] = documents
    spans["start"], spans["end"] = starts - offsets[documents], ends - offsets[documents]
    spans["first"] = np.searchsorted(offsets, cause, "right") - 1
    return spans


def repeated_windows(tokens: np.ndarray, offsets: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Where every repeated window begins, sorted, and where its first occurrence does, int64 [occurrences].

    Document d holds tokens[offsets[d]:offsets[d + 1]]; the first occurrence is the one that comes first there.
    """
    document, place, key = anchors(tokens, offsets, length)
    twice, _ = equals(key, key)
    live = offsets[document[twice]] + place[twice]
    document, place, key, low = live_windows(tokens, offsets, length, live)
    begins = offsets[document] + place
    twice, origin = equals(key, low)
    return begins[twice], begins[origin]


def marked_tokens(total: int, begins: np.ndarray, first: np.ndarray, how: Cutting) -> np.ndarray:
    """Which tokens are cut, bool [total]: in a later occurrence of a repeated window and in no first one.

    `begins` int64 [occurrences], sorted: where repeated windows stand; `first` bool [occurrences].
    """
    marked = np.zeros(total, bool)
    if how.mode == REMOVE_ALL:
        paint(begins, how.length, True, marked)
    else:
        paint(begins[~first], how.length, True, marked)
        paint(begins[first], how.length, False, marked)
    return marked


def runs(marked: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the longest runs of marked tokens inside one document begin and end, int64 each."""
    edges = np.flatnonzero(np.diff(marked, prepend=False, append=False))
    inner = np.unique(offsets[(offsets > 0) & (offsets < len(marked))])
    crossed = inner[marked[inner - 1] & marked[inner]]
    return np.sort(np.concatenate([edges[::2], crossed])), np.sort(np.concatenate([edges[1::2], crossed]))


def earliest(marked: np.ndarray, begins: np.ndarray, values: np.ndarray, length: int) -> np.ndarray:
    """For each marked token the value of the earliest of the windows that hold it.

    `begins` int64 [windows], sorted, and `values` belong to the windows that mark.
    """
    return values[np.searchsorted(begins, marked - length + 1)]


def _flat(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All tokens in one read-only array of unsigned integers, and int64 [arrays + 1] where arrays begin and end."""
    given = [np.asarray(array) for array in arrays]
    for number, array in enumerate(given):
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ValueError(
                f"array {number} has {array.ndim} dimensions of {array.dtype}; give one dimension of integers"
            )
    offsets = np.cumsum([0, *map(len, given)], dtype=np.int64)
    filled = [array for array in given if array.size]
    if any(array.dtype.kind == "i" for array in filled):
        filled = [array.astype(np.int64).view(np.uint64) for array in filled]
    tokens = np.concatenate([np.zeros(0, np.uint16), *filled])
    tokens.flags.writeable = False
    return tokens, offsets

"""From cut tokens to cut text: spans in code points, shrunk to whole words, and the text without them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

# A word of more tokens than this (a line of minified code, a paragraph without blanks) may be cut inside.
LONG_WORD = 16
WORD = re.compile(r"\S+")
WHITE = re.compile(r"\s*")


@dataclass(frozen=True)
class Span:
    """Code points `start` to `end` of the canonical text, to be cut; `token`: the first marked token."""

    start: int
    end: int
    token: int


def text_spans(text: str, bounds: np.ndarray, marked: np.ndarray) -> list[Span]:
    """One span per run of marked tokens, shrunk inward to white-space words.

    There is none where no word is left, unless the run is longer than what two split words can hold of it.
    `bounds` int64 [tokens + 1]: where the tokens begin and end in the text's UTF-8. `marked` bool [tokens].
    """
    runs = np.flatnonzero(np.diff(marked, prepend=False, append=False)).reshape(-1, 2)
    layout = _Layout(text, bounds)
    spans = []
    for first, stop in runs.tolist():
        start = layout.after_word(layout.point(int(bounds[first])))
        end = layout.before_word(layout.whole_point(int(bounds[stop])))
        if end > start and (stop - first > 2 * (LONG_WORD - 1) or WORD.search(text, start, end)):
            spans.append(Span(start, end, first))
    return spans


class _Layout:
    """Code points, words and tokens of one text."""

    def __init__(self, text: str, bounds: np.ndarray) -> None:
        self._text = text
        utf8 = np.frombuffer(text.encode(), np.uint8)
        begins = (utf8 & 0xC0) != 0x80
        self._bounds = bounds
        self._begun = np.concatenate([[0], np.cumsum(begins)])
        self._byte = np.append(np.flatnonzero(begins), len(utf8))

    def point(self, byte: int) -> int:
        """The first code point that begins at the byte or after it."""
        return int(self._begun[byte])

    def whole_point(self, byte: int) -> int:
        """How many code points have ended before the byte."""
        points = int(self._begun[byte])
        return points if self._byte[points] == byte else points - 1

    def after_word(self, point: int) -> int:
        """The point, or the end of the word that it would split."""
        word = self._split(point)
        return point if word is None else word[1]

    def before_word(self, point: int) -> int:
        """The point, or the beginning of the word that it would split."""
        word = self._split(point)
        return point if word is None else word[0]

    def _split(self, point: int) -> tuple[int, int] | None:
        """The word strictly around a point, unless it is long enough to be cut inside."""
        token = int(np.searchsorted(self._bounds, self._byte[point], "right")) - 1
        # A word that reaches beyond these points is long, wherever a byte piece ends; so nobody
        # walks through a megabyte of one.
        low = self.point(int(self._bounds[max(0, token - 2 * LONG_WORD)]))
        high = self.point(int(self._bounds[min(len(self._bounds) - 1, token + 2 * LONG_WORD)]))
        start = end = point
        while start > low and not self._text[start - 1].isspace():
            start -= 1
        while end < high and not self._text[end].isspace():
            end += 1
        if start == point or end == point:
            return None
        first = np.searchsorted(self._bounds, self._byte[start], "right") - 1
        stop = np.searchsorted(self._bounds, self._byte[end])
        return None if stop - first > LONG_WORD else (start, end)


def without(text: str, spans: Iterable[Span]) -> str:
    """The text less its spans (in order). A seam gets a line break if the cut held one, else a blank.

    Nothing is added where the like stands beside the seam already, or at the text's ends.
    """
    return "".join(text[start:end] + seam for start, end, seam in left(text, spans))


def left(text: str, spans: Iterable[Span]) -> Iterator[tuple[int, int, str]]:
    """What is left between the spans: from which code point to which, and the seam that follows."""
    start = 0
    for span in spans:
        whole = start < span.start and span.end < len(text)
        yield start, span.start, _seam(text[start : span.start], text, span) if whole else ""
        start = span.end
    yield start, len(text), ""


def _seam(before: str, text: str, span: Span) -> str:
    following = WHITE.match(text, span.end)
    beside = before[len(before.rstrip()) :] + (following.group() if following else "")
    if "\n" in text[span.start : span.end]:
        return "" if "\n" in beside else "\n"
    return "" if beside else " "

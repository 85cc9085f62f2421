"""Passages of a document that stand elsewhere too: what was cut, where it stands first, what a test item shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from massivetext.explain.corpus import Corpus
from massivetext.explain.explained import Cut, CutSpan, Other, TestItem
from massivetext.explain.marks import Span, Unit, word_units
from pipelines import exclude, files, tokens
from pipelines.exclude import INDEX_NAME, TEST_SET
from pipelines.kernels.shingles import BASE, FIRST, SECOND, WORDS, normalised_words, shingle_hash, word_hash
from pipelines.substrings.overlay import CHANGED
from pipelines.tokenization import tokenizer

WINDOW = 50


@dataclass(frozen=True)
class Coded:
    """A canonical text, its ids, and where they begin in its UTF-8."""

    text: str
    ids: np.ndarray
    bounds: np.ndarray
    utf8: bytes

    def token(self, point: int) -> int:
        """The token in which a code point begins."""
        return int(np.searchsorted(self.bounds, len(self.text[:point].encode()), "right")) - 1

    def point(self, token: int) -> int:
        """The code point at which a token begins."""
        return len(self.utf8[: int(self.bounds[token])].decode("utf-8", "ignore"))


class Passages:
    """Passages of one build's documents; `other` names a document by its docid."""

    def __init__(self, corpus: Corpus, other: Callable[[int], Other]) -> None:
        self._corpus = corpus
        self._other = lru_cache(maxsize=None)(other)
        self._coded = lru_cache(maxsize=16)(self._read)

    def cut(self, docid: int) -> Cut | None:
        """What was cut out of the document, and where each piece stands first; None if nothing was."""
        changed = self._corpus.row(self._corpus.folders.stage("cut/final"), docid, ["spans", "tokens"], CHANGED)
        before = self._coded(docid) if changed else None
        if changed is None or before is None:
            return None
        spans = [self._span(docid, before, span["start"], span["end"], span["partner"]) for span in changed["spans"]]
        return Cut(len(before.ids), len(changed["tokens"]), before.text, spans)

    def _span(self, docid: int, ours: Coded, start: int, end: int, partner: int) -> CutSpan:
        theirs, place = self._coded(partner), None
        first, stop = ours.token(start), ours.token(end)
        if theirs is not None:
            place = first_copy(ours.ids, first, stop, theirs.ids, self._window, partner == docid)
        if theirs is None or place is None:
            return CutSpan(start, end, self._other(partner), None, None)
        # A word's token begins with the blank before it, which is not cut.
        there = theirs.point(place[0]) + start - ours.point(first)
        whole = theirs.text[there : there + end - start] == ours.text[start:end]
        return CutSpan(
            start, end, self._other(partner), there, there + end - start if whole else theirs.point(sum(place))
        )

    @property
    def _window(self) -> int:
        return int((self._corpus.manifest or {}).get("mixture", {}).get("cut", {}).get("window", WINDOW))

    def _read(self, docid: int) -> Coded | None:
        folder = self._corpus.folders.tokens
        row = self._corpus.row(tokens.encoded(folder), docid, ["text", "tokens"])
        if row is None:
            return None
        encoder = tokenizer.load(tokens.model_path(folder))
        ids = np.array(row["tokens"], encoder.dtype)
        return Coded(row["text"], ids, encoder.bounds(ids), row["text"].encode())

    def test_item(self, docid: int, text: str, rule: str | None) -> TestItem | None:
        """The item that the containment report names for the document, with the words that both hold."""
        folders = self._corpus.folders
        row = self._corpus.row(folders.stage("exclude"), docid, ending=".containment.parquet")
        if row is None:
            return None
        named = row["jaccard_item"] if rule == TEST_SET else row["item"]
        path, spans = files.join(folders.stage("test_sets"), INDEX_NAME), []
        if named is not None and files.exists(path):
            index = exclude.load_index(path)
            spans = shared_words(text, index.sets.hashes[index.sets.items == index.names.index(named)])
        return TestItem(row["jaccard_item"], row["jaccard"], row["item"], row["containment"], spans)


def first_copy(
    ids: np.ndarray, start: int, end: int, other: np.ndarray, length: int, same: bool
) -> tuple[int, int] | None:
    """Where in another document the tokens ids[start:end], or their beginning, stand: (first token, how many).

    What is told lies in a window of `length` equal tokens; `same`: the other document is this one, and an earlier place
    is meant.
    """
    last = len(ids) - length
    for begin in [*range(start, start - length, -1), *range(start + 1, min(end, start + length))]:
        if not 0 <= begin <= last:
            continue
        at = _find(other, ids[begin : begin + length])
        if at >= 0 and not (same and at >= begin):
            skipped = max(0, start - begin)
            count = _equal_until(ids[begin : max(end, begin + length)], other[at:]) - skipped
            return at + skipped, min(count, end - max(begin, start))
    return None


def _find(ids: np.ndarray, wanted: np.ndarray) -> int:
    data, sought, size = ids.tobytes(), wanted.tobytes(), ids.dtype.itemsize
    at = data.find(sought)
    while at % size and at >= 0:
        at = data.find(sought, at + 1)
    return at // size if at >= 0 else -1


def _equal_until(ours: np.ndarray, theirs: np.ndarray) -> int:
    count = min(len(ours), len(theirs))
    differing = np.flatnonzero(ours[:count] != theirs[:count])
    return int(differing[0]) if len(differing) else count


def shared_words(text: str, hashes: np.ndarray) -> list[Span]:
    """Where words stand that lie in a shingle whose hash is among `hashes` (uint64)."""
    units = [(unit, word) for unit in word_units(text) for word in normalised_words(unit.text)]
    length = min(WORDS, len(units))
    inside = np.zeros(len(units), bool)
    for start in np.flatnonzero(np.isin(_shingle_hashes([word for _, word in units]), hashes)).tolist():
        inside[start : start + length] = True
    return joined([unit for (unit, _), shared in zip(units, inside, strict=True) if shared], text)


def _shingle_hashes(words: list[str]) -> np.ndarray:
    """What `shingle_hash` gives for every run of 13 words, or for all of fewer, uint64 [shingles]."""
    if len(words) <= WORDS:
        return np.array([shingle_hash(words)] if words else [], np.uint64)
    hashes = np.array([word_hash(word.encode()) for word in words], np.uint64)
    values = np.zeros(len(words) - WORDS + 1, np.uint64)
    for place in range(WORDS):
        values = values * np.uint64(BASE) + hashes[place : place + len(values)]
    values *= np.uint64(FIRST)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(SECOND)
    return values ^ (values >> np.uint64(29))


def joined(units: Sequence[Unit], text: str) -> list[Span]:
    """The units as spans, neighbours with nothing but white space between them as one."""
    spans: list[Span] = []
    for unit in units:
        if spans and not text[spans[-1][1] : unit.start].strip():
            spans[-1] = (spans[-1][0], unit.end)
        else:
            spans.append((unit.start, unit.end))
    return spans

"""Repeated windows and the tokens to cut, against a dictionary of all windows and by hand."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import tokens
from pipelines.exchange import sort_rows
from pipelines.substrings import windows
from pipelines.substrings.repeats import Cutting, marked_tokens, repeated_windows
from pipelines.substrings.windows import LiveAnchors, Places, Repeats, anchor_rows, window_rows

Document = list[int]
Places_ = set[tuple[int, int]]
L = 50


def batch_of(docs: list[Document], ranks: list[int], first: int = 0) -> pa.RecordBatch:
    ids = tokens.token_lists([np.array(doc, np.uint16) for doc in docs], np.dtype(np.uint16))
    docids = pa.array(range(first, first + len(docs)), pa.int64())
    return pa.RecordBatch.from_arrays([docids, pa.array(ranks, pa.int64()), ids], ["docid", "rank", "tokens"])


def repeats_of(docs: list[Document], ranks: list[int], length: int) -> np.ndarray:
    """Repeated windows as the stages find them, two batches of documents, without files or Beam."""
    half = len(docs) // 2
    parts = [(docs[:half], ranks[:half], 0), (docs[half:], ranks[half:], half)]
    batches = [batch_of(*part) for part in parts if part[0]]
    anchors, repeats = LiveAnchors("", ""), Repeats("", "")
    rows = np.concatenate([np.zeros(0, windows.ANCHOR), *(anchor_rows(batch, length) for batch in batches)])
    live = anchors.reduce(sort_rows(rows, anchors.order))
    places = Places(sort_rows(live, ("docid", "offset")))
    rows = [np.zeros(0, windows.WINDOW), *(window_rows(batch, places, length, 0) for batch in batches)]
    return sort_rows(repeats.reduce(sort_rows(np.concatenate(rows), repeats.order)), ("docid", "offset"))


def oracle(docs: list[Document], ranks: list[int], length: int) -> tuple[Places_, Places_]:
    """First and later occurrences of every window that stands twice, as (document, offset)."""
    found = defaultdict(list)
    for d in sorted(range(len(docs)), key=lambda d: (ranks[d], d)):
        for offset in range(len(docs[d]) - length + 1):
            found[tuple(docs[d][offset : offset + length])].append((d, offset))
    repeated = [places for places in found.values() if len(places) > 1]
    return {places[0] for places in repeated}, {place for places in repeated for place in places[1:]}


def spread(occurrences: Places_, length: int) -> Places_:
    """The tokens that the windows at these places hold."""
    return {(d, offset + i) for d, offset in occurrences for i in range(length)}


def in_memory(docs: list[Document], ranks: list[int], length: int) -> tuple[Places_, Places_]:
    """First and later occurrences as the library finds them, documents in survivor order."""
    order = sorted(range(len(docs)), key=lambda d: (ranks[d], d))
    flat = np.array(list(chain.from_iterable(docs[d] for d in order)), np.uint16)
    offsets = np.cumsum([0, *(len(docs[d]) for d in order)])
    begins, origins = repeated_windows(flat, offsets, length)
    at = np.searchsorted(offsets, begins, "right") - 1
    places = [(order[d], int(begin - offsets[d])) for d, begin in zip(at, begins, strict=True)]
    stands_first = (begins == origins).tolist()
    return (
        {place for place, is_first in zip(places, stands_first, strict=True) if is_first},
        {place for place, is_first in zip(places, stands_first, strict=True) if not is_first},
    )


def marked_by_stages(docs: list[Document], ranks: list[int], how: Cutting) -> list[list[bool]]:
    rows = repeats_of(docs, ranks, how.length)
    starts = np.cumsum([0, *map(len, docs)])
    marks = marked_tokens(int(starts[-1]), starts[rows["docid"]] + rows["offset"], rows["first"] == 1, how)
    return [marks[a:b].tolist() for a, b in pairwise(starts)]


def check(docs: list[Document], ranks: list[int], length: int = L) -> int:
    """Hold the stages to the oracle and to what the cut promises; how many tokens are cut."""
    rows = repeats_of(docs, ranks, length)
    first, later = oracle(docs, ranks, length)
    stood = [(int(r["docid"]), int(r["offset"])) for r in rows[rows["first"] == 1]]
    again = [(int(r["docid"]), int(r["offset"])) for r in rows[rows["first"] == 0]]
    assert (sorted(stood), sorted(again)) == (sorted(first), sorted(later))
    assert in_memory(docs, ranks, length) == (first, later)
    marks = marked_by_stages(docs, ranks, Cutting(length, 1))
    gone = {(d, i) for d, doc in enumerate(marks) for i, flag in enumerate(doc) if flag}
    assert gone == spread(later, length) - spread(first, length)
    _no_long_repeat_is_left(docs, gone, length)
    return len(gone)


def _no_long_repeat_is_left(docs: list[Document], gone: Places_, length: int) -> None:
    seen = set()
    span = 2 * length - 1
    for d, doc in enumerate(docs):
        for offset in range(len(doc) - span + 1):
            if not any((d, offset + i) in gone for i in range(span)):
                content = tuple(doc[offset : offset + span])
                assert content not in seen
                seen.add(content)


class Fresh:
    """Tokens that stand nowhere else."""

    def __init__(self) -> None:
        self.next = 0

    def __call__(self, size: int) -> Document:
        self.next += size
        return list(range(self.next - size, self.next))


@pytest.mark.parametrize(("size", "lost"), [(49, 0), (50, 50), (51, 51), (98, 98), (99, 99), (500, 500)])
def test_a_repeat_of_fifty_tokens_is_cut_and_one_of_forty_nine_stays(size: int, lost: int) -> None:
    fresh = Fresh()
    passage = fresh(size)
    docs = [fresh(70) + passage + fresh(30), fresh(10) + passage + fresh(80)]
    assert check(docs, [0, 1]) == lost
    marks = marked_by_stages(docs, [1, 0], Cutting(L, 1))
    assert sum(marks[0]) == lost
    assert not any(marks[1])


def test_a_repeat_within_one_document_leaves_the_first() -> None:
    fresh = Fresh()
    passage = fresh(60)
    docs = [passage + fresh(5) + passage + fresh(5) + passage]
    assert check(docs, [0]) == 120
    marks = marked_by_stages(docs, [0], Cutting(L, 1))
    assert not any(marks[0][:65])


def test_windows_do_not_cross_documents() -> None:
    fresh = Fresh()
    left, right = fresh(30), fresh(30)
    assert check([left, right, left + right, left, right], [0, 1, 2, 3, 4]) == 0


def test_of_sixty_equal_tokens_fifty_stay() -> None:
    assert check([[7] * 60], [0]) == 10
    assert marked_by_stages([[7] * 60], [0], Cutting(L, 1)) == [[False] * 50 + [True] * 10]


def test_a_run_of_period_seven_keeps_its_first_seven_windows() -> None:
    docs = [list(range(7)) * 40]
    assert check(docs, [0]) == 280 - 56


def test_overlapping_documents_keep_every_passage_whole() -> None:
    """Y; A + Y + B; its first half; its second half: cutting all later copies would lose A and B whole."""
    fresh = Fresh()
    y = fresh(60)
    long = fresh(55) + y + fresh(55)
    half = len(long) // 2
    docs = [y, long, long[:half], long[half:]]
    assert check(docs, [0, 1, 2, 3]) > 0
    marks = marked_by_stages(docs, [0, 1, 2, 3], Cutting(L, 1))
    assert all(marks[2])
    assert all(marks[3])
    # The windows whose first copy stands in the second document cover all of it, Y in its middle too.
    assert sum(marks[1]) == 0


def test_a_passage_whose_first_copy_is_covered_from_both_sides_stays_whole() -> None:
    """X stands first between A and B, both of which are copies: their cuts would meet over X."""
    fresh = Fresh()
    a, x, b = fresh(40), fresh(60), fresh(40)
    left, right = a + x[:35], x[25:] + b
    docs = [fresh(9) + left + fresh(9), fresh(9) + right + fresh(9), a + x + b, fresh(9) + x + fresh(9)]
    check(docs, [0, 1, 2, 3])
    marks = marked_by_stages(docs, [0, 1, 2, 3], Cutting(L, 1))
    assert not any(marks[2][40:100])
    assert sum(marks[3]) == 60


def test_a_whole_copy_goes_whole() -> None:
    doc = Fresh()(300)
    assert marked_by_stages([doc, doc], [5, 3], Cutting(L, 1)) == [[True] * 300, [False] * 300]


def test_remove_all_cuts_the_first_copy_too() -> None:
    fresh = Fresh()
    passage = fresh(60)
    docs = [fresh(20) + passage, passage + fresh(20)]
    marks = marked_by_stages(docs, [0, 1], Cutting(L, 1, "remove_all"))
    assert marks == [[False] * 20 + [True] * 60, [True] * 60 + [False] * 20]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[Document], list[int], int]:
    """Documents over few tokens with pieces of a common pool planted at lengths around the window's."""
    length = draw(st.sampled_from([2, 3, 5, 8, 13]))
    sizes = st.integers(max(1, length - 1), 2 * length + 2)
    token = st.integers(0, draw(st.sampled_from([1, 3, 60])))
    pool = [draw(st.lists(token, min_size=size, max_size=size)) for size in draw(st.lists(sizes, max_size=3))]
    loose = st.lists(token, max_size=length)
    piece = st.one_of(loose, st.sampled_from(pool)) if pool else loose
    docs = [list(chain.from_iterable(draw(st.lists(piece, max_size=5)))) for _ in range(draw(st.integers(0, 6)))]
    ranks = [draw(st.integers(0, 3)) for _ in docs]
    return docs, ranks, length


@settings(max_examples=250, deadline=None)
@given(corpora())
def test_first_and_later_occurrences_are_those_of_a_dictionary_of_all_windows(
    corpus: tuple[list[Document], list[int], int],
) -> None:
    check(*corpus)


def test_real_sources_repeat_where_a_dictionary_says() -> None:
    """The standard library's email package, a word or a line end being a token, first lines quoted at the end."""
    folder = Path(json.__file__).parent.parent / "email"
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))]
    words = [re.findall(r"\n|\S+", text) for text in [*texts, "\n".join(text[:2_000] for text in texts)]]
    known = {word: place for place, word in enumerate(sorted(set().union(*words)))}
    docs = [[known[word] for word in doc] for doc in words]
    assert check(docs, [some_rank(doc) for doc in docs]) > 1_000


def some_rank(doc: Document) -> int:
    return sum(doc) % 1_000

"""Cut spans by hand: words, long words, code points, and the seam."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.substrings.spans import LONG_WORD, Span, _Layout, text_spans, without

TEXT = "one two three four five"


def cut(text: str, marked: set[int], bounds: list[int]) -> list[str]:
    """What is cut of a text whose tokens have the given byte bounds."""
    flags = np.array([token in marked for token in range(len(bounds) - 1)], bool)
    return [text[span.start : span.end] for span in text_spans(text, np.array(bounds), flags)]


def each_byte(text: str) -> list[int]:
    return list(range(len(text.encode()) + 1))


def test_a_word_only_partly_marked_stays() -> None:
    # o|ne two three fo|ur: "one" and "four" are split by the run, "two three" lies whole inside.
    assert cut(TEXT, set(range(1, 16)), each_byte(TEXT)) == [" two three "]


def test_a_run_that_begins_and_ends_between_words_is_cut_as_it_is() -> None:
    assert cut(TEXT, set(range(3, 13)), each_byte(TEXT)) == [" two three"]


def test_a_run_inside_one_short_word_cuts_nothing() -> None:
    assert cut(TEXT, {9, 10}, each_byte(TEXT)) == []


def test_white_space_alone_is_cut_only_from_runs_longer_than_two_split_words() -> None:
    text = "a" + " \n" * 40 + "b"
    assert cut(text, set(range(1, 31)), each_byte(text)) == []
    assert cut(text, set(range(1, 32)), each_byte(text)) == [text[1:32]]


def test_a_word_of_sixteen_tokens_stays_whole_and_one_of_seventeen_is_cut_inside() -> None:
    short, long = "x" * LONG_WORD, "x" * (LONG_WORD + 1)
    assert cut(short, {4, 5, 6}, each_byte(short)) == []
    assert cut(long, {4, 5, 6}, each_byte(long)) == ["xxx"]


def test_a_long_word_is_cut_between_code_points() -> None:
    text = "一二三四五六七"
    # Bytes 4 to 13: the ends of two characters stay outside, 三 and 四 lie whole inside.
    assert cut(text, set(range(4, 14)), each_byte(text)) == ["三四"]
    assert cut(text, {4}, each_byte(text)) == []


def test_each_run_is_a_span_of_its_own_with_its_first_token() -> None:
    marked = np.zeros(len(TEXT), bool)
    marked[3:8] = marked[13:18] = True
    assert text_spans(TEXT, np.arange(len(TEXT) + 1), marked) == [Span(3, 8, 3), Span(13, 18, 13)]


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("one two three", " two ", "one three"),
        ("one two three", "two", "one  three"),
        ("one\ntwo\nthree", "\ntwo\n", "one\nthree"),
        ("one\ntwo\nthree", "two\n", "one\nthree"),
        ("one two\nthree four", "two\nthree", "one \n four"),
        ("one two", "one ", "two"),
        ("one two", " two", "one"),
        ("xxyyzz", "yy", "xx zz"),
    ],
)
def test_the_seam_is_a_line_break_if_the_cut_held_one_else_a_blank(text: str, gone: str, left: str) -> None:
    start = text.index(gone)
    assert without(text, [Span(start, start + len(gone), 0)]) == left


def split_words(text: str, bounds: list[int], point: int) -> tuple[int, int] | None:
    """The short word around a point, by looking at all words of the text."""
    for found in re.finditer(r"\S+", text):
        if found.start() < point < found.end():
            begin, end = len(text[: found.start()].encode()), len(text[: found.end()].encode())
            tokens = sum(a < end and b > begin for a, b in pairwise(bounds))
            return None if tokens > LONG_WORD else found.span()
    return None


@pytest.mark.parametrize(
    "text",
    ["一" * size for size in range(1, 15)]
    + ["ab 😀😀😀😀é一 " * 3, "é" * 8 + "a", "一" * 7 + "a", "a" + "一" * 9, "xé" * 9],
)
def test_words_of_byte_pieces_are_measured_in_tokens_at_every_point(text: str) -> None:
    layout = _Layout(text, np.array(each_byte(text)))
    for point in range(len(text) + 1):
        assert layout._split(point) == split_words(text, each_byte(text), point)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abcdefgh \n一😀", max_size=80), st.data())
def test_words_around_a_point_are_those_of_the_whole_text(text: str, data: st.DataObject) -> None:
    size = len(text.encode())
    inner = data.draw(st.sets(st.integers(1, max(1, size - 1)), max_size=size))
    bounds = sorted({0, size} | {cut for cut in inner if cut < size})
    layout = _Layout(text, np.array(bounds))
    for point in range(len(text) + 1):
        assert layout._split(point) == split_words(text, bounds, point)


@settings(deadline=None)
@given(st.text(alphabet="ab \né一😀", max_size=60), st.data())
def test_whole_short_words_survive_or_go_and_nothing_else_changes(text: str, data: st.DataObject) -> None:
    size = len(text.encode())
    marked = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    spans = text_spans(text, np.arange(size + 1), marked)
    for span in spans:
        begin, end = len(text[: span.start].encode()), len(text[: span.end].encode())
        assert marked[begin:end].all()
    words = without(text, spans).split()
    assert all(word in text for word in words)
    kept = "".join(text[a:b] for a, b in _between(spans, len(text)))
    assert "".join(kept.split()) == "".join(words)


def _between(spans: list[Span], size: int) -> list[tuple[int, int]]:
    ends = [0, *(span.end for span in spans)]
    return list(zip(ends, [*(span.start for span in spans), size], strict=True))

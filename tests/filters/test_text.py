"""Words, lines and paragraphs, and texts as Arrow buffers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.text import buffers, lines, paragraphs, words

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_words_keep_their_punctuation():
    assert words(' "The end" ...\u3000now\x1cthen\u2028.') == ['"The', 'end"', "...", "now", "then", "."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\r\n ", []),
        ("a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("  a b \x0b\n\n\u3000c\u2028d\x1e", ["a b", "c\u2028d"]),
        ("a\x0bb\x0cc\x85d\u2029e", ["a\x0bb\x0cc\x85d\u2029e"]),
    ],
)
def test_only_cr_and_lf_end_a_line(text, expected):
    assert lines(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n b \n\nc", ["a\nb", "c"]),
        ("a\r\n\r\nb", ["a", "b"]),
        ("a\r\rb\n\rc", ["a", "b", "c"]),
        ("a\n\n\nb", ["a", "b"]),
        ("a\n \t\nb\n", ["a", "b"]),
        ("\n\n", []),
    ],
)
def test_an_empty_line_separates_paragraphs(text, expected):
    assert paragraphs(text) == expected


@given(TEXT)
def test_paragraphs_hold_the_lines_in_order(text):
    assert [line for paragraph in paragraphs(text) for line in paragraph.split("\n")] == lines(text)


@given(st.lists(TEXT, max_size=5))
def test_buffers_hold_every_text(texts):
    data, offsets = buffers(texts)
    assert (data.dtype, offsets.dtype, len(offsets)) == (np.uint8, np.int64, len(texts) + 1)
    assert [bytes(data[a:b]).decode() for a, b in pairwise(offsets)] == texts


def test_buffers_of_slices_chunks_and_strings_are_those_of_their_texts():
    texts = ["one", "", "zwölf", "三"]
    for array in (
        pa.array(["x", *texts])[1:],
        pa.array(["x", *texts, "y"], pa.large_string())[1:-1],
        pa.chunked_array([texts[:1], texts[1:]]),
        tuple(texts),
    ):
        data, offsets = buffers(array)
        assert [bytes(data[a:b]).decode() for a, b in pairwise(offsets)] == texts


def test_large_strings_are_not_copied():
    array = pa.array(["some text"], pa.large_string())
    assert buffers(array)[0].ctypes.data == array.buffers()[2].address


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one text", r"expected several texts, not one str; pass \[text\]"),
        (["a", "b\ud800c"], "text 1 has a lone surrogate, which UTF-8 cannot hold"),
        (["a", None], "text 1 is NoneType; expected str"),
        ([b"a"], "text 0 is bytes; expected str"),
        (pa.array(["a", None]), "text 1 is null; fill it"),
        (pa.array([1]), "expected an Arrow array of string or large_string, not int64"),
        (pa.array([b"\xff"]).view(pa.string()), "the texts are not valid UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_with_its_index(texts, message):
    with pytest.raises(ValueError, match=message):
        buffers(texts)

"""C4's line and page rules: worked examples, and what a table of signals says."""

from __future__ import annotations

import pyarrow as pa
import pytest

from filters import c4

PAGE = """\
Home | About | Contact
This first line has five words. So does this second one!
Short line here.
Please enable Javascript to see this page in full.
He said that it was "the best day of all."
A line without an end mark
"""


def failing(text: str) -> list[str]:
    return [verdict.rule.name for verdict in c4.judge(text) if not verdict.keep]


def test_a_worked_page():
    assert c4.reference(PAGE) == {
        "c4_kept_line_share": 2 / 6,
        "c4_sentence_count": 3.0,
        "c4_curly_bracket_count": 0.0,
        "c4_lorem_ipsum_count": 0.0,
    }
    assert failing(PAGE) == []


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("One two three four five.", True),
        ("One two three four.", False),
        ("One two three four five", False),
        ("One two three four five?", True),
        ("One two three four five,", False),
        ('He said "one two three"', True),
        ("He said \u201cone two three\u201d", True),
        ("One two three JavaScript five.", False),
        ("One two three four five...", True),
    ],
)
def test_a_line_is_kept_if_it_ends_has_five_words_and_says_nothing_of_javascript(line, kept):
    assert c4.keeps_line(line) is kept


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("This is one sentence only.", 1),
        ("This is one. This is two.", 2),
        ('"This is one?" he asked. "Yes."', 3),
        ("Version 2.5 of the program works.", 1),
    ],
)
def test_sentences_of_a_line(line, count):
    assert c4.sentences(line) == count


def test_pages_of_two_sentences_of_code_and_of_dummy_text_fall():
    line = "This line has more than five words. "
    assert failing(line * 2) == ["c4_sentence_count"]
    assert failing(line * 3 + "function() { return }.") == ["c4_curly_bracket_count"]
    assert failing(line * 3 + "Lorem Ipsum dolor sit amet.") == ["c4_lorem_ipsum_count"]
    assert failing("") == ["c4_sentence_count"]


def test_a_table_has_the_numbers_of_the_reference():
    texts = [PAGE, "", "{" * 3, "No end"]
    assert c4.measure(pa.array(texts)).to_pylist() == [c4.reference(text) for text in texts]
    assert c4.measure([]).column_names == list(c4.SIGNALS)


def test_a_null_is_refused():
    with pytest.raises(ValueError, match="text 1 is null"):
        c4.measure(pa.array(["a", None]))

"""Marks add up to the signal they explain, to the last bit, and stand where they say."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import gopher
from filters.text import lines, paragraphs, words
from massivetext.explain.marks import Marks, line_units, mark, paragraph_units, word_units

SIGNALS = [rule.signal for rule in gopher.RULES]


def found(signal: str, text: str) -> Marks:
    made = mark(signal, text)
    assert made is not None
    return made


def check(text: str, values: dict[str, float]) -> None:
    for signal in SIGNALS:
        made = found(signal, text)
        assert made.value == values[signal], signal
        assert all(0 <= start < end <= len(text) for start, end in made.spans), signal
        assert all(first[1] <= second[0] for first, second in zip(made.spans, made.spans[1:], strict=False)), signal


def test_marks_add_up_to_the_kernels_values_on_every_page_of_a_build(built: Path) -> None:
    tried = 0
    for path in sorted((built / "documents").glob("*.parquet")):
        for row in pq.read_table(path, columns=["subset", "text", *SIGNALS]).to_pylist():
            if row["subset"] == "massiveweb" and len(row["text"]) < 50_000:
                check(row["text"], row)
                tried += 1
    assert tried > 100


@pytest.mark.slow
def test_marks_add_up_to_the_kernels_values_on_real_pages(shared_data: Path) -> None:
    from pipelines import sources

    texts = []
    for path in sorted((shared_data / "books").glob("*.txt*"))[:2]:
        texts += [item.text[:200_000] for item in sources.read(str(path)) if getattr(item, "text", None)]
    for path in sorted((shared_data / "c4").rglob("*.json.gz"))[:1]:
        texts += [item.text for item in sources.read(str(path)) if getattr(item, "text", None)][:300]
    assert len(texts) > 100
    for text, values in zip(texts, gopher.measure(texts).to_pylist(), strict=True):
        check(text, values)


@given(st.text(alphabet="ab#.-\u2022\u2026 \n\r\t\x1c", max_size=120))
def test_marks_add_up_on_any_text(text: str) -> None:
    check(text, gopher.measure([text]).to_pylist()[0])


@given(st.text(alphabet="ab \n\r\t\x0b\x1f\u2003", max_size=60))
def test_units_are_those_of_the_filters_and_stand_where_they_say(text: str) -> None:
    assert [unit.text for unit in word_units(text)] == words(text)
    assert [unit.text for unit in line_units(text)] == lines(text)
    assert [unit.text for unit in paragraph_units(text)] == paragraphs(text)
    assert all(text[unit.start : unit.end] == unit.text for unit in (*word_units(text), *line_units(text)))


def test_copied_lines_are_marked_where_they_stand_again() -> None:
    text = "first\nagain and again\n  again and again \nlast"
    made = found("duplicate_line_share", text)
    assert [text[start:end] for start, end in made.spans] == ["again and again"]
    assert made.spans[0][0] > text.index("again and again")
    assert made.shows == [("again and again", 2)]
    assert (made.part, made.whole, made.counted, made.among) == (1, 4, "later copies", "lines")
    by_character = found("duplicate_line_character_share", text)
    assert (by_character.part, by_character.whole) == (15, 39)


def test_the_top_n_gram_is_named_and_every_one_of_it_marked() -> None:
    text = "old mill, old mill, new mill by the old mill, or not"
    made = found("top_2", text)
    assert made.shows == [("old mill,", 3)]
    assert [text[start:end] for start, end in made.spans] == ["old mill, old mill,", "old mill,"]


def test_of_a_repeated_passage_both_copies_are_marked() -> None:
    passage = "one two three four five six"
    text = f"{passage} in between {passage}."
    made = found("dup_5", text)
    assert [text[start:end] for start, end in made.spans] == ["one two three four five"] * 2
    assert made.shows == [("one two three four five", 2)]


def test_marked_are_words_without_a_letter_and_the_stop_words_that_are_there() -> None:
    text = "The 12 men -- and 12 of them"
    made = found("alphabetic_word_share", text)
    assert [text[start:end] for start, end in made.spans] == ["12", "--", "12"]
    assert made.shows == [("12", 2), ("--", 1)]
    assert (made.part, made.whole) == (5, 8)
    stops = found("stop_word_count", text)
    assert [text[start:end] for start, end in stops.spans] == ["The", "and", "of"]
    assert stops.part == 3


def test_a_signal_of_another_rule_has_no_marks() -> None:
    assert mark("language_probability", "a text") is None
    assert mark("top_secret", "a text") is None

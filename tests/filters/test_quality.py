"""Gopher's quality rules: golden values, both sides of every bound, hostile characters."""

from __future__ import annotations

import sys

import pytest

from filters import quality
from filters.quality import RULES, core, judge, measure, reference

X = "that have " * 25
LINE = "that have a long line of words here"


def dropped(text: str) -> set[str]:
    return {verdict.rule.name for verdict in judge(text) if not verdict.keep}


def listed(bullets: int, ellipses: int = 0, bullet: str = "- ") -> str:
    return "\n".join((bullet if i < bullets else "") + LINE + ("..." if i < ellipses else "") for i in range(10))


def test_the_bounds_are_those_of_the_paper():
    assert [(rule.name, rule.low, rule.high) for rule in RULES] == [
        ("word_count", 50, 100_000),
        ("mean_word_length", 3, 10),
        ("hash_ratio", None, 0.1),
        ("ellipsis_ratio", None, 0.1),
        ("bullet_line_share", None, 0.9),
        ("ellipsis_line_share", None, 0.3),
        ("alphabetic_word_share", 0.8, None),
        ("stop_word_count", 2, None),
    ]


@pytest.mark.parametrize(
    ("text", "signal", "value", "drops"),
    [
        (X, "word_count", 50, set()),
        ("that have " * 24 + "that", "word_count", 49, {"word_count"}),
        ("that have " * 50_000, "word_count", 100_000, set()),
        ("that have " * 50_000 + "of", "word_count", 100_001, {"word_count"}),
        ("the and " * 25, "mean_word_length", 3, set()),
        ("the and " * 25 + "it", "mean_word_length", 152 / 51, {"mean_word_length"}),
        ("that have " + "abcdefghij " * 48 + "abcdefghijklmnop " * 2, "mean_word_length", 10, set()),
        (
            "that have " + "abcdefghij " * 48 + "abcdefghijklmnopq " * 2,
            "mean_word_length",
            522 / 52,
            {"mean_word_length"},
        ),
        (X + "# " * 5, "hash_ratio", 5 / 55, set()),
        (X + "# " * 6, "hash_ratio", 6 / 56, {"hash_ratio"}),
        (("that have " * 50).strip() + "..." * 10, "ellipsis_ratio", 0.10, {"ellipsis_line_share"}),
        (
            ("that have " * 50).strip() + "..." * 11,
            "ellipsis_ratio",
            0.11,
            {"ellipsis_line_share", "ellipsis_ratio"},
        ),
        ("that have " * 40 + "1 " * 20, "alphabetic_word_share", 0.80, set()),
        (
            "that have " * 39 + "that " + "1 " * 20,
            "alphabetic_word_share",
            79 / 99,
            {"alphabetic_word_share"},
        ),
        ('That, "HAVE" ' * 25, "stop_word_count", 2, set()),
        ("that that " * 25, "stop_word_count", 1, {"stop_word_count"}),
        ("the-end zebra " * 25 + "with", "stop_word_count", 1, {"stop_word_count"}),
        (listed(9), "bullet_line_share", 0.9, set()),
        (listed(10), "bullet_line_share", 1.0, {"bullet_line_share"}),
        (listed(0, 3), "ellipsis_line_share", 0.3, set()),
        (listed(0, 4), "ellipsis_line_share", 0.4, {"ellipsis_line_share"}),
    ],
)
def test_golden_edges(text, signal, value, drops):
    assert reference(text)[signal] == value
    assert measure([text])[signal][0].as_py() == value
    assert dropped(text) == drops


def test_the_empty_text_measures_zero_and_fails_four_rules():
    assert set(measure([""]).to_pylist()[0].values()) == {0.0}
    assert dropped("") == {"word_count", "mean_word_length", "alphabetic_word_share", "stop_word_count"}


@pytest.mark.parametrize(
    ("text", "ellipses"),
    [("....", 1), ("......", 2), (". . .", 0), ("a... b\u2026", 2), (".....\u2026...", 3), ("..\u2026.", 1)],
)
def test_ellipses_are_counted_from_the_left_without_overlap(text, ellipses):
    expected = ellipses / len(text.split())
    assert reference(text)["ellipsis_ratio"] == measure([text])["ellipsis_ratio"][0].as_py() == expected


@pytest.mark.parametrize("bullet", ["-", "*", "\u2022", "\u25cf"])
def test_bullets_need_no_space_after_them(bullet):
    assert measure([f"{bullet}a\n  {bullet}  b\nc{bullet}\n\u2023d"])["bullet_line_share"][0].as_py() == 0.5


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ('"(The"', "the"),
        ("the,", "the"),
        ("_the_", "the"),
        ("the-end", "the-end"),
        ("the\u0301", "the"),
        ("\u2014the\u2026", "the"),
        ("\u00bdthe", "\u00bdthe"),
        ("---", ""),
    ],
)
def test_the_core_of_a_word(word, expected):
    assert core(word) == expected
    found = float(expected in quality.STOP_WORDS)
    assert measure([word])["stop_word_count"][0].as_py() == reference(word)["stop_word_count"] == found


@pytest.mark.parametrize("word", ["w\u0130th", "w\u0131th", "\uff54\uff48\uff45", "the\x00\x00\x00\x00\x00x", "t\x00e"])
def test_look_alikes_are_no_stop_words(word):
    assert measure([word])["stop_word_count"][0].as_py() == reference(word)["stop_word_count"] == 0


def test_no_other_character_has_a_lower_case_in_a_stop_word():
    letters = set("".join(quality.STOP_WORDS))
    others = (chr(point) for point in range(0x80, sys.maxunicode + 1) if not 0xD800 <= point < 0xE000)
    assert not [character for character in others if len(character.lower()) == 1 and character.lower() in letters]


def test_columns_are_the_signals_as_float64():
    table = measure(["one text", "another"])
    assert tuple(table.column_names) == quality.SIGNALS == tuple(reference(""))
    assert {str(field.type) for field in table.schema} == {"double"}


def test_measure_refuses_a_lone_surrogate_with_its_index():
    with pytest.raises(ValueError, match="text 1 has a lone surrogate"):
        measure(["fine", "not \udc80 fine"])

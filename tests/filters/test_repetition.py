"""Gopher's repetition rules: golden texts, the properties of the definitions, both sides of every bound."""

from __future__ import annotations

import random
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import repetition
from filters.repetition import RULES, judge, measure, reference

U = [f"u{i:03}" for i in range(200)]
S = [f"s{i:03}" for i in range(25)]
URL = "https://example.com/" + "x" * 100


def planted(u: list[str], s: list[str], tail: list[str]) -> dict[str, str]:
    """The texts A, B, C, D, H of the golden tables over any words."""
    words = {
        "A": u[:80] + s + u[80:160] + s + u[160:],
        "B": [word for i in range(4) for word in u[40 * i : 40 * i + 40] + s],
        "C": ["ha"] * 40 + u,
        "D": [URL, *tail],
        "H": ["ha"] * 8,
    }
    return {name: " ".join(found) for name, found in words.items()}


def random_words() -> list[str]:
    draw = random.Random(0)
    return ["".join(draw.choice(string.ascii_lowercase) for _ in range(draw.randint(2, 8))) for _ in range(5000)]


NUMBERED = planted(U, S, U[:59])
DRAWN = random_words()
RANDOM = planted(DRAWN[:200], DRAWN[1000:1025], DRAWN[2000:2059])
E = "\n\n".join([f"line number {i} has some words in it" for i in range(8)] + ["Share this article"] * 2)
F = "\n".join(["alpha beta gamma."] + ["same line here."] * 3)
G = "a b c d e\n" * 4


def value(text: str, signal: str, copies: repetition.Copies = "later") -> float:
    """The signal by the kernel, which must be the reference's."""
    found = measure([text], copies)[signal][0].as_py()
    assert found == reference(text, copies)[signal]
    return found


def dropped(text: str) -> set[str]:
    return {verdict.rule.name for verdict in judge(text) if not verdict.keep}


def test_the_bounds_are_those_of_table_a1():
    assert [(rule.name, rule.low, rule.high) for rule in RULES] == [
        ("duplicate_line_share", None, 0.30),
        ("duplicate_paragraph_share", None, 0.30),
        ("duplicate_line_character_share", None, 0.20),
        ("duplicate_paragraph_character_share", None, 0.20),
        ("top_2", None, 0.20),
        ("top_3", None, 0.18),
        ("top_4", None, 0.16),
        ("dup_5", None, 0.15),
        ("dup_6", None, 0.14),
        ("dup_7", None, 0.13),
        ("dup_8", None, 0.12),
        ("dup_9", None, 0.11),
        ("dup_10", None, 0.10),
    ]


@pytest.mark.parametrize(
    ("text", "signal", "expected"),
    [
        ("A", "dup_5", 1 / 5),
        ("A", "dup_10", 1 / 5),
        ("B", "dup_5", 5 / 13),
        ("B", "dup_10", 5 / 13),
        ("C", "top_2", 1 / 11),
        ("D", "top_2", 0.0),
        ("H", "top_2", 1.0),
    ],
)
def test_golden_values_over_numbered_words(text, signal, expected):
    assert value(NUMBERED[text], signal) == expected


@pytest.mark.parametrize(
    ("text", "signal", "expected"),
    [
        ("A", "dup_5", 0.197),
        ("A", "dup_10", 0.197),
        ("B", "dup_5", 0.379),
        ("B", "dup_10", 0.379),
        ("C", "top_2", 0.074),
        ("D", "top_2", 0.0),
    ],
)
def test_golden_values_over_random_words(text, signal, expected):
    assert value(RANDOM[text], signal) == pytest.approx(expected, abs=0.0005)


def test_the_planted_passage_is_dropped_in_both_sets_of_words():
    assert {f"dup_{n}" for n in range(5, 11)} == dropped(NUMBERED["A"]) == dropped(RANDOM["A"])
    assert not dropped(NUMBERED["D"])


def test_among_bigrams_of_equal_count_the_heaviest_decides():
    assert value(RANDOM["A"], "top_2") == pytest.approx(0.0258, abs=0.00005)


@pytest.mark.parametrize(
    ("text", "share", "characters", "share_all", "characters_all"),
    [
        (E, 0.10, 0.0584, 0.20, 0.1169),
        (F, 0.50, 0.4839, 0.75, 0.7258),
        (G, 0.75, 0.75, 1.00, 1.00),
    ],
)
def test_golden_values_of_lines(text, share, characters, share_all, characters_all):
    assert value(text, "duplicate_line_share") == share
    assert value(text, "duplicate_line_character_share") == pytest.approx(characters, abs=0.00005)
    assert value(text, "duplicate_line_share", "all") == share_all
    assert value(text, "duplicate_line_character_share", "all") == pytest.approx(characters_all, abs=0.00005)


@pytest.mark.parametrize(
    ("text", "signal", "expected"),
    [
        (E, "dup_5", 0.7984),
        (E, "dup_6", 0.7339),
        (E, "dup_7", 0.7339),
        (E, "dup_8", 0.0),
        (F, "top_2", 0.5),
        (F, "top_3", 0.7222),
        (F, "top_4", 0.5741),
    ],
)
def test_more_golden_values(text, signal, expected):
    assert value(text, signal) == pytest.approx(expected, abs=0.00005)


def test_paragraphs_count_whole_with_the_line_break_between_their_lines():
    text = "a\nb\n\na\n b\n\nb\na"  # two equal paragraphs of 3 characters, and one of the same lines swapped
    assert value(text, "duplicate_paragraph_share") == 1 / 3
    assert value(text, "duplicate_paragraph_character_share") == 1 / 3
    assert value(text, "duplicate_paragraph_character_share", "all") == 2 / 3
    assert value("a\nb\n\na\nb\nc\n\na", "duplicate_paragraph_share") == 0.0


@pytest.mark.parametrize("word", ["a" * 7, "a" * 8, "a" * 9, "é" * 8, "a" * 16, "a" * 23])
def test_units_that_differ_in_any_byte_are_different(word):
    variants = [word, word + "a", "b" + word[1:], word[:-1] + "b", word[:4] + "b" + word[5:]]
    text = "\n".join(variants)
    assert value(text, "duplicate_line_share") == 0.0
    assert value(text + "\n" + text, "duplicate_line_share") == 0.5


@pytest.mark.parametrize("n", range(5, 11))
def test_both_sides_of_the_bounds_of_repeated_ngrams(n):
    """A passage of n words twice among 100 words of one length: 2 n of 100."""
    rule = next(rule for rule in RULES if rule.name == f"dup_{n}")
    passage = [f"p{i:02}" for i in range(n)]
    text = " ".join(passage + [f"w{i:02}" for i in range(100 - 2 * n)] + passage)
    assert value(text, rule.name) == 2 * n / 100
    assert replace(rule, high=2 * n / 100).keeps(value(text, rule.name))
    assert not replace(rule, high=2 * n / 100 - 1e-9).keeps(value(text, rule.name))
    assert value(text, f"dup_{n + 1}") == 0.0 if n < 10 else True


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        # lines, of which so many are later copies, of 10
        ("duplicate_line_share", ["a"] * 4 + list("bcdefg"), ["a"] * 5 + list("bcdef")),
        ("duplicate_line_character_share", ["a"] * 3 + list("bcdefghi"), ["a"] * 4 + list("bcdefghi")),
    ],
)
def test_both_sides_of_the_bounds_of_lines(name, inside, outside):
    paragraph = name.replace("line", "paragraph")
    assert name not in dropped("\n".join(inside))
    assert name in dropped("\n".join(outside))
    assert paragraph not in dropped("\n\n".join(inside))
    assert paragraph in dropped("\n\n".join(outside))


@pytest.mark.parametrize(("n", "inside", "outside"), [(2, 10, 11), (3, 6, 7), (4, 4, 5)])
def test_both_sides_of_the_bounds_of_the_top_ngram(n, inside, outside):
    """An n-gram that stands k times between other words: k n of 100 words of one length."""

    def text(times: int) -> str:
        words = [f"w{i:02}" for i in range(100 - n * times)]
        for i in range(times):
            words[(n + 3) * i : (n + 3) * i] = [f"t{j:02}" for j in range(n)]
        return " ".join(words)

    assert value(text(inside), f"top_{n}") == n * inside / 100
    assert f"top_{n}" not in dropped(text(inside))
    assert f"top_{n}" in dropped(text(outside))


WORDS = st.lists(st.sampled_from(["a", "b", "cc", "the", "longer-word"]), max_size=60)


@given(WORDS)
def test_shares_lie_between_0_and_1_and_longer_ngrams_cover_less(words):
    found = measure([" ".join(words)]).to_pylist()[0]
    assert all(0.0 <= share <= 1.0 for share in found.values())
    shares = [found[f"dup_{n}"] for n in range(5, 11)]
    assert shares == sorted(shares, reverse=True)


@given(st.lists(st.text("abc", min_size=1, max_size=4), min_size=10, max_size=30))
def test_a_text_written_twice_is_covered_whole(words):
    found = measure([" ".join(words * 2)]).to_pylist()[0]
    assert all(found[f"dup_{n}"] == 1.0 for n in range(5, 11))


@given(WORDS, st.lists(st.sampled_from([" ", "\n", "\r\n", "\t ", "\u3000", "\n\n"]), min_size=60, max_size=60))
def test_white_space_between_words_changes_no_ngram(words, gaps):
    spaced = "".join(word + gap for word, gap in zip(words, gaps, strict=False))
    ngrams = [name for name in repetition.SIGNALS if name.startswith(("top_", "dup_"))]
    plain, other = (measure([text]).select(ngrams).to_pylist() for text in (" ".join(words), spaced))
    assert plain == other


def test_columns_are_the_signals_as_float64():
    table = measure(["one text", "another"])
    assert tuple(table.column_names) == repetition.SIGNALS == tuple(reference(""))
    assert {str(field.type) for field in table.schema} == {"double"}


def test_an_unknown_way_to_count_copies_is_refused():
    with pytest.raises(ValueError, match=r"copies='both'; expected 'later' .* or 'all'"):
        measure(["a"], "both")

"""FineWeb's three rules: worked examples at and beyond the bounds."""

from __future__ import annotations

from filters import fineweb, gopher

LONG = "a line of text with thirty characters or more"


def failing(text: str) -> list[str]:
    return [verdict.rule.name for verdict in fineweb.judge(text) if not verdict.keep]


def page(lines: int, punctuated: int, short: int) -> str:
    """A page of different lines, so many of which end in a mark or are short."""
    found = [f"{LONG} {i:03d}" if i >= short else f"line {i:03d}" for i in range(lines)]
    return "\n".join(line + "." if i < punctuated else line for i, line in enumerate(found))


def test_the_share_of_lines_that_end_in_a_mark():
    assert fineweb.reference(page(25, 3, 0))["punctuated_line_share"] == 0.12
    assert failing(page(25, 3, 0)) == []
    assert failing(page(25, 2, 0)) == ["punctuated_line_share"]


def test_the_share_of_short_lines():
    assert fineweb.reference(page(100, 100, 67))["short_line_share"] == 0.67
    assert failing(page(100, 100, 67)) == []
    assert failing(page(100, 100, 68)) == ["short_line_share"]


def test_a_line_of_thirty_characters_is_not_short():
    assert fineweb.reference("x" * 30 + "\n" + "x" * 29)["short_line_share"] == 0.5


def test_the_share_of_characters_in_later_copies_is_gophers_signal_at_a_tighter_bound():
    text = "\n".join([*(f"{LONG} {i:03d}." for i in range(8)), f"{LONG} 000."])
    assert failing(text) == ["fineweb_duplicate_line_character_share"]
    assert (
        fineweb.measure([text])["duplicate_line_character_share"]
        == (gopher.measure([text])["duplicate_line_character_share"])
    )


def test_a_table_has_the_numbers_of_the_reference():
    texts = ["", page(10, 3, 4), "one"]
    assert fineweb.measure(texts).to_pylist() == [fineweb.reference(text) for text in texts]

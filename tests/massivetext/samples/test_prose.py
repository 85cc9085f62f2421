"""The makers behind the sample corpus: prose by grammar, pages that fail one rule, prose of the library."""

from __future__ import annotations

import pytest

from filters import quality, repetition
from massivetext.samples import evaluation, groups, library, planted
from massivetext.samples.draw import Draw
from massivetext.samples.prose import Writer, ing, past, plural


def first_failure(text: str) -> str | None:
    verdicts = [*quality.judge(text), *repetition.judge(text)]
    return next((verdict.rule.name for verdict in verdicts if not verdict.keep), None)


@pytest.mark.parametrize("name", [*planted.MAKERS, *planted.PLAIN_MAKERS])
def test_makers_hit_their_rule_for_any_seed(name: str) -> None:
    maker = {**planted.MAKERS, **planted.PLAIN_MAKERS}[name]
    for seed in range(12):
        assert first_failure("\n\n".join(maker(Draw("any", seed)))) == name.partition(",")[0]


def test_inflection_of_regular_nouns_and_verbs() -> None:
    assert [plural(noun) for noun in ("lock", "tide pool", "cherry", "day", "box", "lunch", "signalman")] == [
        "locks", "tide pools", "cherries", "days", "boxes", "lunches", "signalmen",
    ]  # fmt: skip
    assert [past(verb) for verb in ("moor", "bake", "carry", "survey", "signal", "row past", "boil")] == [
        "moored", "baked", "carried", "surveyed", "signalled", "rowed past", "boiled",
    ]  # fmt: skip
    assert [ing(verb) for verb in ("bake", "agree", "shunt back", "signal")] == [
        "baking", "agreeing", "shunting back", "signalling",
    ]  # fmt: skip


def test_exact_prose_has_the_words_asked_for_and_repeats_no_three() -> None:
    for count in (1, 45, 129, 600):
        found = Writer(Draw("exact", count)).exactly(count).split()
        runs = list(zip(found, found[1:], found[2:], strict=False))
        assert len(found) == count
        assert len(runs) - len(set(runs)) <= 1  # the last word may have lost its comma


def test_prose_of_the_library_shares_no_ten_words_between_groups() -> None:
    seen: set[tuple[str, ...]] = set()
    for group in library.prose(library.talkative_modules()):
        found = " ".join(group).split()
        for paragraph in group:
            part = paragraph.split()
            runs = {tuple(part[start : start + 10]) for start in range(len(part) - 9)}
            assert not runs & seen
            seen |= runs
        assert len(found) >= 40


def test_groups_of_another_number_are_other_texts() -> None:
    first = {item.text for _, item in groups.near_copies(Draw("a"), 0)}
    assert not first & {item.text for _, item in groups.near_copies(Draw("a"), 1)}


def test_draws_are_the_same_for_ever_and_differ_by_name() -> None:
    draw = Draw("recorded", 1)
    assert [draw.below(1000) for _ in range(5)] == [10, 759, 861, 568, 383]
    assert [Draw("recorded", 2).below(1000) for _ in range(5)] != [10, 759, 861, 568, 383]


def test_sample_draws_different_options() -> None:
    assert sorted(Draw("sample").sample(range(30), 30)) == list(range(30))


def test_spam_fills_all_its_places() -> None:
    text = " ".join(evaluation.spam(Draw("spam"), 24))
    assert "{" not in text
    assert "jackpot" in text

"""Signals that a rule asks for when it judges."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest

from filters import asked, c4, fineweb, quality
from filters.rule import Rule, failures

TEXTS = pa.array(["Der Hund und die Katze.", "The dog and the cat.", ""], pa.large_string())
GERMAN = Rule("stop_word_count", low=2, words=("der", "die", "und"))


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of a user's own, `own_signals`."""
    (tmp_path / "own_signals.py").write_text(
        "import pyarrow as pa\n"
        "calls = []\n"
        "def both(texts):\n"
        "    calls.append(len(texts))\n"
        "    lengths = [len(text) for text in texts.to_pylist()]\n"
        "    return pa.table({'size': lengths, 'double': [2 * n for n in lengths]})\n"
        "def nothing(texts): return None\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("own_signals", None)


def test_words_of_another_language_take_the_place_of_the_stop_words():
    table = pa.table({"stop_word_count": [0.0, 4.0, 0.0], "word_count": [5.0, 5.0, 0.0]})
    measured = asked.with_signals([GERMAN, *quality.RULES[:1]], table, TEXTS)
    assert measured.to_pydict() == {"stop_word_count": [3.0, 0.0, 0.0], "word_count": [5.0, 5.0, 0.0]}
    failed, values = failures([GERMAN], measured)
    assert failed[:, 0].tolist() == [False, True, True]
    assert values[:, 0].tolist() == [3.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "text",
    ["", "the of", "The (of) AND... the-end \u0130be be", "\u212aelvin _that_ 'with' have", "to be or not to be"],
)
def test_counting_gophers_words_gives_the_stop_word_count(text):
    counted = quality.count_words([text], quality.STOP_WORDS)[0].as_py()
    assert (
        counted == quality.reference(text)["stop_word_count"] == quality.measure([text])["stop_word_count"][0].as_py()
    )


def test_a_users_function_is_called_once_for_all_its_signals(own):
    rules = [Rule("size", low=1, measure="own_signals:both"), Rule("double", high=40, measure="own_signals:both")]
    measured = asked.with_signals(rules, pa.table({"docid": [1, 2, 3]}), TEXTS)
    assert measured.to_pydict() == {"docid": [1, 2, 3], "size": [23.0, 20.0, 0.0], "double": [46.0, 40.0, 0.0]}
    assert sys.modules["own_signals"].calls == [3]
    assert asked.modules(rules) == ["own_signals"]


def test_sets_by_name_measure_what_they_ask_for():
    table = pa.table({"duplicate_line_character_share": [0.0, 0.2, 0.0]})
    measured = asked.with_signals([*c4.RULES, *fineweb.RULES], table, TEXTS)
    assert measured.column("c4_sentence_count").to_pylist() == [1.0, 1.0, 0.0]
    assert measured.column("duplicate_line_character_share").to_pylist() == [0.0, 0.2, 0.0]
    assert asked.modules([*c4.RULES, *fineweb.RULES, GERMAN]) == ["filters.c4", "filters.fineweb"]


@pytest.mark.parametrize(
    ("path", "signal", "message"),
    [
        ("no_such_module:f", "size", "cannot import no_such_module"),
        ("own_signals:f", "size", "there is no function f in own_signals"),
        ("own_signals:nothing", "size", "returned NoneType; expected an Arrow table with a row per text"),
        ("own_signals:both", "siez", r"own_signals:both gives no column 'siez'; did you mean 'size'\?"),
    ],
)
def test_a_function_that_does_not_fit_is_named(own, path, signal, message):
    with pytest.raises(ValueError, match=message):
        asked.with_signals([Rule(signal, measure=path)], pa.table({"docid": [1, 2, 3]}), TEXTS)


def test_one_signal_is_not_measured_in_two_ways():
    rules = [GERMAN, Rule("french", low=1, words=("le", "la"), signal="stop_word_count")]
    with pytest.raises(ValueError, match="rule 'french': its signal 'stop_word_count' is measured in another way"):
        asked.with_signals(rules, pa.table({"docid": [1, 2, 3]}), TEXTS)


@pytest.mark.parametrize(("word", "core"), [("Der", "der"), ("und,", "und"), ("...", "")])
def test_a_word_that_no_core_equals_is_refused(word, core):
    with pytest.raises(ValueError, match=f"equals no word: give '{core}'"):
        quality.count_words([], [word])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"words": "der"}, "words must be a list of strings, not 'der'"),
        ({"words": ["der"], "measure": "a:b"}, "give words or measure, not both"),
        ({"measure": "a.b"}, "measure is 'a.b', expected package.module:function"),
        ({"measure": 3}, "measure must be a string, not 3"),
    ],
)
def test_a_rule_whose_parts_do_not_fit_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Rule("a", **fields)


def test_a_rule_that_asks_survives_being_written_down():
    assert Rule.from_dict(GERMAN.as_dict()) == GERMAN
    assert GERMAN.as_dict()["words"] == ["der", "die", "und"]
    assert c4.RULES[1].as_dict()["measure"] == "filters.c4:measure"

"""Rules: bounds, labels, missing values, dictionaries, errors."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import gopher, language, safety
from filters.rule import Rule, Verdict, failures, judge

ALL_RULES = gopher.RULES + language.RULES + safety.RULES
LENGTH = Rule("mean_word_length", low=3, high=10, unit="characters per word")
ENGLISH = language.rule(("en", "fr"), low=0.65)


@pytest.mark.parametrize(
    ("value", "keep", "bound"),
    [(2.999, False, 3.0), (3.0, True, None), (10.0, True, None), (10.001, False, 10.0), (None, True, None)],
)
def test_bounds_are_inclusive_and_named_by_the_verdict(value, keep, bound):
    (verdict,) = judge([LENGTH], {"mean_word_length": value})
    assert (verdict.keep, verdict.bound) == (keep, bound)


def test_a_verdict_reads_as_one_line():
    assert str(judge([LENGTH], {"mean_word_length": 12.5})[0]) == (
        "drop  mean_word_length: 12.5 characters per word (3 to 10)"
    )
    assert str(Verdict(Rule("a", high=0.1), None, True)) == "keep  a: not measured (at most 0.1)"


@pytest.mark.parametrize(
    ("rule", "bounds"),
    [
        (Rule("a", low=2), "at least 2"),
        (Rule("a", high=0.1), "at most 0.1"),
        (Rule("a", low=50, high=100_000), "50 to 100000"),
        (Rule("a"), "any"),
    ],
)
def test_bounds_in_words(rule, bounds):
    assert rule.bounds == bounds


def test_the_signal_is_the_name_unless_given():
    assert Rule("top_2", high=0.2).signal == "top_2"
    assert Rule("strict", high=0.1, signal="top_2").signal == "top_2"


def test_a_label_that_is_not_listed_counts_as_zero():
    def value(label, probability):
        return judge([ENGLISH], {"language": label, "language_probability": probability})[0]

    assert value("en", 0.65).keep
    assert value("fr", 0.9).keep
    assert not value("en", 0.64).keep
    assert (value("de", 0.99).value, value("de", 0.99).keep) == (0.0, False)
    assert value(None, 0.9).keep
    assert value("de", None).keep


def test_failures_agree_with_judge_row_by_row():
    table = pa.table(
        {
            "mean_word_length": pa.array([2.9, 3.0, 10.0, 10.1, None, 5.0, 5.0]),
            "language": pa.array(["en", "en", "de", "", None, "fr", "en"]),
            "language_probability": pa.array([0.65, 0.6, 1.0, 0.0, 0.9, None, 0.9]),
        }
    )
    failed, values = failures([LENGTH, ENGLISH], table)
    assert failed.tolist() == [
        [True, False],
        [False, True],
        [False, True],
        [True, True],
        [False, False],
        [False, False],
        [False, False],
    ]
    for row, fails, found in zip(table.to_pylist(), failed, values, strict=True):
        verdicts = judge([LENGTH, ENGLISH], row)
        assert [not verdict.keep for verdict in verdicts] == fails.tolist()
        assert [verdict.value for verdict in verdicts] == [None if np.isnan(v) else v for v in found]


def test_failures_reads_chunks_batches_nulls_integers_and_dictionaries():
    chunked = pa.table(
        {
            "mean_word_length": pa.chunked_array([pa.array([5, 11]), pa.array([2])]),
            "language": pa.array(["en", "de", "en"]).dictionary_encode(),
            "language_probability": pa.nulls(3),
        }
    )
    failed, values = failures([LENGTH, ENGLISH], chunked)
    assert failed.tolist() == [[False, False], [True, False], [True, False]]
    assert np.isnan(values[:, 1]).all()
    batch = chunked.select(["mean_word_length"]).combine_chunks().to_batches()[0]
    assert failures([LENGTH], batch)[0].tolist() == [[False], [True], [True]]
    assert failures([], chunked)[0].shape == (3, 0)
    assert failures([LENGTH], chunked.slice(0, 0))[1].shape == (0, 1)


def test_a_missing_column_is_named_with_the_near_one():
    table = pa.table({"mean_word_lenght": [1.0], "top_2": [0.0]})
    with pytest.raises(ValueError, match=r"needs the column 'mean_word_length'; did you mean 'mean_word_lenght'\?"):
        failures([LENGTH], table)
    with pytest.raises(ValueError, match="there are: mean_word_lenght, top_2"):
        failures([LENGTH], table)
    with pytest.raises(ValueError, match="rule 'language' needs the signal 'language'; there are: language_p"):
        judge([ENGLISH], {"language_probability": 1.0})


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.name)
def test_rules_survive_pickling_and_dictionaries(rule):
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert Rule.from_dict(json.loads(json.dumps(rule.as_dict()))) == rule
    assert None not in rule.as_dict().values()
    assert rule.source


def test_another_bound_is_a_replace():
    assert replace(LENGTH, high=12).keeps(11.0)
    assert Rule("mean_word_length", low=3.0, high=10.0, unit="characters per word") == LENGTH


@given(st.floats(-10, 10) | st.none(), st.floats(-10, 10) | st.none(), st.floats(-20, 20))
def test_keeping_is_lying_between_the_bounds(low, high, value):
    if low is not None and high is not None and low > high:
        low, high = high, low
    expected = (low is None or value >= low) and (high is None or value <= high)
    verdict = judge([Rule("x", low=low, high=high)], {"x": value})[0]
    assert verdict.keep == expected
    assert failures([Rule("x", low=low, high=high)], pa.table({"x": [value]}))[0][0, 0] == (not expected)
    assert (verdict.bound is None) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"name": "a", "hihg": 1},
            r"a rule has no field 'hihg'; did you mean 'high'\?; its fields: name, low",
        ),
        ({"high": 1}, "a rule needs a name; given: high"),
        ({"name": ""}, "needs a name that is not empty"),
        ({"name": 3}, "name must be a string, not 3"),
        ({"name": "a", "high": "0.1"}, "rule 'a': high must be a finite number or None, not '0.1'"),
        ({"name": "a", "low": True}, "low must be a finite number or None, not True"),
        ({"name": "a", "low": float("nan")}, "low must be a finite number"),
        ({"name": "a", "high": float("inf")}, "high must be a finite number or None, not inf"),
        ({"name": "a", "low": 2, "high": 1}, "low 2 is above high 1"),
        ({"name": "a", "labels": "en", "label_signal": "b"}, "labels must be a list of strings, not 'en'"),
        ({"name": "a", "labels": ["en"]}, "labels and label_signal go together"),
    ],
)
def test_a_rule_that_does_not_fit_together_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Rule.from_dict(values)

"""Mixtures equal the papers' tables, refuse what cannot be, and can be a user's own."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from filters.rule import Rule
from massivetext import mixtures
from massivetext.mixture import Cut, Mixture, Subset, Tokenizer

GOPHER_WEIGHTS = {"massiveweb": 0.48, "books": 0.27, "c4": 0.10, "news": 0.10, "github": 0.03, "wikipedia": 0.02}
CHINCHILLA_WEIGHTS = {"massiveweb": 0.45, "books": 0.30, "c4": 0.10, "news": 0.10, "github": 0.04, "wikipedia": 0.01}


@pytest.mark.parametrize(("name", "weights"), [("gopher", GOPHER_WEIGHTS), ("chinchilla", CHINCHILLA_WEIGHTS)])
def test_weights_are_the_papers(name: str, weights: dict[str, float]) -> None:
    assert {subset.name: subset.weight for subset in mixtures.load(name).subsets} == weights


def test_gopher_applies_the_eight_quality_and_thirteen_repetition_rules_to_massiveweb_alone() -> None:
    mixture = mixtures.load("gopher")
    names = [rule.name for rule in mixture.subset("massiveweb").rules]
    assert names[:4] == ["empty", "language", "unsafe_host", "unsafe_probability"]
    assert len(names[4:]) == 21
    assert names[4:6] == ["word_count", "mean_word_length"]
    assert names[-1] == "dup_10"
    assert [rule.name for rule in mixture.subset("books").rules] == ["empty", "language"]
    assert [rule.name for rule in mixture.subset("github").rules] == ["empty"]


def test_near_duplicates_and_cut_leave_code_and_wikipedia_alone() -> None:
    roles = {subset.name: (subset.near, subset.cut) for subset in mixtures.load("gopher").subsets}
    assert roles["github"] == roles["wikipedia"] == ("none", "none")
    assert roles["massiveweb"] == roles["books"] == roles["c4"] == roles["news"] == ("full", "full")


def test_only_gopher_normalises_the_text() -> None:
    assert mixtures.load("gopher").tokenizer.normalization == "nfkc"
    assert mixtures.load("chinchilla").tokenizer.normalization == "none"


def test_a_mixture_survives_pickling_and_json() -> None:
    mixture = mixtures.load("gopher")
    assert pickle.loads(pickle.dumps(mixture)) == mixture
    assert json.loads(json.dumps(mixture.resolved()))["subsets"][0]["weight"] == 0.48


def test_an_unknown_mixture_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="no mixture 'gohper'; did you mean 'gopher'"):
        mixtures.load("gohper")


def subset(**changes: object) -> Subset:
    return replace(Subset(name="web", weight=1.0, patterns=("*.warc",)), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": 0.0}, "weight is 0.0, expected a share above 0"),
        ({"name": "My Web"}, "expected lower-case letters"),
        ({"patterns": ()}, "no patterns; give at least one glob"),
        ({"patterns": "web/*.warc"}, r"patterns is 'web/\*.warc', expected a list"),
        ({"near": "half"}, "near is 'half', expected one of full, reference, none"),
        ({"mask": ("email", "names")}, r"mask is \('email', 'names'\), expected a list of email, ip, phone"),
        ({"mask": "email"}, "mask is 'email', expected a list"),
        ({"priority": 256}, "priority is 256, expected 0 to 255"),
        ({"rules": (Rule("a", low=1), Rule("a", high=2))}, r"rules named twice: \['a', 'a'\]"),
    ],
)
def test_a_subset_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        subset(**changes)


def test_weights_that_do_not_sum_to_one_are_named_with_their_sum() -> None:
    with pytest.raises(ValueError, match=r"'web': 0.5, 'more': 0.4.* sum to 0.9, expected 1"):
        Mixture(name="mine", subsets=(subset(weight=0.5), subset(name="more", weight=0.4)))


def test_a_minimum_above_the_window_could_drop_a_first_occurrence() -> None:
    with pytest.raises(ValueError, match="cut minimum is 51 tokens, more than its window of 50"):
        Cut(minimum=51)


def test_a_vocabulary_too_small_for_byte_fallback_is_refused() -> None:
    with pytest.raises(ValueError, match="vocabulary is 256; byte fallback and control pieces alone need 300"):
        Tokenizer(vocabulary=256)


TOML = """
seed = 7
[tokenizer]
vocabulary = 1000
[[subsets]]
name = "forum"
weight = 0.75
patterns = ["forum/*.jsonl"]
rules = ["empty", "english", "quality", "madeup_rules:MINE"]
[subsets.bounds]
word_count = { low = 20 }
[[subsets]]
name = "manuals"
weight = 0.25
patterns = ["manuals/*.txt"]
near = "reference"
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mixture as a user writes it, with a rule of their own in a module of their own."""
    (tmp_path / "madeup_rules.py").write_text(
        "from filters.rule import Rule\nMINE = (Rule('short_title', low=3, signal='characters'),)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    yield path
    sys.modules.pop("madeup_rules", None)


def test_a_toml_mixture_takes_bounds_rule_sets_and_a_users_own_rules(written: Path) -> None:
    mixture = mixtures.load(str(written))
    assert (mixture.name, mixture.seed, mixture.tokenizer.vocabulary) == ("mine", 7, 1000)
    rules = {rule.name: rule for rule in mixture.subset("forum").rules}
    assert rules["word_count"].low == 20
    assert rules["word_count"].high == 100_000
    assert rules["short_title"].signal == "characters"
    assert mixture.subset("manuals").near == "reference"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight = 0.75", "wieght = 0.75", r"mine.toml: subset forum has no field 'wieght'; did you mean 'weight'\?"),
        ('"quality"', '"qualty"', r"no rule set 'qualty'; did you mean 'quality'\?"),
        ("word_count =", "word_cuont =", r"bounds for a rule 'word_cuont' that is not here; did you mean 'word_count'"),
        ("low = 20", "lowest = 20", "expected low and/or high"),
        ("seed = 7", "seed = ", "mine.toml: Invalid value"),
        ("weight = 0.25", "", r"mine.toml: subset manuals: .*missing.*'weight'"),
    ],
)
def test_a_mistake_in_a_toml_mixture_is_named_with_its_file(written: Path, old: str, new: str, message: str) -> None:
    written.write_text(TOML.replace(old, new))
    with pytest.raises(ValueError, match=message):
        mixtures.load(str(written))

"""`--rules`: other bounds, rule sets and stop words, a user's own rules, and what the manifest says of them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters import c4
from massivetext import build, mixtures
from massivetext.mixture import Mixture

OWN = """
import pyarrow as pa
import pyarrow.compute as pc
from filters.rule import Rule

RULES = (
    Rule("exclamations", high=3, unit="exclamation marks", source="ours"),
    Rule("long_text", low=10, signal="characters"),
)

def measure(texts):
    return pa.table({"exclamations": pc.count_substring(texts, "!")})
"""
GERMAN = ["der", "die", "und", "nicht"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path with a module of a user's own rules."""
    (tmp_path / "own_rules.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("own_rules", None)


def ruled(folder: Path, toml: str, mixture: str = "gopher") -> Mixture:
    (folder / "rules.toml").write_text(toml)
    return mixtures.with_rules(mixtures.load(mixture), folder / "rules.toml")


def test_bounds_change_the_rule_in_every_subset_that_has_it(folder: Path) -> None:
    mixture = ruled(folder, "[bounds]\nlanguage = { low = 0.5 }\ndup_5 = { high = 0.3 }\n")
    rules = {subset.name: {rule.name: rule for rule in subset.rules} for subset in mixture.subsets}
    assert {name: own["language"].low for name, own in rules.items() if "language" in own} == dict.fromkeys(
        ("massiveweb", "books", "c4", "news", "wikipedia"), 0.5
    )
    assert rules["massiveweb"]["dup_5"].high == 0.3
    assert rules["massiveweb"]["dup_6"].high == 0.14


def test_a_subset_takes_other_languages(folder: Path) -> None:
    mixture = ruled(folder, '[subsets.news.bounds]\nlanguage = { low = 0.4, labels = ["de", "fr"] }\n')
    languages = {s.name: rule for s in mixture.subsets for rule in s.rules if rule.name == "language"}
    assert (languages["news"].labels, languages["news"].low) == (("de", "fr"), 0.4)
    assert (languages["c4"].labels, languages["c4"].low) == (("en",), 0.65)


def test_a_subset_takes_other_rule_sets_and_its_own_bounds(folder: Path) -> None:
    toml = """
        [bounds]
        word_count = { low = 20 }
        [subsets.news]
        rules = ["empty", "quality", "c4", "fineweb", "own_rules:RULES"]
        bounds = { word_count = { low = 5 }, short_line_share = { high = 0.5 } }
    """
    mixture = ruled(folder, toml)
    news = {rule.name: rule for rule in mixture.subset("news").rules}
    assert list(news)[:2] == ["empty", "word_count"]
    assert list(news)[-2:] == ["exclamations", "long_text"]
    assert (news["word_count"].low, news["short_line_share"].high) == (5, 0.5)
    assert (news["exclamations"].measure, news["long_text"].measure) == ("own_rules:measure", "")
    assert next(rule for rule in mixture.subset("massiveweb").rules if rule.name == "word_count").low == 20
    assert mixture.subset("books") == mixtures.load("gopher").subset("books")


def test_stop_words_of_another_language_are_data(folder: Path) -> None:
    mixture = ruled(folder, f"[subsets.massiveweb.bounds]\nstop_word_count = {{ low = 3, words = {GERMAN} }}\n")
    rule = next(rule for rule in mixture.subset("massiveweb").rules if rule.name == "stop_word_count")
    assert (rule.low, rule.words) == (3, tuple(GERMAN))


def test_the_rules_file_in_the_readme_of_filters_is_one(folder: Path) -> None:
    readme = Path(c4.__file__).with_name("README.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    mixture = ruled(folder, example.replace("mypkg.rules:RULES", "own_rules:RULES"))
    assert [rule.name for rule in mixture.subset("c4").rules][-2:] == ["exclamations", "long_text"]


def rows_of(folder: Path, *columns: str) -> list[dict[str, object]]:
    return [
        row
        for file in sorted(folder.glob("*.parquet"))
        for row in pq.read_table(file, columns=list(columns)).to_pylist()
    ]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[bounds]\ndup_4 = { high = 1 }", r"rules.toml: bounds for a rule 'dup_4' that no subset has; did you mean"),
        ("[subsets.webb]\nrules = []", r"no subset 'webb'"),
        ("[subset.news]\nrules = []", r"a rules file has no 'subset'; did you mean 'subsets'\?"),
        ("[subsets.news]\nrule = []", r"subset news has no 'rule'; did you mean 'rules'\?"),
        ("[subsets.news]\nrules = ['fineweb1']", r"no rule set 'fineweb1'; did you mean 'fineweb'\?"),
        ("[subsets.news]\nrules = ['no_such_module:RULES']", "rule set no_such_module:RULES: No module named"),
        ("[subsets.news]\nrules = ['own_rules:RULE']", "rule set own_rules:RULE: module 'own_rules' has no attribute"),
        ("[bounds]\ndup_5 = { words = ['a'] }", "only stop_word_count takes words"),
        ("[bounds]\ndup_5 = { labels = ['de'] }", "only a rule about labels, as language is, takes labels"),
        ("[bounds]\ndup_5 = 0.2", "bounds of 'dup_5' are 0.2, expected low and/or high"),
        ("[bounds]\nstop_word_count = { words = ['Der'] }", "'Der' equals no word: give 'der'"),
        ("[bounds]\nword_count = { low = 200_000 }", "low 200000 is above high 100000"),
        ("[bounds\n", "rules.toml: "),
    ],
)
def test_a_mistake_in_a_rules_file_is_named(folder: Path, toml: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ruled(folder, toml)


def test_a_rules_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no rules file .*none.toml"):
        mixtures.with_rules(mixtures.load("gopher"), tmp_path / "none.toml")


def test_a_rule_whose_signal_nobody_measures_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bare_rules.py").write_text("from filters.rule import Rule\nRULES = (Rule('charm', low=1),)\n")
    with pytest.raises(
        ValueError, match=r"no build measures 'charm', and .* there is no function measure in bare_rules"
    ):
        ruled(folder, "[subsets.news]\nrules = ['bare_rules:RULES']")
    sys.modules.pop("bare_rules", None)


def test_the_sets_by_name_are_those_of_their_modules() -> None:
    mixture = mixtures.written.rule_set("c4")
    assert mixture == c4.RULES


MIXTURE = """
[tokenizer]
vocabulary = 300
[[subsets]]
name = "notes"
weight = 0.5
patterns = ["notes/*.jsonl"]
rules = ["empty", "quality"]
[[subsets]]
name = "letters"
weight = 0.5
patterns = ["letters/*.jsonl"]
rules = ["empty"]
"""
RULES = f"""
[bounds]
word_count = {{ low = 10 }}
[subsets.notes.bounds]
stop_word_count = {{ low = 2, words = {GERMAN} }}
[subsets.letters]
rules = ["empty", "own_rules:RULES", "c4"]
bounds = {{ exclamations = {{ high = 1 }} }}
"""
NOTES = {
    "german": "Der Hund und die Katze schlafen heute nicht im kalten Haus, sondern draußen im warmen Garten.",
    "english": "The dog and the cat have to be with each other in the warm garden that they know of.",
    "short": "Der Hund und die Katze schlafen.",
}
LETTERS = {
    "calm": "We sat in the warm garden. The dog slept in the sun. Nobody said a single word.",
    "loud": "We sat in the warm garden! The dog slept in the sun! Nobody said a single word.",
    "brief": "We sat in the warm garden. The dog slept in the sun.",
}


def test_a_build_judges_by_the_rules_given_and_its_manifest_holds_exactly_them(folder: Path) -> None:
    for subset, texts in (("notes", NOTES), ("letters", LETTERS)):
        (folder / subset).mkdir()
        rows = [json.dumps({"text": text, "url": f"https://example.org/{name}"}) for name, text in texts.items()]
        (folder / subset / "0.jsonl").write_text("\n".join(rows), "utf-8")
    (folder / "mine.toml").write_text(MIXTURE)
    (folder / "rules.toml").write_text(RULES)
    out = folder / "out"
    rules = ["--mixture", str(folder / "mine.toml"), "--rules", str(folder / "rules.toml")]
    build.run([*rules, "--input", str(folder), "--output", str(out), "--workers", "1"])

    urls = {row["docid"]: row["url"].rpartition("/")[2] for row in rows_of(out / "documents", "docid", "url")}
    drops = rows_of(out / "stages" / "decide", "docid", "rule", "value", "bound")
    assert {urls[row["docid"]]: (row["rule"], row["value"], row["bound"]) for row in drops} == {
        "english": ("stop_word_count", 0, 2),
        "short": ("word_count", 6, 10),
        "loud": ("exclamations", 2, 1),
        "brief": ("c4_sentence_count", 2, 3),
    }
    manifest = json.loads((out / "train" / "manifest.json").read_text())
    resolved = json.loads(json.dumps(ruled(folder, RULES, str(folder / "mine.toml")).resolved()))
    written = {subset["name"]: subset["rules"] for subset in manifest["mixture"]["subsets"]}
    assert written == {subset["name"]: subset["rules"] for subset in resolved["subsets"]}
    stop_words = next(rule for rule in written["notes"] if rule["name"] == "stop_word_count")
    assert (stop_words["low"], stop_words["words"]) == (2, GERMAN)

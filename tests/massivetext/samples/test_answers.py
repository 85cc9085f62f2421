"""The answers of the sample corpus: every planted document does what is said of it, and no other does."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

from filters import language, quality, repetition
from pipelines.sources.record import Item, Record, Skipped

Place = tuple[str, int]
Texts = dict[Place, str]


def shingles(text: str) -> set[tuple[str, ...]]:
    kept = "".join(character for character in text if not unicodedata.category(character).startswith("P"))
    found = kept.split()
    return {tuple(found[start : start + 13]) for start in range(max(1, len(found) - 12))} if found else set()


def jaccard(first: set, second: set) -> float:
    return len(first & second) / len(first | second)


def first_failure(text: str) -> str | None:
    verdicts = [*quality.judge(text), *repetition.judge(text)]
    return next((verdict.rule.name for verdict in verdicts if not verdict.keep), None)


def test_the_readers_see_the_rows_and_skip_what_the_answers_skip(
    answers: list[dict], promised: dict[Place, dict], items: dict[Place, Item]
) -> None:
    assert len(promised) == sum("row" in answer for answer in answers)
    for place, answer in promised.items():
        item = items[place]
        assert isinstance(item, Skipped if answer["outcome"] == "skipped" else Record)
        assert not isinstance(item, Skipped) or item.reason == answer["rule"]


def test_nothing_is_skipped_or_unreadable_without_an_answer(
    promised: dict[Place, dict], items: dict[Place, Item]
) -> None:
    assert {place for place, item in items.items() if not isinstance(item, Record)} <= set(promised)


def test_outcomes_and_rules_are_of_the_vocabulary(promised: dict[Place, dict]) -> None:
    shapes = {(answer["outcome"], answer["rule"] is None, answer["group"] is None) for answer in promised.values()}
    assert shapes == {
        ("kept", True, True), ("kept", True, False), ("dropped", False, True), ("skipped", False, True),
        ("one_kept", False, False),
    }  # fmt: skip


def test_planted_pages_fail_their_rule_before_any_other(promised: dict[Place, dict], documents: Texts) -> None:
    tried = set()
    for place, answer in promised.items():
        if answer["subset"] == "massiveweb" and answer["note"].startswith("fails "):
            assert first_failure(documents[place]) == answer["rule"], answer["note"]
            tried.add(answer["rule"])
    assert tried == {rule.name for rule in (*quality.RULES, *repetition.RULES)}


def test_kept_pages_pass_every_rule(promised: dict[Place, dict], documents: Texts) -> None:
    for place, answer in promised.items():
        if answer["subset"] == "massiveweb" and answer["outcome"] in ("kept", "one_kept"):
            assert first_failure(documents[place]) is None, place


def test_language_tells_the_planted_pages_from_all_others(promised: dict[Place, dict], documents: Texts) -> None:
    for place, answer in promised.items():
        if answer["subset"] == "github" or answer["outcome"] == "skipped" or not documents[place]:
            continue
        (verdict,) = language.judge(documents[place])
        assert verdict.keep == (answer["rule"] != "language"), place


def test_no_two_documents_are_near_duplicates_but_the_planted(promised: dict[Place, dict], documents: Texts) -> None:
    scope = ("massiveweb", "books", "c4", "news")
    sets, holders = {}, defaultdict(list)
    for place, text in documents.items():
        rule = promised.get(place, {}).get("rule")
        if place[0].startswith(scope) and rule != "language":
            sets[place] = shingles(text)
            for shingle in sets[place]:
                holders[shingle].append(place)
    pairs = {(a, b) for group in holders.values() for a in group for b in group if a < b}
    near = {pair for pair in pairs if jaccard(sets[pair[0]], sets[pair[1]]) > 0.8}
    groups_of = defaultdict(list)
    for place, answer in promised.items():
        if place in sets and answer["group"] and answer["rule"] != "cut_away":
            groups_of[answer["group"]].append(place)
    assert near == {(a, b) for group in groups_of.values() for a in group for b in group if a < b}


def test_the_pair_at_the_bound_has_jaccard_exactly_0_8(promised: dict[Place, dict], documents: Texts) -> None:
    pair = [shingles(documents[place]) for place, answer in promised.items() if answer["rule"] == "cut_away"]
    assert len(pair) == 2
    assert (len(pair[0] & pair[1]), len(pair[0] | pair[1])) == (104, 130)


def test_exact_copies_are_equal_and_near_copies_are_not(promised: dict[Place, dict], documents: Texts) -> None:
    found = defaultdict(list)
    for place, answer in promised.items():
        if answer["outcome"] == "one_kept":
            found[answer["rule"], answer["group"]].append(documents[place])
    for (rule, group), copies in found.items():
        distinct = len(set(copies))
        assert len(copies) >= 2, group
        assert distinct == (len(copies) if rule in ("near_duplicate", "cut_away") else 1), group
    assert {rule for rule, _ in found} == {"exact_duplicate", "near_duplicate", "same_record", "cut_away"}


def test_a_record_that_is_twice_has_equal_bytes(promised: dict[Place, dict], items: dict[Place, Item]) -> None:
    found = defaultdict(list)
    for place, answer in promised.items():
        if answer["rule"] == "same_record":
            item = items[place]
            assert isinstance(item, Record)
            found[answer["group"]].append((item.locator, item.digest))
    assert [(len(twins), len(set(twins))) for twins in found.values()] == [(2, 1), (2, 1)]


def test_passages_stand_whole_in_every_source_named(answers: list[dict], documents: Texts) -> None:
    passages = [answer for answer in answers if "passage" in answer]
    for answer in passages:
        subsets = {source.partition("/")[0] for source, _ in answer["sources"]}
        assert subsets == {"massiveweb", "books", "c4", "news"}
        assert (len(answer["passage"].split()), answer["times"]) == (90, 1)
        assert all(documents[source, row].count(answer["passage"]) == 1 for source, row in answer["sources"])
    assert passages


def test_leaked_documents_are_near_copies_of_evaluation_items(
    corpus: Path, promised: dict[Place, dict], documents: Texts
) -> None:
    lines = gzip.decompress((corpus / "eval_sets/passages.jsonl.gz").read_bytes()).splitlines()
    items = [shingles(json.loads(line)["text"]) for line in lines]
    for place, text in documents.items():
        if not place[0].startswith("wikipedia"):  # its text has marks of its own
            answer = promised.get(place, {})
            near = any(jaccard(item, shingles(text)) > 0.8 for item in items)
            assert near == (answer.get("rule") == "test_set")


def test_a_known_title_is_an_article_of_the_evaluation_set(
    corpus: Path, promised: dict[Place, dict], items: dict[Place, Item]
) -> None:
    text = (corpus / "eval_sets/wiki-articles.txt").read_text("utf-8")
    articles = re.findall(r"^ = ([^=].*) = $", text, re.MULTILINE)
    known = [items[place] for place, answer in promised.items() if answer["rule"] == "test_set_title"]
    assert [isinstance(item, Record) and item.title in articles for item in known] == [True]


def test_listed_hosts_are_the_hosts_of_the_unsafe_pages(
    corpus: Path, promised: dict[Place, dict], items: dict[Place, Item]
) -> None:
    hosts = tuple((corpus / "safety/hosts.txt").read_text("utf-8").split())
    listed = set()
    for place, item in items.items():
        if isinstance(item, Record) and urlsplit(item.url or "").netloc.endswith(hosts):
            listed.add(place)
    assert listed == {place for place, answer in promised.items() if answer["rule"] == "unsafe_host"}

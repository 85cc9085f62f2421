"""In a build `explain` tells of every planted document what its answer says, and proves it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from massivetext import build
from massivetext.explain.corpus import Corpus
from massivetext.explain.explained import Explained
from massivetext.explain.fate import Fates
from pipelines import documents, tokens
from pipelines.kernels.shingles import shingle_set
from pipelines.packing import records
from pipelines.packing.records import Layout
from pipelines.tokenization import tokenizer


def answers(sample: Path) -> Iterator[dict[str, str]]:
    for line in (sample / "answers.jsonl").read_text().splitlines():
        answer = json.loads(line)
        if "row" in answer:
            yield answer


def test_what_is_told_agrees_with_every_answer(sample: Path, told: dict[tuple[str, int], Explained]) -> None:
    checked: Counter[str] = Counter()
    groups: dict[str, list[Explained]] = {}
    for answer in answers(sample):
        place = answer["source"], int(answer["row"])
        if answer["outcome"] in ("skipped", "unreadable"):
            assert place not in told
            continue
        explained = told[place]
        if answer["outcome"] == "one_kept":
            groups.setdefault(answer["group"], []).append(explained)
            continue
        assert explained.outcome == answer["outcome"], place
        assert (explained.drop.rule if explained.drop else None) == answer["rule"], place
        checked[answer["rule"] or "kept"] += 1
    assert len(checked) > 25
    assert checked["kept"] > 100
    for name, members in groups.items():
        kept = [one for one in members if one.outcome == "kept"]
        assert len(kept) == 1, name
        docid = kept[0].document and kept[0].document.docid
        for one in members:
            if one is not kept[0] and one.drop and one.drop.rule != "cut_away":
                assert one.partner is not None
                assert (one.partner.docid, one.partner.fate) == (docid, "kept")


def test_the_signals_told_are_those_that_dropped(told: dict[tuple[str, int], Explained]) -> None:
    tried = 0
    for explained in told.values():
        if explained.drop and explained.drop.stage == "decide":
            first = explained.failed[0]
            assert (first.rule, first.value) == (explained.drop.rule, explained.drop.value)
            assert [signal.rule for signal in explained.failed[1:]] == explained.drop.also
            assert first.part is None or first.part / (first.whole or 1) == first.value
            tried += 1
        elif explained.document and explained.document.subset != "github" and explained.outcome != "skipped":
            assert not explained.failed
    assert tried > 30


def test_a_near_duplicate_comes_with_its_jaccard_and_the_lines_that_differ(
    built: Path, told: dict[tuple[str, int], Explained]
) -> None:
    near = [one for one in told.values() if one.drop and one.drop.rule == "near_duplicate"]
    assert near
    for explained in near:
        assert explained.partner is not None
        assert explained.drop is not None
        row = Corpus(str(built)).document(explained.partner.docid)
        assert row is not None
        ours, theirs = set(shingle_set(explained.text)), set(shingle_set(row["text"]))
        assert explained.drop.value == pytest.approx(len(ours & theirs) / len(ours | theirs), abs=1e-12)
        lines = {"-": explained.text.splitlines(), "+": row["text"].splitlines()}
        for difference in explained.differences:
            assert lines[difference.sign][difference.line - 1] == difference.text
        gone, new = ({d.text for d in explained.differences if d.sign == sign} for sign in "-+")
        assert {line for line in lines["-"] if line.strip()} - gone <= set(lines["+"])
        assert {line for line in lines["+"] if line.strip()} - new <= set(lines["-"])
        assert gone or new


def test_what_was_cut_stands_first_where_it_is_said_to(built: Path, told: dict[tuple[str, int], Explained]) -> None:
    corpus = Corpus(str(built))
    spans = 0
    for explained in told.values():
        cut = explained.cut
        assert bool(cut) == (explained.stages.get("cut") == "dropped" or explained.cut is not None)
        for span in cut.spans if cut else ():
            assert cut is not None
            assert span.first is not None
            assert span.first_start is not None
            row = corpus.row(tokens.encoded(corpus.folders.tokens), span.first.docid, ["text"])
            assert row is not None
            assert row["text"][span.first_start : span.first_end] == cut.text[span.start : span.end]
            assert (span.first.docid, span.first_start) != (explained.document and explained.document.docid, span.start)
            spans += 1
    assert spans > 3


def test_planted_passages_are_told_as_cut_in_all_but_one_place(
    sample: Path, told: dict[tuple[str, int], Explained]
) -> None:
    passages = [json.loads(line) for line in (sample / "answers.jsonl").read_text().splitlines() if '"passage"' in line]
    assert passages
    for passage in passages:
        words = re.compile(r"\s+".join(map(re.escape, str(passage["passage"]).split())))
        cut = 0
        for source, row in passage["sources"]:
            found = told[source, row].cut
            if found is not None:
                at = words.search(found.text)
                assert at is not None
                cut += sum(max(0, min(s.end, at.end()) - max(s.start, at.start())) for s in found.spans) > 50
        assert cut == len(passage["sources"]) - 1


def test_the_records_told_hold_the_document(built: Path, told: dict[tuple[str, int], Explained]) -> None:
    manifest = Corpus(str(built)).manifest
    assert manifest is not None
    layout = Layout(manifest["sequence_length"], manifest["vocabulary"], manifest["eos"])
    encoder = tokenizer.load(str(built / "train" / "tokenizer.model"))
    texts = {
        row["id"].hex(): row["text"]
        for path in (built / "text").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    }
    streams: dict[str, np.ndarray] = {}
    placed = 0
    for explained in told.values():
        assert explained.document is not None
        for place in explained.occurrences:
            if place.shard not in streams:
                batches = records.read_records(str(built / "train" / place.shard), layout)
                streams[place.shard] = np.concatenate([batch.ravel() for batch in batches])
            end = place.first_token + place.tokens
            held = encoder.decode(streams[place.shard][place.first_token : end])
            text = texts[explained.document.id]
            assert text.startswith(held.rstrip("\ufffd"))
            assert streams[place.shard][end] == manifest["eos"]
            assert place.first_record == place.first_token // layout.sequence_length
            assert place.last_record == end // layout.sequence_length
            placed += 1
        assert not (explained.drop and explained.occurrences)
    documents_held = sum(
        shard["documents"] for s in manifest["subsets"].values() for shard in (*s["train"], *s["valid"])
    )
    assert placed == documents_held


def test_a_test_set_drop_names_its_item_and_the_words_of_it(told: dict[tuple[str, int], Explained]) -> None:
    near = [one for one in told.values() if one.drop and one.drop.rule == "test_set"]
    assert near
    for explained in near:
        item = explained.test_item
        assert item is not None
        assert explained.drop is not None
        assert re.fullmatch(r"passages\.jsonl\.gz:\d+(:\w+)?", item.item or "")
        assert item.jaccard == explained.drop.value
        assert sum(end - start for start, end in item.spans) > 0.5 * len(explained.text)


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is opened and read from now on, of any file."""
    from pipelines import files

    counts: Counter[str] = Counter()
    opened = files.open_read

    def open_counted(path: str):  # type: ignore[no-untyped-def]
        counts["opened"] += 1
        return opened(path)

    monkeypatch.setattr(files, "open_read", open_counted)
    return counts


def test_the_number_of_files_that_a_lookup_opens_does_not_grow_with_the_build(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(str(built))
    shards = len(corpus.shards)
    path = documents.shard_file(corpus.folders.documents, shards - 2)
    row = pq.read_table(path, columns=["docid", "id"]).slice(0, 1).to_pylist()[0]
    counts = counted(monkeypatch)
    assert corpus.named(row["id"].hex()) == [row["docid"]]
    looked_up = counts["opened"]
    Fates(corpus).explain("x", row["docid"])
    # A name: the index (its text may be a locator too) and the document's row. A document: a file per stage and what
    # it left, its own row and its tokens, and one table of provenance.
    assert looked_up <= 5
    assert counts["opened"] - looked_up <= 20
    assert shards > 15


@pytest.mark.slow
def test_a_build_that_stopped_says_what_has_not_run_and_one_against_another_names_its_document(
    sample: Path, built: Path, tmp_path: Path
) -> None:
    out = tmp_path / "later"
    given = ["--mixture", "gopher", "--input", str(sample), "--output", str(out), "--workers", "1"]
    build.run([*given, "--vocabulary", "1024", "--against", str(built), "--until", "deduplicate", *accept()])
    fates = Fates(Corpus(str(out)), [str(built)])
    seen = Counter()
    for path in sorted((out / "documents").glob("*.parquet")):
        for docid in pq.read_table(path, columns=["docid"]).column("docid").to_pylist():
            explained = fates.explain("x", docid)
            assert explained is not None
            if explained.drop is None:
                assert (explained.stages["exclude"], explained.stages["cut"]) == ("not run", "not run")
            elif explained.partner and explained.partner.earlier is not None:
                assert explained.partner.earlier == 0
                assert explained.partner.source is not None
                seen[explained.drop.rule] += 1
    assert seen["exact_duplicate"] > 100


def accept() -> list[str]:
    names = ("books", "c4", "github", "massiveweb", "news", "wikipedia")
    return [option for name in names for option in ("--accept-loss", name)]

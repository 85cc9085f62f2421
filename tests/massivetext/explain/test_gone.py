"""Of a build from which folders were freed or damaged, `explain` tells what is left and names what is gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from massivetext.clean import freed_by
from massivetext.explain.__main__ import main
from massivetext.explain.corpus import Corpus
from massivetext.explain.explained import Explained
from massivetext.explain.fate import Fates
from massivetext.folders import Folders
from massivetext.retention import Retention
from massivetext.verify import verify
from pipelines import documents
from pipelines.engine import Engine


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """The build again, for tests that take parts of it away."""
    shutil.copytree(built, tmp_path / "copied")
    return tmp_path / "copied"


def first(told: dict[tuple[str, int], Explained], rule: str | None) -> Explained:
    """A document that fell to the rule, or one that is in the training set."""
    found = (one for one in told.values() if (one.drop.rule if one.drop else None) == rule)
    return next(one for one in found if rule or one.occurrences)


def test_of_a_build_that_kept_nothing_but_train_the_records_of_an_id_are_told(
    told: dict[tuple[str, int], Explained], copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Retention(Folders(str(copied))).apply("none")
    kept, dropped = first(told, None).document, first(told, "dup_5").document
    assert kept is not None
    assert dropped is not None
    fates = Fates(Corpus(str(copied)))
    left = fates.explain(kept.id, kept.docid)
    assert left is not None
    assert (left.outcome, left.occurrences) == ("kept", first(told, None).occurrences)
    assert set(left.stages.values()) == {"removed"}
    assert any("documents/ is gone" in note for note in left.notes)
    unknown = fates.explain(dropped.id, dropped.docid)
    assert unknown is not None
    assert unknown.outcome == "unknown"
    assert main([kept.id, "--build", str(copied)]) == 0
    assert "in train/" in capsys.readouterr().out
    assert main([kept.url or "https://example.org/", "--build", str(copied)]) == 2
    assert "the index was freed" in capsys.readouterr().err


def test_verify_finds_a_damaged_index(copied: Path) -> None:
    assert verify(str(copied / "train"))[1] == []
    path = sorted((copied / "index").glob("*.names"))[0]
    path.write_bytes(path.read_bytes()[:-16])
    (problem,) = verify(str(copied / "train"))[1]
    assert path.name in problem


def test_without_documents_the_sidecars_still_tell_the_rule_and_the_partner(
    told: dict[tuple[str, int], Explained], copied: Path
) -> None:
    Retention(Folders(str(copied))).apply("last")
    near = first(told, "near_duplicate")
    assert near.document is not None
    left = Fates(Corpus(str(copied))).explain(near.document.id, near.document.docid)
    assert left is not None
    assert (left.outcome, left.drop) == ("dropped", near.drop)
    assert left.partner is not None
    assert near.partner is not None
    assert left.partner.docid == near.partner.docid


def test_without_documents_a_record_that_is_none_still_has_its_reason(sample: Path, copied: Path) -> None:
    answers = map(json.loads, (sample / "answers.jsonl").read_text().splitlines())
    answer = next(answer for answer in answers if answer.get("outcome") == "skipped")
    would_go = freed_by(str(copied), "last")["documents"]
    assert Retention(Folders(str(copied))).apply("last")["documents"] == would_go
    corpus = Corpus(str(copied))
    (shard,), record = corpus.place(f"{answer['source']}:{answer['row']}")
    left = Fates(corpus).explain("x", documents.docid(shard.number, record or 0))
    assert left is not None
    assert left.skip is not None
    assert (left.outcome, left.skip.reason) == ("skipped", answer["rule"])
    assert not verify(str(copied / "train"))[1]


def test_without_its_text_a_dropped_document_keeps_its_values_and_says_so(
    told: dict[tuple[str, int], Explained], copied: Path
) -> None:
    assert Retention(Folders(str(copied))).apply_to_dropped(Engine(workers=1)) > 0
    dropped = first(told, "dup_5")
    assert dropped.document is not None
    left = Fates(Corpus(str(copied))).explain("x", dropped.document.docid)
    assert left is not None
    assert [(s.rule, s.value, s.keep) for s in left.signals] == [(s.rule, s.value, s.keep) for s in dropped.signals]
    assert not any(signal.spans for signal in left.signals)
    assert any("text was removed" in note for note in left.notes)

"""What became of a document of a build: which stage dropped it, for whose sake, what was cut, which records hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from massivetext.explain import compare
from massivetext.explain.corpus import PUBLIC_ID, REMOVED, THERE, Corpus
from massivetext.explain.explained import (
    DROPPED,
    KEPT,
    SKIPPED,
    UNKNOWN,
    UNREADABLE,
    Cut,
    Document,
    Drop,
    Explained,
    Other,
    Part,
    TestItem,
    name_of,
    signals,
)
from massivetext.explain.placement import Occurrence, occurrences, occurrences_in
from pipelines import documents, files, skipped
from pipelines.identify import RULE as SAME_RECORD
from pipelines.substrings.overlay import CHANGED

# The stages that drop documents, in their order, and their folders below `stages/`.
DROPPING = {
    "identify": "identify",
    "decide": "decide",
    "exact": "exact",
    "near": "near",
    "exclude": "exclude",
    "cut": "cut/final",
}
NEAR = "near_duplicate"
CONTAINMENT = ".containment.parquet"
FREED = "its text was removed after the build; the values are those that were measured"
PASSED, NOT_RUN = "passed", "not run"


@dataclass(frozen=True)
class Fates:
    """Explains documents of one build. `against`: folders of earlier builds, in the order that the build was given."""

    corpus: Corpus
    against: Sequence[str] = ()
    mixture: str | None = None
    wanted: Sequence[str] = ()

    def explain(self, asked: str, docid: int) -> Explained | None:
        """All about one document, None where there is no such one."""
        row = self.corpus.document(docid)
        if row is None and (skip := self.corpus.skipped(docid)):
            outcome_ = UNREADABLE if skip.reason == skipped.UNREADABLE else SKIPPED
            return Explained(asked, outcome_, "", "", [], skip=skip)
        if row is None:
            shard = documents.shard_file(self.corpus.folders.documents, docid >> 32)
            return None if files.exists(shard) else self.remains(asked, docid)
        stages, drop, partner = self.course(docid)
        freed = not row["text"] and bool(row["characters"])
        found = [] if drop else self._occurrences(row)
        other = None if partner is None else self._other(partner, docid)
        theirs = self._text_of(other) if drop and drop.rule == NEAR and not freed else None
        cut, item = self._passages(docid, row["text"], drop)
        return Explained(
            asked,
            outcome(drop),
            row["text"],
            f"{row['language']} {row['language_probability']:.2f}",
            signals(self.corpus.rules(row["subset"], self.mixture), row, None if freed else row["text"], self.wanted),
            described(row, self.corpus.part(docid >> 32)),
            stages,
            drop,
            other,
            [] if theirs is None else compare.differences(row["text"], theirs),
            item,
            cut,
            found,
            [*([FREED] if freed else []), *self._notes(row, drop, stages, found), *_unseen(drop, theirs)],
        )

    def remains(self, asked: str, docid: int | None) -> Explained | None:
        """What can be told once `documents/` is gone: sidecars where they are left, and the records of a public id."""
        stages, drop, partner = ({}, None, None) if docid is None else self.course(docid)
        found: list[Occurrence] = []
        if PUBLIC_ID.fullmatch(asked) and self.corpus.manifest is not None:
            found = occurrences(self.corpus.folders.train, self.corpus.manifest, bytes.fromhex(asked))
        if docid is None and not found:
            return None
        notes = ["documents/ is gone, and with it the text and its signals"]
        notes += [] if docid is None else [f"it was record {docid & 0xFFFFFFFF} of {self._source(docid)}"]
        verdict = outcome(drop) if drop else KEPT if found else UNKNOWN
        other = self._other(partner, docid) if partner is not None and docid is not None else None
        return Explained(
            asked, verdict, "", "", [], None, stages, drop, other, occurrences=found, notes=[*notes, *_removed(stages)]
        )

    def _source(self, docid: int) -> str:
        shard = docid >> 32
        return self.corpus.shards[shard].source if shard < len(self.corpus.shards) else f"shard {shard}"

    def _passages(self, docid: int, text: str, drop: Drop | None) -> tuple[Cut | None, TestItem | None]:
        """What was cut, and what of a test item the document holds."""
        folders = self.corpus.folders
        changed = self.corpus.row(folders.stage(DROPPING["cut"]), docid, ["docid"], CHANGED)
        reported = self.corpus.row(folders.stage("exclude"), docid, ["docid"], CONTAINMENT)
        if not changed and not reported:
            return None, None
        from massivetext.explain.passages import Passages  # here, since it loads Numba

        passages = Passages(self.corpus, lambda partner: self._other(partner, docid))
        return passages.cut(docid), passages.test_item(docid, text, drop.rule if drop else None)

    def course(self, docid: int) -> tuple[dict[str, str], Drop | None, int | None]:
        """The state of every stage for a document, its drop and the docid that stays in its place, where there are."""
        passed: dict[str, str] = {}
        for stage, folder in DROPPING.items():
            state = self.corpus.state(folder, docid >> 32)
            if state != THERE:
                passed[stage] = REMOVED if state == REMOVED else NOT_RUN
                continue
            row = self.corpus.row(self.corpus.folders.stage(folder), docid)
            if row is None:
                passed[stage] = PASSED
                continue
            passed[stage] = DROPPED
            partner = row["partner"] if row["partner"] >= 0 else None
            return passed, Drop(stage, row["rule"], row["value"], row["bound"], row["also"]), partner
        return passed, None, None

    def _other(self, docid: int, asking: int) -> Other:
        """Another document by name, with what became of it in turn."""
        if docid >> 32 >= len(self.corpus.shards):
            return self._earlier(asking, docid)
        row = self.corpus.row(self.corpus.folders.documents, docid, ["id", "url", "locator", "source"])
        _, drop, _ = self.course(docid)
        fate = f"{outcome(drop)} by {drop.rule}" if drop else KEPT
        if row is None:
            return Other(docid, None, f"docid {docid}", None, docid & 0xFFFFFFFF, fate)
        return Other(
            docid,
            row["id"].hex(),
            name_of(row["url"], row["locator"], row["source"]),
            row["source"],
            docid & 0xFFFFFFFF,
            fate,
            part=self.corpus.part(docid >> 32),
        )

    def _earlier(self, asking: int, docid: int) -> Other:
        """A document of an earlier build, as `matches` names it, and as that build does where it is given."""
        row = self.corpus.row(self.corpus.folders.stage("matches"), asking) or {}
        number, there = row.get("build"), row.get("earlier", docid)
        public = row["id"].hex() if row else None
        told = None
        if number is not None and number < len(self.against):
            told = Corpus(self.against[number]).row(
                Corpus(self.against[number]).folders.documents, there, ["id", "url", "locator", "source"]
            )
        name = name_of(told["url"], told["locator"], told["source"]) if told else f"document {public or docid}"
        return Other(there, public, name, told["source"] if told else None, there & 0xFFFFFFFF, "kept there", number)

    def _text_of(self, other: Other | None) -> str | None:
        if other is None or (other.earlier is not None and other.earlier >= len(self.against)):
            return None
        corpus = self.corpus if other.earlier is None else Corpus(self.against[other.earlier])
        row = corpus.row(corpus.folders.documents, other.docid, ["text"])
        return None if row is None else str(row["text"])

    def _occurrences(self, row: Mapping[str, Any]) -> list[Occurrence]:
        manifest = self.corpus.manifest
        if manifest is None:
            return []
        return occurrences_in(self.corpus.folders.train, manifest, row["id"], row["subset"], row["split"])

    def _notes(
        self, row: Mapping[str, Any], drop: Drop | None, passed: Mapping[str, str], found: Sequence[Occurrence]
    ) -> list[str]:
        notes = _removed(passed)
        if waiting := [stage for stage, state in passed.items() if state == NOT_RUN]:
            notes.append(f"the build has not ended {', '.join(waiting)}: run it again to go on")
        manifest = self.corpus.manifest
        if manifest is not None and drop is None and not found and REMOVED not in passed.values():
            epochs = manifest["subsets"][row["subset"]]["epochs"]
            notes.append(f"kept, but not drawn: the mixture takes {epochs:.3f} epochs of {row['subset']}")
        return notes


def _removed(stages: Mapping[str, str]) -> list[str]:
    gone = [stage for stage, state in stages.items() if state == REMOVED]
    return [f"removed after the build, so not known: the verdicts of {', '.join(gone)}"] if gone else []


def outcome(drop: Drop | None) -> str:
    if drop is None:
        return KEPT
    return SKIPPED if drop.rule == SAME_RECORD else DROPPED


def described(row: Mapping[str, Any], part: Part | None) -> Document:
    told = {name: row[name] for name in ("docid", "subset", "source", "locator", "url", "timestamp", "title", "split")}
    return Document(id=row["id"].hex(), record=row["docid"] & 0xFFFFFFFF, part=part, **told)


def _unseen(drop: Drop | None, theirs: str | None) -> list[str]:
    if drop is None or drop.rule != NEAR or theirs is not None:
        return []
    return ["the texts are not both here, so no lines are compared; a build named by --against may have the other"]

"""Exact substrings, the text's side: repeated windows become cuts, and readers see what is left.

The last stage's folder holds two files a shard: `00012.parquet`, a sidecar of documents of which too little
is left (rule `cut_away`), and `00012.cut.parquet`, the documents that a cut changed. What stands in neither
is unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines import documents, exchange, files, identity, tokenizer, windows
from pipelines.engine import Engine
from pipelines.kernels.substrings import covered, warm_up
from pipelines.overlay import CHANGED, overlay_schema, replaced
from pipelines.spans import Span, text_spans, without
from pipelines.stage import Mark, Result, Stage
from pipelines.tokenizer import Encoder
from pipelines.tokens import encoded, flat_tokens, model_path, token_lists
from pipelines.windows import FULL, NONE, REFERENCE, REPEAT, Anchors, LiveAnchors, Places, Repeats, Windows

FINAL = "final"
COLUMNS = ["docid", "text", "tokens"]
AWAY = "cut_away"
COUNTS = (
    "documents",
    "documents_cut",
    "documents_cut_away",
    "tokens_before",
    "tokens_marked",
    "tokens_cut",
    "tokens_cut_away",
    "tokens",
)
KEEP_ONE, REMOVE_ALL = "keep_one", "remove_all"
# CPU seconds per MB of encoded file (measured): hashing, and cutting.
HASH_COST, CUT_COST = 0.05, 0.1


@dataclass(frozen=True)
class Cutting:
    """What is cut: repeated windows of `length` tokens.

    A document left with fewer than `minimum` tokens is dropped.     `keep_one` leaves every repeated passage
    standing once, `remove_all` nowhere.
    """

    length: int = 50
    minimum: int = 10
    mode: str = KEEP_ONE

    def __post_init__(self) -> None:
        if self.length < 2 or not 1 <= self.minimum <= self.length:
            raise ValueError(
                f"cut: length {self.length}, minimum {self.minimum}; expected length >= 2 and 1 <= minimum <= length"
            )
        if self.mode not in (KEEP_ONE, REMOVE_ALL):
            raise ValueError(f"cut: mode is {self.mode!r}, expected 'keep_one' or 'remove_all'")


def final(cut: str) -> str:
    """The folder inside `cut` whose `00012.parquet` are the sidecars of documents cut away."""
    return files.join(cut, FINAL)


def read_final(tokens: str, cut: str, shard: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of a shard's documents after the cut, in order of docid, with their new text and tokens.

    `tokens` and `cut` are the folders given to `tokenize` and `cut_substrings`, `cut` "" where nothing was
    cut. Columns: those of `tokens.schema`; `docid` is always there.
    """
    if not cut:
        yield from documents.read_kept(encoded(tokens), [], shard, columns)
        return
    kept = documents.read_kept(encoded(tokens), [final(cut)], shard, columns)
    yield from replaced(kept, documents.shard_file(final(cut), shard, CHANGED), columns)


def marked_tokens(total: int, begins: np.ndarray, first: np.ndarray, how: Cutting) -> np.ndarray:
    """Which tokens are cut, bool [total]: in a later occurrence of a repeated window and in no first one.

    `begins` int64 [occurrences], sorted: where repeated windows stand; `first` bool [occurrences].
    """
    if how.mode == REMOVE_ALL:
        return np.asarray(covered(begins, how.length, total))
    return np.asarray(covered(begins[~first], how.length, total) & ~covered(begins[first], how.length, total))


@dataclass(frozen=True)
class Changed:
    """A document after its cut, and what was cut out of it. `holds_first`: it must not be dropped."""

    docid: int
    text: str
    spans: list[Span]
    partners: list[int]
    before: int
    holds_first: bool


@dataclass(frozen=True)
class Cut:
    """Takes repeated windows out of a shard: changed documents, and those of which too little is left."""

    tokens: str
    repeats: str
    model: str
    out: str
    roles: Mapping[int, str]
    how: Cutting

    def warm_up(self) -> None:
        warm_up()

    def run(self, shard: int) -> Result:
        counts = dict.fromkeys(COUNTS, 0)
        encoder = tokenizer.load(self.model)
        drops = [documents.DROPS.empty_table()]
        path = documents.shard_file(self.out, shard, CHANGED)
        batches = self._batches(shard, encoder, counts, drops)
        changed = documents.write_batches(path, overlay_schema(encoder.dtype), batches)
        dropped = documents.write_drops(self.out, shard, pa.concat_tables(drops))
        counts["tokens"] = counts["tokens_before"] - counts["tokens_cut"] - counts["tokens_cut_away"]
        return Result([changed, dropped], {**counts, "dropped": {AWAY: counts["documents_cut_away"]}})

    def _batches(
        self, shard: int, encoder: Encoder, counts: dict[str, int], drops: list[pa.Table]
    ) -> Iterator[pa.Table]:
        places = Places(exchange.map_rows(documents.shard_file(self.repeats, shard, windows.ENDING), REPEAT))
        for batch in documents.read_batches(documents.shard_file(self.tokens, shard), COLUMNS):
            counts["documents"] += len(batch)
            counts["tokens_before"] += len(batch.column("tokens").flatten())
            if self.roles[shard] != FULL:
                continue
            changed = changed_documents(batch, places, encoder, self.how, counts)
            if changed:
                ids = encoder.encode([document.text for document in changed])
                drops.append(self._drops(changed, ids, counts))
                yield _overlay(changed, ids, encoder.dtype)

    def _drops(self, changed: list[Changed], ids: list[np.ndarray], counts: dict[str, int]) -> pa.Table:
        gone = too_short(changed, ids, self.how)
        for row, (document, left) in enumerate(zip(changed, ids, strict=True)):
            if row in gone:
                counts["documents_cut_away"] += 1
                counts["tokens_cut_away"] += document.before
            else:
                counts["documents_cut"] += 1
                counts["tokens_cut"] += document.before - len(left)
        docids = np.array([changed[row].docid for row in gone], np.int64)
        partners = np.array([changed[row].partners[0] for row in gone], np.int64)
        left = np.array([len(ids[row]) for row in gone], np.float64)
        return documents.drops_table(docids, AWAY, left, self.how.minimum, partners)


def too_short(changed: list[Changed], ids: list[np.ndarray], how: Cutting) -> list[int]:
    """Which of the changed documents are dropped for what is left; in `keep_one` never one that holds a first copy."""
    return [
        row
        for row, (document, left) in enumerate(zip(changed, ids, strict=True))
        if len(left) < how.minimum and not (document.holds_first and how.mode == KEEP_ONE)
    ]


def partners(marked: list[int], begins: np.ndarray, first_docids: np.ndarray, length: int) -> list[int]:
    """For each marked token the docid where the earliest of the windows that hold it stands first.

    `begins` [occurrences], sorted, and `first_docids` belong to the windows that mark.
    """
    at = np.searchsorted(begins, np.array(marked, np.int64) - length + 1)
    return first_docids[at].tolist()


def changed_documents(
    batch: pa.RecordBatch, places: Places, encoder: Encoder, how: Cutting, counts: dict[str, int]
) -> list[Changed]:
    """The documents of a batch (COLUMNS) out of which a span is cut. Adds to the count of marked tokens."""
    docids = batch.column("docid").to_numpy()
    ids, offsets = flat_tokens(batch.column("tokens"))
    rows, begins = places.within(docids, offsets)
    first = rows["first"] == 1
    marked = marked_tokens(len(ids), begins, first, how)
    counts["tokens_marked"] += int(marked.sum())
    cutting = np.ones(len(rows), bool) if how.mode == REMOVE_ALL else ~first
    cause, cause_begins = rows["first_docid"][cutting], begins[cutting]
    with_first = set(rows["docid"][first].tolist())
    upto = np.concatenate([[0], np.cumsum(marked)])[offsets]
    found = []
    for row in np.flatnonzero(np.diff(upto)).tolist():
        start, stop = int(offsets[row]), int(offsets[row + 1])
        text = batch.column("text")[row].as_py()
        spans = text_spans(text, encoder.bounds(ids[start:stop]), marked[start:stop])
        if spans:
            found_in = partners([start + span.token for span in spans], cause_begins, cause, how.length)
            left = encoder.canonical(without(text, spans))
            docid = int(docids[row])
            found.append(Changed(docid, left, spans, found_in, stop - start, docid in with_first))
    return found


def _overlay(changed: list[Changed], ids: list[np.ndarray], dtype: np.dtype) -> pa.Table:
    spans = [
        [
            {"start": span.start, "end": span.end, "partner": partner}
            for span, partner in zip(document.spans, document.partners, strict=True)
        ]
        for document in changed
    ]
    columns = {
        "docid": [document.docid for document in changed],
        "text": [document.text for document in changed],
        "tokens": token_lists(ids, dtype),
        "spans": spans,
    }
    return pa.table(columns, schema=overlay_schema(dtype))


def cut_substrings(
    engine: Engine, folder: str, out: str, marks: Mapping[int, Mark], roles: Mapping[int, str], how: Cutting
) -> dict[int, Mark]:
    """Run the five stages in sub-folders of `out` and return the marks of the last.

    `folder` and `marks`: where `tokenize` wrote and what it returned. `roles` per shard: `full`, `reference`
    (cut nothing here, but elsewhere what stands here) or `none`.
    """
    for shard in marks:
        if roles[shard] not in (FULL, REFERENCE, NONE):
            raise ValueError(f"shard {shard}: role is {roles[shard]!r}, expected 'full', 'reference' or 'none'")
    return _Run(engine, folder, out, marks, dict(roles), how).all()


@dataclass(frozen=True)
class _Run:
    engine: Engine
    folder: str
    out: str
    marks: Mapping[int, Mark]
    roles: Mapping[int, str]
    how: Cutting

    def all(self) -> dict[int, Mark]:
        documents_in, length = encoded(self.folder), self.how.length
        stage = self._stage("anchors", {}, {"length": length})
        anchors = self.engine.run_shards(stage, Anchors(documents_in, stage.folder, self.roles, length), HASH_COST)
        live = self._exchange("live_anchors", anchors)
        stage = self._stage("windows", live, {"length": length})
        work = Windows(documents_in, self._in("live_anchors"), stage.folder, self.roles, length)
        repeats = self._exchange("repeats", self.engine.run_shards(stage, work, HASH_COST))
        return self._cut(repeats)

    def _cut(self, repeats: Mapping[int, Mark]) -> dict[int, Mark]:
        model = model_path(self.folder)
        settings = {"length": self.how.length, "minimum": self.how.minimum, "mode": self.how.mode}
        settings["model"] = tokenizer.load(model).sha256
        stage = self._stage(FINAL, repeats, settings)
        work = Cut(encoded(self.folder), self._in("repeats"), model, stage.folder, self.roles, self.how)
        return self.engine.run_shards(stage, work, CUT_COST)

    def _in(self, name: str) -> str:
        return files.join(self.out, name)

    def _stage(self, name: str, before: Mapping[int, Mark], settings: Mapping[str, object]) -> Stage:
        """A shard stage made from the encoded documents and from the stage before it."""
        inputs = {
            shard: [self.roles[shard], mark.digests, before[shard].digests if before else []]
            for shard, mark in self.marks.items()
        }
        code = identity.of_code(__name__ if name == FINAL else windows.__name__)
        sizes = {shard: sum(f.bytes for f in mark.files) for shard, mark in self.marks.items()}
        return Stage(name, self._in(name), code, settings, inputs, sizes)

    def _exchange(self, name: str, before: Mapping[int, Mark]) -> dict[int, Mark]:
        sizes = {shard: sum(f.bytes for f in mark.files) for shard, mark in before.items()}
        inputs = {shard: mark.digests for shard, mark in before.items()}
        code = identity.of_code(windows.__name__)
        stage = Stage(name, self._in(name), code, {}, inputs, sizes, exchanges=True)
        if name == "live_anchors":
            return self.engine.run_exchange(stage, LiveAnchors(self._in("anchors"), stage.folder), sum(sizes.values()))
        return self.engine.run_exchange(stage, Repeats(self._in("windows"), stage.folder), sum(sizes.values()))

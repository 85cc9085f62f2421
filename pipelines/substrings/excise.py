"""Takes repeated windows out of a shard's documents: new texts, new ids, and what was cut out of which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines import documents, exchange
from pipelines.kernels.substrings import warm_up
from pipelines.stage import Result
from pipelines.substrings import recode, windows
from pipelines.substrings.overlay import CHANGED, overlay_schema
from pipelines.substrings.recode import Part
from pipelines.substrings.repeats import KEEP_ONE, REMOVE_ALL, Cutting, earliest, marked_tokens
from pipelines.substrings.spans import Span, text_spans, without
from pipelines.substrings.windows import FULL, REPEAT, Places
from pipelines.tokenization import tokenizer
from pipelines.tokenization.tokenizer import Encoder
from pipelines.tokens import flat_tokens, token_lists

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


@dataclass(frozen=True)
class Changed:
    """A document after its cut, and what was cut out of it. `holds_first`: it must not be dropped.

    `parts` are its ids where the cut left them as they were, and the text of what is to be encoded again.
    """

    docid: int
    text: str
    parts: list[Part]
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
        lines = recode.lines_alone(encoder)
        drops = [documents.DROPS.empty_table()]
        path = documents.shard_file(self.out, shard, CHANGED)
        batches = self._batches(shard, encoder, lines, counts, drops)
        changed = documents.write_batches(path, overlay_schema(encoder.dtype), batches)
        dropped = documents.write_drops(self.out, shard, pa.concat_tables(drops))
        counts["tokens"] = counts["tokens_before"] - counts["tokens_cut"] - counts["tokens_cut_away"]
        return Result([changed, dropped], {**counts, "dropped": {AWAY: counts["documents_cut_away"]}})

    def _batches(
        self, shard: int, encoder: Encoder, lines: bool, counts: dict[str, int], drops: list[pa.Table]
    ) -> Iterator[pa.Table]:
        places = Places(exchange.map_rows(documents.shard_file(self.repeats, shard, windows.ENDING), REPEAT))
        for batch in documents.read_batches(documents.shard_file(self.tokens, shard), COLUMNS):
            counts["documents"] += len(batch)
            counts["tokens_before"] += len(batch.column("tokens").flatten())
            if self.roles[shard] != FULL:
                continue
            changed = changed_documents(batch, places, encoder, lines, self.how, counts)
            if changed:
                ids = recode.encoded(encoder, [document.parts for document in changed])
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


def changed_documents(
    batch: pa.RecordBatch, places: Places, encoder: Encoder, lines: bool, how: Cutting, counts: dict[str, int]
) -> list[Changed]:
    """The documents of a batch (COLUMNS) out of which a span is cut. Adds to the count of marked tokens.

    `lines`: whether a line's ids hang on that line alone.
    """
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
        bounds = encoder.bounds(ids[start:stop])
        spans = text_spans(text, bounds, marked[start:stop])
        if spans:
            token = np.array([start + span.token for span in spans], np.int64)
            partners = earliest(token, cause_begins, cause, how.length).tolist()
            left = encoder.canonical(without(text, spans))
            parts: list[Part] = recode.parts(text, spans, ids[start:stop], bounds) if lines else [left]
            docid = int(docids[row])
            found.append(Changed(docid, left, parts, spans, partners, stop - start, docid in with_first))
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

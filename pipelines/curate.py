"""curate: source shards -> documents/, each with its text, provenance, identity and every signal.

In: one source file per shard. Out: `documents/00012.parquet`, also of documents that will be dropped.
Counts: records, skipped by reason, unreadable (with file, row, byte position and cause), documents, replaced code
points.
Failure: a record that cannot be read is counted and set aside; any other error stops the build.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from filters import gopher, language, safety
from pipelines import documents, extract, files, inputs, sources
from pipelines.documents import BATCH_BYTES, BATCH_DOCUMENTS, SCHEMA, Order
from pipelines.sources.record import Record, Skipped, Unreadable
from pipelines.stage import Result

LISTED_UNREADABLE = 100
IDENTITY_COLUMNS = ("docid", "id", "rank", "split", "subset", "source")
RECORD_COLUMNS = ("locator", "url", "timestamp", "title", "text", "text_hash", "characters")


@dataclass
class Tally:
    """What became of a shard's records."""

    records: int = 0
    documents: int = 0
    text_bytes: int = 0
    replaced: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: list[list[Any]] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        """For the shard's mark. The list of unreadable records is cut at 100 a shard, their number is exact."""
        return {
            "records": self.records,
            "documents": self.documents,
            "text_bytes": self.text_bytes,
            "replaced": self.replaced,
            "skipped": dict(sorted(self.skipped.items())),
            "unreadable": len(self.unreadable),
            "unreadable_at": self.unreadable[:LISTED_UNREADABLE],
        }


@dataclass(frozen=True)
class Subset:
    """How a subset is read. `root` is where its sources lie, `reader` a user's own by import path."""

    root: str
    reader: str | None
    extractor: str
    priority: int
    generation: int = 0


@dataclass(frozen=True)
class Curate:
    """Reads, extracts and measures one source shard. Models and host lists by path, '' for none."""

    out: str
    table: str
    subsets: Mapping[str, Subset]
    seed: int
    valid_share: float
    language_model: str
    safety_model: str
    safety_hosts: str

    def warm_up(self) -> None:
        language.measure(["Load the model before the first document."], files.local_copy(self.language_model) or None)
        gopher.measure([""])

    @cached_property
    def shards(self) -> list[inputs.Shard]:
        return inputs.read_table(self.table)

    def run(self, shard: int) -> Result:
        entry = self.shards[shard]
        subset = self.subsets[entry.subset]
        order = Order(self.seed, subset.generation, subset.priority, self.valid_share)
        tally = Tally()
        path = files.join(subset.root, entry.source)
        rows = readable(sources.read(path, subset.reader), entry.source, subset.extractor, tally)
        batches = (self.measured(batch, entry, order) for batch in batched(rows))
        written = documents.write_batches(documents.shard_file(self.out, shard), SCHEMA, batches)
        return Result([written], {entry.subset: tally.counts()})

    def measured(self, rows: list[dict[str, Any]], entry: inputs.Shard, order: Order) -> pa.RecordBatch:
        """One batch of the documents file from its rows, with identities and all signals."""
        identities = [documents.public_id(entry.subset, row["locator"], row["digest"]) for row in rows]
        texts = pa.array([row["text"] for row in rows], pa.large_string())
        columns: dict[str, Any] = {
            "docid": [documents.docid(entry.number, row["row"]) for row in rows],
            "id": identities,
            "rank": [order.rank(identity) for identity in identities],
            "split": [order.split(identity) for identity in identities],
            "subset": [entry.subset] * len(rows),
            "source": [entry.source] * len(rows),
            **{name: [row[name] for row in rows] for name in RECORD_COLUMNS if name != "text"},
            "text": texts,
        }
        spoken, unsafe, hosts = (
            files.local_copy(path) or None for path in (self.language_model, self.safety_model, self.safety_hosts)
        )
        for signals in (
            language.measure(texts, spoken),
            safety.measure(texts, columns["url"], unsafe, hosts),
            gopher.measure(texts),
        ):
            columns.update({name: signals.column(name).combine_chunks() for name in signals.column_names})
        arrays = [_array(columns[column.name], column.type) for column in SCHEMA]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def readable(
    records: Iterator[Record | Skipped | Unreadable], source: str, extractor: str, tally: Tally
) -> Iterator[dict[str, Any]]:
    """A row of the documents file per readable record; the others are counted in `tally`."""
    for record in records:
        tally.records += 1
        if isinstance(record, Skipped):
            tally.skipped[record.reason] += 1
        elif isinstance(record, Unreadable):
            tally.unreadable.append([source, record.row, record.position, record.cause])
        else:
            tally.documents += 1
            tally.replaced += record.replaced
            row = curate(record, extractor)
            tally.text_bytes += row["bytes"]
            yield row


def curate(record: Record, extractor: str) -> dict[str, Any]:
    """The record's text, extracted where it is HTML, with its provenance and the hash of the text as it is."""
    text, title = record.text, record.title
    if record.html is not None:
        text, found = extract.extract(record.html, record.encoding, record.url, extractor)
        title = title or found
    encoded = (text or "").encode()
    return {
        "row": record.row,
        "digest": record.digest,
        "locator": record.locator,
        "url": record.url,
        "timestamp": record.timestamp,
        "title": title,
        "text": text or "",
        "bytes": len(encoded),
        "text_hash": documents.text_hash(encoded),
        "characters": float(len(text or "")),
    }


def batched(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in lists of at most 4,096 documents and 8 MB of text; one larger document is a list of its own."""
    batch: list[dict[str, Any]] = []
    held = 0
    for row in rows:
        if batch and (held + row["bytes"] > BATCH_BYTES or len(batch) == BATCH_DOCUMENTS):
            yield batch
            batch, held = [], 0
        batch.append(row)
        held += row["bytes"]
    if batch:
        yield batch

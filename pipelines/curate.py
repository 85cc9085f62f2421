"""curate: source shards -> documents/, each with its text, provenance, identity and every signal.

In: one source file per shard. Out: `documents/00012.parquet`, also of documents that will be dropped, and
`00012.skipped`, the records that are no documents.
Counts: records, skipped by reason, unreadable (with file, row, byte position and cause), documents, replaced code
points, masked personal data.
Failure: a record that cannot be read is counted and set aside, also one that kills the process or takes too long
(`guard`); any other error stops the build.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from filters import gopher, language, mask, quality_model, safety
from pipelines import documents, extract, files, inputs, skipped, sources
from pipelines.documents import BATCH_BYTES, BATCH_DOCUMENTS, SCHEMA, Order
from pipelines.poison.notes import BATCH, EXTRACT, MEASURE, OPEN, READ, WRITE, Note, SetAside
from pipelines.skipped import Log
from pipelines.sources import optout
from pipelines.sources.how import PLAIN, How
from pipelines.sources.licences import ANY
from pipelines.sources.record import Item, Record, Skipped, Unreadable
from pipelines.stage import Result

LISTED_UNREADABLE = 100
OPTED_OUT = "opted_out"
OUT_OF_REACH = ", and what follows in the file is out of reach: its reader takes no `avoid`"
IDENTITY_COLUMNS = ("docid", "id", "rank", "split", "subset", "source")
RECORD_COLUMNS = ("locator", "url", "timestamp", "title", "metadata", "text", "text_hash", "characters")


@dataclass
class Tally:
    """What became of a shard's records."""

    records: int = 0
    documents: int = 0
    text_bytes: int = 0
    replaced: int = 0
    masked: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: list[list[Any]] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        """For the shard's mark. The list of unreadable records is cut at 100 a shard, their number is exact."""
        return {
            "records": self.records,
            "documents": self.documents,
            "text_bytes": self.text_bytes,
            "replaced": self.replaced,
            "masked": dict(sorted(self.masked.items())),
            "skipped": dict(sorted(self.skipped.items())),
            "unreadable": len(self.unreadable),
            "unreadable_at": self.unreadable[:LISTED_UNREADABLE],
        }


@dataclass(frozen=True)
class Subset:
    """How a subset is read. `root` is where its sources lie, `reader` a user's own by import path.

    `mask` names the kinds of personal data that tokens replace in its texts. `fields` and `licences` as in
    `sources.How`.
    """

    root: str
    reader: str | None
    extractor: str
    priority: int
    generation: int = 0
    mask: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    licences: tuple[str, ...] = (ANY,)


@dataclass(frozen=True)
class Curate:
    """Reads, extracts and measures one source shard. Models and host lists by path, '' for none.

    `opt_out` are paths of lists of hosts and URLs whose records are left out.
    """

    out: str
    table: str
    subsets: Mapping[str, Subset]
    seed: int
    valid_share: float
    language_model: str
    safety_model: str
    safety_hosts: str
    opt_out: tuple[str, ...] = ()
    quality_model: str = ""
    language_bytes: int = language.HEAD_BYTES

    def warm_up(self) -> None:
        language.measure(["Load the model before the first document."], files.local_copy(self.language_model) or None)
        gopher.measure([""])
        extract.warm_up({subset.extractor for subset in self.subsets.values()})

    @cached_property
    def shards(self) -> list[inputs.Shard]:
        return inputs.read_table(self.table)

    def __getstate__(self) -> dict[str, Any]:
        """Without the table, which every process reads for itself."""
        return {name: value for name, value in self.__dict__.items() if name != "shards"}

    def made_from(self, shard: int) -> list[Any]:
        """What the shard's records depend on: the file, as far as a change of it shows."""
        entry = self.shards[shard]
        return [entry.subset, entry.source, entry.bytes, entry.version, entry.start]

    def describe(self, shard: int) -> str:
        return self.shards[shard].source

    def run(self, shard: int) -> Result:
        return self.run_noting(shard, Note(), SetAside())

    def run_noting(self, shard: int, note: Note, aside: SetAside) -> Result:
        """The result of `run` without the records that are set aside; `note` says which record it is at."""
        entry = self.shards[shard]
        subset = self.subsets[entry.subset]
        order = Order(self.seed, subset.generation, subset.priority, self.valid_share)
        tally = Tally()
        how = entry.how(subset.fields, subset.licences)
        items = reached(files.join(subset.root, entry.source), subset.reader, note, aside, how)
        refused = optout.load(tuple(files.local_copy(path) for path in self.opt_out))
        with skipped.log(self.out, shard) as log:
            rows = readable(items, entry.source, subset.extractor, tally, subset.mask, refused, note, log)
            batches = (
                self.measured(batch, self.signals(batch, note, aside.one_by_one), entry, order)
                for batch in batched(rows)
            )
            written = documents.write_batches(documents.shard_file(self.out, shard), SCHEMA, batches)
        return Result([written, *log.written], {entry.subset: tally.counts()})

    def signals(self, rows: list[dict[str, Any]], note: Note, one_by_one: bool = False) -> pa.Table:
        """A column per signal. The texts are measured one by one where one of them is known to end the process."""
        if not one_by_one:
            note.at(BATCH, rows[0]["row"])
            table = self._signals(rows)
        else:
            tables = []
            for row in rows:
                note.at(MEASURE, row["row"])
                tables.append(self._signals([row]))
            table = pa.concat_tables(tables)
        note.at(WRITE, rows[0]["row"])
        return table.combine_chunks()

    def _signals(self, rows: list[dict[str, Any]]) -> pa.Table:
        texts, urls = pa.array([row["text"] for row in rows], pa.large_string()), [row["url"] for row in rows]
        spoken, unsafe, hosts, good = (
            files.local_copy(path) or None
            for path in (self.language_model, self.safety_model, self.safety_hosts, self.quality_model)
        )
        columns: dict[str, pa.ChunkedArray] = {}
        for signals in (
            language.measure(texts, spoken, self.language_bytes or None),
            safety.measure(texts, urls, unsafe, hosts),
            quality_model.measure(texts, good),
            gopher.measure(texts),
        ):
            columns.update({name: signals.column(name) for name in signals.column_names})
        return pa.table(columns)

    def measured(
        self, rows: list[dict[str, Any]], signals: pa.Table, entry: inputs.Shard, order: Order
    ) -> pa.RecordBatch:
        """One batch of the documents file from its rows and their signals, with identities."""
        identities = [documents.public_id(entry.subset, row["locator"], row["digest"]) for row in rows]
        columns: dict[str, Any] = {
            "docid": [documents.docid(entry.number, row["row"]) for row in rows],
            "id": identities,
            "rank": [order.rank(identity) for identity in identities],
            "split": [order.split(identity) for identity in identities],
            "subset": [entry.subset] * len(rows),
            "source": [entry.source] * len(rows),
            **{name: [row[name] for row in rows] for name in RECORD_COLUMNS},
            **{name: signals.column(name) for name in signals.column_names},
        }
        arrays = [_array(columns[column.name], column.type) for column in SCHEMA]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def reached(path: str, reader: str | None, note: Note, aside: SetAside, how: How = PLAIN) -> Iterator[Item]:
    """The items of a file, those that are set aside as unreadable.

    A reader that cannot pass over a record on which it dies has to stop before it: the rest of the file goes with it.
    """
    items = sources.read(path, reader, aside.rows, how)
    row = 0
    while True:
        why = aside.rows.get(row)
        if why is not None and why.step in (OPEN, READ) and not sources.avoids(path, reader):
            yield Unreadable(row, 0, why.cause + OUT_OF_REACH)
            return
        note.at(READ if row else OPEN, row)
        item = next(items, None)
        if item is None:
            return
        if (why := aside.rows.get(item.row)) is not None:
            item = Unreadable(item.row, item.position if isinstance(item, Unreadable) else 0, why.cause)
        yield item
        row = item.row + 1


def readable(
    records: Iterable[Item],
    source: str,
    extractor: str,
    tally: Tally,
    masks: Sequence[str] = (),
    refused: optout.OptOut | None = None,
    note: Note | None = None,
    log: Log | None = None,
) -> Iterator[dict[str, Any]]:
    """A row of the documents file per readable record; the others are counted in `tally` and told to `log`."""
    note = note or Note()
    for record in records:
        tally.records += 1
        if isinstance(record, Skipped):
            tally.skipped[record.reason] += 1
            _tell(log, record, record.reason, record.detail or "")
        elif isinstance(record, Unreadable):
            tally.unreadable.append([source, record.row, record.position, record.cause])
            _tell(log, record, skipped.UNREADABLE, record.cause, record.position)
        elif refused is not None and refused.covers(record.url):
            tally.skipped[OPTED_OUT] += 1
            _tell(log, record, OPTED_OUT)
        else:
            note.at(EXTRACT, record.row)
            tally.documents += 1
            tally.replaced += record.replaced
            row = curate(record, extractor, masks)
            tally.masked.update(row["masked"])
            tally.text_bytes += row["bytes"]
            yield row


def _tell(log: Log | None, item: Item, reason: str, detail: str = "", position: int | None = None) -> None:
    """Log a record that is no document, with the names that its reader gives it."""
    if log is not None:
        log.add(item.row, reason, detail, position, item.url or "", item.locator or "")


def curate(record: Record, extractor: str, masks: Sequence[str] = ()) -> dict[str, Any]:
    """The record's text, extracted where it is HTML and masked, with its provenance and the hash of that text."""
    text, title = record.text, record.title
    if record.html is not None:
        text, found = extract.extract(record.html, record.encoding, record.url, extractor)
        title = title or found
    text, masked = mask.mask(text or "", masks)
    encoded = text.encode()
    return {
        "row": record.row,
        "digest": record.digest,
        "locator": record.locator,
        "url": record.url,
        "timestamp": record.timestamp,
        "title": title,
        "metadata": json.dumps(dict(record.metadata), ensure_ascii=False, sort_keys=True) if record.metadata else None,
        "text": text,
        "masked": masked,
        "bytes": len(encoded),
        "text_hash": documents.text_hash(encoded),
        "characters": float(len(text)),
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

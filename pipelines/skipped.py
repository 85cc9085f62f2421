"""The records that are no documents, skipped or unreadable: where each stands, its names where it has any, and why.

`documents/00012.skipped` (Parquet) has a row per such record of a source shard, in reading order, and its `docid` is
numbered as those of `00012.parquet`: shard and record. So both files together hold every record once, and a name in the
index leads to a record, whichever of them has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import documents, files
from pipelines.files import Written
from pipelines.stage import FREED, MANIFEST

ENDING = ".skipped"
UNREADABLE = "unreadable"
NAMES = ("url", "locator")
SCHEMA = pa.schema(
    [
        ("docid", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("position", pa.int64()),
        ("url", pa.string()),
        ("locator", pa.string()),
    ],
    metadata={"massivetext.skipped": str(documents.FORMAT)},
)
# Characters. A detail is cut there; a longer name is none, since half of one would be another's.
DETAIL, NAME = 300, 4096
_SURROGATE = re.compile("[\ud800-\udfff]")
GROUP = 1 << 16  # records of a row group


@dataclass
class Log:
    """Takes one shard's records as they are passed over; `written` names the file once it is finished."""

    shard: int
    writer: pq.ParquetWriter
    rows: list[dict[str, Any]] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)

    def add(
        self, row: int, reason: str, detail: str = "", position: int | None = None, url: str = "", locator: str = ""
    ) -> None:
        told = {"detail": _text(detail)[:DETAIL], "url": _name(url), "locator": _name(locator)}
        found = {name: text or None for name, text in told.items()}
        docid = documents.docid(self.shard, row)
        self.rows.append({"docid": docid, "reason": _text(reason), "position": position, **found})
        if len(self.rows) == GROUP:
            self.flush()

    def flush(self) -> None:
        if self.rows:
            self.writer.write_table(pa.Table.from_pylist(self.rows, schema=SCHEMA))
            self.rows.clear()


@contextmanager
def log(folder: str, shard: int) -> Iterator[Log]:
    """A log whose file stands beside the shard's documents once the block ends without an error."""
    path = documents.shard_file(folder, shard, ENDING)
    with (
        files.create(path) as sink,
        pq.ParquetWriter(sink, SCHEMA, compression="zstd", compression_level=3) as writer,
    ):
        made = Log(shard, writer)
        yield made
        made.flush()
    made.written.append(sink.written(path))


def _text(given: str) -> str:
    """Without lone surrogates, which no file takes: a cause may quote the name of a file."""
    return _SURROGATE.sub("\ufffd", given)


def _name(given: str) -> str:
    return _text(given) if len(given) <= NAME else ""


def problems(folder: str) -> Iterator[str]:
    """Shards of a finished `documents/` whose files do not hold each of their records once, by the numbers of rows."""
    manifest = json.loads(files.read_bytes(files.join(folder, MANIFEST)))
    if manifest.get(FREED, "dropped") != "dropped":
        return
    for shard, mark in manifest["shards"].items():
        for counts in mark["counts"].values():
            passed_over = sum(counts["skipped"].values()) + counts["unreadable"]
            for ending, wanted in ((".parquet", counts["documents"]), (ENDING, passed_over)):
                path = documents.shard_file(folder, int(shard), ending)
                held = _rows(path) if files.exists(path) else 0
                if held != wanted:
                    yield f"{path} holds {held} records, but {wanted} were counted when the source was read"


def _rows(path: str) -> int:
    with files.open_read(path) as file:
        return int(pq.ParquetFile(file).metadata.num_rows)

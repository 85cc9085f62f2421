"""A stage alone on anybody's files: JSON lines or Parquet in, the same files out as the stage left them.

Each file becomes a shard of a documents folder without signals, in which earlier files and rows come first in the
survivor order. Written back, a record keeps all its fields; its text is new where the stage changed it, and records
that are gone, or could not be read, are left out.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pipelines import curate, documents, files, identity, inputs, sources
from pipelines.curate import Tally
from pipelines.inputs import Shard
from pipelines.sources.compression import DamageError, codec_of, open_stream
from pipelines.stage import Mark, Result, Stage

if TYPE_CHECKING:
    from pipelines.engine import Engine

SUBSET = "text"
SUFFIXES = (*sources.SUFFIXES["jsonl"], *sources.SUFFIXES["parquet"])
ROWS = 1024
# CPU seconds per MB of file: they only choose processes.
READ_COST, WRITE_COST = 0.05, 0.1
_BOM = b"\xef\xbb\xbf"


class Kept(Protocol):
    """What a stage leaves: batches with `docid`, ascending, and `text`. Picklable."""

    def batches(self, shard: int) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True)
class Files:
    """The given files as shards, and the documents folder made of them."""

    root: str
    shards: list[Shard]
    out: str
    marks: dict[int, Mark]

    @property
    def documents(self) -> str:
        return files.join(self.out, "documents")

    @property
    def digests(self) -> dict[int, list[str]]:
        """Per shard what the next stage is made from."""
        return {shard: mark.digests for shard, mark in self.marks.items()}

    @property
    def sizes(self) -> dict[int, int]:
        return {shard: sum(f.bytes for f in mark.files) for shard, mark in self.marks.items()}


def find(given: str) -> tuple[str, list[Shard]]:
    """The folder that sources are relative to, and the JSONL and Parquet files in it or the one file.

    Raises ValueError where there is none.
    """
    given = given.rstrip("/")
    patterns = [(given, "*"), (given, "**/*")]
    if given.lower().endswith(SUFFIXES):
        patterns = [(inputs.root_of(given), files.name(given))]
    found = [shard for shard in inputs.find({SUBSET: patterns}) if shard.source.lower().endswith(SUFFIXES)]
    if not found:
        raise ValueError(f"no JSONL or Parquet file in {given}; expected names that end in {', '.join(SUFFIXES)}")
    shards = [Shard(number, SUBSET, s.source, s.bytes, s.version) for number, s in enumerate(found)]
    return patterns[0][0], shards


def gather(engine: Engine, given: str, out: str) -> Files:
    """Read the files into `out`/documents. Raises ValueError where there is none."""
    root, shards = find(given)
    table = files.join(out, "shards.json")
    inputs.write_table(table, shards)
    made_from = {s.number: [s.source, s.bytes, s.version] for s in shards}
    folder = files.join(out, "documents")
    stage = Stage("read", folder, identity.of_code(__name__), {}, made_from, {s.number: s.bytes for s in shards})
    return Files(root, shards, out, engine.run_shards(stage, Gather(root, table, folder), READ_COST))


@dataclass(frozen=True)
class Gather:
    """One source file as a shard of the documents folder."""

    root: str
    table: str
    out: str

    def warm_up(self) -> None:
        """Nothing to prepare."""

    @cached_property
    def shards(self) -> list[Shard]:
        return inputs.read_table(self.table)

    def run(self, shard: int) -> Result:
        source = self.shards[shard].source
        tally = Tally()
        rows = curate.readable(sources.read(files.join(self.root, source)), source, "", tally)
        batches = (self._batch(shard, source, batch) for batch in curate.batched(rows))
        written = documents.write_batches(documents.shard_file(self.out, shard), documents.SCHEMA, batches)
        return Result([written], tally.counts())

    def _batch(self, shard: int, source: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        made: dict[str, list[Any]] = {
            "docid": [documents.docid(shard, row["row"]) for row in rows],
            "id": [documents.public_id(SUBSET, row["locator"], row["digest"]) for row in rows],
            "rank": [0] * len(rows),
            "split": ["train"] * len(rows),
            "subset": [SUBSET] * len(rows),
            "source": [source] * len(rows),
            **{name: [row[name] for row in rows] for name in curate.RECORD_COLUMNS},
        }
        columns = [pa.array(made.get(field.name, [None] * len(rows)), field.type) for field in documents.SCHEMA]
        return pa.RecordBatch.from_arrays(columns, schema=documents.SCHEMA)


def write_back(engine: Engine, given: Files, kept: Kept, made_from: dict[int, Any], name: str) -> dict[int, Mark]:
    """Write the files again into `out`/`name`, the shard's number before the name; none of which nothing is left."""
    folder = files.join(given.out, name)
    stage = Stage(name, folder, identity.of_code(__name__), {}, made_from, given.sizes)
    work = WriteBack(given.root, files.join(given.out, "shards.json"), folder, kept)
    return engine.run_shards(stage, work, WRITE_COST)


@dataclass(frozen=True)
class WriteBack:
    """One source file again, with what a stage left of it."""

    root: str
    table: str
    out: str
    kept: Kept

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def run(self, shard: int) -> Result:
        source = inputs.read_table(self.table)[shard].source
        path = files.join(self.out, f"{shard:05d}-{files.name(source)}")
        write = _write_table if source.lower().endswith(".parquet") else _write_lines
        rows = Rows(self.kept.batches(shard))
        if rows.none:
            return Result([], {"documents": 0})
        written = write(files.join(self.root, source), path, rows)
        return Result([written], {"documents": rows.taken})


class Rows:
    """The documents that are left, asked for in order of row."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._rows = self._each(batches)
        self._ahead = next(self._rows, None)
        self.taken = 0

    @property
    def none(self) -> bool:
        """Whether no row is left to ask for."""
        return self._ahead is None

    @staticmethod
    def _each(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, str]]:
        for batch in batches:
            rows = batch.column("docid").to_numpy() & 0xFFFFFFFF
            yield from zip(rows.tolist(), batch.column("text").to_pylist(), strict=True)

    def take(self, row: int) -> str | None:
        """The text of a row, None if it is gone; rows ascend from call to call."""
        if self._ahead is None or self._ahead[0] != row:
            return None
        text = self._ahead[1]
        self._ahead = next(self._rows, None)
        self.taken += 1
        return text


def _write_table(source: str, path: str, rows: Rows) -> files.Written:
    with files.open_read(source) as raw, files.create(path) as sink:
        table = pq.ParquetFile(raw, page_checksum_verification=True)
        with pq.ParquetWriter(sink, table.schema_arrow, compression="zstd") as writer:
            first = 0
            for group in range(table.num_row_groups):
                row = first
                # Of a damaged group the reader took the rows before the damage, as here.
                with suppress(pa.ArrowException, OSError, ValueError):
                    for batch in table.iter_batches(ROWS, row_groups=[group], use_threads=False):
                        writer.write_batch(_left_of(batch, row, rows))
                        row += len(batch)
                first += table.metadata.row_group(group).num_rows
    return sink.written(path)


def _left_of(batch: pa.RecordBatch, first: int, rows: Rows) -> pa.RecordBatch:
    texts = [rows.take(first + at) for at in range(len(batch))]
    left = batch.filter(pa.array([text is not None for text in texts]))
    at = batch.schema.get_field_index("text")
    new = pa.array([text for text in texts if text is not None], pa.large_string())
    return left.set_column(at, batch.schema.field(at), new.cast(batch.schema.field(at).type))


def _write_lines(source: str, path: str, rows: Rows) -> files.Written:
    with files.create(path) as sink, _compressed(sink, codec_of(path)) as write:
        for row, line in _lines(source):
            text = rows.take(row)
            if text is None:
                continue
            fields = json.loads(line.decode("utf-8", "replace"))
            if fields["text"] != text:
                line = json.dumps({**fields, "text": text}, ensure_ascii=False).encode("utf-8", "backslashreplace")
            write(line.rstrip(b"\r\n") + b"\n")
    return sink.written(path)


def _lines(source: str) -> Iterator[tuple[int, bytes]]:
    """The non-blank lines, numbered as the reader numbers records; it has counted what stands after damage."""
    row = 0
    with io.BufferedReader(open_stream(source), 1 << 18) as stream, suppress(DamageError):
        first = True
        while line := stream.readline():
            if first:
                line, first = line.removeprefix(_BOM), False
            if line.strip():
                yield row, line
                row += 1


@contextmanager
def _compressed(sink: Any, codec: str | None) -> Iterator[Callable[[bytes], Any]]:
    """A function that writes into `sink`, compressed by the codec."""
    if codec is None:
        yield sink.write
    elif codec == "gzip":
        with gzip.GzipFile("", "wb", fileobj=sink, mtime=0) as zipped:
            yield zipped.write
    elif codec == "bzip2":
        with bz2.BZ2File(sink, "wb") as zipped2:
            yield zipped2.write
    elif codec == "xz":
        with lzma.LZMAFile(sink, "wb") as squeezed:
            yield squeezed.write
    else:
        with zstandard.ZstdCompressor().stream_writer(sink, closefd=False) as stream:
            yield stream.write


def parser(command: str, about: str, done: str) -> argparse.ArgumentParser:
    """The options that every stage has when it runs alone. `done`: what stands in OUT afterwards."""
    from pipelines.engine import available_workers  # here, since most of what stages share runs none

    made = argparse.ArgumentParser(prog=f"python -m {command}", description=about, epilog=done, allow_abbrev=False)
    made.add_argument("given", metavar="IN", help="a JSONL or Parquet file with a field `text`, or a folder of them")
    made.add_argument("out", metavar="OUT", help="folder to write into; run again, finished work is kept")
    made.add_argument("--workers", type=int, default=available_workers(), metavar="N", help="processes (default: all)")
    made.add_argument("--exchange", choices=("auto", "beam", "files"), default="auto", help="how grouped rows travel")
    return made


def engine_of(arguments: argparse.Namespace) -> Engine:
    from pipelines.engine import Engine

    out = arguments.out.rstrip("/")
    return Engine(workers=arguments.workers, exchange=arguments.exchange, spill=files.join(out, "spill"))

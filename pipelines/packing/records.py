"""The record format of `train/`: ArrayRecord shards, the provenance beside them, and the manifest over all.

A shard is one stream of token ids: documents, each followed by one `eos`, the last record filled with `eos`.
A record is `sequence_length` little-endian ids and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from pipelines import documents
from pipelines.files import Written

FORMAT = 1
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.model"
ENDING = ".array_record"
# One record a group, so that a random read is one seek; one thread, so that bytes never depend on timing.
OPTIONS = "group_size:1,zstd:3,max_parallelism:1"
PROVENANCE = pa.schema(
    [
        ("id", pa.binary(16)),
        ("locator", pa.string()),
        ("epoch", pa.int32()),
        ("first_token", pa.int64()),
        ("tokens", pa.int64()),
    ],
    metadata={"massivetext.provenance": str(documents.FORMAT)},
)
PROVENANCE_BATCH = 65_536
WRITE_IDS = 1 << 20
READ_RECORDS = 512
COUNTED = ("records", "documents", "tokens", "separators", "fill")


@dataclass(frozen=True)
class Layout:
    """What the ids of a record are: `vocabulary` ids from 0, of which `eos` ends documents."""

    sequence_length: int
    vocabulary: int
    eos: int

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("<u2" if self.vocabulary <= 1 << 16 else "<u4")

    @property
    def dtype_name(self) -> str:
        return f"uint{8 * self.dtype.itemsize}"


@dataclass(frozen=True)
class ShardFiles:
    """A finished shard: its two files, and counts of records, documents (each epoch counted) and ids."""

    records_file: Written
    provenance_file: Written
    records: int
    documents: int
    tokens: int
    fill: int

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ShardFiles:
        written = {key: Written(**data[key]) for key in ("records_file", "provenance_file")}
        return ShardFiles(**{**data, **written})

    def manifest_entry(self) -> dict[str, Any]:
        return {
            "path": self.records_file.name,
            "records": self.records,
            "documents": self.documents,
            "tokens": self.tokens,
            "separators": self.documents,
            "fill": self.fill,
            "bytes": self.records_file.bytes,
            "sha256": self.records_file.sha256,
            "provenance": {
                "path": self.provenance_file.name,
                "bytes": self.provenance_file.bytes,
                "sha256": self.provenance_file.sha256,
            },
        }


def write_records(local: str, texts: Iterable[np.ndarray], layout: Layout) -> tuple[int, int]:
    """The number of records and the fill in ids of the shard written into the file `local`."""
    writer = ArrayRecordWriter(local, OPTIONS)
    end = np.array([layout.eos], layout.dtype)
    waiting: list[np.ndarray] = []
    length = total = 0
    for ids in texts:
        waiting += [ids, end]
        length += len(ids) + 1
        total += len(ids) + 1
        if length >= WRITE_IDS:
            waiting = [_write_whole(writer, np.concatenate(waiting), layout)]
            length = len(waiting[0])
    records = -(-total // layout.sequence_length)
    fill = records * layout.sequence_length - total
    waiting.append(np.full(fill, layout.eos, layout.dtype))
    _write_whole(writer, np.concatenate(waiting), layout)
    writer.close()
    return records, fill


def _write_whole(writer: ArrayRecordWriter, ids: np.ndarray, layout: Layout) -> np.ndarray:
    """Write as many whole records as `ids` holds and return the ids left over."""
    whole = len(ids) // layout.sequence_length * layout.sequence_length
    for record in ids[:whole].astype(layout.dtype, copy=False).reshape(-1, layout.sequence_length):
        writer.write(record.tobytes())
    return ids[whole:]


def measure_records(local: str) -> tuple[int, set[int]]:
    """The number of records in a local ArrayRecord file, and the bytes of its first and of its last."""
    reader = ArrayRecordReader(local)
    try:
        count = int(reader.num_records())
        return count, {len(record) for record in (reader.read([0, count - 1]) if count else [])}
    finally:
        reader.close()


def read_records(local: str, layout: Layout) -> Iterator[np.ndarray]:
    """Arrays [up to 512 records, sequence_length] of a local shard, in order.

    Raises ValueError for a record of another length.
    """
    reader = ArrayRecordReader(local)
    wanted = layout.sequence_length * layout.dtype.itemsize
    try:
        count = int(reader.num_records())
        for start in range(0, count, READ_RECORDS):
            batch = reader.read(start, min(start + READ_RECORDS, count))
            for number, record in enumerate(batch, start):
                if len(record) != wanted:
                    raise ValueError(f"{local}: record {number} has {len(record)} bytes, expected {wanted}")
            yield np.frombuffer(b"".join(batch), layout.dtype).reshape(-1, layout.sequence_length)
    finally:
        reader.close()


def write_provenance(
    path: str, ids: np.ndarray, locators: pa.Array, row: np.ndarray, epoch: np.ndarray, tokens: np.ndarray
) -> Written:
    """Write a shard's provenance, a row per occurrence of a document in the stream.

    `ids` (16 bytes each) and `locators`: [documents]; `row` (into these), `epoch`, `tokens`: [occurrences].
    """
    first = np.cumsum(tokens + 1) - tokens - 1

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(row), PROVENANCE_BATCH):
            part = slice(start, start + PROVENANCE_BATCH)
            chosen = np.ascontiguousarray(ids[row[part]])
            columns = [
                pa.Array.from_buffers(pa.binary(16), len(chosen), [None, pa.py_buffer(chosen.tobytes())]),
                locators.take(pa.array(row[part])).cast(pa.string()),
                pa.array(epoch[part], pa.int32()),
                pa.array(first[part], pa.int64()),
                pa.array(tokens[part], pa.int64()),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=PROVENANCE)

    return documents.write_batches(path, PROVENANCE, batches())


def seal(manifest: Mapping[str, Any]) -> bytes:
    """The manifest's bytes, with a digest of all the rest of it as its last entry."""
    return _dump({**manifest, "sha256": _digest(manifest)})


def unseal(data: bytes) -> dict[str, Any]:
    """The manifest that `seal` wrote. Raises ValueError where a byte of it is another, or its format is."""
    try:
        manifest = json.loads(data)
    except ValueError as error:
        raise ValueError(f"it is not the JSON that was written ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"it is not a manifest of format {FORMAT}: build into an empty folder")
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    if seal(rest) != data:
        raise ValueError("its sha256 does not match its content")
    return rest


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(_dump(manifest)).hexdigest()


def _dump(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps(manifest, indent=1).encode() + b"\n"


def summed(shards: Iterable[ShardFiles]) -> dict[str, int]:
    """Records, documents, tokens, separators and fill of the shards added up."""
    entries = [shard.manifest_entry() for shard in shards]
    return {key: sum(entry[key] for entry in entries) for key in COUNTED}


def packing_problems(name: str, shard: Mapping[str, int], sequence_length: int) -> list[str]:
    """What does not add up among a shard's or a subset's records, tokens, separators and fill."""
    ids = shard["records"] * sequence_length
    parts = shard["tokens"] + shard["separators"] + shard["fill"]
    found = []
    if ids != parts:
        found.append(f"{name}: {ids} ids in records against {parts} tokens, separators and fill")
    if shard["separators"] != shard["documents"]:
        found.append(f"{name}: {shard['separators']} separators against {shard['documents']} documents")
    return found

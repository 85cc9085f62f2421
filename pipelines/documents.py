"""The documents folder: one Parquet file per source shard, and the sidecars that drop rows from it.

A row group is one batch: at most 4,096 documents and 8 MB of text, one larger document being a batch of its own.
Nothing is ever rewritten to be dropped: every stage that decides writes a sidecar of the `DROPS` schema beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from filters import quality, repetition
from pipelines import files
from pipelines.files import Written

FORMAT = 1
BATCH_DOCUMENTS = 4096
BATCH_BYTES = 8 << 20
RANK_DIGEST_BITS = 48
PRIORITY_BITS = 8
GENERATION_BITS = 6

SIGNALS = tuple(rule.name for rule in (*quality.RULES, *repetition.RULES))
SCHEMA = pa.schema(
    [
        ("docid", pa.int64()),
        ("id", pa.binary(16)),
        ("rank", pa.int64()),
        ("split", pa.string()),
        ("subset", pa.string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("url", pa.string()),
        ("timestamp", pa.string()),
        ("title", pa.string()),
        ("metadata", pa.string()),
        ("text", pa.large_string()),
        ("text_hash", pa.binary(16)),
        ("characters", pa.float64()),
        ("language", pa.string()),
        ("language_probability", pa.float64()),
        ("unsafe_host", pa.float64()),
        ("unsafe_probability", pa.float64()),
        ("quality_probability", pa.float64()),
        *((signal, pa.float64()) for signal in SIGNALS),
    ],
    metadata={"massivetext.documents": str(FORMAT)},
)
DROPS = pa.schema(
    [
        ("docid", pa.int64()),
        ("rule", pa.string()),
        ("value", pa.float64()),
        ("bound", pa.float64()),
        ("partner", pa.int64()),
        ("also", pa.list_(pa.string())),
    ],
    metadata={"massivetext.drops": str(FORMAT)},
)


def docid(shard: int, row: int) -> int:
    return shard << 32 | row


def text_hash(text: bytes) -> bytes:
    """128-bit hash of the text as it is; equal hashes count as equal texts."""
    return hashlib.blake2b(text, digest_size=16, person=b"massivetext.txt").digest()


def public_id(subset: str, locator: str, digest: bytes) -> bytes:
    """16 bytes that name a document for ever: a digest of subset, locator and the raw record's digest.

    The record's digest is always part of it, so that no other record of the corpus can change a document's id.
    """
    joined = b"\0".join([subset.encode(), locator.encode("utf-8", "surrogatepass"), digest])
    return hashlib.blake2b(joined, digest_size=16, person=b"massivetext.id").digest()


def keyed(seed: int, purpose: str, identity: bytes, bits: int = 64) -> int:
    """The top `bits` of a digest of (seed, purpose, id): the project's only source of randomness."""
    person = purpose.encode()[:16]
    data = seed.to_bytes(8, "little", signed=True) + identity
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, person=person).digest(), "big") >> (64 - bits)


@dataclass(frozen=True)
class Order:
    """Survivor order: validation first, then earlier generations, then the subset's priority, then a keyed digest."""

    seed: int
    generation: int
    priority: int
    valid_share: float

    def split(self, identity: bytes) -> str:
        drawn = keyed(self.seed, "split", identity) < int(self.valid_share * (1 << 64))
        return "valid" if drawn else "train"

    def rank(self, identity: bytes) -> int:
        rank = 0 if self.split(identity) == "valid" else 1
        rank = rank << GENERATION_BITS | self.generation
        rank = rank << PRIORITY_BITS | self.priority
        return rank << RANK_DIGEST_BITS | keyed(self.seed, "survivor", identity, RANK_DIGEST_BITS)


def write_batches(path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch | pa.Table]) -> Written:
    """Write a Parquet file, one row group per batch."""
    with (
        files.create(path) as sink,
        pq.ParquetWriter(sink, schema, compression="zstd", compression_level=3) as writer,
    ):
        for batch in batches:
            table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
            writer.write_table(table.cast(schema), row_group_size=max(1, len(table)))
    return sink.written(path)


def read_batches(path: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The file's batches in order, each a whole row group.

    Raises ValueError where the file was written in another format version.
    """
    with files.open_read(path) as file:
        parquet = pq.ParquetFile(file, pre_buffer=files.is_remote(path))
        check_format(path, parquet.schema_arrow.metadata or {})
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group, columns=columns, use_threads=False)
            yield from table.combine_chunks().to_batches()


def check_format(path: str, metadata: dict[bytes, bytes]) -> None:
    for key, value in metadata.items():
        if key.startswith(b"massivetext.") and value != str(FORMAT).encode():
            raise ValueError(
                f"{path} has format {value.decode()}, this version reads format {FORMAT}: "
                "build into an empty folder, or use the version of massivetext that wrote it"
            )


def shard_file(folder: str, shard: int, ending: str = ".parquet") -> str:
    return files.join(folder, f"{shard:05d}{ending}")


def write_drops(folder: str, shard: int, drops: pa.Table) -> Written:
    """The shard's sidecar of dropped documents, sorted by docid."""
    return write_batches(shard_file(folder, shard), DROPS, [drops.sort_by("docid")])


def drops_table(docids: np.ndarray, rule: str, value: np.ndarray, bound: float, partner: np.ndarray) -> pa.Table:
    """A drops table in which every document fell to one rule. All arrays [dropped documents]."""
    count = len(docids)
    return pa.table(
        {
            "docid": pa.array(docids, pa.int64()),
            "rule": pa.array([rule] * count, pa.string()),
            "value": pa.array(value, pa.float64()),
            "bound": pa.array(np.full(count, bound), pa.float64()),
            "partner": pa.array(partner, pa.int64()),
            "also": pa.array([[]] * count, pa.list_(pa.string())),
        },
        schema=DROPS,
    )


def dropped(folders: Iterable[str], shard: int) -> np.ndarray:
    """Sorted docids that the sidecars in `folders` drop from a shard."""
    found = [np.zeros(0, np.int64)]
    for folder in folders:
        for batch in read_batches(shard_file(folder, shard), ["docid"]):
            found.append(batch.column("docid").to_numpy())
    return np.sort(np.concatenate(found))


def read_kept(documents: str, drops: Iterable[str], shard: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of a shard's documents that no sidecar in `drops` (folders) has dropped. `docid` is always a column."""
    gone = dropped(drops, shard)
    wanted = columns if "docid" in columns else ["docid", *columns]
    for batch in read_batches(shard_file(documents, shard), wanted):
        docids = batch.column("docid").to_numpy()
        keep = ~np.isin(docids, gone, assume_unique=True)
        yield batch if keep.all() else batch.filter(pa.array(keep))

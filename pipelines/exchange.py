"""Keyed exchange of packed rows: shards emit rows, partitions of the key space reduce them, answers go back to shards.

Rows are fixed-width numpy records with a uniformly hashed `key` field (uint64); a partition is a range of keys. Rows
travel as blobs of up to 4 MB inside `(partition, bytes)`, never one element per row (about 20 times less CPU). Two back
ends share every line but one: `beam` sends the rows themselves through GroupByKey, `files` sends references to files
on a shared disk, so that memory stays at one partition whatever the corpus. Both give the same bytes, because every
receiver sorts what it got. What Beam does of it is in `transforms`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from pipelines import files
from pipelines.stage import Result

BLOB_BYTES = 4 << 20
PARTITION_BYTES = 64 << 20
ROWS, REFERENCE = b"R", b"F"


class ExchangeWork(Protocol):
    """What an exchange does at its three ends. Picklable; every method is a pure function of files and rows.

    `emit(shard)` gives rows of dtype `rows`; `reduce` gets all rows of some keys, sorted by `order`, and gives answers
    of dtype `answers`, which has a `docid` field; `deliver` gets a shard's sorted answers and writes its files.
    """

    rows: ClassVar[np.dtype]
    answers: ClassVar[np.dtype]
    order: ClassVar[tuple[str, ...]]

    def warm_up(self) -> None: ...

    def emit(self, shard: int) -> np.ndarray: ...

    def reduce(self, rows: np.ndarray) -> np.ndarray: ...

    def deliver(self, shard: int, answers: np.ndarray) -> Result: ...


@dataclass(frozen=True)
class Carrier:
    """How rows travel: by value (`beam`) or as references into files under `spill` (`files`)."""

    backend: str
    spill: str

    def pack(self, rows: np.ndarray, name: str) -> Iterator[bytes]:
        """Blobs that `unpack` turns back into `rows`."""
        if self.backend == "beam":
            step = max(1, BLOB_BYTES // rows.dtype.itemsize)
            for start in range(0, len(rows), step):
                yield ROWS + rows[start : start + step].tobytes()
        elif len(rows):
            path = files.join(self.spill, name)
            files.write_bytes(path, rows.tobytes())
            yield REFERENCE + json.dumps([path, 0, len(rows)]).encode()

    def refer(self, rows: np.memmap, start: int, stop: int) -> bytes:
        """A reference to rows that stand in a file already."""
        offset = rows.offset // rows.dtype.itemsize
        return REFERENCE + json.dumps([str(rows.filename), offset + start, stop - start]).encode()


def unpack(blobs: Iterable[bytes], dtype: np.dtype) -> np.ndarray:
    """All rows of the blobs, in no particular order."""
    parts = [np.zeros(0, dtype)]
    for blob in blobs:
        if blob[:1] == ROWS:
            parts.append(np.frombuffer(blob, dtype, offset=1))
        elif blob:
            path, start, count = json.loads(blob[1:])
            parts.append(read_rows(path, dtype, start, count))
    return np.concatenate(parts)


def read_rows(path: str, dtype: np.dtype, start: int = 0, count: int = -1) -> np.ndarray:
    """Rows `start` to `start + count` of a file of packed rows, copied into memory."""
    with files.open_read(path) as file:
        file.seek(start * dtype.itemsize)
        return np.frombuffer(file.read(count * dtype.itemsize if count >= 0 else -1), dtype)


def map_rows(path: str, dtype: np.dtype) -> np.ndarray:
    """A file of packed rows, memory-mapped where it is local and not empty."""
    if files.is_remote(path) or files.size(path) == 0:
        return read_rows(path, dtype)
    return np.memmap(path, dtype, "r")


def sort_rows(rows: np.ndarray, order: tuple[str, ...]) -> np.ndarray:
    """Rows sorted by the named fields, the first being the primary one."""
    return rows[np.lexsort([rows[name] for name in reversed(order)])] if len(rows) else rows


def partitions_for(row_bytes: int) -> int:
    """A power of two that keeps a partition near 64 MB, and at least 16."""
    wanted = max(16, row_bytes // PARTITION_BYTES + 1)
    return 1 << (wanted - 1).bit_length()


def emitted(work: ExchangeWork, shard: int) -> np.ndarray:
    """A shard's rows sorted by key."""
    rows = work.emit(shard)
    keys = rows["key"]
    return sort_rows(np.asarray(rows), ("key",)) if np.any(keys[1:] < keys[:-1]) else rows


def reduced(work: ExchangeWork, blobs: Iterable[bytes]) -> np.ndarray:
    """The answers to a partition's rows, sorted by docid."""
    return sort_rows(work.reduce(sort_rows(unpack(blobs, work.rows), work.order)), ("docid",))


def delivered(work: ExchangeWork, shard: int, blobs: Iterable[bytes]) -> Result:
    """What a shard makes of all its answers, which it gets sorted."""
    others = tuple(name for name in work.answers.names or () if name != "docid")
    return work.deliver(shard, sort_rows(unpack(blobs, work.answers), ("docid", *others)))

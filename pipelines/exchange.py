"""Keyed exchange of packed rows: shards emit rows, partitions of the key space reduce them, answers go back to shards.

Rows are fixed-width numpy records with a uniformly hashed `key` field (uint64); a partition is a range of keys. Rows
travel as blobs of up to 4 MB inside `(partition, bytes)`, never one element per row (about 20 times less CPU). Two back
ends share every line but one: `beam` sends the rows themselves through GroupByKey, `files` sends references to files
on a shared disk, so that memory stays at one partition whatever the corpus. Both give the same bytes, because every
receiver sorts what it got.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Protocol

import apache_beam as beam
import numpy as np

from pipelines import files
from pipelines.stage import Result, write_mark

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


class _Emit(beam.DoFn):
    """(shard, identity) -> (partition, blob)."""

    def __init__(self, work: ExchangeWork, carrier: Carrier, partitions: int) -> None:
        self.work = work
        self.carrier = carrier
        self.bits = partitions.bit_length() - 1

    def setup(self) -> None:
        self.work.warm_up()

    def process(self, element: tuple[int, str]) -> Iterable[tuple[int, bytes]]:
        shard = element[0]
        rows = self.work.emit(shard)
        keys = rows["key"]
        if np.any(keys[1:] < keys[:-1]):
            rows = sort_rows(np.asarray(rows), ("key",))
            keys = rows["key"]
        for partition, start, stop in self._ranges(keys):
            if self.carrier.backend == "files" and isinstance(rows, np.memmap):
                yield partition, self.carrier.refer(rows, start, stop)
            else:
                for blob in self.carrier.pack(rows[start:stop], f"in-{shard:05d}-{partition:05d}"):
                    yield partition, blob

    def _ranges(self, keys: np.ndarray) -> Iterator[tuple[int, int, int]]:
        firsts = np.arange(1, 1 << self.bits, dtype=np.uint64) << np.uint64(64 - self.bits)
        cuts = [0, *np.searchsorted(keys, firsts).tolist(), len(keys)]
        for partition, (start, stop) in enumerate(pairwise(cuts)):
            if start < stop:
                yield partition, start, stop


class _Reduce(beam.DoFn):
    """(partition, blobs) -> (shard, blob of answers)."""

    def __init__(self, work: ExchangeWork, carrier: Carrier) -> None:
        self.work = work
        self.carrier = carrier

    def setup(self) -> None:
        self.work.warm_up()

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterable[tuple[int, bytes]]:
        partition, blobs = element
        rows = sort_rows(unpack(blobs, self.work.rows), self.work.order)
        answers = sort_rows(self.work.reduce(rows), ("docid",))
        shards = answers["docid"] >> 32
        starts = np.flatnonzero(np.diff(shards, prepend=-1))
        for start, stop in zip(starts, np.append(starts, len(answers))[1:], strict=True):
            shard = int(shards[start])
            for blob in self.carrier.pack(answers[start:stop], f"out-{partition:05d}-{shard:05d}"):
                yield shard, blob


class _Deliver(beam.DoFn):
    """(shard, blobs of answers) -> shard, once its files and then its mark are written."""

    def __init__(self, work: ExchangeWork, folder: str, made_from: dict[int, str]) -> None:
        self.work = work
        self.folder = folder
        self.made_from = next(iter(made_from.values()), "")

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterable[int]:
        shard, blobs = element
        answers = unpack(blobs, self.work.answers)
        fields = tuple(self.work.answers.names or ())
        result = self.work.deliver(shard, sort_rows(answers, ("docid", *(f for f in fields if f != "docid"))))
        write_mark(self.folder, shard, self.made_from, result)
        yield shard


class PackedShuffle(beam.PTransform):
    """Regroup packed rows by key and bring the answers home.

    In: (shard, identity). Out: shard numbers, each once its files stand in `folder`. Every shard is delivered to, also
    one without a single row.
    """

    def __init__(
        self, work: ExchangeWork, carrier: Carrier, partitions: int, folder: str, identities: dict[int, str]
    ) -> None:
        super().__init__()
        self.work = work
        self.carrier = carrier
        self.partitions = partitions
        self.folder = folder
        self.identities = identities

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        packed = tuple[int, bytes]
        answers = (
            shards
            | "Emit" >> beam.ParDo(_Emit(self.work, self.carrier, self.partitions)).with_output_types(packed)
            | "ByKey" >> beam.GroupByKey()
            | "Reduce" >> beam.ParDo(_Reduce(self.work, self.carrier)).with_output_types(packed)
        )
        every = shards | "Every" >> beam.Map(lambda element: (element[0], b"")).with_output_types(packed)
        return (
            (answers, every)
            | beam.Flatten()
            | "ByShard" >> beam.GroupByKey()
            | "Deliver" >> beam.ParDo(_Deliver(self.work, self.folder, self.identities)).with_output_types(int)
        )

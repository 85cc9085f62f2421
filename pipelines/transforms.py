"""The Beam transforms that carry stages: shards each by itself, rows regrouped by key and answers brought home.

Apart from what they carry, so that whoever only reads a build does not load Beam, which takes most of a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import apache_beam as beam
import numpy as np

from pipelines import files
from pipelines.exchange import Carrier, ExchangeWork, delivered, emitted, reduced
from pipelines.stage import ShardWork, write_mark

TODO = "todo.json"
LINES = 10_000


class RunShard(beam.DoFn):
    """(shard, identity) -> shard, once its files and then its mark are written."""

    def __init__(self, work: ShardWork, folder: str) -> None:
        self.work = work
        self.folder = folder

    def setup(self) -> None:
        self.work.warm_up()

    def process(self, element: tuple[int, str]) -> Iterable[int]:
        shard, made_from = element
        write_mark(self.folder, shard, made_from, self.work.run(shard))
        beam.metrics.Metrics.counter("massivetext", "shards").inc()
        yield shard


class EachShard(beam.PTransform):
    """Run a work on every shard that is not finished. In: (shard, identity), biggest first. Out: shard numbers."""

    def __init__(self, work: ShardWork, folder: str) -> None:
        super().__init__()
        self.work = work
        self.folder = folder

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | "Run" >> beam.ParDo(RunShard(self.work, self.folder)).with_output_types(int)


class Todo(beam.PTransform):
    """The shards to run, each an element of its own: (shard, identity).

    They stand in a file of the stage's folder, and the pipeline names only ranges of its lines, so that a job's
    description stays small whatever the number of input files. The reshuffle cuts what reads the file from what runs
    the shards, or one worker would run a whole range.
    """

    def __init__(self, folder: str, todo: Sequence[tuple[int, str]]) -> None:
        super().__init__()
        self.path = files.join(folder, TODO)
        self.count = len(todo)
        files.write_bytes(self.path, json.dumps(todo).encode())

    def expand(self, root: beam.PBegin) -> beam.PCollection:
        ranges = [(start, min(start + LINES, self.count)) for start in range(0, self.count, LINES)]
        path, kind = self.path, tuple[int, str]
        return (
            root
            | "Ranges" >> beam.Create(ranges)
            | "Read" >> beam.FlatMap(lambda lines: read_todo(path, *lines)).with_output_types(kind)
            | "Apart" >> beam.Reshuffle()
        )


def read_todo(path: str, start: int, stop: int) -> Iterable[tuple[int, str]]:
    """Lines `start` to `stop` of a file that Todo wrote."""
    return [(shard, made_from) for shard, made_from in json.loads(files.read_bytes(path))[start:stop]]


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
        rows = emitted(self.work, shard)
        for partition, start, stop in self._ranges(rows["key"]):
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
        answers = reduced(self.work, blobs)
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
        write_mark(self.folder, shard, self.made_from, delivered(self.work, shard, blobs))
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

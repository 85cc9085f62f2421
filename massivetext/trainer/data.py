"""Batches of training records, read through Grain; the whole state is the number of records consumed."""

from __future__ import annotations

import bisect
import itertools
from functools import partial

import grain
import numpy as np
from numpy.typing import NDArray

from massivetext.trainer.manifest import Shard, TrainingData
from massivetext.trainer.order import RecordOrder

Batch = dict[str, NDArray[np.generic]]
_ENDLESS = 1 << 62
_SAMPLED_RECORDS = 16_384


class _Selection(grain.transforms.DatasetSelectionMap):
    """The record order as Grain asks for it."""

    def __init__(self, order: RecordOrder) -> None:
        self._order = order

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, position: int) -> tuple[int, int]:
        return self._order[position]


class _SubsetEnds:
    """Where the shards of a subset end, in record numbers of the subset."""

    def __init__(self, shards: tuple[Shard, ...]) -> None:
        self.shards = shards
        self.ends = list(itertools.accumulate(shard.records for shard in shards))
        self._fill = {end - 1: shard.fill for end, shard in zip(self.ends, shards, strict=True)}

    def fill(self, record: int) -> int:
        """Tokens of fill at the end of a record: only the last of a shard has any."""
        return self._fill.get(record, 0)

    def locate(self, record: int) -> str:
        """File name and number within the file."""
        shard = bisect.bisect_right(self.ends, record)
        return f"{self.shards[shard].path.name} record {record - self.ends[shard] + self.shards[shard].records}"


def _decode(ends: _SubsetEnds, data: TrainingData, record: int, raw: bytes) -> tuple[NDArray[np.int32], int]:
    """(tokens, how many of them count) of one record."""
    tokens = np.frombuffer(raw, data.record_type).astype(np.int32)
    if len(tokens) != data.sequence_length or tokens.max() >= data.vocabulary:
        raise ValueError(
            f"{ends.locate(record)} has {len(tokens)} tokens, the largest {tokens.max()}; the manifest says "
            f"{data.sequence_length} tokens below {data.vocabulary}: the file is not the one that was built"
        )
    return tokens, len(tokens) - ends.fill(record)


class TrainingRecords:
    """The endless sequence of training records; any stretch of it can be read at any time."""

    def __init__(self, data: TrainingData, seed: int) -> None:
        self._data = data
        self._order = RecordOrder({n: sum(s.records for s in shards) for n, shards in data.subsets.items()}, seed)
        self._ends = [_SubsetEnds(shards) for shards in data.subsets.values()]
        parts = [self._subset(ends) for ends in self._ends]
        self._records = grain.MapDataset.select_from_datasets(parts, _Selection(self._order))

    def _subset(self, ends: _SubsetEnds) -> grain.MapDataset:
        # The suffix gives Grain the count, without which it opens every file at the start.
        paths = [f"{shard.path}[0:{shard.records}]" for shard in ends.shards]
        source = grain.sources.ArrayRecordDataSource(paths)
        return grain.MapDataset.source(source).map_with_index(partial(_decode, ends, self._data))

    def batch(self, position: int, records: int, context: int) -> Batch:
        """Rows of `context` tokens from the records at position, position + 1, ...

        `inputs` are eos + record[:-1], cut into rows: so each stored token is predicted once, and a row that starts
        inside a record knows the token before it. `segments` number the documents of a row; `counted` is False in
        the fill. All are [records * sequence_length / context, context].
        """
        read = [self._records[number] for number in range(position, position + records)]
        targets = np.stack([tokens for tokens, _ in read])
        lengths = np.array([length for _, length in read])
        inputs = np.concatenate([np.full((records, 1), self._data.eos, np.int32), targets[:, :-1]], axis=1)
        counted = np.arange(self._data.sequence_length) < lengths[:, None]
        inputs, targets, counted = (array.reshape(-1, context) for array in (inputs, targets, counted))
        segments = np.cumsum(inputs == self._data.eos, axis=1, dtype=np.int32)
        return {"inputs": inputs, "targets": targets, "segments": segments, "counted": counted}

    def locate(self, position: int, records: int) -> list[str]:
        """File and number of each of the records at position, position + 1, ..."""
        chosen = (self._order[number] for number in range(position, position + records))
        return [self._ends[subset].locate(record) for subset, record in chosen]

    def unigram_entropy(self) -> tuple[float, int]:
        """(nats per token, records counted) of token frequencies, separators included, fill not.

        Counted over one round in training order, or its first 16,384 records.
        """
        counted = min(self._order.round, _SAMPLED_RECORDS)
        counts = np.zeros(self._data.vocabulary, np.int64)
        for number in range(counted):
            tokens, length = self._records[number]
            counts += np.bincount(tokens[:length], minlength=len(counts))
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log(shares)).sum()), counted


def check_context(context: int, sequence_length: int) -> None:
    """Raise ValueError unless records divide into rows of `context` tokens."""
    if context < 2 or sequence_length % context:
        raise ValueError(
            f"--context {context} does not divide the records' {sequence_length} tokens; "
            f"give a divisor, such as {sequence_length}"
        )

"""Batches of training records, read through Grain; the whole state is the number of records consumed."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial

import grain
import numpy as np
from numpy.typing import NDArray

from massivetext.trainer.manifest import Shard, TrainingData
from massivetext.trainer.order import RecordOrder, whole_weights
from massivetext.trainer.provenance import Document, documents_of

Batch = dict[str, NDArray[np.generic]]
Record = tuple[NDArray[np.int32], int]
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

    def find(self, record: int) -> tuple[Shard, int]:
        """The shard of a record and its number within."""
        shard = bisect.bisect_right(self.ends, record)
        return self.shards[shard], record - self.ends[shard] + self.shards[shard].records

    def locate(self, record: int) -> str:
        """File name and number within the file."""
        shard, number = self.find(record)
        return f"{shard.path.name} record {number}"


def _decode(ends: _SubsetEnds, data: TrainingData, record: int, raw: bytes) -> Record:
    """(tokens, how many of them count) of one record."""
    tokens = np.frombuffer(raw, data.record_type).astype(np.int32)
    if len(tokens) != data.sequence_length or tokens.max() >= data.vocabulary:
        raise ValueError(
            f"{ends.locate(record)} has {len(tokens)} tokens, the largest {tokens.max()}; the manifest says "
            f"{data.sequence_length} tokens below {data.vocabulary}: the file is not the one that was built"
        )
    return tokens, len(tokens) - ends.fill(record)


def stored_records(data: TrainingData, shards: tuple[Shard, ...]) -> grain.MapDataset:
    """(tokens, how many of them count) of every record of some shards, in their order."""
    ends = _SubsetEnds(shards)
    # The suffix gives Grain the count, without which it opens every file at the start.
    source = grain.sources.ArrayRecordDataSource([f"{shard.path}[0:{shard.records}]" for shard in shards])
    return grain.MapDataset.source(source).map_with_index(partial(_decode, ends, data))


def as_batch(read: Sequence[Record], data: TrainingData, context: int) -> Batch:
    """Rows of `context` tokens from records.

    `inputs` are eos + record[:-1], cut into rows: so each stored token is predicted once, and a row that starts
    inside a record knows the token before it. `segments` number the documents of a row; `counted` is False in the
    fill. All are [records * sequence_length / context, context].
    """
    targets = np.stack([tokens for tokens, _ in read])
    lengths = np.array([length for _, length in read])
    inputs = np.concatenate([np.full((len(read), 1), data.eos, np.int32), targets[:, :-1]], axis=1)
    counted = np.arange(data.sequence_length) < lengths[:, None]
    batch = {"inputs": inputs, "targets": targets, "counted": counted}
    rows = {name: array.reshape(-1, context) for name, array in batch.items()}
    return rows | {"segments": np.cumsum(rows["inputs"] == data.eos, axis=1, dtype=np.int32)}


class TrainingRecords:
    """The endless sequence of training records; any stretch of it can be read at any time.

    `weights` are whole numbers by subset: the proportions in records, of only the subsets named. By default every
    record comes once in a round.
    """

    def __init__(self, data: TrainingData, seed: int, weights: Mapping[str, int] | None = None) -> None:
        self._data = data
        subsets = {name: shards for name, shards in data.subsets.items() if weights is None or name in weights}
        self._order = RecordOrder({n: sum(s.records for s in shards) for n, shards in subsets.items()}, seed, weights)
        self._ends = [_SubsetEnds(shards) for shards in subsets.values()]
        parts = [stored_records(data, shards) for shards in subsets.values()]
        self._records = grain.MapDataset.select_from_datasets(parts, _Selection(self._order))

    def batch(self, position: int, records: int, context: int, own: NDArray[np.bool_] | None = None) -> Batch:
        """The rows (`as_batch`) of the records at position, position + 1, ...

        `own` says which rows are wanted here; a record without any is not read, and its rows mean nothing.
        """
        rows = self._data.sequence_length // context
        wanted = range(records) if own is None else {int(row) // rows for row in np.flatnonzero(own)}
        nothing = np.zeros(self._data.sequence_length, np.int32), 0
        read = [self._read(position + i) if i in wanted else nothing for i in range(records)]
        return as_batch(read, self._data, context)

    def _read(self, position: int) -> Record:
        try:
            record: Record = self._records[position]
        except (RuntimeError, IndexError) as error:
            subset, number = self._order[position]
            raise OSError(
                f"{self._ends[subset].locate(number)} cannot be read ({str(error).splitlines()[0]}); the file is gone "
                "or not the one that was built: put it back and run the same command"
            ) from error
        return record

    def locate(self, position: int) -> tuple[str, list[Document]]:
        """File and number of the record at a position, and its documents."""
        subset, record = self._order[position]
        shard, number = self._ends[subset].find(record)
        documents = documents_of(shard.documents, number, self._data.sequence_length)
        return self._ends[subset].locate(record), documents

    def unigram_entropy(self) -> tuple[float, int]:
        """(nats per token, records counted) of token frequencies, separators included, fill not.

        Counted over as many records in training order as there are, or the first 16,384.
        """
        counted = min(self._data.records, _SAMPLED_RECORDS)
        counts = np.zeros(self._data.vocabulary, np.int64)
        for number in range(counted):
            tokens, length = self._records[number]
            counts += np.bincount(tokens[:length], minlength=len(counts))
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log(shares)).sum()), counted


def check_weights(data: TrainingData, weights: Mapping[str, Fraction]) -> dict[str, int]:
    """The weights as whole numbers; ValueError for a subset that the data do not have."""
    unknown = sorted(set(weights) - set(data.subsets))
    if unknown:
        raise ValueError(
            f"--weights names {', '.join(unknown)}; the training records are of {', '.join(data.subsets)}: "
            "give weights to these only"
        )
    return whole_weights(weights)


def check_context(context: int, sequence_length: int) -> None:
    """Raise ValueError unless records divide into rows of `context` tokens."""
    if context < 2 or sequence_length % context:
        raise ValueError(
            f"--context {context} does not divide the records' {sequence_length} tokens; "
            f"give a divisor, such as {sequence_length}"
        )

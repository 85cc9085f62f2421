"""Which records of `train/` hold a document, computed from its public id: no table is searched through.

A document's shard is a hash of its id, and a shard's documents stand in the order of another; so a few row groups of
one provenance table are read, found by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import files
from pipelines.packing.order import base_key, epoch_keys, shards_of


@dataclass(frozen=True)
class Occurrence:
    """A document in a shard of `train/`: `tokens` ids from `first_token` on, in records `first_record` to the last."""

    shard: str
    split: str
    epoch: int
    first_token: int
    tokens: int
    first_record: int
    last_record: int


def occurrences(train: str, manifest: Mapping[str, Any], public_id: bytes) -> list[Occurrence]:
    """Every place of the document in `train`, by subset, split and epoch; empty if it was not sampled."""
    places = ((subset, split) for subset in manifest["subsets"] for split in ("train", "valid"))
    return [found for place in places for found in occurrences_in(train, manifest, public_id, *place)]


def occurrences_in(
    train: str, manifest: Mapping[str, Any], public_id: bytes, name: str, split: str
) -> list[Occurrence]:
    """Every place of a document of which the subset's name and the split are known, by epoch."""
    subset = manifest["subsets"][name]
    shards = subset[split]
    if not shards:
        return []
    key = np.array([base_key(manifest["seed"], public_id)], np.uint64)
    shard = shards[int(shards_of(key, len(shards))[0])]
    path = files.join(train, shard["provenance"]["path"])
    if not files.exists(path):
        return []
    epochs = math.ceil(subset["epochs"]) if split == "train" else 1
    length = manifest["sequence_length"]
    with files.open_read(path) as file:
        table = _Provenance(pq.ParquetFile(file), manifest["seed"])
        rows = [table.row(public_id, epoch) for epoch in range(epochs)]
    return [
        Occurrence(
            shard["path"],
            split,
            row["epoch"],
            row["first_token"],
            row["tokens"],
            row["first_token"] // length,
            (row["first_token"] + row["tokens"]) // length,
        )
        for row in rows
        if row
    ]


@dataclass(frozen=True)
class _Provenance:
    """A shard's provenance, whose rows stand in order of the keys that ids have in their epochs."""

    table: pq.ParquetFile
    seed: int

    def row(self, public_id: bytes, epoch: int) -> dict[str, Any] | None:
        wanted = self._key(public_id, epoch)
        low, high = 0, self.table.num_row_groups
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._first_key(middle) <= wanted else (low, middle)
        if not high:
            return None
        found = self._within(low, public_id, epoch)
        # Of rows with one key some may stand at the end of the group before.
        if found is None and low and self._first_key(low) == wanted:
            found = self._within(low - 1, public_id, epoch)
        return found

    def _within(self, group: int, public_id: bytes, epoch: int) -> dict[str, Any] | None:
        rows = self.table.read_row_group(group, use_threads=False)
        same = pc.and_(pc.equal(rows["id"], pa.scalar(public_id, pa.binary(16))), pc.equal(rows["epoch"], epoch))
        found = rows.filter(same).to_pylist()
        return dict(found[0]) if found else None

    def _first_key(self, group: int) -> int:
        first = self.table.read_row_group(group, columns=["id", "epoch"], use_threads=False).slice(0, 1).to_pylist()[0]
        return self._key(first["id"], first["epoch"])

    def _key(self, public_id: bytes, epoch: int) -> int:
        return int(epoch_keys(np.array([base_key(self.seed, public_id)], np.uint64), epoch)[0])

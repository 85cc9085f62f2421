"""A document's records follow from its id, in every epoch and shard, with few row groups read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from massivetext.explain.placement import Occurrence, occurrences, occurrences_in
from pipelines import documents, pack
from pipelines.packing import records
from pipelines.packing.order import base_key, shards_of

Made = tuple[str, dict[str, Any], list[tuple[bytes, Occurrence]]]
SEED, LENGTH, WHOLE_EPOCHS, SHARDS, COUNT = 5, 16, 2, 3, 200


def identity(number: int) -> bytes:
    return documents.public_id("web", str(number), b"")


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Provenance of three shards in groups of 16 rows, its manifest, and what it holds."""
    monkeypatch.setattr(records, "PROVENANCE_BATCH", 16)
    ids = np.array([identity(number) for number in range(COUNT)], "V16")
    keys = np.array([base_key(SEED, identity(number)) for number in range(COUNT)], np.uint64)
    held, entries = [], []
    for shard in range(SHARDS):
        rows = np.flatnonzero(shards_of(keys, SHARDS) == shard)
        kind = [("key", "<u8"), ("docid", "<i8"), ("tokens", "<i8"), ("partial", "<i8")]
        index = np.zeros(len(rows), kind)
        index["key"], index["docid"], index["tokens"] = keys[rows], rows, 3 + rows % 40
        index["partial"] = np.where(rows % 3 == 0, 2, 0)
        row, epoch, tokens = pack.occurrences(index, WHOLE_EPOCHS)
        name = f"web-{shard:05d}-of-{SHARDS:05d}"
        path = str(tmp_path / f"{name}.documents.parquet")
        records.write_provenance(path, ids[rows], pa.array([str(r) for r in rows]), row, epoch, tokens)
        first = np.cumsum(tokens + 1) - tokens - 1
        for r, e, f, t in zip(row, epoch.tolist(), first.tolist(), tokens.tolist(), strict=True):
            path = f"{name}.array_record"
            place = Occurrence(path, "train", e, f, t, f // LENGTH, (f + t) // LENGTH)
            held.append((identity(int(rows[r])), place))
        entries.append({"path": f"{name}.array_record", "provenance": {"path": f"{name}.documents.parquet"}})
    subset = {"epochs": WHOLE_EPOCHS + 1 / 3, "train": entries, "valid": []}
    return str(tmp_path), {"seed": SEED, "sequence_length": LENGTH, "subsets": {"web": subset}}, held


def test_every_occurrence_of_every_document_is_found(
    train: Made,
) -> None:
    folder, manifest, held = train
    assert len(held) > 2 * COUNT
    for number in range(COUNT):
        expected = sorted((place for name, place in held if name == identity(number)), key=lambda place: place.epoch)
        assert occurrences_in(folder, manifest, identity(number), "web", "train") == expected
        assert occurrences(folder, manifest, identity(number)) == expected


def test_a_document_that_was_not_sampled_is_nowhere(
    train: Made,
) -> None:
    folder, manifest, _ = train
    assert all(occurrences(folder, manifest, identity(COUNT + number)) == [] for number in range(50))

"""Identity, survivor order and the documents folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import documents
from pipelines.documents import DROPS, SCHEMA, Order


def table(docids: list[int]) -> pa.RecordBatch:
    columns = {name: pa.nulls(len(docids), kind) for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True)}
    columns["docid"] = pa.array(docids, pa.int64())
    columns["text"] = pa.array([f"text {docid}" for docid in docids], pa.large_string())
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=SCHEMA)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Shard 2 in two batches, of which two sidecars drop rows 1 and 4."""
    path = documents.shard_file(str(tmp_path / "documents"), 2)
    docids = [documents.docid(2, row) for row in range(6)]
    documents.write_batches(path, SCHEMA, [table(docids[:4]), table(docids[4:])])
    for name, row in (("first", 1), ("second", 4)):
        drops = documents.drops_table(np.array([docids[row]]), "rule", np.ones(1), 0.5, np.array([-1]))
        documents.write_drops(str(tmp_path / name), 2, drops)
    return str(tmp_path)


def test_kept_documents_are_those_no_sidecar_drops(folder: str) -> None:
    batches = list(documents.read_kept(f"{folder}/documents", [f"{folder}/first", f"{folder}/second"], 2, ["text"]))
    texts = [text for batch in batches for text in batch.column("text").to_pylist()]
    assert texts == [f"text {documents.docid(2, row)}" for row in (0, 2, 3, 5)]
    assert [len(batch) for batch in batches] == [3, 1]


def test_a_batch_is_a_row_group(folder: str) -> None:
    batches = list(documents.read_batches(documents.shard_file(f"{folder}/documents", 2), ["docid"]))
    assert [len(batch) for batch in batches] == [4, 2]


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    other = DROPS.with_metadata({"massivetext.drops": "99"})
    path = str(tmp_path / "00000.parquet")
    documents.write_batches(path, other, [other.empty_table()])
    with pytest.raises(ValueError, match="has format 99, this version reads format 1: build into an empty folder"):
        list(documents.read_batches(path))


def test_docids_hold_shard_and_row() -> None:
    docids = np.array([documents.docid(3, 5), documents.docid((1 << 31) - 1, (1 << 32) - 1)])
    assert (docids >> 32).tolist() == [3, (1 << 31) - 1]
    assert (docids & 0xFFFFFFFF).tolist() == [5, (1 << 32) - 1]


@given(st.text(), st.text(), st.binary(min_size=16, max_size=16))
def test_public_ids_differ_with_subset_locator_and_content(one: str, two: str, digest: bytes) -> None:
    ids = {
        documents.public_id("c4", one, digest),
        documents.public_id("news", one, digest),
        documents.public_id("c4", one + "x", digest),
        documents.public_id("c4", one, digest[::-1] + b"x"),
    }
    assert len(ids) == 4
    assert documents.public_id("c4", one, digest) in ids


@given(st.binary(min_size=16, max_size=16), st.integers(0, 63), st.integers(0, 255))
def test_rank_puts_validation_then_generation_then_priority_first(
    identity: bytes, generation: int, priority: int
) -> None:
    train = Order(7, generation, priority, 0.0).rank(identity)
    assert 0 <= train < 1 << 63
    assert Order(7, generation, priority, 1.0).rank(identity) < train
    if generation:
        assert Order(7, generation - 1, 255, 0.0).rank(b"\xff" * 16) < train
    if priority:
        assert Order(7, generation, priority - 1, 0.0).rank(b"\xff" * 16) < train


def test_the_validation_share_is_met_and_hangs_on_seed_and_id_alone() -> None:
    identities = [n.to_bytes(16, "little") for n in range(20_000)]
    order = Order(0, 0, 0, 0.05)
    drawn = [order.split(identity) == "valid" for identity in identities]
    assert 900 < sum(drawn) < 1100
    assert drawn == [Order(0, 3, 9, 0.05).split(identity) == "valid" for identity in identities]
    assert drawn != [Order(1, 0, 0, 0.05).split(identity) == "valid" for identity in identities]


def test_golden_identity_values_never_change() -> None:
    identity = documents.public_id("massiveweb", "<urn:uuid:1>", b"\0" * 16)
    assert identity.hex() == "363f0a3412d62686b378438ed53a8b28"
    assert documents.text_hash(b"text").hex() == "2279d3d3f8ee48e3303099578edb6f9c"
    assert documents.keyed(0, "split", identity) == 5463987524697997857

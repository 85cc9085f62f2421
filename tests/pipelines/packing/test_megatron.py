"""Megatron's files hold every document of `train/` once, in its order, to the byte of their format."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import documents, mix, pack
from pipelines.engine import Engine
from pipelines.mix import FinalTokens
from pipelines.packing import megatron, records
from pipelines.packing.quotas import Subset
from pipelines.packing.records import Layout
from pipelines.tokens import encoded, schema

EOS = 2
ABOUT = {"package": {"version": "0", "source_digest": ""}, "python": "3.11", "libraries": {}, "mixture": {}}
TYPES = {3: np.int16, 4: np.int32, 5: np.int64, 8: np.uint16}


def read_index(path: Path) -> tuple[type, list[int], list[int], list[int]]:
    """Type, lengths, first bytes and document bounds, field by field as Megatron's reader takes them."""
    with path.open("rb") as file:
        assert file.read(9) == b"MMIDIDX\x00\x00"
        assert struct.unpack("<Q", file.read(8)) == (1,)
        (code,) = struct.unpack("<B", file.read(1))
        sequences, bounds = struct.unpack("<QQ", file.read(16))
        assert file.tell() == 34
        lengths = list(struct.unpack(f"<{sequences}i", file.read(4 * sequences)))
        pointers = list(struct.unpack(f"<{sequences}q", file.read(8 * sequences)))
        documents_ = list(struct.unpack(f"<{bounds}q", file.read(8 * bounds)))
        assert file.read() == b""
    return TYPES[code], lengths, pointers, documents_


def read_dataset(prefix: Path) -> list[list[int]]:
    kind, lengths, pointers, bounds = read_index(prefix.with_suffix(".idx"))
    data = prefix.with_suffix(".bin").read_bytes()
    assert bounds == list(range(len(lengths) + 1))
    assert sum(lengths) * np.dtype(kind).itemsize == len(data)
    return [np.frombuffer(data, kind, n, at).tolist() for n, at in zip(lengths, pointers, strict=True)]


def build(folder: Path, vocabulary: int) -> dict[str, Any]:
    """A small finished `train`, with validation documents and a partial epoch."""
    rng = np.random.default_rng(3)
    layout = Layout(32, vocabulary, EOS)
    columns = schema(layout.dtype)
    rows = range(60)
    table = {
        "docid": [documents.docid(0, row) for row in rows],
        "id": [documents.public_id("", str(row), b"") for row in rows],
        "rank": list(rows),
        "split": ["valid" if row < 4 else "train" for row in rows],
        "locator": [str(row) for row in rows],
        "text": [""] * len(rows),
        "tokens": [rng.integers(3, vocabulary, int(rng.integers(1, 90))).tolist() for _ in rows],
    }
    path = documents.shard_file(encoded(f"{folder}/tokens"), 0)
    documents.write_batches(path, columns, [pa.table(table, schema=columns)])
    source = FinalTokens(f"{folder}/tokens", "", {0: ["d"]}, {})
    plan = mix.mix(Engine(), source, f"{folder}/mix", [Subset("web", 1, (0,), 2)], 1, 32, 3_000, 40)
    (folder / "model").write_bytes(b"a model")
    return pack.pack(Engine(), source, plan, f"{folder}/pack", f"{folder}/train", layout, f"{folder}/model", ABOUT)


@pytest.mark.parametrize(("vocabulary", "kind"), [(300, np.uint16), (65_536, np.uint16), (200_000, np.int32)])
def test_an_independent_reader_finds_every_document(tmp_path: Path, vocabulary: int, kind: type) -> None:
    manifest = build(tmp_path, vocabulary)
    out = tmp_path / "megatron"
    marks = megatron.export(Engine(), str(tmp_path / "train"), manifest, str(out))
    web = manifest["subsets"]["web"]
    layout = Layout(32, vocabulary, EOS)
    assert len(web["train"]) > 1
    for number, entry in enumerate((*web["train"], *web["valid"])):
        prefix = out / entry["path"].removesuffix(".array_record")
        assert read_index(prefix.with_suffix(".idx"))[0] is kind
        path = tmp_path / "train" / entry["path"]
        stream = np.concatenate([batch.reshape(-1) for batch in records.read_records(str(path), layout)]).tolist()
        told = pq.read_table(tmp_path / "train" / entry["provenance"]["path"]).to_pylist()
        wanted = [stream[row["first_token"] : row["first_token"] + row["tokens"]] for row in told]
        assert read_dataset(prefix) == [[*ids, EOS] for ids in wanted]
        assert marks[number].counts == {
            "documents": entry["documents"],
            "tokens": entry["tokens"] + entry["separators"],
        }
        for file in marks[number].files:
            assert hashlib.sha256((out / file.name).read_bytes()).hexdigest() == file.sha256


def test_an_index_written_by_hand() -> None:
    found = megatron.index_bytes(np.array([3, 1], np.int64), Layout(8, 100_000, EOS))
    assert found == bytes.fromhex(
        "4d4d494449445800 00 0100000000000000 04 0200000000000000 0300000000000000"
        "03000000 01000000 0000000000000000 0c00000000000000"
        "0000000000000000 0100000000000000 0200000000000000"
    )


def test_a_document_beyond_the_format_is_refused() -> None:
    with pytest.raises(ValueError, match="expected fewer than 2\\^31"):
        megatron.index_bytes(np.array([1 << 31]), Layout(8, 300, EOS))


def test_a_second_export_writes_nothing(tmp_path: Path) -> None:
    manifest = build(tmp_path, 300)
    train, out = str(tmp_path / "train"), tmp_path / "megatron"
    megatron.export(Engine(), train, manifest, str(out))
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    megatron.export(Engine(), train, manifest, str(out))
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before

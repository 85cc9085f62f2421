"""From the records of a finished build every sampled document comes back: its tokens and its text."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from massivetext.folders import Folders
from pipelines import cut, files
from pipelines.packing import records
from pipelines.packing.records import Layout
from pipelines.tokenization import tokenizer
from pipelines.tokenization.tokenizer import Encoder


@pytest.fixture(scope="module")
def manifest(built: Path) -> dict[str, Any]:
    found: dict[str, Any] = records.unseal((built / "train" / "manifest.json").read_bytes())
    return found


@pytest.fixture(scope="module")
def encoder(built: Path) -> Encoder:
    return tokenizer.load(str(built / "train" / "tokenizer.model"))


def sampled(built: Path, manifest: dict[str, Any], split: str) -> dict[str, list[dict[str, Any]]]:
    """Per subset every occurrence of a document in its shards: provenance and ids, read back from the records."""
    layout = Layout(manifest["sequence_length"], manifest["vocabulary"], manifest["eos"])
    found: dict[str, list[dict[str, Any]]] = {}
    for name, subset in manifest["subsets"].items():
        found[name] = []
        for entry in subset[split]:
            batches = records.read_records(str(built / "train" / entry["path"]), layout)
            stream = np.concatenate([batch.reshape(-1) for batch in batches])
            for row in pq.read_table(built / "train" / entry["provenance"]["path"]).to_pylist():
                ids = stream[row["first_token"] : row["first_token"] + row["tokens"]]
                assert stream[row["first_token"] + row["tokens"]] == layout.eos
                found[name].append({**row, "ids": ids})
    return found


@pytest.fixture(scope="module")
def final(built: Path) -> dict[bytes, dict[str, Any]]:
    """Every document after the cut by its id: text, tokens, split, locator."""
    folders = Folders(str(built))
    shards = [int(name[:5]) for name in files.names(str(built / "text")) if name.endswith(".parquet")]
    columns = ["docid", "id", "locator", "split", "text", "tokens"]
    rows = [
        row
        for shard in shards
        for batch in cut.read_final(folders.tokens, folders.stage("cut"), shard, columns)
        for row in batch.to_pylist()
    ]
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row for row in rows}


def test_every_sampled_document_comes_back_with_tokens_and_text(
    built: Path, manifest: dict[str, Any], encoder: Encoder, final: dict[bytes, dict[str, Any]]
) -> None:
    cropped = 0
    for name, rows in sampled(built, manifest, "train").items():
        assert rows
        assert max(Counter((row["id"], row["epoch"]) for row in rows).values()) == 1
        short = [row for row in rows if row["tokens"] < len(final[row["id"]]["tokens"])]
        assert len(short) <= 1, name
        cropped += len(short)
        for row in rows:
            whole = final[row["id"]]
            assert (whole["split"], whole["locator"]) == ("train", row["locator"])
            assert row["ids"].tolist() == whole["tokens"][: row["tokens"]]
            if row["tokens"] == len(whole["tokens"]):
                assert encoder.decode(row["ids"]) == whole["text"]
            else:
                end = int(encoder.bounds(row["ids"])[-1])
                # The last character may be cropped between its bytes.
                assert encoder.decode(row["ids"]).startswith(whole["text"].encode()[:end].decode(errors="ignore"))
    assert cropped


def test_validation_shards_hold_every_validation_document_once(
    built: Path, manifest: dict[str, Any], encoder: Encoder, final: dict[bytes, dict[str, Any]]
) -> None:
    rows = [row for found in sampled(built, manifest, "valid").values() for row in found]
    wanted = sorted(id_ for id_, row in final.items() if row["split"] == "valid" and row["tokens"])
    assert sorted(row["id"] for row in rows) == wanted
    for row in rows:
        assert encoder.decode(row["ids"]) == final[row["id"]]["text"]


def test_the_exported_text_is_that_of_the_records(built: Path, final: dict[bytes, dict[str, Any]]) -> None:
    paths = sorted((built / "text").glob("*.parquet"))
    exported = [row for path in paths for row in pq.read_table(path, columns=["id", "text"]).to_pylist()]
    assert {row["id"]: row["text"] for row in exported} == {id_: row["text"] for id_, row in final.items()}


def test_the_manifest_says_what_the_records_are_made_of(built: Path, manifest: dict[str, Any]) -> None:
    assert len(manifest["package"]["source_digest"]) == 64
    assert manifest["mixture"]["seed"] == manifest["seed"]
    assert {"sentencepiece", "array-record", "pyarrow", "numpy"} <= set(manifest["libraries"])
    assert all(subset["rules"] for subset in manifest["mixture"]["subsets"] if subset["name"] == "massiveweb")
    for subset in manifest["subsets"].values():
        assert {"wanted_share", "reached_share", "epochs", "weight"} <= set(subset)
        assert abs(subset["wanted_share"] - subset["reached_share"]) < 0.001
        for entry in (*subset["train"], *subset["valid"]):
            for file in (entry, entry["provenance"]):
                assert (built / "train" / file["path"]).stat().st_size == file["bytes"]
    assert str(built) not in json.dumps(manifest)
    assert manifest["format"] == records.FORMAT

"""Anybody's JSONL and Parquet through duplicate search and back."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import deduplicate

TEXT = " ".join(f"w{n}" for n in range(200))
CHANGED = TEXT.replace("w190", "other")
RECORDS: dict[str, list[dict[str, Any]]] = {
    "a.jsonl": [{"id": "a0", "text": TEXT, "n": 1}, {"id": "a1", "text": "short"}, {"text": TEXT + " end"}],
    "b.json.gz": [{"id": 7, "text": "short", "meta": {"x": [1]}}, {"id": 8, "text": "alone — 一"}],
    "c.parquet": [{"id": "c0", "text": CHANGED, "score": 0.5}, {"id": "c1", "text": "last", "score": 0.1}],
}


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, records in RECORDS.items():
        lines = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        if name.endswith(".parquet"):
            pq.write_table(pa.Table.from_pylist(records), folder / name)
        else:
            (folder / name).write_bytes(gzip.compress(lines) if name.endswith(".gz") else lines)
    return folder


def test_the_first_of_duplicates_stays_with_all_its_fields(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deduplicate.main([str(given), str(tmp_path / "out"), "--workers", "1"])
    kept = tmp_path / "out" / "kept"
    assert [json.loads(line) for line in (kept / "00000-a.jsonl").read_text().splitlines()] == RECORDS["a.jsonl"][:2]
    lines = gzip.decompress((kept / "00001-b.json.gz").read_bytes()).decode().splitlines()
    assert [json.loads(line) for line in lines] == RECORDS["b.json.gz"][1:]
    assert pq.read_table(kept / "00002-c.parquet").to_pylist() == RECORDS["c.parquet"][1:]
    printed = capsys.readouterr().out.split()
    assert printed[:10] == [
        "documents",
        "7",
        "unreadable",
        "0",
        "exact_duplicate",
        "1",
        "near_duplicate",
        "2",
        "kept",
        "4",
    ]
    assert "99.72%" in printed


def test_attributes_mark_duplicates_with_their_jaccard_and_drop_none(given: Path, tmp_path: Path) -> None:
    deduplicate.main(
        [str(given), str(tmp_path / "out"), "--workers", "1", "--attributes", "--bands", "64", "--rows", "4"]
    )
    folder = tmp_path / "out" / "attributes" / "deduplicate"
    assert sorted(path.name for path in folder.iterdir()) == ["a.jsonl", "b.json.gz", "c.parquet.jsonl.gz"]
    first, second, third = (json.loads(line) for line in (folder / "a.jsonl").read_text().splitlines())
    near, exact = (f"massivetext__deduplicate__{rule}" for rule in ("near_duplicate", "exact_duplicate"))
    assert first == {"id": "a0", "attributes": {}}
    assert second == {"id": "a1", "attributes": {}}
    assert third["attributes"] == {near: [[0, len(TEXT) + 4, 188 / 189]]}
    lines = gzip.decompress((folder / "b.json.gz").read_bytes()).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": 7, "attributes": {exact: [[0, 5, 1.0]]}},
        {"id": 8, "attributes": {}},
    ]


def test_a_mistake_is_named(given: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"threshold '1.5': expected a decimal between 0 and 1"):
        deduplicate.main([str(given), str(tmp_path / "out"), "--threshold", "1.5"])
    with pytest.raises(SystemExit, match="no JSONL or Parquet file in"):
        deduplicate.main([str(tmp_path / "nothing"), str(tmp_path / "out")])

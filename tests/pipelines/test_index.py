"""The index: every name leads to its documents, by one read, whatever the number of rows."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import documents, files, index, skipped
from pipelines.engine import Engine
from pipelines.stage import Mark, Stage

SHARDS = 3


def batch(shard: int, count: int, **names: list[str | None]) -> pa.RecordBatch:
    docids = [documents.docid(shard, row) for row in range(count)]
    columns: dict[str, list[object]] = {
        "docid": list(docids),
        "id": [documents.public_id("web", f"{shard}", bytes([row])) for row in range(count)],
        "url": [f"https://example.org/{shard}/{row}" for row in range(count)],
        "locator": [f"<urn:uuid:{shard}-{row}>" for row in range(count)],
        **{name: list(values) for name, values in names.items()},
    }
    schema = pa.schema([documents.SCHEMA.field(name) for name in columns])
    return pa.RecordBatch.from_pydict(columns, schema=schema)


def written(folder: Path, batches: list[pa.RecordBatch]) -> str:
    for shard, found in enumerate(batches):
        documents.write_batches(documents.shard_file(str(folder), shard), found.schema, [found])
        with skipped.log(str(folder), shard) as log:
            log.add(100, "not_success", "HTTP status 404", url=f"https://example.org/gone/{shard}")
            log.add(101, "not_a_response")
    return str(folder)


def run(given_in: str, out: Path, exchange: str = "beam") -> dict[int, Mark]:
    work = index.WriteIndex(given_in, str(out), SHARDS)
    stage = Stage("index", str(out), "code", index.settings(SHARDS), dict.fromkeys(range(SHARDS)), {}, exchanges=True)
    return Engine(workers=1, exchange=exchange, spill=str(out) + "-spill").run_exchange(stage, work, 1000)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    shared: list[str | None] = [None, "https://example.org/twice", "https://example.org/twice"]
    same: list[str | None] = ["https://example.org/one-name", None, ""]
    batches = [batch(0, 40), batch(1, 3, url=shared), batch(2, 3, url=same, locator=same)]
    return written(tmp_path / "documents", batches)


def test_every_id_url_and_locator_leads_to_its_document(folder: str, tmp_path: Path) -> None:
    run(folder, tmp_path / "index")
    asked = 0
    for shard in range(SHARDS):
        for found in documents.read_batches(documents.shard_file(folder, shard)):
            for row in found.to_pylist():
                for name in (row["id"], row["url"], row["locator"]):
                    if name:
                        key = name if isinstance(name, bytes) else name.encode()
                        assert row["docid"] in index.find(str(tmp_path / "index"), key)
                        asked += 1
    assert asked > 120


def test_a_name_that_two_documents_bear_leads_to_both_and_one_that_none_bears_nowhere(
    folder: str, tmp_path: Path
) -> None:
    run(folder, tmp_path / "index")
    found = index.find(str(tmp_path / "index"), b"https://example.org/twice")
    assert found == [documents.docid(1, 1), documents.docid(1, 2)]
    assert index.find(str(tmp_path / "index"), b"https://example.org/nowhere") == []
    assert index.find(str(tmp_path / "index"), b"") == []


def test_the_name_of_a_record_that_is_no_document_leads_to_its_number(folder: str, tmp_path: Path) -> None:
    run(folder, tmp_path / "index")
    for shard in range(SHARDS):
        found = index.find(str(tmp_path / "index"), f"https://example.org/gone/{shard}".encode())
        assert found == [documents.docid(shard, 100)]


def test_a_name_or_detail_without_bound_or_with_a_lone_surrogate_does_no_harm(tmp_path: Path) -> None:
    with skipped.log(str(tmp_path), 3) as log:
        log.add(7, skipped.UNREADABLE, "x\udc80" * 1000, 5, url="u" * (skipped.NAME + 1), locator="a\udc80")
    (found,) = (row for batch in documents.read_batches(str(tmp_path / "00003.skipped")) for row in batch.to_pylist())
    assert (found["docid"], found["reason"], found["position"]) == (documents.docid(3, 7), "unreadable", 5)
    assert (len(found["detail"]), found["url"], found["locator"]) == (skipped.DETAIL, None, "a\ufffd")
    assert [written.name for written in log.written] == ["00003.skipped"]


def test_a_url_that_is_also_the_locator_is_one_name(folder: str, tmp_path: Path) -> None:
    marks = run(folder, tmp_path / "index")
    assert index.find(str(tmp_path / "index"), b"https://example.org/one-name") == [documents.docid(2, 0)]
    # 40 documents of three names, one of two and two of three, and one of two and two of one.
    # And one name of a record that is no document in each of the three shards.
    assert sum(mark.counts["names"] for mark in marks.values()) == 120 + 8 + 4 + 3


def test_both_back_ends_write_the_same_bytes_and_a_finished_index_is_not_made_again(
    folder: str, tmp_path: Path
) -> None:
    made = [run(folder, tmp_path / name, name) for name in ("beam", "files")]
    assert made[0] == made[1]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "beam").iterdir()}
    run(folder, tmp_path / "beam", "files")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "beam").iterdir()} == before


@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=300), st.integers(0, (1 << 64) - 1), st.floats(0, 1))
def test_a_search_finds_what_stands_there_wherever_it_begins(keys: list[int], other: int, share: float) -> None:
    rows = np.zeros(3 * len(keys), index.ROWS)
    rows["key"] = np.sort(np.array(keys * 3, np.uint64))
    rows["docid"] = np.arange(len(rows))
    for key in [*keys[:5], other]:
        expected = np.flatnonzero(rows["key"] == np.uint64(key)).tolist()
        assert index._search(io.BytesIO(rows.tobytes()), key, share) == expected


class Counted(io.BytesIO):
    """Bytes that know what was read of them."""

    reads = 0
    bytes = 0

    def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
        found = super().read(size)
        self.reads, self.bytes = self.reads + 1, self.bytes + len(found)
        return found


def test_a_lookup_among_three_million_rows_is_one_read_of_a_hundred_kilobytes() -> None:
    count = 3_000_000
    rows = np.zeros(count, index.ROWS)
    # The finaliser of splitmix64 spreads a counter evenly, as hashes are.
    keys = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    rows["key"] = np.sort((keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB))
    rows["docid"] = np.arange(count)
    data = rows.tobytes()
    reads = []
    for place in range(0, count, count // 200):
        key = int(rows["key"][place])
        file = Counted(data)
        assert index._search(file, key, key / (1 << 64)) == [place]
        reads.append(file.reads)
        assert file.bytes <= file.reads * 120_000
    assert sorted(reads)[len(reads) * 95 // 100] == 1


def test_keys_are_spread_over_parts_in_order() -> None:
    keys = np.array([0, 1 << 61, (1 << 64) // 3 + (1 << 33), (1 << 64) - 1], np.uint64)
    assert index.part_of(keys, 3).tolist() == [0, 0, 1, 2]
    assert index.part_of(keys, 1).tolist() == [0, 0, 0, 0]


def test_an_index_that_is_not_there_or_of_another_format_says_what_to_do(folder: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the build again"):
        index.find(str(tmp_path / "index"), b"x")
    run(folder, tmp_path / "index")
    manifest = tmp_path / "index" / "stage.json"
    data = json.loads(manifest.read_text())
    data["settings"]["format"] = 99
    manifest.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="format 99"):
        index.find(str(tmp_path / "index"), b"x")


def test_a_damaged_or_missing_file_is_named(folder: str, tmp_path: Path) -> None:
    out = tmp_path / "index"
    run(folder, out)
    assert list(index.problems(str(out))) == []
    whole = (out / "00001.names").read_bytes()
    (out / "00001.names").write_bytes(whole[16:32] + whole[:16] + whole[32:])
    assert [problem for problem in index.problems(str(out)) if "00001.names" in problem]
    (out / "00001.names").unlink()
    assert list(index.problems(str(out))) == [f"{files.join(str(out), '00001.names')} is missing"]

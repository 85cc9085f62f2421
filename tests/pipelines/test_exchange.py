"""An exchange brings every key's rows together and every answer home, the same way on both back ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipelines import exchange, files
from pipelines.engine import Engine
from pipelines.exchange import Carrier, sort_rows
from pipelines.stage import Result, Stage

SHARDS = 5


def made_rows(shard: int) -> np.ndarray:
    """Rows whose keys come in equal groups across shards; shard 3 is empty."""
    count = 0 if shard == 3 else 400
    rows = np.zeros(count, Later.rows)
    spread = (np.arange(count, dtype=np.uint64) * np.uint64(shard + 1)) % np.uint64(701)
    rows["key"] = spread * np.uint64(0x9E3779B97F4A7C15)
    rows["docid"] = (shard << 32) + np.arange(count)
    return rows


@dataclass(frozen=True)
class Later:
    """Answers every row of a key but the one with the least docid."""

    out: str
    folder: str = ""
    rows = np.dtype([("key", "<u8"), ("docid", "<i8")])
    answers = np.dtype([("docid", "<i8"), ("first", "<i8")])
    order = ("key", "docid")

    def warm_up(self) -> None:
        """Nothing to load."""

    def emit(self, shard: int) -> np.ndarray:
        rows = sort_rows(made_rows(shard), ("key",))
        if not self.folder:
            return rows
        path = files.join(self.folder, f"{shard}.rows")
        files.write_bytes(path, rows.tobytes())
        return exchange.map_rows(path, self.rows)

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        assert np.all(rows["key"][1:] >= rows["key"][:-1])
        later = np.flatnonzero(rows["key"][1:] == rows["key"][:-1]) + 1
        starts = np.searchsorted(rows["key"], rows["key"][later])
        found = np.zeros(len(later), self.answers)
        found["docid"], found["first"] = rows["docid"][later], rows["docid"][starts]
        return found

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        path = files.join(self.out, f"{shard:05d}.answers")
        return Result([files.write_bytes(path, answers.tobytes())], {"answers": len(answers)})


def answers_of(folder: Path, backend: str, workers: int = 1, mapped: bool = False) -> dict[int, bytes]:
    work = Later(str(folder / "out"), str(folder / "rows") if mapped else "")
    inputs = {shard: f"v{shard}" for shard in range(SHARDS)}
    wanted = Stage("later", work.out, "code", {}, inputs, dict.fromkeys(inputs, 1), exchanges=True)
    engine = Engine(workers=workers, exchange=backend, spill=str(folder / "spill"))
    marks = engine.run_exchange(wanted, work, row_bytes=1000 if workers == 1 else 1 << 40)
    assert sorted(marks) == list(range(SHARDS))
    assert not (folder / "spill" / "later").exists()
    return {shard: (folder / "out" / f"{shard:05d}.answers").read_bytes() for shard in range(SHARDS)}


def naive_answers() -> dict[int, bytes]:
    rows = np.concatenate([made_rows(shard) for shard in range(SHARDS)])
    first: dict[int, int] = {}
    later: dict[int, list[tuple[int, int]]] = {shard: [] for shard in range(SHARDS)}
    for key, docid in sorted(zip(rows["key"].tolist(), rows["docid"].tolist(), strict=True)):
        if key in first:
            later[docid >> 32].append((docid, first[key]))
        first.setdefault(key, docid)
    return {s: np.array(sorted(found), dtype=Later.answers).tobytes() for s, found in later.items()}


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("backend", ["beam", "files"])
def test_both_back_ends_answer_as_a_plain_loop_does(tmp_path: Path, backend: str, mapped: bool) -> None:
    assert answers_of(tmp_path, backend, mapped=mapped) == naive_answers()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["beam", "files"])
def test_two_worker_processes_give_the_same_answers(tmp_path: Path, backend: str) -> None:
    assert answers_of(tmp_path, backend, workers=2) == naive_answers()


@pytest.mark.parametrize("backend", ["beam", "files"])
def test_what_is_packed_comes_back(tmp_path: Path, backend: str) -> None:
    rows = made_rows(1)
    blobs = list(Carrier(backend, str(tmp_path)).pack(rows, "name"))
    assert np.array_equal(exchange.unpack(blobs, rows.dtype), rows)


def test_no_blob_is_larger_than_its_bound() -> None:
    rows = np.zeros(2 * exchange.BLOB_BYTES // 16 + 1, Later.rows)
    sizes = [len(blob) for blob in Carrier("beam", "").pack(rows, "name")]
    assert len(sizes) == 3
    assert max(sizes) <= exchange.BLOB_BYTES + 1


def test_rows_are_sorted_by_the_first_field_first() -> None:
    rows = np.array([(2, 1), (1, 9), (1, 3)], Later.rows)
    assert sort_rows(rows, ("key", "docid")).tolist() == [(1, 3), (1, 9), (2, 1)]
    assert sort_rows(rows, ("docid", "key")).tolist() == [(2, 1), (1, 3), (1, 9)]


@pytest.mark.parametrize(("row_bytes", "partitions"), [(0, 16), (1 << 30, 32), (64 << 30, 2048)])
def test_partitions_grow_with_the_rows(row_bytes: int, partitions: int) -> None:
    assert exchange.partitions_for(row_bytes) == partitions

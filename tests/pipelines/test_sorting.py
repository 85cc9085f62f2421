"""Packed rows come out sorted whatever memory they were given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.exchange import read_rows
from pipelines.sorting import write_sorted

ROW = np.dtype([("key", "u8"), ("value", "i4")])


def batches(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    made = []
    for _ in range(count):
        rows = np.empty(rng.integers(0, 2_000), ROW)
        rows["key"] = rng.integers(0, 1 << 63, len(rows), dtype=np.uint64) * np.uint64(2)
        rows["key"][::5] = np.uint64(2**63)
        rows["value"] = rng.integers(0, 1 << 30, len(rows))
        made.append(rows)
    return made


@pytest.mark.parametrize("count", [0, 1, 30])
def test_rows_are_sorted_by_key_and_equal_keys_stay_in_order_of_arrival(tmp_path: Path, count: int) -> None:
    made = batches(count)
    whole = np.concatenate([np.zeros(0, ROW), *made])
    wanted = whole[np.argsort(whole["key"], kind="stable")]
    one, rows = write_sorted(str(tmp_path / "one"), ROW, made)
    many, _ = write_sorted(str(tmp_path / "many"), ROW, made, run_bytes=5_000)
    assert rows == len(whole)
    assert one.sha256 == many.sha256
    assert (read_rows(str(tmp_path / "many"), ROW) == wanted).all()

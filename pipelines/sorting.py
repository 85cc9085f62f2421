"""Packed rows sorted by key in bounded memory: sorted runs on local disk, then range after range of keys."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator

import numpy as np

from pipelines import files
from pipelines.files import Written

RUN_BYTES = 64 << 20
RANGES = 64


def write_sorted(
    path: str, dtype: np.dtype, batches: Iterable[np.ndarray], run_bytes: int = RUN_BYTES
) -> tuple[Written, int]:
    """Write all rows to `path`, sorted by `key` (uint64, uniformly hashed); how many.

    Equal keys stay in order of arrival.     Beyond `run_bytes` the rows wait in temporary files, so that
    memory stays near twice that.
    """
    with tempfile.TemporaryDirectory() as scratch:
        runs = [_run(rows, f"{scratch}/{i}") for i, rows in enumerate(_gathered(dtype, batches, run_bytes))]
        with files.create(path) as sink:
            for rows in _ranges(runs) if len(runs) > 1 else runs:
                sink.write(rows.tobytes())
        return sink.written(path), sum(len(run) for run in runs)


def _gathered(dtype: np.dtype, batches: Iterable[np.ndarray], run_bytes: int) -> Iterator[np.ndarray]:
    """The rows in sorted runs of about `run_bytes`."""
    waiting: list[np.ndarray] = []
    size = 0
    for rows in batches:
        waiting.append(rows)
        size += rows.nbytes
        if size >= run_bytes:
            yield _sorted(np.concatenate(waiting))
            waiting, size = [], 0
    if size:
        yield _sorted(np.concatenate(waiting).astype(dtype, copy=False))


def _run(rows: np.ndarray, path: str) -> np.ndarray:
    rows.tofile(path)
    return np.memmap(path, rows.dtype, "r")


def _ranges(runs: list[np.ndarray]) -> Iterator[np.ndarray]:
    firsts = np.arange(1, RANGES, dtype=np.uint64) * np.uint64((1 << 64) // RANGES)
    keys = (np.ascontiguousarray(run["key"]) for run in runs)
    cuts = [[0, *np.searchsorted(key, firsts).tolist(), len(key)] for key in keys]
    for part in range(RANGES):
        slices = [run[cut[part] : cut[part + 1]] for run, cut in zip(runs, cuts, strict=True)]
        yield _sorted(np.concatenate(slices))


def _sorted(rows: np.ndarray) -> np.ndarray:
    return rows[np.argsort(rows["key"], kind="stable")]

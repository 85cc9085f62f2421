"""Engines that a test run can afford; `make conformance` builds on all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import run
from tests.conformance.downloads import Unavailable
from tests.conformance.engines import ENGINES

CHEAP = ("portable-embedded", "flink-1.20-embedded")


@pytest.mark.parametrize("name", CHEAP)
def test_an_engine_gives_the_bytes_of_the_local_runner(name: str, sample: Path, built: Path, tmp_path: Path) -> None:
    engine = next(engine for engine in ENGINES if engine.name == name)
    try:
        with engine.start(tmp_path) as ready:
            row = run.build(ready, sample, tmp_path, 1024, timeout=400)
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert row["sha256"] == run.sum_of(built / "train")
    assert row["cpu"] > 1
    assert row["memory"] > 100e6
    assert not (tmp_path / "out" / "driver.lock").exists()


def test_the_verdict_is_red_when_sums_differ_and_when_a_build_fails(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"engine": "direct-1", "version": "v", "wall": 1.0, "cpu": 1.0, "memory": 1, "sha256": "a" * 64}
    other = {**row, "engine": "direct-2"}
    skipped = {"engine": "prism", "skipped": "no go on this machine"}
    assert run.verdict([row, other, skipped]) == 0
    assert run.verdict([row, {**other, "sha256": "b" * 64}]) == 1
    assert run.verdict([row, {"engine": "direct-2", "failed": "exit status 1"}]) == 1
    assert run.verdict([skipped]) == 1
    assert "1 built, 1 skipped" not in capsys.readouterr().out.splitlines()[1]
    assert "no go on this machine" in run.table([row, skipped])


def test_rows_count_only_for_the_source_and_corpus_they_were_made_of(tmp_path: Path) -> None:
    (tmp_path / run.RESULTS).write_text(
        '{"source": "old", "engine": "prism", "sha256": "a"}\n{"source": "new", "engine": "dask-2", "sha256": "b"}\n'
    )
    assert list(run.rows(tmp_path, {"source": "new"})) == ["dask-2"]

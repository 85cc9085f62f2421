"""Shapes that break near-duplicate searches, at their full size: pairs compared, rounds and peak memory are bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = Path(__file__).parent / "heavy.py"
GIGABYTE = 1 << 30


def run(folder: Path, shape: str, count: int) -> Any:
    """What heavy.py prints; the corpus is written by another process, so that its memory does not count."""
    command = [sys.executable, str(HEAVY), str(folder), shape, str(count)]
    here = Path(__file__).parents[2]
    subprocess.run([*command, "write"], check=True, cwd=here, env=_environment(here))
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=here, env=_environment(here))
    print(shape, count, done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def _environment(here: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(here)}


@pytest.mark.slow
def test_a_hundred_thousand_near_copies_of_one_page_leave_one(tmp_path: Path) -> None:
    count = 100_000
    told = run(tmp_path, "copies", count)
    assert told["dropped"] == count - 1
    assert told["verified"] <= 64 * count  # each copy with one leader in each of its 32 buckets, in two rounds
    assert told["rounds"] <= 3
    assert told["peak"] < GIGABYTE


@pytest.mark.slow
def test_a_chain_of_ten_thousand_neighbours_settles_in_a_few_rounds(tmp_path: Path) -> None:
    count = 10_000
    told = run(tmp_path, "chain", count)
    assert 0.4 * count < told["dropped"] < 0.6 * count
    assert told["verified"] < 33 * count
    assert told["rounds"] <= 10
    assert told["peak"] < GIGABYTE


@pytest.mark.slow
def test_a_hundred_thousand_template_pages_below_the_threshold_are_all_kept(tmp_path: Path) -> None:
    count = 100_000
    told = run(tmp_path, "template", count)
    assert told["dropped"] == 0
    assert told["verified"] < 33 * count
    assert told["rounds"] == 1
    assert told["peak"] < GIGABYTE

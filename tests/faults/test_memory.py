"""Peak memory stays below a gigabyte and does not grow with the corpus."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from massivetext import samples

GIGABYTE = 1 << 30


def peak_of_build(folder: Path, scale: int) -> int:
    """Peak bytes of the largest process of a build of the demo corpus, `scale` times distinct."""
    corpus = samples.make(folder / f"corpus-{scale}", "demo", scale=scale)
    out = folder / f"out-{scale}"
    options = ["--input", str(corpus), "--output", str(out), "--workers", "2", "--vocabulary", "4096"]
    subprocess.run([sys.executable, "-m", "massivetext.build", *options], check=True, capture_output=True)
    return int(json.loads((out / "run.json").read_text())["peak_bytes"])


@pytest.mark.slow
def test_peak_memory_is_flat_from_one_to_four_times_the_data(tmp_path: Path) -> None:
    once, four_times = peak_of_build(tmp_path, 1), peak_of_build(tmp_path, 4)
    assert four_times < GIGABYTE
    assert four_times < 1.15 * once

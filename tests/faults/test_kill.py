"""kill -9 in any stage, run the same command: the same bytes, and nothing that was finished is made again."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from massivetext.stages import NAMES


def command(sample: Path, out: Path) -> list[str]:
    options = ["--mixture", "gopher", "--input", str(sample), "--output", str(out), "--workers", "1"]
    return [sys.executable, "-m", "massivetext.build", *options, "--vocabulary", "1024"]


def start(sample: Path, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(sample, out), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )


def kill_in(stage: str, sample: Path, out: Path) -> bool:
    """Kill a build with SIGKILL while it is in `stage`; whether it was still running then."""
    process = start(sample, out)
    assert process.stderr is not None
    before = NAMES[NAMES.index(stage) - 1] if stage != NAMES[0] else None
    for line in process.stderr:
        words = line.split()
        if before is None and words[:1] == ["gopher:"]:
            break
        if words[:1] == [before]:
            break
    time.sleep(2.0 if before is None else 0.15)
    running = process.poll() is None
    drain = threading.Thread(target=process.stderr.read)
    drain.start()
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    drain.join()
    return running


def sums(out: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted((out / "train").iterdir())}


def finished_files(out: Path) -> dict[Path, int]:
    """Every stage manifest that stands, by its time of writing."""
    return {f: f.stat().st_mtime_ns for f in out.rglob("stage.json")}


def test_a_build_killed_in_every_stage_ends_with_the_bytes_of_an_unbroken_one(
    sample: Path, built: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    killed = []
    for stage in NAMES:
        before = finished_files(out)
        if kill_in(stage, sample, out):
            killed.append(stage)
        after = finished_files(out)
        assert {f: after.get(f) for f in before} == before, f"finished work was redone after the kill in {stage}"
        assert not (out / "train" / "manifest.json").exists() or stage == "pack"
    assert len(killed) >= len(NAMES) - 1
    before = finished_files(out)
    last = subprocess.run(command(sample, out), capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr[-2000:]
    assert {f: finished_files(out)[f] for f in before} == before
    assert sums(out) == sums(built)
    assert not list(out.rglob("*.tmp-*"))


def test_two_drivers_in_one_folder_are_refused_with_who_holds_it(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(sample, out)
    try:
        while not (out / "driver.lock").exists():
            assert process.poll() is None
            time.sleep(0.05)
        second = subprocess.run(command(sample, out), capture_output=True, text=True, check=False)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert second.returncode == 1
    assert f"is held by process {process.pid} on" in second.stderr

"""A full disk: seen before a stage where it can be, and otherwise an error that a larger disk mends."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from massivetext import disk
from massivetext.disk import Room
from massivetext.errors import BuildError
from pipelines.stage import Stage

LIMIT = 40_000


def options(sample: Path, out: Path) -> list[str]:
    where = ["--input", str(sample), "--output", str(out), "--workers", "1"]
    return [sys.executable, "-m", "massivetext.build", "--mixture", "gopher", "--vocabulary", "1024", *where]


def stage(out: Path, size: int, place: str = "documents") -> Stage:
    return Stage("curate", str(out / place), "code", {}, {0: 1, 1: 1}, {0: size, 1: size})


def test_a_stage_that_needs_more_than_is_free_is_refused_with_both_figures_and_the_remedy(tmp_path: Path) -> None:
    room = Room(str(tmp_path / "out"))
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(
        BuildError, match=rf"curate will write about .* GB, but {tmp_path} has .* free.*massivetext.clean"
    ):
        room.check(stage(tmp_path / "out", free), [0, 1], 0)
    room.check(stage(tmp_path / "out", 1), [0, 1], 0)
    room.check(stage(tmp_path / "out", free), [], 0)


def test_what_is_needed_grows_with_the_shards_that_are_left_and_the_rows_that_are_spilt(tmp_path: Path) -> None:
    room, todo = Room(str(tmp_path)), stage(tmp_path, 100 << 20)
    needed = [room.needed(todo, shards, rows) for shards, rows in (([], 0), ([0], 0), ([0, 1], 0), ([0, 1], 1 << 30))]
    assert needed == sorted(set(needed))


def test_an_object_store_takes_one_shard_at_a_time_of_this_machine() -> None:
    room = Room("s3://bucket/out")
    todo = Stage("curate", "s3://bucket/out/documents", "code", {}, {0: 1, 1: 1}, {0: 5 << 20, 1: 7 << 20})
    assert room.needed(todo, [0, 1], 0) == int(1.5 * (7 << 20)) + disk.LEAST
    assert os.path.isdir(room.place())


def test_a_file_size_limit_ends_the_build_with_a_message_and_the_next_one_goes_on(
    sample: Path, built: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    full = subprocess.run(options(sample, out), capture_output=True, text=True, preexec_fn=limit, check=False)
    assert full.returncode == 1
    assert "the disk is full" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list(out.rglob("*.tmp-*"))
    assert not (out / "driver.lock").exists()
    again = subprocess.run(options(sample, out), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr[-2000:]
    for path in (built / "train").glob("*.array_record"):
        assert (out / "train" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("text", ["RuntimeError: OSError: [Errno 28] No space left on device", "[Errno 122] x"])
def test_a_full_disk_is_known_from_the_text_of_another_process(text: str) -> None:
    assert disk.is_full(RuntimeError(text))
    assert not disk.is_full(RuntimeError("[Errno 2] no such file"))


def test_a_disk_without_room_is_seen_before_curate_writes(sample: Path, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        done = subprocess.run(options(sample, place / "out"), capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert done.returncode == 1
    assert "curate will write about" in done.stderr
    assert "Traceback" not in done.stderr

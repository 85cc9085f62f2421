"""Records that crash a process or never end cost themselves alone: in this process, in workers, and run after run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.poison.notes import CRASHED, TIMEOUT

READER = '''
"""Lines of text; some of them end the process that reads them, or keep it for ever."""

import ctypes
import re
from pathlib import Path

from pipelines.sources.record import Record, Unreadable, digest


class Touchy(str):
    """A text that ends the process once it is looked at."""

    def encode(self, *_):
        return end(str(self))


def end(line):
    if "crash" in line:
        ctypes.string_at(0)
    while "loop" in line:
        pass
    if "stuck" in line:  # native code that lets no other thread run
        re.match("(a+)+b", "a" * 100)
    return line.encode()


def lines(path):
    with open(path) as file:
        yield from enumerate(file.read().rstrip("\\0").splitlines())


def record(row, line):
    return Record(row, f"line-{row}", digest(line.encode()), Touchy(line) if line.startswith("text") else line)


def read(path, avoid=()):
    for row, line in lines(path):
        if line.startswith("reader") and row not in avoid:
            end(line)
        yield Unreadable(row, 7 * row, "avoided") if row in avoid else record(row, line)


def read_on(path):
    yield from read(path)


def read_without(path):
    """The same file where the poison records were unreadable from the start."""
    for row, line in lines(path):
        cause = "crashed" if "crash" in line else "timeout" if "loop" in line or "stuck" in line else None
        yield Unreadable(row, 7 * row, cause) if cause else record(row, line)
'''
MIXTURE = """
unreadable_share = 1.0
record_seconds = {seconds}
[[subsets]]
name = "lines"
weight = 1.0
patterns = ["*.txt"]
reader = "{reader}"
"""
PLAIN = "The {} of the day was read to all of us, and we have listened with the patience that it takes."


def command(folder: Path, out: Path, reader: str, workers: int, seconds: float) -> subprocess.CompletedProcess[str]:
    """A build up to the documents, in a process of its own."""
    (folder / "mine.toml").write_text(MIXTURE.format(reader=reader, seconds=seconds))
    options = ["--mixture", str(folder / "mine.toml"), "--input", str(folder / "in"), "--output", str(out)]
    return subprocess.run(
        [sys.executable, "-m", "massivetext.build", *options, "--workers", str(workers), "--until", "curate"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path), os.getcwd()])},
    )


def write(folder: Path, files: dict[str, list[str]], size: int = 0) -> None:
    """Files of lines; `size` makes them so long on disk that worker processes pay."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "rough.py").write_text(READER)
    for name, lines in files.items():
        path = folder / "in" / name
        path.write_text("\n".join(lines))
        os.truncate(path, max(size, path.stat().st_size))


def lines(*poison: str) -> list[str]:
    """Plain lines with poison ones between them."""
    return [line for number, bad in enumerate(poison) for line in (PLAIN.format(f"news {number}"), bad)] + ["The end."]


def causes(out: Path) -> list[tuple[str, int, int, str]]:
    """Source, record, position and cause of what the report lists as unreadable, whose number must be as exact."""
    read = json.loads((out / "report.json").read_text())["subsets"]["lines"]
    assert read["unreadable"] == len(read["unreadable_at"])
    assert read["records"] == read["documents"] + read["unreadable"]
    return [(source, row, position, cause) for source, row, position, cause in read["unreadable_at"]]


def documents(out: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in sorted((out / "documents").glob("*.parquet"))}


def as_if_unreadable(folder: Path) -> dict[str, bytes]:
    """The documents of a build whose reader calls the same records unreadable from the start."""
    done = command(folder, folder / "clean", "rough:read_without", 1, 120)
    assert done.returncode == 0, done.stderr
    return documents(folder / "clean")


def test_a_build_in_one_process_dies_of_a_record_once_and_gets_past_all_of_them_when_run_again(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": lines("text crash", "reader crash"), "b.txt": lines("nothing bad")})
    died = command(tmp_path, tmp_path / "out", "rough:read", 1, 120)
    assert died.returncode == -signal.SIGSEGV
    again = command(tmp_path, tmp_path / "out", "rough:read", 1, 120)
    assert again.returncode == 0, again.stderr
    assert causes(tmp_path / "out") == [
        ("a.txt", 1, 7, CRASHED),
        ("a.txt", 3, 21, CRASHED),
    ]
    assert documents(tmp_path / "out") == as_if_unreadable(tmp_path)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("text loop", marks=pytest.mark.slow),
        "reader loop",
        pytest.param("text stuck", marks=pytest.mark.slow),
    ],
)
def test_a_record_that_never_ends_is_set_aside_after_its_time(tmp_path: Path, how: str) -> None:
    write(tmp_path, {"a.txt": lines(how)})
    died = command(tmp_path, tmp_path / "out", "rough:read", 1, 1)
    assert died.returncode in (124, -signal.SIGPROF)
    if how != "text stuck":
        assert "a.txt, record 1: still not done with after" in died.stderr
    again = command(tmp_path, tmp_path / "out", "rough:read", 1, 1)
    assert again.returncode == 0, again.stderr
    assert "a.txt, record 1: timeout twice, set aside" in again.stderr
    assert causes(tmp_path / "out") == [("a.txt", 1, 7, TIMEOUT)]
    assert documents(tmp_path / "out") == as_if_unreadable(tmp_path)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_worker_processes_that_die_cost_no_second_command(tmp_path: Path, workers: int) -> None:
    files = {"a.txt": lines("text crash", "reader loop"), "b.txt": lines("reader crash"), "c.txt": lines("nothing bad")}
    write(tmp_path, files, size=8_000_000)
    done = command(tmp_path, tmp_path / "out", "rough:read", workers, 1)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert causes(tmp_path / "out") == [
        ("a.txt", 1, 7, CRASHED),
        ("a.txt", 3, 21, TIMEOUT),
        ("b.txt", 1, 7, CRASHED),
    ]
    assert documents(tmp_path / "out") == as_if_unreadable(tmp_path)


@pytest.mark.slow
def test_a_reader_that_cannot_pass_over_a_record_loses_the_rest_of_its_file_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": lines("reader crash", "text"), "b.txt": lines("nothing bad")})
    command(tmp_path, tmp_path / "out", "rough:read_on", 1, 120)
    again = command(tmp_path, tmp_path / "out", "rough:read_on", 1, 120)
    assert again.returncode == 0, again.stderr
    ((source, row, _, cause),) = causes(tmp_path / "out")
    assert (source, row) == ("a.txt", 1)
    assert cause.startswith("crashed, and what follows in the file is out of reach")
    texts = [pq.read_table(f).num_rows for f in sorted((tmp_path / "out" / "documents").glob("*.parquet"))]
    assert texts == [1, 3]


def test_what_was_set_aside_stays_so_when_its_shard_is_made_again(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": lines("text crash")})
    out = tmp_path / "out"
    for _ in range(2):
        done = command(tmp_path, out, "rough:read", 1, 120)
    assert done.returncode == 0
    (before,) = documents(out).values()
    mark = (out / "documents" / "00000.json").read_bytes()
    (out / "documents" / "00000.parquet").unlink()
    third = command(tmp_path, out, "rough:read", 1, 120)
    assert third.returncode == 0, third.stderr
    assert "set aside" not in third.stderr
    assert documents(out) == {"00000.parquet": before}
    assert (out / "documents" / "00000.json").read_bytes() == mark


@pytest.mark.slow
def test_a_changed_file_is_read_whole_again(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": lines("text crash")})
    for _ in range(2):
        command(tmp_path, tmp_path / "out", "rough:read", 1, 120)
    write(tmp_path, {"a.txt": lines("mended now")})
    done = command(tmp_path, tmp_path / "out", "rough:read", 1, 120)
    assert done.returncode == 0, done.stderr
    assert causes(tmp_path / "out") == []
    assert list((tmp_path / "out" / "stages" / "aside").iterdir()) == []


DYING = """
import os, sys, time
from dataclasses import dataclass

from pipelines.engine import Engine
from pipelines.stage import Result, Stage


@dataclass(frozen=True)
class Dying:
    def warm_up(self):
        pass

    def run(self, shard):
        os.kill(os.getpid(), 9) if shard == 0 else time.sleep(300)
        return Result([])
"""
RUN_DYING = """
import sys

import dying

out = sys.argv[1]
stage = dying.Stage("dying", out, "code", {}, {0: [], 1: []}, {0: 10**8, 1: 10**8})
dying.Engine(workers=2, worker_log=out + ".log").run_shards(stage, dying.Dying(), 1.0)
"""


def test_a_worker_that_dies_in_any_other_stage_ends_it_with_a_word_and_the_other_workers(tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(DYING)
    done = subprocess.run(
        [sys.executable, "-c", RUN_DYING, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path), os.getcwd()])},
    )
    assert done.returncode == 1
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith(
        "pipelines.runners.deaths.WorkerDiedError: stage dying: Worker subprocess exited with return code"
    )
    assert said.endswith("run the same command again to go on")

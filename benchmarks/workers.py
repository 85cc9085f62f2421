"""`python -m benchmarks.workers`: does a second worker pay, and what does Beam cost?

Builds a generated corpus up to `curate` with one worker and with two, in turn, and prints wall and CPU seconds; then
builds all of it in this process and prints which share of its CPU time passed outside our own work.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np

from massivetext import mixtures, samples
from massivetext.driver import Build
from massivetext.progress import Progress
from pipelines import files
from pipelines.engine import PROCESSES_PAY_SECONDS, Engine
from pipelines.exchange import ExchangeWork
from pipelines.stage import Mark, Result, ShardWork, Stage

SCALE = 64
ROUNDS = 1
LEAST_SECONDS, LEAST_SPEEDUP, MOST_BEAM = 120.0, 1.7, 0.10

_inside = 0.0


@contextmanager
def _ours() -> Iterator[None]:
    """Count the block's CPU time as work of ours."""
    global _inside
    started = time.process_time()
    yield
    _inside += time.process_time() - started


@dataclass(frozen=True)
class Timed:
    """A shard work whose CPU time is counted."""

    work: ShardWork

    def warm_up(self) -> None:
        with _ours():
            self.work.warm_up()

    def run(self, shard: int) -> Result:
        with _ours():
            return self.work.run(shard)


class TimedExchange:
    """An exchange work whose CPU time is counted; packing and sorting rows between its ends counts as Beam's."""

    def __init__(self, work: ExchangeWork) -> None:
        self.work = work
        self.rows, self.answers, self.order = work.rows, work.answers, work.order

    def warm_up(self) -> None:
        with _ours():
            self.work.warm_up()

    def emit(self, shard: int) -> np.ndarray:
        with _ours():
            return self.work.emit(shard)

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        with _ours():
            return self.work.reduce(rows)

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        with _ours():
            return self.work.deliver(shard, answers)


@dataclass(frozen=True)
class Watched(Engine):
    """The local engine, which adds up the CPU seconds of its pipelines in `spent`."""

    spent: tuple[list[float], ...] = ([],)

    def run_shards(
        self, todo_stage: Stage, work: ShardWork, seconds_per_mb: float, sheltered: ShardWork | None = None
    ) -> dict[int, Mark]:
        return super().run_shards(todo_stage, Timed(work), seconds_per_mb)

    def run_exchange(
        self, todo_stage: Stage, work: ExchangeWork, row_bytes: int, seconds_per_mb: float = 0.05
    ) -> dict[int, Mark]:
        return super().run_exchange(todo_stage, TimedExchange(work), row_bytes, seconds_per_mb)  # type: ignore[arg-type]

    def _run(
        self, of: Stage, todo: list[int], estimate: float, build: Callable[[beam.Pipeline], beam.PCollection]
    ) -> None:
        started = time.process_time()
        super()._run(of, todo, estimate, build)
        self.spent[0].append(time.process_time() - started)


@dataclass(frozen=True)
class Nothing:
    """Work that does nothing: what a stage of it takes is the start of the workers."""

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        return Result([])


def start_up(folder: Path, workers: int) -> float:
    """Wall seconds of a stage without work on so many worker processes."""
    shards = dict.fromkeys(range(2 * workers), 1_000_000)
    todo = Stage("nothing", str(folder / f"nothing-{time.monotonic_ns()}"), "code", {}, shards, shards)
    started = time.monotonic()
    Engine(workers=workers, worker_log=str(folder / "workers.log")).run_shards(todo, Nothing(), PROCESSES_PAY_SECONDS)
    return time.monotonic() - started


def curate(corpus: Path, out: Path, workers: int) -> dict[str, float]:
    """Wall and CPU seconds of `curate` in a fresh process, on kernels that are compiled."""
    shutil.rmtree(out, ignore_errors=True)
    options = ["--input", str(corpus), "--output", str(out), "--workers", str(workers), "--until", "curate"]
    subprocess.run([sys.executable, "-m", "massivetext.build", *options], check=True, capture_output=True)
    found: dict[str, float] = json.loads((out / "run.json").read_text())["stages"]["curate"]
    return found


def beam_share(folder: Path, corpus: Path) -> tuple[float, float]:
    """CPU seconds of a whole build's pipelines in this process, and the share that passed outside our works."""
    global _inside
    engine = Watched(workers=1, spill=files.join(str(folder), "spill"))
    mixture = mixtures.load("gopher")
    mixture = replace(mixture, tokenizer=replace(mixture.tokenizer, vocabulary=1024))
    for given in (folder / "warm", corpus):  # the first loads models and kernels
        _inside, engine.spent[0][:] = 0.0, []
        with redirect_stdout(io.StringIO()):
            Build(mixture, str(folder / f"out-{given.name}"), str(given), {}, engine, progress=Progress()).run()
    total = sum(engine.spent[0])
    return total, 1 - _inside / total


def compare(folder: Path, corpus: Path, rounds: int) -> dict[str, Any]:
    """Medians over interleaved rounds of `curate` with one worker and with two."""
    curate(samples.make(folder / "warm", "tests"), folder / "out", 1)
    runs: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers in runs:
            runs[workers].append(curate(corpus, folder / "out", workers))
    wall, cpu = (
        {n: statistics.median(run[key] for run in found) for n, found in runs.items()}
        for key in ("wall_seconds", "cpu_seconds")
    )
    return {"wall": wall, "cpu": cpu, "start_up": statistics.median(start_up(folder, 2) for _ in range(rounds))}


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    made.add_argument("--scale", type=int, default=SCALE, help=f"of the demo corpus (default: {SCALE})")
    made.add_argument("--rounds", type=int, default=ROUNDS, help=f"runs of each, in turn (default: {ROUNDS})")
    made.add_argument("--corpus", type=Path, metavar="DIR", help="an input folder instead of one made now")
    given = made.parse_args()
    with tempfile.TemporaryDirectory() as name:
        corpus = given.corpus or samples.make(Path(name) / "corpus", "demo", scale=given.scale)
        found = compare(Path(name), corpus, given.rounds)
        wall, cpu = found["wall"], found["cpu"]
        for workers in wall:
            print(f"curate, workers {workers}: {wall[workers]:.1f} s wall, {cpu[workers]:.1f} s CPU")
        print(f"start of 2 workers, part of that: {found['start_up']:.1f} s")
        print(f"2 workers are {wall[1] / wall[2]:.2f} times 1 (wanted: {LEAST_SPEEDUP})")
        print(f"without the start {wall[1] / (wall[2] - found['start_up']):.2f} times")
        if cpu[1] < LEAST_SECONDS:
            print(f"fewer than {LEAST_SECONDS:.0f} CPU seconds: take a larger --scale")
        total, share = beam_share(Path(name), corpus)
        print(f"Beam's share of a whole build's {total:.0f} CPU seconds: {share:.1%} (wanted: below {MOST_BEAM:.0%})")


if __name__ == "__main__":
    # Under its own name, so that worker processes find its classes.
    from benchmarks import workers

    workers.main()

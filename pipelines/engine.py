"""Runs stages on Apache Beam: options per runner, resume, progress, and which back end an exchange takes."""

from __future__ import annotations

import argparse
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import apache_beam as beam
import psutil
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, S3Options

from pipelines import files, stage
from pipelines.exchange import Carrier, ExchangeWork, partitions_for
from pipelines.runners import dataflow, jobs
from pipelines.runners.deaths import WorkerDiedError, deaths
from pipelines.runners.jobs import Running
from pipelines.stage import Mark, ShardWork, Stage
from pipelines.transforms import EachShard, PackedShuffle, Todo

LOCAL = "DirectRunner"
# Starting worker processes costs about 3 CPU seconds a stage (measured); below this estimate it does not pay.
PROCESSES_PAY_SECONDS = 15.0
# An exchange of more bytes than this is not small, whatever its CPU time: locally it would be held in memory.
SMALL_ROWS = 256 << 20
# What a shard costs besides its work: requests to an object store, mostly waiting.
SECONDS_PER_SHARD = 0.3
NOISE = ("No semi_persistent_directory", "Discarding unparseable args", "No session file found", "Missing pipeline")
# What these log on a failure is raised as well, and said once is enough.
LOGGERS = ("apache_beam.runners.portability.local_job_service", "apache_beam.runners.common")
WHERE = re.compile(r"\s*\[while running '[^']*'\]")

# Beyond this many shards a pipeline names them by ranges of a file: they would fill the job's description.
MANY_SHARDS = 10_000

Report = Callable[[str, int, int, float], None]


def silent(name: str, done: int, of: int, seconds: float) -> None:
    """A report that says nothing."""


def unchecked(todo: Stage, shards: Sequence[int], row_bytes: int) -> None:
    """A check that lets every stage run."""


def unnoted(job: str) -> None:
    """A note of a running job that nobody keeps."""


@dataclass(frozen=True)
class Engine:
    """Where stages run. `workers` are processes of the local runner; other runners take their own `options`.

    What local worker processes print goes to the file `worker_log` where one is named: Beam's own start-up messages.
    On another runner, stages of fewer estimated CPU seconds than `small` run here: they cost less than a job's start.
    With `lone_process` even a single worker is a process of its own where the work is worth that.
    `check` is asked before a stage changes anything; `job` is told the id of every job that a service runs for us.
    """

    runner: str = LOCAL
    workers: int = 1
    options: tuple[str, ...] = ()
    exchange: str = "auto"
    spill: str = ""
    worker_log: str = ""
    small: float = 0.0
    lone_process: bool = False
    report: Report = field(default=silent, compare=False)
    check: Callable[[Stage, Sequence[int], int], None] = field(default=unchecked, compare=False)
    job: Callable[[str], None] = field(default=unnoted, compare=False)

    def reporting(self, report: Report) -> Engine:
        """The same engine with another report."""
        return replace(self, report=report)

    def for_stage(self, estimate: float, shards: int, row_bytes: int = 0) -> Engine:
        """The engine that a stage of so many CPU seconds runs on: this one, or the local one for small stages."""
        seconds = estimate + shards * SECONDS_PER_SHARD
        if self.runner == LOCAL or seconds >= self.small or row_bytes > SMALL_ROWS:
            return self
        return replace(self, runner=LOCAL)

    def run_shards(
        self, todo_stage: Stage, work: ShardWork, seconds_per_mb: float, sheltered: ShardWork | None = None
    ) -> dict[int, Mark]:
        """Run a shard stage's unfinished shards and return all marks. `seconds_per_mb`: estimated cost of its work.

        `sheltered` goes on where `work` ended a local worker process.
        """
        done = stage.finished(todo_stage)
        todo = _biggest_first(todo_stage, set(todo_stage.inputs) - set(done))
        if todo or not files.exists(files.join(todo_stage.folder, stage.MANIFEST)):
            self.check(todo_stage, todo, 0)
            stage.prepare(todo_stage, todo)
            estimate = sum(todo_stage.sizes.get(shard, 0) for shard in todo) / 1e6 * seconds_per_mb
            if todo:
                engine = replace(self.for_stage(estimate, len(todo)), lone_process=sheltered is not None)
                if engine._takes_processes(estimate):
                    work.warm_up()  # compiles and caches the kernels once, before every worker would
                transform = EachShard(work, todo_stage.folder)
                elements = engine._elements(todo_stage, todo)
                try:
                    engine._run(todo_stage, todo, estimate, lambda p: p | elements | todo_stage.name >> transform)
                except WorkerDiedError:
                    if sheltered is None:
                        raise
                    return self.run_shards(todo_stage, sheltered, seconds_per_mb)
            return stage.conclude(todo_stage, done)
        self.report(todo_stage.name, len(done), len(done), 0.0)
        return done

    def run_exchange(
        self, todo_stage: Stage, work: ExchangeWork, row_bytes: int, seconds_per_mb: float = 0.05
    ) -> dict[int, Mark]:
        """Run an exchange stage unless it is finished, and return its marks. `row_bytes`: all rows it will move."""
        done = stage.finished(todo_stage)
        if len(done) == len(todo_stage.inputs) and files.exists(files.join(todo_stage.folder, stage.MANIFEST)):
            self.report(todo_stage.name, len(done), len(done), 0.0)
            return done
        shards = _biggest_first(todo_stage, set(todo_stage.inputs))
        estimate = row_bytes / 1e6 * seconds_per_mb
        engine = self.for_stage(estimate, len(shards), row_bytes)
        self.check(todo_stage, shards, row_bytes if engine.backend(row_bytes) == "files" else 0)
        stage.prepare(todo_stage, shards)
        spill = files.join(self.spill, todo_stage.name)
        transform = PackedShuffle(
            work,
            Carrier(engine.backend(row_bytes), spill),
            partitions_for(row_bytes),
            todo_stage.folder,
            todo_stage.identities(),
        )
        if shards:
            elements = engine._elements(todo_stage, shards)
            engine._run(todo_stage, shards, estimate, lambda p: p | elements | todo_stage.name >> transform)
        if self.spill:
            files.remove(spill)
        return stage.conclude(todo_stage)

    def backend(self, row_bytes: int) -> str:
        """Rows by value through Beam, or through files where they would fill more than a sixth of memory locally."""
        if self.exchange != "auto":
            return self.exchange
        local = self.runner == LOCAL
        return "files" if local and row_bytes > psutil.virtual_memory().total // 6 else "beam"

    def _elements(self, of: Stage, todo: Sequence[int]) -> beam.PTransform:
        """(shard, identity) of what is to run, in the order given where the runner keeps one."""
        identities = of.identities()
        pairs = [(shard, identities[shard]) for shard in todo]
        if self.runner == dataflow.RUNNER or len(pairs) > MANY_SHARDS:
            return Todo(of.folder, pairs)
        return beam.Create(pairs)

    def _run(
        self, of: Stage, todo: list[int], estimate: float, build: Callable[[beam.Pipeline], beam.PCollection]
    ) -> None:
        pipeline = beam.Pipeline(options=PipelineOptions(self._arguments(of.name, estimate)))
        build(pipeline)
        # A service takes its job here: Beam's clients want the main thread. The local runner works within `run`.
        job = None if self.runner == LOCAL else Running(pipeline, self.job)
        failure: list[BaseException] = []

        def run() -> None:
            try:
                if job is None:
                    pipeline.run().wait_until_finish()
                else:
                    job.wait()
            except BaseException as error:  # noqa: BLE001 - re-raised below, in the caller's thread
                failure.append(error)

        started = time.monotonic()
        thread = threading.Thread(target=run, name=of.name, daemon=True)
        weight = sum(of.sizes.get(shard, 0) for shard in todo)
        with self._worker_output(estimate), deaths() as died:
            thread.start()
            try:
                while thread.is_alive() and not died:
                    thread.join(0.5)
                    self._progress(of, todo, weight, started)
            except KeyboardInterrupt:
                if job is not None:
                    job.stop()
                raise
        if died:
            raise WorkerDiedError(
                f"stage {of.name}: {died[0]}; {self.worker_log or 'its output'} may say why. If memory ran out, use "
                "fewer --workers; run the same command again to go on"
            )
        if failure:
            raise _as_raised(failure[0])

    @contextmanager
    def _worker_output(self, estimate: float) -> Iterator[None]:
        """Worker processes inherit this process's standard error; for the block it is the log."""
        if not self.worker_log or not self._takes_processes(estimate):
            yield
            return
        saved = os.dup(2)
        log = os.open(self.worker_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 2)
        os.close(log)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)

    def _progress(self, of: Stage, todo: list[int], weight: int, started: float) -> None:
        present = set(files.names(of.folder)) if not files.is_remote(of.folder) else set()
        done = sum(of.sizes.get(shard, 0) for shard in todo if f"{shard:05d}.json" in present)
        self.report(of.name, done, weight, time.monotonic() - started)

    def _takes_processes(self, estimate: float) -> bool:
        worth = self.workers > 1 or self.lone_process
        return self.runner == LOCAL and worth and estimate >= PROCESSES_PAY_SECONDS

    def _arguments(self, stage_name: str, estimate: float) -> list[str]:
        if self.runner == dataflow.RUNNER:
            return dataflow.arguments((*self.options, *jobs.arguments(self.runner, self.options, stage_name)))
        if self.runner != LOCAL:
            added = jobs.arguments(self.runner, self.options, stage_name)
            return [f"--runner={jobs.beam_name(self.runner)}", "--no_save_main_session", *added, *self.options]
        for name in LOGGERS:
            logging.getLogger(name).addFilter(_is_news)
        if self._takes_processes(estimate):
            mode = ["--direct_running_mode=multi_processing", f"--direct_num_workers={self.workers}"]
        else:
            mode = ["--direct_running_mode=in_memory"]
        return ["--runner=FnApiRunner", *mode, *self.options]


def beam_options() -> set[str]:
    """Names of the options that Beam's runners and filesystems know."""
    return _flags(PipelineOptions.__subclasses__())


def store_options() -> set[str]:
    """Names of the options that object stores know: credentials, endpoints, projects."""
    return _flags([S3Options, GoogleCloudOptions])


def _flags(kinds: Sequence[type[PipelineOptions]]) -> set[str]:
    parser = argparse.ArgumentParser(allow_abbrev=False, conflict_handler="resolve")
    for kind in kinds:
        kind._add_argparse_args(parser)
    return {flag.lstrip("-") for action in parser._actions for flag in action.option_strings}


def _is_news(record: logging.LogRecord) -> bool:
    raised = record.levelno >= logging.ERROR and WHERE.search(record.getMessage()) is not None
    return not raised and not any(text in record.getMessage() for text in NOISE)


def _as_raised(error: BaseException) -> BaseException:
    """The error as the work raised it: Beam adds where, and makes text of what another process raised."""
    lines = [line for line in WHERE.sub("", str(error)).splitlines() if line.strip()]
    of_worker = [line.removeprefix("ValueError: ") for line in lines if line.startswith("ValueError: ")]
    if of_worker and isinstance(error, RuntimeError):
        return ValueError(of_worker[-1])
    return ValueError(WHERE.sub("", str(error))) if type(error) is ValueError else error


def _biggest_first(of: Stage, shards: set[int]) -> list[int]:
    return sorted(shards, key=lambda shard: (-of.sizes.get(shard, 0), shard))


def available_workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

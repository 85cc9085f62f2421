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
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import files, stage
from pipelines.exchange import Carrier, ExchangeWork, PackedShuffle, partitions_for
from pipelines.stage import EachShard, Mark, ShardWork, Stage

LOCAL = "DirectRunner"
# Starting worker processes costs about 3 CPU seconds a stage (measured); below this estimate it does not pay.
PROCESSES_PAY_SECONDS = 15.0
NOISE = ("No semi_persistent_directory", "Discarding unparseable args", "No session file found", "Missing pipeline")
# What these log on a failure is raised as well, and said once is enough.
LOGGERS = ("apache_beam.runners.portability.local_job_service", "apache_beam.runners.common")
WHERE = re.compile(r"\s*\[while running '[^']*'\]")

Report = Callable[[str, int, int, float], None]


def silent(name: str, done: int, of: int, seconds: float) -> None:
    """A report that says nothing."""


@dataclass(frozen=True)
class Engine:
    """Where stages run. `workers` are processes of the local runner; other runners take their own `options`.

    What local worker processes print goes to the file `worker_log` where one is named: Beam's own start-up messages.
    """

    runner: str = LOCAL
    workers: int = 1
    options: tuple[str, ...] = ()
    exchange: str = "auto"
    spill: str = ""
    worker_log: str = ""
    report: Report = field(default=silent, compare=False)

    def reporting(self, report: Report) -> Engine:
        """The same engine with another report."""
        return replace(self, report=report)

    def run_shards(self, todo_stage: Stage, work: ShardWork, seconds_per_mb: float) -> dict[int, Mark]:
        """Run a shard stage's unfinished shards and return all marks. `seconds_per_mb`: estimated cost of its work."""
        done = stage.finished(todo_stage)
        todo = _biggest_first(todo_stage, set(todo_stage.inputs) - set(done))
        if todo or not files.exists(files.join(todo_stage.folder, stage.MANIFEST)):
            stage.prepare(todo_stage, todo)
            identities = todo_stage.identities()
            elements = [(shard, identities[shard]) for shard in todo]
            estimate = sum(todo_stage.sizes.get(shard, 0) for shard in todo) / 1e6 * seconds_per_mb
            if todo:
                if self._takes_processes(estimate):
                    work.warm_up()  # compiles and caches the kernels once, before every worker would
                self._run(
                    todo_stage,
                    todo,
                    estimate,
                    lambda p: p | beam.Create(elements) | todo_stage.name >> EachShard(work, todo_stage.folder),
                )
            return stage.conclude(todo_stage)
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
        stage.prepare(todo_stage, shards)
        spill = files.join(self.spill, todo_stage.name)
        transform = PackedShuffle(
            work,
            Carrier(self.backend(row_bytes), spill),
            partitions_for(row_bytes),
            todo_stage.folder,
            todo_stage.identities(),
        )
        if shards:
            self._run(
                todo_stage,
                shards,
                row_bytes / 1e6 * seconds_per_mb,
                lambda p: p | beam.Create(shards) | todo_stage.name >> transform,
            )
        files.remove(spill)
        return stage.conclude(todo_stage)

    def backend(self, row_bytes: int) -> str:
        """Rows by value through Beam, or through files where they would fill more than a sixth of memory locally."""
        if self.exchange != "auto":
            return self.exchange
        local = self.runner == LOCAL
        return "files" if local and row_bytes > psutil.virtual_memory().total // 6 else "beam"

    def _run(
        self, of: Stage, todo: list[int], estimate: float, build: Callable[[beam.Pipeline], beam.PCollection]
    ) -> None:
        pipeline = beam.Pipeline(options=PipelineOptions(self._arguments(estimate)))
        build(pipeline)
        failure: list[BaseException] = []

        def run() -> None:
            try:
                with self._worker_output(estimate):
                    pipeline.run().wait_until_finish()
            except BaseException as error:  # noqa: BLE001 - re-raised below, in the caller's thread
                failure.append(error)

        started = time.monotonic()
        thread = threading.Thread(target=run, name=of.name, daemon=True)
        thread.start()
        weight = sum(of.sizes.get(shard, 0) for shard in todo)
        while thread.is_alive():
            thread.join(0.5)
            self._progress(of, todo, weight, started)
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
        return self.runner == LOCAL and self.workers > 1 and estimate >= PROCESSES_PAY_SECONDS

    def _arguments(self, estimate: float) -> list[str]:
        if self.runner != LOCAL:
            return [f"--runner={self.runner}", "--no_save_main_session", *self.options]
        for name in LOGGERS:
            logging.getLogger(name).addFilter(_is_news)
        if self._takes_processes(estimate):
            mode = ["--direct_running_mode=multi_processing", f"--direct_num_workers={self.workers}"]
        else:
            mode = ["--direct_running_mode=in_memory"]
        return ["--runner=FnApiRunner", *mode, *self.options]


def beam_options() -> set[str]:
    """Names of the options that Beam's runners and filesystems know."""
    parser = argparse.ArgumentParser(allow_abbrev=False, conflict_handler="resolve")
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    return {flag.lstrip("-") for action in parser._actions for flag in action.option_strings}


def use_options(options: Sequence[str]) -> None:
    """Let the driver's own reads and writes in object stores have the runner's options (credentials, regions)."""
    FileSystems.set_options(PipelineOptions(list(options)))


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

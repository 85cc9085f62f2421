"""A training run: from its settings to its last checkpoint, to be stopped and gone on with at any step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh
from numpy.typing import NDArray

from massivetext.trainer import flops, hosts
from massivetext.trainer.checkpoints import Checkpoints, keep_settings
from massivetext.trainer.config import ModelConfig, parameter_count
from massivetext.trainer.data import Batch, TrainingRecords, check_context
from massivetext.trainer.diverged import DivergedError
from massivetext.trainer.manifest import TrainingData
from massivetext.trainer.mesh import check_fit, make_mesh
from massivetext.trainer.metrics import MetricsLog, StepMetrics
from massivetext.trainer.optimizer import learning_rate
from massivetext.trainer.progress import Progress, peak_rate
from massivetext.trainer.schedule import Schedule
from massivetext.trainer.step import State, first_state, make_update, own_rows, place
from massivetext.trainer.validation import Validation


@dataclass(frozen=True)
class RunSettings:
    """How long and how to train: `batch` records a step, in `passes` parts one after another.

    `weights` are the subsets' proportions in records as whole numbers, by default those of the data. Validation reads
    the first `validation_records` of each subset. `peak` is the FLOP/s of a device, measured if not given.
    """

    steps: int
    batch: int
    seed: int = 0
    weights: dict[str, int] | None = None
    passes: int = 1
    mesh: tuple[int, int, int] | None = None
    checkpoint_every: int = 100
    keep: int = 2
    validate_every: int = 100
    validation_records: int = 256
    peak: float | None = None


@dataclass(frozen=True)
class Outcome:
    """The state after `step`, the metrics of every step, and whether the run is complete."""

    step: int
    lines: Sequence[StepMetrics]
    complete: bool
    state: State

    @property
    def first_loss(self) -> float:
        return self.lines[0]["loss"]

    @property
    def last_loss(self) -> float:
        return self.lines[-1]["loss"]


def train(
    data: TrainingData,
    config: ModelConfig,
    settings: RunSettings,
    out: Path,
    report: Callable[[str], None] = print,
    should_stop: Callable[[int], bool] = lambda step: False,
    on_save: Callable[[Sequence[StepMetrics]], None] = lambda lines: None,
) -> Outcome:
    """The outcome of a run in folder `out`, gone on with from its last checkpoint if it has one.

    `should_stop` is asked after each step; a run that stops is saved. `on_save` is given the metrics so far with each
    save. DivergedError (a FloatingPointError) names the step and the documents of a batch whose loss is not finite.
    """
    mesh = make_mesh(settings.mesh)
    _check(data, config, settings, mesh)
    schedule = Schedule(settings.steps, settings.batch, config.doubles_batch)
    peak, source = peak_rate(settings.peak, config.compute_dtype, mesh)
    out.mkdir(parents=True, exist_ok=True)
    with jax.set_mesh(mesh), Checkpoints(out / "checkpoints", settings.keep) as checkpoints:
        step, state = checkpoints.latest or 0, first_state(config, schedule, settings.seed, mesh)
        keep_settings(out, _identity(data, config, settings), step > 0, hosts.is_first())
        log = MetricsLog(out / "metrics.jsonl", step, hosts.is_first())
        hosts.wait_for_all("settings and metrics are read")
        log.cut()
        position = 0
        if step:
            state, position = checkpoints.restore(step, state)
        report(_opening(data, config, settings, schedule, step))
        if step < settings.steps:
            report(f"utilisation is of {peak / 1e12:.3g} TFLOP/s ({source})")
        training = _Steps(data, config, settings, schedule, mesh)
        progress = Progress(schedule, data.sequence_length, flops.per_token(config), peak, step + 1, report)
        validation = Validation(data, config, training.rows, settings.validation_records, mesh)
        steps = training.run(state, step, position, out)
        for state, position, line in steps:
            step = line["step"]
            progress.show(step, line["loss"])
            with progress.paused():
                if data.valid and (step == settings.steps or step % settings.validate_every == 0):
                    line["validation"] = validation.measure(state["parameters"])
                    report(_validated(step, line["validation"]))
                log.append(line)
                stopping = hosts.any_of(should_stop(step))
                if stopping or step == settings.steps or step % settings.checkpoint_every == 0:
                    checkpoints.save(step, state, position)
                    on_save(log.lines)
            if stopping:
                break
    return Outcome(step, log.lines, step == settings.steps, state)


class _Steps:
    """The steps of a run, from any position."""

    def __init__(
        self, data: TrainingData, config: ModelConfig, settings: RunSettings, schedule: Schedule, mesh: Mesh
    ) -> None:
        self._data, self._config, self._settings, self._schedule, self._mesh = data, config, settings, schedule, mesh
        self._records = TrainingRecords(data, settings.seed, settings.weights)
        self._update = make_update(config, schedule)
        self.rows = settings.batch * (data.sequence_length // config.context) // settings.passes
        self._own: Callable[[int], NDArray[np.bool_]] = cache(lambda passes: own_rows(passes, self.rows, mesh))

    def run(self, state: State, step: int, position: int, out: Path) -> Iterator[tuple[State, int, StepMetrics]]:
        """(state, records consumed, metrics) after each step that is left."""
        batch = self._batch(position)
        while step < self._schedule.steps:
            passes = self._settings.passes * self._schedule.grown(position)
            state, measured = self._update(state, place(batch, passes, self._mesh))
            after = position + self._settings.batch * self._schedule.grown(position)
            # Read while the device works: the update returns before it is done.
            batch = self._batch(after)
            loss = float(measured["loss"])
            if not math.isfinite(loss):
                raise DivergedError.at(step + 1, loss, [self._records.locate(i) for i in range(position, after)], out)
            line: StepMetrics = {
                "step": step + 1,
                "loss": loss,
                "tokens": after * self._data.sequence_length,
                "learning_rate": float(learning_rate(self._config, self._schedule, step)),
                "gradient_norm": float(measured["gradient_norm"]),
            }
            step, position = step + 1, after
            yield state, position, line

    def _batch(self, position: int) -> Batch:
        """The batch that follows a number of records consumed; of other hosts' rows nothing is read."""
        grown = self._schedule.grown(position)
        own = self._own(self._settings.passes * grown)
        return self._records.batch(position, self._settings.batch * grown, self._config.context, own)


def _check(data: TrainingData, config: ModelConfig, settings: RunSettings, mesh: Mesh) -> None:
    if config.vocabulary != data.vocabulary:
        raise ValueError(
            f"the model has a vocabulary of {config.vocabulary}, the records one of {data.vocabulary}; "
            "replace the model's by the data's"
        )
    for name in ("steps", "batch", "passes", "checkpoint_every", "keep", "validate_every", "validation_records"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} is {getattr(settings, name)}; it must be at least 1")
    check_context(config.context, data.sequence_length)
    rows = settings.batch * (data.sequence_length // config.context)
    if rows % settings.passes:
        raise ValueError(f"a batch has {rows} rows, which do not divide into {settings.passes} passes (--accumulate)")
    check_fit(config, mesh, rows // settings.passes)


def _identity(data: TrainingData, config: ModelConfig, settings: RunSettings) -> dict[str, object]:
    """What decides the result of a run: not the mesh, the passes or the checkpoints."""
    return {
        "manifest": data.digest,
        "steps": settings.steps,
        "batch": settings.batch,
        "seed": settings.seed,
        "weights": settings.weights,
        **{f"model.{name}": value for name, value in asdict(config).items()},
    }


def _opening(data: TrainingData, config: ModelConfig, settings: RunSettings, schedule: Schedule, step: int) -> str:
    begun = f"; going on after step {step}" if step else ""
    if step == settings.steps:
        begun = "; this run is complete already"
    doubled = f", {2 * settings.batch} after step {schedule.doubling_step}," if schedule.doubles else ""
    weighed = ", ".join(f"{name} {weight}" for name, weight in (settings.weights or {}).items())
    amount = f"in proportions {weighed}" if weighed else f"{schedule.records / data.records:.2f} times through the data"
    return (
        f"{config.name}: {parameter_count(config):,} parameters, vocabulary {config.vocabulary:,}, context "
        f"{config.context}, {config.compute_dtype}; {settings.steps} steps of {settings.batch}{doubled} records of "
        f"{data.sequence_length} tokens, {amount}{begun}"
    )


def _validated(step: int, found: dict[str, float]) -> str:
    return f"step {step}  validation, bits per byte: " + ", ".join(f"{name} {bits:.3f}" for name, bits in found.items())

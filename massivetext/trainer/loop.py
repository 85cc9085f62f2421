"""A training run: from its settings to its last checkpoint, to be stopped and gone on with at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
from jax.sharding import Mesh

from massivetext.trainer.checkpoints import Checkpoints, keep_settings
from massivetext.trainer.config import ModelConfig, parameter_count
from massivetext.trainer.data import TrainingRecords, check_context
from massivetext.trainer.manifest import TrainingData
from massivetext.trainer.mesh import check_fit, make_mesh
from massivetext.trainer.metrics import MetricsLog, StepMetrics
from massivetext.trainer.optimizer import learning_rate
from massivetext.trainer.step import State, first_state, make_update, place

_SECONDS_BETWEEN_LINES = 2.0
_NAMED_RECORDS = 8


@dataclass(frozen=True)
class RunSettings:
    """How long and how to train: `batch` records a step, in `passes` parts one after another."""

    steps: int
    batch: int
    seed: int = 0
    passes: int = 1
    mesh: tuple[int, int, int] | None = None
    checkpoint_every: int = 100
    keep: int = 2


@dataclass(frozen=True)
class Outcome:
    """The state after `step`, the losses of the first and the last step, and whether the run is complete."""

    step: int
    first_loss: float
    last_loss: float
    complete: bool
    state: State


def train(
    data: TrainingData,
    config: ModelConfig,
    settings: RunSettings,
    out: Path,
    report: Callable[[str], None] = print,
    should_stop: Callable[[int], bool] = lambda step: False,
) -> Outcome:
    """The outcome of a run in folder `out`, gone on with from its last checkpoint if it has one.

    `should_stop` is asked after each step; a run that stops is saved. FloatingPointError names the step and the
    records of a batch whose loss is not finite.
    """
    mesh = make_mesh(settings.mesh)
    _check(data, config, settings, mesh)
    out.mkdir(parents=True, exist_ok=True)
    with jax.set_mesh(mesh), Checkpoints(out / "checkpoints", settings.keep) as checkpoints:
        step, position, state = checkpoints.latest or 0, 0, first_state(config, settings.steps, settings.seed, mesh)
        keep_settings(out, _identity(data, config, settings), begun=step > 0)
        if step:
            state, position = checkpoints.restore(step, state)
        log = MetricsLog(out / "metrics.jsonl", step)
        report(_opening(data, config, settings, step))
        progress = _Progress(settings, data.sequence_length, step, report)
        steps = _steps(data, config, settings, mesh, state, step, position)
        for state, position, line in steps:
            step = line["step"]
            log.append(line)
            progress.show(step, line["loss"])
            stopping = should_stop(step)
            if stopping or step == settings.steps or step % settings.checkpoint_every == 0:
                checkpoints.save(step, state, position)
            if stopping:
                break
    return Outcome(step, log.lines[0]["loss"], log.lines[-1]["loss"], step == settings.steps, state)


def _steps(
    data: TrainingData,
    config: ModelConfig,
    settings: RunSettings,
    mesh: Mesh,
    state: State,
    step: int,
    position: int,
) -> Iterator[tuple[State, int, StepMetrics]]:
    """(state, records consumed, metrics) after each step that is left."""
    records = TrainingRecords(data, settings.seed)
    update = make_update(config, settings.steps)
    batch = records.batch(position, settings.batch, config.context)
    while step < settings.steps:
        state, measured = update(state, place(batch, settings.passes, mesh))
        # Read while the device works: the update returns before it is done.
        batch = records.batch(position + settings.batch, settings.batch, config.context)
        loss = float(measured["loss"])
        if not math.isfinite(loss):
            raise FloatingPointError(_diverged(step + 1, loss, records.locate(position, settings.batch)))
        rate = float(learning_rate(config, settings.steps, step))
        step, position = step + 1, position + settings.batch
        yield (
            state,
            position,
            {
                "step": step,
                "loss": loss,
                "tokens": position * data.sequence_length,
                "learning_rate": rate,
                "gradient_norm": float(measured["gradient_norm"]),
            },
        )


class _Progress:
    """Reports a line every few seconds; the first step, which compiles, does not count as speed."""

    def __init__(self, settings: RunSettings, sequence_length: int, step: int, report: Callable[[str], None]) -> None:
        self._steps = settings.steps
        self._tokens = settings.batch * sequence_length
        self._first = step + 1
        self._report = report
        self._started = self._shown = time.monotonic()

    def show(self, step: int, loss: float) -> None:
        now = time.monotonic()
        if step == self._first:
            self._report(f"step {step}/{self._steps}  loss {loss:.4f}  (compiled in {now - self._started:.0f} s)")
            self._started = self._shown = now
        elif now - self._shown >= _SECONDS_BETWEEN_LINES or step == self._steps:
            rate = (step - self._first) * self._tokens / (now - self._started)
            left = (self._steps - step) * self._tokens / rate
            self._report(f"step {step}/{self._steps}  loss {loss:.4f}  {rate:,.0f} tokens/s  {_clock(left)} left")
            self._shown = now


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _check(data: TrainingData, config: ModelConfig, settings: RunSettings, mesh: Mesh) -> None:
    if config.vocabulary != data.vocabulary:
        raise ValueError(
            f"the model has a vocabulary of {config.vocabulary}, the records one of {data.vocabulary}; "
            "replace the model's by the data's"
        )
    for name in ("steps", "batch", "passes", "checkpoint_every", "keep"):
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
        **{f"model.{name}": value for name, value in asdict(config).items()},
    }


def _opening(data: TrainingData, config: ModelConfig, settings: RunSettings, step: int) -> str:
    rounds = settings.steps * settings.batch / data.records
    begun = f"; going on after step {step}" if step else ""
    if step == settings.steps:
        begun = "; this run is complete already"
    return (
        f"{config.name}: {parameter_count(config):,} parameters, vocabulary {config.vocabulary:,}, context "
        f"{config.context}, {config.compute_dtype}; {settings.steps} steps of {settings.batch} records of "
        f"{data.sequence_length} tokens, {rounds:.2f} times through the data{begun}"
    )


def _diverged(step: int, loss: float, records: list[str]) -> str:
    named = ", ".join(records[:_NAMED_RECORDS])
    more = f" and {len(records) - _NAMED_RECORDS} more" if len(records) > _NAMED_RECORDS else ""
    return (
        f"the loss is {loss} at step {step}; its batch is {named}{more}. Lower --learning-rate, or look at these "
        "records; the last checkpoint is from before this step"
    )

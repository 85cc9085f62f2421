"""Trains a model of the Gopher family on the shards of a build: `python -m massivetext.train --data OUT/train`."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from massivetext.trainer import options as command_line
from massivetext.trainer.config import ModelConfig, describe_models
from massivetext.trainer.manifest import TrainingData, read_manifest

if TYPE_CHECKING:
    from massivetext.trainer.loop import Outcome, RunSettings
    from massivetext.trainer.metrics import StepMetrics

_LIBRARIES = ("jax", "optax", "orbax", "grain", "matplotlib", "safetensors")
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 training failed, 2 a wrong argument or folder, 130 stopped and saved."""
    parser = command_line.parser()
    options = parser.parse_args(arguments)
    if options.list_models:
        print(describe_models())
        return 0
    if options.data is None and (options.sample is None or options.out is None):
        parser.error("--data is needed: the train/ folder of a build (--sample does with --out, a run's folder)")
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(f"the trainer needs {', '.join(missing)}; install it with: pip install '.[trainer]'", 2)
    try:
        return _train(options) if options.sample is None else _sample(options)
    except (ValueError, FileNotFoundError) as error:
        return _fail(str(error), 2)
    except (FloatingPointError, OSError) as error:
        return _fail(str(error), 1)


def _fail(message: str, status: int) -> int:
    print(f"massivetext.train: {message}", file=sys.stderr)
    return status


def _run_folder(options: argparse.Namespace) -> Path:
    out: Path = options.out or options.data.resolve().parent / "runs" / options.model.name
    return out


def _train(options: argparse.Namespace) -> int:
    from massivetext.trainer import curves, hosts, loop, weights
    from massivetext.trainer.data import TrainingRecords

    data = read_manifest(options.data)
    hosts.join(options.coordinator, options.processes, options.process)
    on_cpu = hosts.on_cpu()
    config = _model(options, data, on_cpu)
    settings = _settings(options, data, config, on_cpu)
    out = _run_folder(options)

    def report(line: str) -> None:
        if hosts.is_first():
            print(line, flush=True)

    def draw(lines: Sequence[StepMetrics], entropy: float | None = None) -> None:
        if hosts.is_first():
            curves.draw_curves(out / curves.FILE, f"{config.name}, {len(lines)} steps", lines, entropy)

    with _StopSignal() as stop:
        outcome = loop.train(data, config, settings, out, report, lambda step: stop.asked, draw)
    weights.save_weights(out, config, outcome.state["parameters"])
    if hosts.is_first():
        shutil.copyfile(data.tokenizer, out / "tokenizer.model")
    if not outcome.complete:
        report(f"stopped and saved after step {outcome.step} in {out}; the same command goes on from there")
        return _INTERRUPTED
    entropy, counted = TrainingRecords(data, settings.seed, settings.weights).unigram_entropy()
    draw(outcome.lines, entropy)
    report(_closing(outcome, data, entropy, counted))
    report(f"{', '.join(('metrics.jsonl', curves.FILE, weights.FILE))} and checkpoints are in {out}")
    return 0


def _sample(options: argparse.Namespace) -> int:
    from massivetext.trainer.sample import Sampling, generate

    sampling = Sampling(options.length, options.temperature, options.top_k, options.seed)
    print(generate(_run_folder(options), options.sample, sampling))
    return 0


def _model(options: argparse.Namespace, data: TrainingData, on_cpu: bool) -> ModelConfig:
    model: ModelConfig = options.model
    context = options.context or min(model.context, data.sequence_length)
    doubles = model.doubles_batch if options.double_batch is None else options.double_batch
    return replace(
        model,
        vocabulary=data.vocabulary,
        context=context,
        peak_learning_rate=options.learning_rate or model.peak_learning_rate,
        doubles_batch=doubles,
        mask_documents=options.mask_documents,
        compute_dtype=options.dtype or ("float32" if on_cpu else "bfloat16"),
    )


def _settings(options: argparse.Namespace, data: TrainingData, config: ModelConfig, on_cpu: bool) -> RunSettings:
    from massivetext.trainer.data import check_weights
    from massivetext.trainer.loop import RunSettings

    batch = options.batch or max(1, config.batch_tokens // data.sequence_length)
    return RunSettings(
        steps=options.steps,
        batch=batch,
        seed=options.seed,
        weights=check_weights(data, options.weights) if options.weights else None,
        # Measured on two cores: a third less time when the arrays of a pass fit the caches.
        passes=options.accumulate or (batch if on_cpu else 1),
        mesh=options.mesh,
        checkpoint_every=options.checkpoint_every,
        keep=options.keep,
        validate_every=options.validate_every,
        validation_records=options.validation_records,
        peak=options.peak and options.peak * 1e12,
    )


def _closing(outcome: Outcome, data: TrainingData, entropy: float, counted: int) -> str:
    source = "the records" if counted == data.records else f"the first {counted:,} records in training order"
    return (
        f"{outcome.step} steps, {outcome.lines[-1]['tokens']:,} tokens: loss {outcome.first_loss:.4f} -> "
        f"{outcome.last_loss:.4f} nats per token; the unigram entropy of {source} is {entropy:.4f}, which a model "
        "beats only by using context"
    )


class _StopSignal:
    """Notes the first Ctrl-C or SIGTERM in `asked`; a second one acts as usual."""

    asked = False

    def __enter__(self) -> _StopSignal:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()
        print("finishing this step, then saving; once more to leave at once", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

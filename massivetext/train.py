"""Trains a model of the Gopher family on the shards of a build: `python -m massivetext.train --data OUT/train`."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from massivetext.trainer.config import MODELS, ModelConfig, describe_models, find_model
from massivetext.trainer.manifest import TrainingData, read_manifest

if TYPE_CHECKING:
    from massivetext.trainer.loop import Outcome, RunSettings

_LIBRARIES = ("jax", "optax", "orbax", "grain")
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 training failed, 2 a wrong argument or folder, 130 stopped and saved."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list_models:
        print(describe_models())
        return 0
    if options.data is None:
        parser.error("--data is needed: the train/ folder of a build")
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(f"the trainer needs {', '.join(missing)}; install it with: pip install '.[trainer]'", 2)
    try:
        return _train(options)
    except (ValueError, OSError) as error:
        return _fail(str(error), 2)
    except FloatingPointError as error:
        return _fail(str(error), 1)


def _fail(message: str, status: int) -> int:
    print(f"massivetext.train: {message}", file=sys.stderr)
    return status


def _train(options: argparse.Namespace) -> int:
    import jax

    from massivetext.trainer import loop
    from massivetext.trainer.data import TrainingRecords

    data = read_manifest(options.data)
    on_cpu = jax.default_backend() == "cpu"
    config = _model(options, data, on_cpu)
    settings = _settings(options, data, config, on_cpu)
    out = options.out or options.data.resolve().parent / "runs" / config.name
    with _StopSignal() as stop:
        outcome = loop.train(data, config, settings, out, _report, lambda step: stop.asked)
    if not outcome.complete:
        _report(f"stopped and saved after step {outcome.step} in {out}; the same command goes on from there")
        return _INTERRUPTED
    _report(_closing(outcome, settings, data, *TrainingRecords(data, settings.seed).unigram_entropy()))
    _report(f"metrics and checkpoints are in {out}")
    return 0


def _report(line: str) -> None:
    print(line, flush=True)


def _model(options: argparse.Namespace, data: TrainingData, on_cpu: bool) -> ModelConfig:
    model: ModelConfig = options.model
    context = options.context or min(model.context, data.sequence_length)
    return replace(
        model,
        vocabulary=data.vocabulary,
        context=context,
        peak_learning_rate=options.learning_rate or model.peak_learning_rate,
        mask_documents=options.mask_documents,
        compute_dtype=options.dtype or ("float32" if on_cpu else "bfloat16"),
    )


def _settings(options: argparse.Namespace, data: TrainingData, config: ModelConfig, on_cpu: bool) -> RunSettings:
    from massivetext.trainer.loop import RunSettings

    batch = options.batch or max(1, config.batch_tokens // data.sequence_length)
    return RunSettings(
        steps=options.steps,
        batch=batch,
        seed=options.seed,
        # Measured on two cores: a third less time when the arrays of a pass fit the caches.
        passes=options.accumulate or (batch if on_cpu else 1),
        mesh=options.mesh,
        checkpoint_every=options.checkpoint_every,
        keep=options.keep,
    )


def _closing(outcome: Outcome, settings: RunSettings, data: TrainingData, entropy: float, counted: int) -> str:
    tokens = outcome.step * settings.batch * data.sequence_length
    source = "the records" if counted == data.records else f"the first {counted:,} records in training order"
    return (
        f"{outcome.step} steps, {tokens:,} tokens: loss {outcome.first_loss:.4f} -> {outcome.last_loss:.4f} nats per "
        f"token; the unigram entropy of {source} is {entropy:.4f}, which a model beats only by using context"
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m massivetext.train",
        description="Train a model of the Gopher family on the shards of a build. Vocabulary and sequence length come "
        "from the data's manifest. Run the same command again to go on with a run that was stopped.",
        epilog="Example: python -m massivetext.train --data OUT/train --model tiny --steps 100",
    )
    add = parser.add_argument
    add("--list-models", action="store_true", help="print the models with their parameter counts, and leave")
    add("--data", type=Path, metavar="FOLDER", help="the train/ folder of a finished build")
    add("--model", type=_model_name, default="tiny", metavar="NAME", help=f"{', '.join(MODELS)} (default: tiny)")
    add("--steps", type=_positive, default=20, metavar="N", help="updates; the cosine ends with them (default: 20)")
    add("--out", type=Path, metavar="FOLDER", help="folder of the run (default: runs/MODEL beside the data folder)")
    add("--batch", type=_positive, metavar="N", help="records per update (default: the model's batch in tokens)")
    add("--context", type=_positive, metavar="N", help="cut records into rows of N tokens (default: the model's)")
    add("--learning-rate", type=_rate, metavar="RATE", help="peak learning rate (default: the model's)")
    add("--seed", type=int, default=0, metavar="N", help="of the first parameters and the record order (default: 0)")
    add("--mask-documents", action="store_true", help="keep attention within documents (default: off, as published)")
    add("--dtype", choices=("float32", "bfloat16"), help="of the computation (default: float32 on CPU, else bfloat16)")
    add("--accumulate", type=_positive, metavar="N", help="passes per update (default: a record each on CPU, else 1)")
    add("--mesh", type=_mesh, metavar="D,F,T", help="devices along data,fsdp,tensor (default: all along fsdp)")
    add("--checkpoint-every", type=_positive, default=100, metavar="N", help="steps between saves (default: 100)")
    add("--keep", type=_positive, default=2, metavar="N", help="checkpoints kept (default: 2)")
    return parser


def _model_name(text: str) -> ModelConfig:
    try:
        return find_model(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error
    if not rate > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return rate


def _mesh(text: str) -> tuple[int, int, int]:
    sides = text.split(",")
    if len(sides) != 3:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers, such as 1,8,1")
    data, fsdp, tensor = (_positive(side) for side in sides)
    return data, fsdp, tensor


if __name__ == "__main__":
    sys.exit(main())

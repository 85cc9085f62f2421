"""The command line of the trainer."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from massivetext.trainer.config import MODELS, ModelConfig, find_model


def parser() -> argparse.ArgumentParser:
    """The options of `python -m massivetext.train`."""
    made = argparse.ArgumentParser(
        prog="python -m massivetext.train",
        description="Train a model of the Gopher family on the shards of a build. Vocabulary and sequence length come "
        "from the data's manifest. Run the same command again to go on with a run that was stopped.",
        epilog="Example: python -m massivetext.train --data OUT/train --model tiny --steps 100",
    )
    add = made.add_argument
    add("--list-models", action="store_true", help="print the models with their parameter counts, and leave")
    add("--data", type=_folder, metavar="FOLDER", help="the train/ folder of a finished build")
    add("--model", type=_model_name, default="tiny", metavar="NAME", help=f"{', '.join(MODELS)} (default: tiny)")
    add("--steps", type=_positive, default=20, metavar="N", help="updates; the cosine ends with them (default: 20)")
    add("--out", type=Path, metavar="FOLDER", help="folder of the run (default: runs/MODEL beside the data folder)")
    _recipe(made.add_argument_group("recipe (default: the model's)"))
    _saving(made.add_argument_group("saving and validation"))
    _devices(made.add_argument_group("devices and hosts"))
    _sampling(
        made.add_argument_group("sampling: no training, from a run's folder (--out, or found by --data, --model)")
    )
    return made


def _recipe(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--batch", type=_positive, metavar="N", help="records per update, before it doubles")
    add("--double-batch", action=argparse.BooleanOptionalAction, help="twice the batch in the run's second half")
    add("--context", type=_positive, metavar="N", help="cut records into rows of N tokens")
    add("--learning-rate", type=_rate, metavar="RATE", help="peak learning rate")
    add("--seed", type=int, default=0, metavar="N", help="of first parameters, record order, samples (default: 0)")
    add("--mask-documents", action="store_true", help="keep attention within documents (default: off, as published)")
    add(
        "--weights",
        type=_weights,
        metavar="SUBSET=WEIGHT,...",
        help="proportions of records, of only these subsets (default: those of the data)",
    )


def _saving(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--checkpoint-every", type=_positive, default=100, metavar="N", help="steps between saves (default: 100)")
    add("--keep", type=_positive, default=2, metavar="N", help="checkpoints kept (default: 2)")
    add("--validate-every", type=_positive, default=100, metavar="N", help="steps between validations (default: 100)")
    add(
        "--validation-records",
        type=_positive,
        default=256,
        metavar="N",
        help="held-out records read of each subset, at most (default: 256)",
    )


def _devices(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--dtype", choices=("float32", "bfloat16"), help="of the computation (default: float32 on CPU, else bfloat16)")
    add("--accumulate", type=_positive, metavar="N", help="passes per update (default: a record each on CPU, else 1)")
    add("--mesh", type=_mesh, metavar="D,F,T", help="devices along data,fsdp,tensor (default: all along fsdp)")
    add(
        "--peak",
        type=_rate,
        metavar="TFLOP/S",
        help="of one device, for utilisation (default: a matrix product's, measured)",
    )
    add(
        "--coordinator",
        metavar="HOST:PORT",
        help="where several processes meet; auto: as the cluster says (default: JAX_COORDINATOR_ADDRESS, or alone)",
    )
    add(
        "--processes",
        type=_positive,
        metavar="N",
        help="processes in all (default: JAX_NUM_PROCESSES, or the cluster's)",
    )
    add(
        "--process",
        type=int,
        metavar="I",
        help="number of this one, from 0 (default: JAX_PROCESS_ID, or the cluster's)",
    )


def _sampling(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--sample", metavar="PROMPT", help="print what the trained model goes on with")
    add("--length", type=_positive, default=100, metavar="N", help="tokens at most (default: 100)")
    add("--temperature", type=_temperature, default=1.0, metavar="T", help="0 takes the likeliest token (default: 1)")
    add("--top-k", type=_positive, default=0, metavar="K", help="choose among the K likeliest tokens (default: all)")


def _folder(text: str) -> Path:
    """A local folder: the trainer reads records at random."""
    scheme, remote, _ = text.partition("://")
    if remote:
        copy = {"s3": "aws s3 cp --recursive", "gs": "gcloud storage cp -r"}.get(scheme, "copy")
        raise argparse.ArgumentTypeError(
            f"{text} is in an object store, and the trainer reads a local disk; copy it first: {copy} {text} DIR"
        )
    return Path(text)


def _model_name(text: str) -> ModelConfig:
    try:
        return find_model(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error


def _rate(text: str) -> float:
    rate = _number(text)
    if not rate > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return rate


def _temperature(text: str) -> float:
    temperature = _number(text)
    if not temperature >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not 0 or more")
    return temperature


def _weights(text: str) -> dict[str, Fraction]:
    """Weights as exact numbers: 0.1 is a tenth."""
    weights: dict[str, Fraction] = {}
    for entry in text.split(","):
        name, _, number = entry.partition("=")
        try:
            weight = Fraction(number)
        except (ValueError, ZeroDivisionError) as error:
            raise argparse.ArgumentTypeError(f"{entry!r} is not SUBSET=WEIGHT, such as books=0.27") from error
        if not name or name in weights or weight <= 0:
            raise argparse.ArgumentTypeError(f"{entry!r}: give each subset once, with a weight above 0")
        weights[name] = weight
    return weights


def _mesh(text: str) -> tuple[int, int, int]:
    sides = text.split(",")
    if len(sides) != 3:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers, such as 1,8,1")
    data, fsdp, tensor = (_positive(side) for side in sides)
    return data, fsdp, tensor

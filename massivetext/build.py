"""`python -m massivetext.build`: from raw sources to packed token records, stage by stage, on any Beam runner."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from filters.rule import suggestion
from massivetext import lock, mixtures, options, samples
from massivetext.disk import is_full
from massivetext.driver import Build
from massivetext.errors import BuildError
from massivetext.fields import with_fields
from massivetext.mixture import Mixture, Tokenizer
from massivetext.stages import NAMES
from pipelines import files
from pipelines.engine import LOCAL, Engine, available_workers, beam_options, store_options
from pipelines.runners import dataflow, jobs
from pipelines.runners.dataflow import START_UP_SECONDS
from pipelines.runners.deaths import WorkerDiedError
from pipelines.stores import use_options


def resolve(arguments: argparse.Namespace) -> Mixture:
    """The mixture with what the command line changes of it."""
    mixture = mixtures.load(arguments.mixture)
    if arguments.rules:
        mixture = mixtures.with_rules(mixture, arguments.rules)
    if arguments.seed is not None:
        mixture = replace(mixture, seed=arguments.seed)
    if arguments.fields:
        mixture = with_fields(mixture, arguments.fields)
    if arguments.extractor:
        mixture = mixture.with_extractor(arguments.extractor)
    if arguments.unreadable_share is not None:
        mixture = replace(mixture, unreadable_share=arguments.unreadable_share)
    if arguments.record_seconds is not None:
        mixture = replace(mixture, record_seconds=arguments.record_seconds)
    if arguments.opt_out:
        mixture = replace(mixture, opt_out=(*mixture.opt_out, *arguments.opt_out))
    if arguments.sequence_length:
        mixture = replace(mixture, sequence_length=arguments.sequence_length)
    if arguments.vocabulary:
        mixture = replace(mixture, tokenizer=replace(mixture.tokenizer, vocabulary=arguments.vocabulary))
    if arguments.tokenizer:
        mixture = replace(
            mixture, tokenizer=Tokenizer(model=arguments.tokenizer, normalization=mixture.tokenizer.normalization)
        )
    return mixture


def _small(arguments: argparse.Namespace) -> float:
    """CPU seconds below which a stage runs in this process."""
    if arguments.small_stages is not None:
        return float(arguments.small_stages)
    return START_UP_SECONDS if arguments.runner == dataflow.RUNNER else 0.0


def _sources(given: Sequence[str], mixture: Mixture) -> dict[str, list[str]]:
    names = [subset.name for subset in mixture.subsets]
    found: dict[str, list[str]] = {}
    for item in given:
        name, equals, pattern = item.partition("=")
        if not equals or not pattern:
            raise BuildError(f"--source {item}: expected SUBSET=GLOB, such as news=data/news/*.jsonl.gz")
        if name not in names:
            raise BuildError(
                f"--source {item}: no subset {name!r}{suggestion(name, names)}; there are {', '.join(names)}"
            )
        found.setdefault(name, []).append(pattern)
    return found


def _check_subsets(given: Sequence[str], mixture: Mixture) -> None:
    names = [subset.name for subset in mixture.subsets]
    for name in given:
        if name not in names:
            raise BuildError(
                f"--accept-loss {name}: no such subset{suggestion(name, names)}; there are {', '.join(names)}"
            )


def _check_stage(name: str | None, flag: str) -> None:
    if name is not None and name not in NAMES:
        raise BuildError(f"{flag} {name}: no such stage{suggestion(name, NAMES)}; stages are {', '.join(NAMES)}")


def _check_unknown(unknown: list[str], runner: str, known: list[str]) -> None:
    """Unlisted options belong to the runner; a misspelt one of ours must not be swallowed by it."""
    names = store_options() if runner == LOCAL else beam_options()
    takes_value = False
    for option in unknown:
        flag, equals, _ = option.partition("=")
        theirs = flag.lstrip("-") in names if flag.startswith("--") else takes_value
        near = suggestion(flag, known) if flag.startswith("--") and not theirs else ""
        if near or (runner == LOCAL and not theirs):
            raise BuildError(f"unknown option {option}{near or ''}; see --help")
        takes_value = flag.startswith("--") and not equals


def _sample(folder: str) -> str:
    """The sample corpus, made unless it is there already; its answers are written last."""
    if not files.exists(files.join(folder, "answers.jsonl")):
        files.remove(folder)
        print(f"making the sample corpus in {folder}", file=sys.stderr)
        samples.make(Path(folder))
    return folder


def _end_left(job: str, options: Sequence[str]) -> None:
    """End the job of a driver that is gone; what it finished is kept."""
    print(f"ending what a driver that is gone left running: {job}", file=sys.stderr)
    jobs.end(job, options)


def run(argv: Sequence[str]) -> None:
    made = options.parser(__doc__)
    arguments, unknown = made.parse_known_args(argv)
    _check_unknown(unknown, arguments.runner, [f for action in made._actions for f in action.option_strings])
    _check_stage(arguments.first, "--from")
    _check_stage(arguments.last, "--until")
    if arguments.first and arguments.last and NAMES.index(arguments.first) > NAMES.index(arguments.last):
        raise BuildError(
            f"--from {arguments.first} comes after --until {arguments.last}; stages run as {', '.join(NAMES)}"
        )
    use_options(unknown)
    mixture = resolve(arguments)
    out = (arguments.output or f"out/{mixture.name}").rstrip("/")
    sources = _sources(arguments.source, mixture)
    given = arguments.input
    if given is None and not sources:
        given = _sample(files.join(out, "sample"))
    engine = Engine(
        runner=arguments.runner,
        workers=arguments.workers or available_workers(),
        options=tuple(unknown),
        exchange=arguments.exchange,
        small=_small(arguments),
        spill=files.join(out, "stages", "spill"),
        worker_log="" if files.is_remote(out) else files.join(out, "workers.log"),
    )
    _check_subsets(arguments.accept_loss, mixture)
    with lock.hold(out, lambda job: _end_left(job, unknown)) as held:
        build = Build(
            mixture,
            out,
            given,
            sources,
            replace(engine, job=held.running),
            tokens=arguments.tokens,
            text=arguments.text,
            megatron=arguments.megatron,
            against=arguments.against,
            accept_loss=arguments.accept_loss,
            keep=arguments.keep,
            keep_dropped=arguments.keep_dropped,
        )
        build.run(arguments.first, arguments.last)


def main() -> None:
    try:
        run(sys.argv[1:])
    except (BuildError, lock.HeldError, files.StoreError, WorkerDiedError, ValueError) as error:
        sys.exit(f"massivetext.build: {error}")
    except (OSError, RuntimeError) as error:
        if not is_full(error):
            raise
        sys.exit(
            f"massivetext.build: the disk is full ({error}); what is finished is kept: make room (`python -m "
            "massivetext.clean OUT --dry-run` lists what can go) and run the same command again"
        )
    except KeyboardInterrupt:
        sys.exit("massivetext.build: interrupted; run the same command again to go on where it stopped")


if __name__ == "__main__":
    main()

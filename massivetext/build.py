"""`python -m massivetext.build`: from raw sources to packed token records, stage by stage, on any Beam runner."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from filters.rule import suggestion
from massivetext import lock, mixtures, samples
from massivetext.disk import is_full
from massivetext.driver import Build
from massivetext.errors import BuildError
from massivetext.fields import with_fields
from massivetext.mixture import Mixture, Tokenizer
from massivetext.retention import KEEP
from massivetext.stages import NAMES
from pipelines import dataflow, files, jobs
from pipelines.dataflow import START_UP_SECONDS
from pipelines.deaths import WorkerDiedError
from pipelines.engine import LOCAL, Engine, available_workers, beam_options, store_options, use_options
from pipelines.extract import EXTRACTORS

EXAMPLES = """\
examples:
  python -m massivetext.build --mixture gopher
      builds the sample corpus, which is made on the spot, into out/gopher
  python -m massivetext.build --mixture gopher --input data --output out/mine
      reads data/massiveweb/**/*.warc.gz, data/books/**/*.txt, ... (the mixture names the patterns)
  python -m massivetext.build --mixture mine.toml --source 'news=gs://bucket/news/*.jsonl.gz' --until decide
      one subset from elsewhere; stops once every document has its verdict

Run the same command again after an interruption: finished work is kept. Options that are not listed here go to the
runner (--runner=DataflowRunner --project=...).
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m massivetext.build",
        description=__doc__,
        epilog=EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = made.add_argument_group("what to build")
    what.add_argument(
        "--mixture", default="gopher", metavar="NAME|FILE.toml", help="gopher, chinchilla or your own (default: gopher)"
    )
    what.add_argument(
        "--input",
        metavar="DIR",
        help="folder with one folder per subset; local, gs:// or s3:// (default: the sample corpus)",
    )
    what.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="SUBSET=GLOB",
        help="read this subset from here instead; may be repeated",
    )
    what.add_argument(
        "--fields",
        action="append",
        default=[],
        metavar="SUBSET:ROLE=FIELD,...",
        help="fields of a subset's JSON lines or Parquet, such as news:text=content,url=link; may be repeated",
    )
    what.add_argument("--output", metavar="OUT", help="build folder (default: out/MIXTURE)")
    what.add_argument(
        "--tokens",
        type=_count,
        metavar="N",
        help="token budget, such as 300e9 (default: what the scarcest subset allows)",
    )
    what.add_argument(
        "--rules",
        type=Path,
        metavar="FILE.toml",
        help="other bounds, rule sets and stop words (default: the mixture's)",
    )
    what.add_argument(
        "--vocabulary", type=_count, metavar="N", help="pieces of the tokenizer to train (default: 32000)"
    )
    what.add_argument("--tokenizer", metavar="FILE.model", help="use this SentencePiece model instead of training one")
    what.add_argument("--extractor", choices=EXTRACTORS, help="how HTML becomes text (default: the mixture's)")
    what.add_argument("--seed", type=int, metavar="N", help="of samples, shuffles and splits (default: the mixture's)")
    what.add_argument("--sequence-length", type=_count, metavar="N", help="tokens of a record (default: 2048)")
    what.add_argument("--text", action="store_true", help="also write the curated text itself, as Parquet")
    what.add_argument("--megatron", action="store_true", help="also write train/ as .bin and .idx for Megatron-LM")
    what.add_argument(
        "--unreadable-share",
        type=float,
        metavar="SHARE",
        help="the build fails if more of a subset's records are unreadable (default: 0.01)",
    )
    what.add_argument(
        "--record-seconds",
        type=float,
        metavar="SECONDS",
        help="a record that keeps the processor for longer is set aside as unreadable (default: 120)",
    )
    what.add_argument(
        "--opt-out",
        action="append",
        default=[],
        metavar="FILE",
        help="leave out the hosts and URLs listed here, one a line; may be repeated",
    )
    what.add_argument(
        "--accept-loss",
        action="append",
        default=[],
        metavar="SUBSET",
        help="go on though duplicates take more of this subset than the mixture's loss_share; may be repeated",
    )
    what.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="OUT",
        help="also drop what this finished build has; its signatures are enough; may be repeated",
    )
    how = made.add_argument_group("how to run it")
    how.add_argument(
        "--from", dest="first", metavar="STAGE", help=f"do this stage and the later ones again: {_stages()}"
    )
    how.add_argument(
        "--keep",
        choices=KEEP,
        default="all",
        help="of the stages once train/ is finished: all; last: tokens, sidecars and signatures; none (default: all)",
    )
    how.add_argument(
        "--keep-dropped",
        choices=("all", "none"),
        default="all",
        help="none: once train/ is finished, free the texts of dropped documents (default: all)",
    )
    how.add_argument("--until", dest="last", metavar="STAGE", help="stop after this stage")
    how.add_argument("--workers", type=int, metavar="N", help="processes of the local runner (default: one per core)")
    how.add_argument("--runner", default=LOCAL, help=f"Beam runner (default: {LOCAL}, in this process and its workers)")
    how.add_argument(
        "--small-stages",
        type=float,
        metavar="SECONDS",
        help="with another runner, stages of fewer estimated CPU seconds run in this process "
        f"(default: {START_UP_SECONDS:.0f} with {dataflow.RUNNER}, whose jobs take minutes to start, else 0)",
    )
    how.add_argument(
        "--exchange",
        choices=("auto", "beam", "files"),
        default="auto",
        help="how grouped rows travel: through Beam, or through files on a disk that workers share",
    )
    return made


def _stages() -> str:
    return ", ".join(NAMES)


def _count(text: str) -> int:
    """A whole number, also written as 300e9 or 4_096."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if number != int(number) or number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(number)


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
        raise BuildError(f"{flag} {name}: no such stage{suggestion(name, NAMES)}; stages are {_stages()}")


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
    made = parser()
    arguments, unknown = made.parse_known_args(argv)
    _check_unknown(unknown, arguments.runner, [f for action in made._actions for f in action.option_strings])
    _check_stage(arguments.first, "--from")
    _check_stage(arguments.last, "--until")
    if arguments.first and arguments.last and NAMES.index(arguments.first) > NAMES.index(arguments.last):
        raise BuildError(f"--from {arguments.first} comes after --until {arguments.last}; stages run as {_stages()}")
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

"""The command line of `massivetext.build`."""

from __future__ import annotations

import argparse
from pathlib import Path

from massivetext.retention import KEEP
from massivetext.stages import NAMES
from pipelines.engine import LOCAL
from pipelines.extract import EXTRACTORS
from pipelines.runners import dataflow
from pipelines.runners.dataflow import START_UP_SECONDS

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


def parser(description: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m massivetext.build",
        description=description,
        epilog=EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _what(made.add_argument_group("what to build"))
    _how(made.add_argument_group("how to run it"))
    return made


def _what(what: argparse._ArgumentGroup) -> None:
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


def _how(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--from", dest="first", metavar="STAGE", help=f"do this stage and the later ones again: {', '.join(NAMES)}"
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


def _count(text: str) -> int:
    """A whole number, also written as 300e9 or 4_096."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if number != int(number) or number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(number)

"""Says of one page or document what was extracted, every signal against its bound, and what became of it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filters.rule import suggestion
from massivetext.errors import BuildError
from massivetext.explain import corpus as corpora
from massivetext.explain.corpus import PUBLIC_ID, Corpus
from massivetext.explain.explained import FORMAT, Explained, address_of
from massivetext.explain.ink import Ink, clip
from massivetext.explain.screen import HEIGHT, WIDTH, screen
from pipelines import files
from pipelines.inputs import Shard
from pipelines.stores import use_options

EXAMPLES = """\
examples:
  python -m massivetext.explain page.html
      would this page pass? judged by the rules of massiveweb in the mixture gopher
  curl -s https://example.org | python -m massivetext.explain - --url https://example.org
  python -m massivetext.explain https://example.org/page --build out/gopher
      where this page died, whose duplicate it is, what was cut, which records hold it
  python -m massivetext.explain massiveweb/crawl-00000.warc.gz:17 --build out/gopher
      the same for record 17 of a source file; without the number, what became of the file's records

exit status: 0 explained, 1 not in the build, 2 not to be understood"""
OTHERS_SHOWN = 4


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m massivetext.explain",
        description=__doc__,
        epilog=EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "what",
        metavar="PAGE|NAME|-",
        help="a file of HTML or text, - for standard input; with --build also a URL, public id, locator, docid, or "
        "SOURCE:RECORD",
    )
    made.add_argument("--build", metavar="OUT", help="the build to look in")
    made.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="OUT",
        help="an earlier build that this one was deduplicated against, in the same order; may be repeated",
    )
    made.add_argument("--mixture", metavar="NAME|FILE.toml", help="whose rules judge (default: the build's, or gopher)")
    made.add_argument("--subset", metavar="NAME", help="which subset's rules judge a page (default: the first)")
    made.add_argument("--rules", type=Path, metavar="FILE.toml", help="other bounds and rule sets, as for a build")
    made.add_argument("--input", metavar="DIR", help="the input folder: its safety and quality models judge a page")
    made.add_argument("--url", help="the address of a page that is given as a file")
    made.add_argument("--mark", default="", metavar="RULE", help="mark in the text what this rule counts")
    made.add_argument("--full", action="store_true", help="the whole text, however many screens it takes")
    made.add_argument("--json", action="store_true", help="everything that is known, for machines")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    made = parser()
    given, unknown = made.parse_known_args(argv)
    paths = [path for path in (given.build, *given.against) if path and files.is_remote(path)]
    if unknown and not paths:
        made.error(f"unknown option {unknown[0]}; options of an object store go with a build in one")
    try:
        if paths:
            use_options(unknown)
        if given.what == "-" or Path(given.what).is_file():
            return _show(given, [_page(given)])
        if given.build is None:
            near = f" in {given.what}: --build OUT" if "://" in given.what else ""
            raise BuildError(f"no file {given.what}; a URL or an id is looked for in a build, so add --build OUT{near}")
        return _in_build(given, Corpus(given.build.rstrip("/")))
    except (BuildError, ValueError, files.StoreError) as error:
        print(f"massivetext.explain: {error}", file=sys.stderr)
        return 2


def _page(given: argparse.Namespace) -> Explained:
    from massivetext.explain import page  # here, since the extractor and the kernels take a second to load

    mixture, subset = page.judging(given.mixture or "gopher", given.subset, given.rules)
    rules = [rule.name for rule in subset.rules]
    if given.mark and given.mark not in rules:
        near = suggestion(given.mark, rules)
        raise BuildError(f"no rule {given.mark!r}{near}; {subset.name} has {', '.join(rules)}")
    name = "standard input" if given.what == "-" else given.what
    raw = sys.stdin.buffer.read() if given.what == "-" else Path(given.what).read_bytes()
    return page.explain_page(name, raw, mixture, subset, given.url, (given.mark,), given.input)


def _in_build(given: argparse.Namespace, corpus: Corpus) -> int:
    from massivetext.explain.fate import Fates

    fates = Fates(corpus, [folder.rstrip("/") for folder in given.against], given.mixture, (given.mark,))
    shards, record = corpus.place(given.what)
    if shards and record is None:
        return _show_source(given, corpus, shards)
    if shards:
        named: list[int | None] = [shard.number << 32 | (record or 0) for shard in shards]
    elif PUBLIC_ID.fullmatch(given.what) and corpus.manifest is not None and not corpus.has_index:
        named = [None]
    else:
        named = [*corpus.named(given.what)]
    told = (fates.remains(given.what, None) if docid is None else fates.explain(given.what, docid) for docid in named)
    found = [explained for explained in told if explained]
    if found:
        return _show(given, found)
    return _no_record(given, corpus, shards, record or 0) if shards else _not_found(given, corpus)


def _show(given: argparse.Namespace, found: Sequence[Explained]) -> int:
    """The first that is kept, or the first document, or the first; what else bears the name in a line each."""
    documents = [one for one in found if not one.skip]
    first = next((one for one in documents if one.outcome == "kept"), (*documents, *found)[0])
    rest = [one for one in found if one is not first]
    if given.json:
        _print_json(given, [first, *rest])
        return 0
    width, height = shutil.get_terminal_size((WIDTH, HEIGHT))
    below = [*map(_line, rest[:OTHERS_SHOWN])]
    if len(rest) > OTHERS_SHOWN:
        below.append(f"and {len(rest) - OTHERS_SHOWN:,} more, see --json")
    height -= len(below) + (1 if below else 0)
    print(screen(first, Ink.of(sys.stdout), max(60, width), height, given.full, given.mark))
    print("".join(f"{clip(line, width)}\n" for line in below), end="")
    return 0


def _line(other: Explained) -> str:
    document, rule = other.document, f" by {other.drop.rule}" if other.drop else ""
    if other.skip:
        detail = f" ({other.skip.detail})" if other.skip.detail else ""
        return f"also {address_of(other.skip)}: {other.outcome}, {other.skip.reason}{detail}"
    name = f"{address_of(document)}, id {document.id}" if document else "one more"
    return f"also {name}: {other.outcome}{rule}"


def _print_json(given: argparse.Namespace, found: Sequence[Explained], **more: Any) -> None:
    told = {"format": FORMAT, "asked": given.what, "explained": [one.as_json() for one in found], **more}
    print(json.dumps(told, indent=1))


def _show_source(given: argparse.Namespace, corpus: Corpus, shards: Sequence[Shard]) -> int:
    """What became of one source file's records."""
    source, counts = shards[0].source, corpus.counts(shards)
    if given.json:
        _print_json(given, [], source=source, counts=counts)
    elif counts is None:
        print(f"{source} ({shards[0].subset}): not read yet, or documents/ is gone")
    else:
        print(f"{source} ({shards[0].subset}): {corpora.account_of(counts)}")
        for shard in shards:
            split = corpus.part(shard.number)
            where = f"split {split[0]} of {split[1]}, " if split else ""
            for _, row, position, cause in (corpus.counts([shard]) or counts)["unreadable_at"]:
                print(f"  unreadable: {where}record {row}, byte {position:,}: {cause}")
        print(f"one record: python -m massivetext.explain {source}:RECORD --build {corpus.out}")
    return 0


def _no_record(given: argparse.Namespace, corpus: Corpus, shards: Sequence[Shard], record: int) -> int:
    """A number that no record of a source file has, or of which nothing is known any more."""
    counts = corpus.counts(shards) or {}
    if given.json:
        _print_json(given, [], source=shards[0].source, record=record, counts=counts)
        return 1
    told = f": {corpora.account_of(counts)}, numbered from 0" if counts else ""
    print(f"massivetext.explain: {shards[0].source} has no record {record}{told}", file=sys.stderr)
    return 1


def _not_found(given: argparse.Namespace, corpus: Corpus) -> int:
    near = list(corpus.near_names(given.what))
    if given.json:
        _print_json(given, [], near=near)
        return 1
    print(f"massivetext.explain: {corpus.out} has no record named {given.what}", file=sys.stderr)
    for name in near:
        print(f"  but it has {name}", file=sys.stderr)
    if not near and (told := corpus.nameless()):
        print(f"  what is no document may have no name ({told}): ask for SOURCE:RECORD, or SOURCE", file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

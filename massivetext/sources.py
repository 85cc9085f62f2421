"""`python -m massivetext.sources FILE...`: what files would yield, before anything is built from them.

Prints for every file its format, the records, those skipped by reason, those unreadable with place and cause, the
documents with their bytes, and the first documents. Exit status: 0 every file yields documents, 1 some file yields
none, 2 a file whose format nobody knows, or no such file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from massivetext import fields, mixtures
from massivetext.errors import BuildError
from massivetext.explain.ink import Ink, clean, clip
from massivetext.mixture import Subset
from pipelines import curate, files, sources
from pipelines.sources import How, Record, Skipped, folder
from pipelines.sources.compression import codec_of

EXAMPLES = """\
examples:
  python -m massivetext.sources data/news/part-0.jsonl.gz
  python -m massivetext.sources 'crawl/*.warc.gz' --documents 1 --limit 1000
  python -m massivetext.sources dump.parquet --fields text=content,url=link
  python -m massivetext.sources data/github/ --mixture gopher --subset github

A folder stands for the files below it that have a known format; one without any is read as a source tree.
"""
MOST_UNREADABLE = 5
LINES, WIDTH = 3, 110


@dataclass
class Yield:
    """What one file yields."""

    path: str
    format: str
    compression: str | None
    bytes: int
    records: int = 0
    documents: int = 0
    pages: int = 0  # of the documents, those that are HTML
    document_bytes: int = 0  # of text as UTF-8, of pages as HTML
    replaced: int = 0
    is_whole: bool = True  # False if --limit ended the reading
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: list[dict[str, Any]] = field(default_factory=list)
    first: list[dict[str, Any]] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        return {**vars(self), "skipped": dict(sorted(self.skipped.items()))}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m massivetext.sources",
        description=__doc__,
        epilog=EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("files", nargs="+", metavar="FILE", help="files, globs or folders; local, gs:// or s3://")
    made.add_argument("--subset", help="read as this subset of the mixture: its reader, fields, licences, extractor")
    made.add_argument("--mixture", metavar="NAME|FILE.toml", help="gopher, chinchilla or your own (default: gopher)")
    made.add_argument("--reader", metavar="PACKAGE.MODULE:FUNCTION", help="a reader of your own")
    made.add_argument(
        "--fields", metavar="ROLE=FIELD,...", help="fields of JSON lines or Parquet: text=content,url=link"
    )
    made.add_argument("--licences", metavar="NAME,...", help="of source code only these: permissive, any, MIT, ...")
    made.add_argument("--documents", type=int, default=3, metavar="N", help="show the first N documents (default: 3)")
    made.add_argument("--limit", type=int, metavar="N", help="read only the first N records of a file")
    made.add_argument("--json", action="store_true", help="print one JSON object per file")
    return made


def settings(given: argparse.Namespace) -> tuple[Subset, How]:
    """How the files are read: by a subset of a mixture if one is named, with what flags say instead."""
    mixture = mixtures.load(given.mixture or "gopher")
    names = [subset.name for subset in mixture.subsets]
    if given.mixture and not given.subset:
        raise BuildError(f"--mixture {given.mixture}: name one of its subsets with --subset: {', '.join(names)}")
    if given.subset and given.subset not in names:
        raise BuildError(f"--subset {given.subset}: no such subset; {mixture.name} has {', '.join(names)}")
    plain = Subset(name="files", weight=1, patterns=("*",), licences=("any",))
    subset = mixture.subset(given.subset) if given.subset else plain
    named = fields.parse(given.fields) if given.fields else {}
    licences = tuple(given.licences.split(",")) if given.licences else subset.licences
    return subset, How({**subset.fields, **named}, licences)


def expanded(given: Sequence[str], any_format: bool) -> list[str]:
    """The files that names, globs and folders stand for. Raises BuildError where there are none."""
    found: list[str] = []
    for name in given:
        if not files.is_remote(name) and os.path.isdir(name):
            listed = [file.path for file in folder.tree(name)]
            known = listed if any_format else [path for path in listed if sources.format_of(path)]
            found += known or [name.rstrip("/") + "/"]
        elif not files.is_remote(name) and os.path.isfile(name):
            found.append(name)
        else:
            listed = [file.path for file in files.listing(name)]
            if not listed:
                raise BuildError(f"no file {name}" if not set(name) & set("*?[") else f"no file matches {name}")
            found += listed
    return list(dict.fromkeys(found))


def look(path: str, subset: Subset, reader: str | None, how: How, shown: int, limit: int | None) -> Yield:
    """What a file yields; pages are extracted only where they are shown."""
    size = sum(file.bytes for file in folder.tree(path)) if path.endswith("/") else files.size(path)
    named = reader or sources.format_of(path) or ""
    made = Yield(path, "source tree" if path.endswith("/") else named, codec_of(path), size)
    for item in sources.read(path, reader, (), how):
        if limit is not None and made.records == limit:
            made.is_whole = False
            break
        made.records += 1
        if isinstance(item, Skipped):
            made.skipped[item.reason] += 1
        elif isinstance(item, Record):
            _count(made, item)
            if len(made.first) < shown:
                made.first.append(_shown(item, subset))
        else:
            made.unreadable.append({"record": item.row, "byte": item.position, "cause": item.cause})
    return made


def _count(made: Yield, record: Record) -> None:
    made.documents += 1
    made.replaced += record.replaced
    made.pages += record.html is not None
    made.document_bytes += len(record.html) if record.html is not None else len((record.text or "").encode())


def _shown(record: Record, subset: Subset) -> dict[str, Any]:
    row = curate.curate(record, subset.extractor)
    lines = [line.strip() for line in row["text"].split("\n") if line.strip()]
    keys = ("row", "locator", "url", "timestamp", "title")
    told = {key: value for key, value in (record.metadata or {}).items() if len(value) <= WIDTH}
    return {**{key: row[key] for key in keys}, "metadata": told, "bytes": row["bytes"], "lines": lines[:LINES]}


def drawn(made: Yield, ink: Ink) -> Iterator[str]:
    """The lines that tell of one file."""
    kind = f"{made.format}, {made.compression}" if made.compression else made.format
    yield ink.paint(clean(f"{made.path}  ({kind}, {_size(made.bytes)})"), "bold")
    first_only = "" if made.is_whole else "  (only these were read)"
    yield f"  {'records':<12}{made.records:>11,}{first_only}"
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in made.skipped.most_common())
    yield f"  {'skipped':<12}{sum(made.skipped.values()):>11,}  {reasons}".rstrip()
    yield f"  {'unreadable':<12}{len(made.unreadable):>11,}"
    for lost in made.unreadable[:MOST_UNREADABLE]:
        yield f"    record {lost['record']:,}, byte {lost['byte']:,}: {lost['cause']}"
    if len(made.unreadable) > MOST_UNREADABLE:
        yield f"    and {len(made.unreadable) - MOST_UNREADABLE:,} more"
    what = f"{_size(made.document_bytes)} of " + ("HTML" if made.pages == made.documents and made.pages else "text")
    if 0 < made.pages < made.documents:
        what += f" and HTML ({made.pages:,} pages)"
    wrong = f", {made.replaced:,} broken characters" if made.replaced else ""
    yield f"  {'documents':<12}{made.documents:>11,}  {what if made.documents else ''}{wrong}".rstrip()
    for document in made.first:
        yield from _document(document, ink)


def _document(document: dict[str, Any], ink: Ink) -> Iterator[str]:
    yield ""
    title = ink.paint(clip(document["title"] or "no title", WIDTH), "bold")
    yield f"  record {document['row']:,}, {_size(document['bytes'])}: {title}"
    named = [document["locator"], *([document["url"]] if document["url"] not in (None, document["locator"]) else [])]
    told = [f"{key} {value}" for key, value in document["metadata"].items()]
    for text in (*named, "; ".join(told)):
        if text:
            yield f"    {clip(text, WIDTH)}"
    for line in document["lines"] or ["(no text)"]:
        yield f"    | {clip(line, WIDTH)}"


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,} bytes"


def run(argv: Sequence[str]) -> int:
    given = parser().parse_args(argv)
    subset, how = settings(given)
    reader, status = given.reader or subset.reader, 0
    ink = Ink.of(sys.stdout)
    for number, path in enumerate(expanded(given.files, reader is not None)):
        try:
            made = look(path, subset, reader, how, max(0, given.documents), given.limit)
        except ValueError as error:
            print(f"massivetext.sources: {error}", file=sys.stderr)
            status = 2
            continue
        status = status or (0 if made.documents else 1)
        if given.json:
            print(json.dumps(made.data(), ensure_ascii=False))
        else:
            print(*([""] if number else []), *drawn(made, ink), sep="\n")
    return status


def main() -> None:
    try:
        sys.exit(run(sys.argv[1:]))
    except (BuildError, files.StoreError, ValueError) as error:
        print(f"massivetext.sources: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()

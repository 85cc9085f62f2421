"""`python -m benchmarks.sources`: every reader on the shared pack, beside the fastest public readers, per core.

First what each source yields: records, skipped, unreadable, documents. Then MB/s of what the documents hold (pages and
texts as bytes) for the same files in one run, CPU seconds, the best of the rounds, ours before and after the peers.
Ours also decodes and detects encodings, digests the raw record, and judges what is a document; the peers parse.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import peers
from benchmarks.filters import SHARED
from benchmarks.table import Line, lines
from pipelines import sources
from pipelines.sources import Record, Skipped

PATTERNS = {
    "warc": "massiveweb/*.warc.gz",
    "jsonl": "c4/*.json.gz",
    "parquet": "made/*.parquet",
    "archive": "github/*.tar.gz",
    "book": "books/*.txt*",
    "epub": "books/*.epub",
    "mediawiki": "wikipedia/enwiki-part1*.xml.bz2",
}
SOURCES = {
    "massiveweb": "massiveweb/*.warc.gz",
    "books": "books/*.*",
    "c4": "c4/*",
    "news": "news/*",
    "github": "github/*",
    "wikipedia": "wikipedia/*",
}


@dataclass
class Held:
    """What files hold, and the CPU seconds that reading them took."""

    records: int
    skipped: Counter[str]
    unreadable: int
    documents: int
    bytes: int
    seconds: float


def held(paths: Iterable[Path]) -> Held:
    started = time.process_time()
    skipped: Counter[str] = Counter()
    records = unreadable = documents = size = 0
    for path in paths:
        for item in sources.read(str(path)):
            records += 1
            if isinstance(item, Record):
                documents += 1
                size += len(item.html) if item.html is not None else len(item.text or "")
            elif isinstance(item, Skipped):
                skipped[item.reason] += 1
            else:
                unreadable += 1
    return Held(records, skipped, unreadable, documents, size, time.process_time() - started)


def arrange(given: Path, folder: Path) -> None:
    """The pack's folders, and its C4 as Parquet, under one folder."""
    for source in sorted(given.iterdir()):
        (folder / source.name).symlink_to(source.resolve())
    records = [item for path in sorted(given.glob(PATTERNS["jsonl"])) for item in sources.read(str(path))]
    rows = [{"text": item.text, "url": item.url} for item in records if isinstance(item, Record)]
    (folder / "made").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "made" / "c4.parquet", compression="zstd", row_group_size=256)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sources", description=__doc__)
    parser.add_argument("--input", type=Path, default=SHARED, help="the shared pack (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of every reader (default: %(default)s)")
    given = parser.parse_args()
    for name, pattern in SOURCES.items():
        found = held(sorted(given.input.glob(pattern)))
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in found.skipped.most_common())
        print(
            f"{name:<11} {found.records:>6,} records, {found.unreadable} unreadable, {found.documents:>5,} documents, "
            f"{found.bytes / 1e6:5.1f} MB; skipped: {reasons or 'none'}"
        )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        arrange(given.input, folder)
        before = {kind: best(folder, pattern, given.rounds) for kind, pattern in PATTERNS.items()}
        answer = peers.ask("sources", "sources_read.py", [str(folder), str(given.rounds)])
        after = {kind: best(folder, pattern, given.rounds) for kind, pattern in PATTERNS.items()}
    for kind in PATTERNS:
        ours = min(before[kind], after[kind], key=lambda found: found.seconds)
        megabytes = ours.bytes / 1e6
        line = Line("massivetext", megabytes / ours.seconds, f"{ours.documents:,} documents")
        rows = [line]
        if isinstance(answer, str):
            rows.append(Line("peers", None, answer))
        else:
            rows += [
                Line(name, megabytes / taken["seconds"], f"{taken['documents']:,} documents")
                for name, taken in answer[kind].items()
            ]
        print(f"\n{kind}: {megabytes:.1f} MB")
        print("\n".join(lines(rows, line)))


def best(folder: Path, pattern: str, rounds: int) -> Held:
    paths = sorted(folder.glob(pattern))
    return min((held(paths) for _ in range(rounds)), key=lambda found: found.seconds)


if __name__ == "__main__":
    main()

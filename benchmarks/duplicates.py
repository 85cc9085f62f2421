"""`python -m benchmarks.duplicates`: what the search for near-duplicates costs as the corpus grows.

1x and 2x are distinct synthetic texts from their words on, 4x and 8x shingle sets drawn at random and signed; in all of
them a stated share are copies of another document at Jaccard 0.94. Every search runs in a process of its own, through
both exchange back ends. CPU seconds are per million documents, less what a corpus of a hundred costs (starting stages).
Memory, without the pages of mapped files, is looked at in a search of its own with worker processes and partitions of
one size: theirs, and that of the local runner, which keeps the exchanged blobs of `beam` where a cluster has disks.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa

from pipelines import documents, engine, exchange, files
from pipelines.duplicates.rounds import near_duplicates
from pipelines.duplicates.signatures import BANDS, WAITING, Signatures, band_rows, write_rows
from pipelines.kernels import minhash
from pipelines.stage import Mark, Result, read_marks, write_mark

SHARD = 1563  # documents; a larger corpus has more shards, not larger ones
PARTITION = 2 << 20  # bytes of rows while memory is looked at; a build goes up to 64 MB, which 8x does not reach
SHINGLES = 188  # of a text of 200 words
CHANGED = 6  # of them in a copy: Jaccard 182 / 194
BATCH = 4096
EXCHANGES = ("files", "beam")
TURNS = 2  # searches of each corpus and back end, of which the one with less CPU time counts


def text_batches(draw: np.random.Generator, count: int, share: float) -> Iterator[list[str]]:
    """Texts of 200 words, a share of them copies of one before with a word changed six from the end."""
    vocabulary = [f"w{n:x}" for n in range(1 << 16)]
    for first in range(0, count, BATCH):
        chosen = draw.integers(0, 1 << 16, (min(BATCH, count - first), SHINGLES + 12))
        copies = np.flatnonzero(draw.random(len(chosen)) < share)
        chosen[copies[copies > 0]] = chosen[copies[copies > 0] // 2]
        chosen[copies, -CHANGED] = draw.integers(0, 1 << 16, len(copies))
        yield [" ".join([vocabulary[word] for word in row]) for row in chosen.tolist()]


def set_batches(draw: np.random.Generator, count: int, share: float) -> Iterator[np.ndarray]:
    """Sorted shingle sets, uint64 [documents, SHINGLES], a share of them copies of one before but for a few."""
    for first in range(0, count, BATCH):
        sets = draw.integers(0, 1 << 64, (min(BATCH, count - first), SHINGLES), np.uint64)
        copies = np.flatnonzero(draw.random(len(sets)) < share)
        copies = copies[copies > 0]
        sets[copies, CHANGED:] = sets[copies // 2, CHANGED:]
        yield np.sort(sets, axis=1)


def sign_texts(folder: str, shard: int, count: int, share: float) -> float:
    """CPU seconds of signing a shard of texts; its files and mark stand in the folder then."""
    draw = np.random.default_rng(shard)
    path = documents.shard_file(f"{folder}/documents", shard)
    batches = (table(shard, n * BATCH, texts, draw) for n, texts in enumerate(text_batches(draw, count, share)))
    documents.write_batches(path, documents.SCHEMA, batches)
    started = time.process_time()
    work = Signatures(f"{folder}/documents", (), f"{folder}/signatures", (("web", "full"),))
    write_mark(f"{folder}/signatures", shard, "made", work.run(shard))
    return time.process_time() - started


def table(shard: int, first: int, texts: list[str], draw: np.random.Generator) -> pa.RecordBatch:
    columns = {
        "docid": documents.docid(shard, first) + np.arange(len(texts)),
        "rank": draw.integers(0, 1 << 48, len(texts)),
        "subset": ["web"] * len(texts),
        "text": texts,
    }
    arrays = [pa.array(columns.get(f.name, [None] * len(texts)), f.type) for f in documents.SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=documents.SCHEMA)


def sign_sets(folder: str, shard: int, count: int, share: float) -> None:
    """Write a shard's signatures of sets drawn at random."""
    draw = np.random.default_rng(shard)
    rows, written = [np.zeros(0, BANDS)], 0
    with files.create(documents.shard_file(folder, shard, ".shingles")) as sink:
        for sets in set_batches(draw, count, share):
            offsets = np.arange(len(sets) + 1) * SHINGLES
            keys = minhash.band_keys(minhash.signatures(sets.ravel(), offsets))
            docids = documents.docid(shard, written) + np.arange(len(sets))
            places = draw.integers(0, 1 << 62, len(sets))
            rows.append(band_rows(docids, places, np.full(len(sets), WAITING), keys, offsets, written * SHINGLES))
            sink.write(sets)
            written += len(sets)
    bands = np.concatenate(rows)
    made = [sink.written(documents.shard_file(folder, shard, ".shingles"))]
    made.append(write_rows(documents.shard_file(folder, shard, ".bands"), bands))
    write_mark(folder, shard, "made", Result(made, {"documents": count, "bands": len(bands)}))


def prepare(folder: str, count: int, share: float, real: bool) -> dict[str, Any]:
    sizes = [min(SHARD, count - first) for first in range(0, count, SHARD)]
    if real:
        return {"signing": sum(sign_texts(folder, shard, size, share) for shard, size in enumerate(sizes))}
    for shard, size in enumerate(sizes):
        sign_sets(f"{folder}/signatures", shard, size, share)
    return {"signing": None}


def signed(folder: str) -> dict[int, Mark]:
    """The marks of all shards that `prepare` wrote."""
    return read_marks(f"{folder}/signatures", range(len(list(Path(folder, "signatures").glob("*.bands")))))


def search(folder: str, back_end: str, turn: str) -> dict[str, Any]:
    """Rounds, drops, CPU seconds of one search in this process, and a digest of all it wrote."""
    marks = signed(folder)
    local = engine.Engine(exchange=back_end, spill=f"{folder}/spill-{back_end}")
    started = time.process_time()
    found, rounds = near_duplicates(local, f"{folder}/near-{back_end}-{turn}", f"{folder}/signatures", marks)
    digests = [mark.digests for _, mark in sorted(found.items())]
    return {
        "cpu": time.process_time() - started,
        "rounds": len(rounds),
        "dropped": sum(counts["near_duplicate"] for counts in rounds),
        "verified": sum(counts["verified"] for counts in rounds),
        "digest": hashlib.sha256(json.dumps(digests).encode()).hexdigest(),
    }


def watch(folder: str, back_end: str) -> dict[str, int]:
    """Peak bytes of the largest worker process, and of this one, in the same search with workers of its own."""
    engine.PROCESSES_PAY_SECONDS = 0.0
    exchange.PARTITION_BYTES = PARTITION
    marks = signed(folder)
    local = engine.Engine(
        workers=2, exchange=back_end, spill=f"{folder}/spill-watched", worker_log=f"{folder}/workers.log"
    )
    with peaks() as found:
        near_duplicates(local, f"{folder}/near-{back_end}-watched", f"{folder}/signatures", marks)
    runner = found.pop(os.getpid())
    return {"worker": max(found.values()), "runner": runner}


@contextmanager
def peaks() -> Iterator[dict[int, int]]:
    """Peak bytes of this process and its children during the block, by process id, looked at fifty times a second."""
    found: dict[int, int] = {}
    over = threading.Event()

    def look() -> None:
        own = psutil.Process()
        while not over.wait(0.02):
            for process in (own, *own.children(recursive=True)):
                with suppress(OSError, TypeError):
                    found[process.pid] = max(found.get(process.pid, 0), anonymous(process.pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def anonymous(process: int) -> int:
    """Resident bytes of a process without the pages of mapped files, which the system takes back when it needs them."""
    return 1024 * int(re.search(r"RssAnon:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())[1])  # type: ignore[index]


def apart(*arguments: str) -> Any:
    """What this module prints for the arguments in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.duplicates", "--apart", *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def measured(count: int, share: float, real: bool) -> tuple[Any, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        prepared = apart("prepare", folder, str(count), str(share), str(int(real)))
        found = {}
        for name in EXCHANGES:
            turns = [apart("search", folder, name, str(turn)) for turn in range(TURNS)]
            found[name] = min(turns, key=lambda told: told["cpu"]) | apart("watch", folder, name)
        return prepared, found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.duplicates", description=__doc__)
    parser.add_argument("--documents", type=int, default=25_000, metavar="N", help="at 1x (default: %(default)s)")
    parser.add_argument("--copies", type=float, default=0.1, metavar="SHARE", help="of copies (default: %(default)s)")
    parser.add_argument("--apart", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.apart:
        print(json.dumps(run_apart(arguments.apart)))
        return
    print(
        f"near-duplicates, {arguments.copies:.0%} of the documents planted copies; peak MB of workers and of the runner"
    )
    titles = "".join(f"  {name + ':':>7} CPU s/M  worker  runner" for name in EXCHANGES)
    print(f"{'':>18}{titles}  rounds   dropped  pairs compared")
    _, idle = measured(100, arguments.copies, False)
    for times in (1, 2, 4, 8):
        count, real = times * arguments.documents, times < 4
        prepared, found = measured(count, arguments.copies, real)
        one = found["files"]
        if one["digest"] != found["beam"]["digest"]:
            sys.exit(f"benchmarks.duplicates: the two back ends differ at {times}x")
        kind = "texts" if real else "sets"
        figures = "".join(figures_of(found[name], idle[name], count) for name in EXCHANGES)
        told = f"{one['rounds']:>8}  {one['dropped']:>8,}  {one['verified']:>14,}"
        signing = f"  signing {prepared['signing'] / count * 1e6:.0f} s/M" if real else ""
        print(f"{times}x {count:>8,} {kind:>6}{figures}{told}{signing}", flush=True)
    print(f"memory is that at partitions of {PARTITION / 1e6:.0f} MB; both back ends gave the same bytes")


def figures_of(found: dict[str, Any], idle: dict[str, Any], count: int) -> str:
    per_million = (found["cpu"] - idle["cpu"]) / count * 1e6
    return f"  {per_million:>15.1f}  {found['worker'] / 1e6:>6.0f}  {found['runner'] / 1e6:>6.0f}"


def run_apart(what: list[str]) -> dict[str, Any]:
    if what[0] == "prepare":
        return prepare(what[1], int(what[2]), float(what[3]), what[4] == "1")
    return watch(what[1], what[2]) if what[0] == "watch" else search(what[1], what[2], what[3])


if __name__ == "__main__":
    main()

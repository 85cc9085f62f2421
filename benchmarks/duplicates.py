"""`python -m benchmarks.duplicates`: what the search for near-duplicates costs as the corpus grows.

1x and 2x are distinct synthetic texts from their words on, 4x and 8x shingle sets drawn at random and signed; in all of
them a stated share are copies of another document at Jaccard 0.94. Every search runs in a process of its own, through
both exchange back ends. CPU seconds are per million documents, less what a corpus of a hundred costs (starting stages).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines import documents, files
from pipelines.duplicates.rounds import near_duplicates
from pipelines.duplicates.signatures import BANDS, WAITING, Signatures, band_rows, write_rows
from pipelines.engine import Engine
from pipelines.exchange import PARTITION_BYTES, partitions_for
from pipelines.kernels import minhash
from pipelines.stage import Result, read_marks, write_mark

SHARDS = 16
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
    sizes = [len(part) for part in np.array_split(np.arange(count), SHARDS)]
    if real:
        return {"signing": sum(sign_texts(folder, shard, size, share) for shard, size in enumerate(sizes))}
    for shard, size in enumerate(sizes):
        sign_sets(f"{folder}/signatures", shard, size, share)
    return {"signing": None}


def search(folder: str, exchange: str, turn: str) -> dict[str, Any]:
    """Rounds, drops, CPU seconds and peak bytes of one search, and a digest of all it wrote."""
    marks = read_marks(f"{folder}/signatures", range(SHARDS))
    engine = Engine(exchange=exchange, spill=f"{folder}/spill-{exchange}")
    started = time.process_time()
    found, rounds = near_duplicates(engine, f"{folder}/near-{exchange}-{turn}", f"{folder}/signatures", marks)
    digests = [mark.digests for _, mark in sorted(found.items())]
    return {
        "cpu": time.process_time() - started,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "rounds": len(rounds),
        "dropped": sum(counts["near_duplicate"] for counts in rounds),
        "verified": sum(counts["verified"] for counts in rounds),
        "digest": hashlib.sha256(json.dumps(digests).encode()).hexdigest(),
    }


def apart(*arguments: str) -> Any:
    """What this module prints for the arguments in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.duplicates", "--apart", *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def measured(count: int, share: float, real: bool) -> tuple[Any, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        prepared = apart("prepare", folder, str(count), str(share), str(int(real)))
        found = {}
        for exchange in EXCHANGES:
            rounds = [apart("search", folder, exchange, str(turn)) for turn in range(TURNS)]
            found[exchange] = min(rounds, key=lambda told: told["cpu"])
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
    print(f"near-duplicates, {arguments.copies:.0%} of the documents planted copies")
    print(f"{'':>18}  files: CPU s/M  peak MB   beam: CPU s/M  peak MB  rounds   dropped  pairs compared  partition MB")
    _, idle = measured(100, arguments.copies, False)
    for times in (1, 2, 4, 8):
        count, real = times * arguments.documents, times < 4
        prepared, found = measured(count, arguments.copies, real)
        per = [(found[e]["cpu"] - idle[e]["cpu"]) / count * 1e6 for e in EXCHANGES]
        peaks = [found[e]["peak"] / 1e6 for e in EXCHANGES]
        one = found["files"]
        if one["digest"] != found["beam"]["digest"]:
            sys.exit(f"benchmarks.duplicates: the two back ends differ at {times}x")
        size = count * minhash.BANDS * BANDS.itemsize
        partition = size / partitions_for(size) / 1e6
        kind = "texts" if real else "sets"
        figures = f"{per[0]:>14.1f}  {peaks[0]:>7.0f}  {per[1]:>14.1f}  {peaks[1]:>7.0f}"
        told = f"{one['rounds']:>6}  {one['dropped']:>8,}  {one['verified']:>14,}  {partition:>12.1f}"
        signing = f"  signing {prepared['signing'] / count * 1e6:.0f} s/M" if real else ""
        print(f"{times}x {count:>8,} {kind:>5}  {figures}  {told}{signing}", flush=True)
    print(f"partitions hold at most {PARTITION_BYTES / 1e6:.0f} MB; both back ends gave the same bytes")


def run_apart(what: list[str]) -> dict[str, Any]:
    if what[0] == "prepare":
        return prepare(what[1], int(what[2]), float(what[3]), what[4] == "1")
    return search(what[1], what[2], what[3])


if __name__ == "__main__":
    main()

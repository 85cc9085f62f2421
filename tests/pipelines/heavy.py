"""Near-duplicate search over a corpus of one shape, in a process of its own: prints rounds, pairs and peak memory.

`python heavy.py FOLDER SHAPE DOCUMENTS`: `copies` of one page, a `chain` of neighbours at Jaccard 0.85, or `template`
pages at 0.70 to 0.79 to one another. Started by test_heavy_hitters.py.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipelines import documents
from pipelines.duplicates.rounds import near_duplicates
from pipelines.duplicates.signatures import Signatures
from pipelines.engine import Engine
from pipelines.stage import read_marks, write_mark

SHARDS = 8


def texts(shape: str, count: int) -> Iterator[str]:
    if shape == "chain":  # 200 shingles, of which the next document lacks 16
        words = [f"word{n}" for n in range(16 * count + 212)]
        for n in range(count):
            yield " ".join(words[16 * n : 16 * n + 212])
        return
    page = [f"page{n}" for n in range(400 if shape == "copies" else 312)]
    for n in range(count):
        if shape == "copies":  # one word changed: 0.94 to the page, 0.87 or more to another copy
            place = n % 350
            yield " ".join([*page[:place], f"other{n}", *page[place + 1 :]])
        else:  # 300 shingles of the template, 41 to 63 of its own
            yield " ".join([*page, *(f"own{n}x{k}" for k in range(41 + n % 23))])


def write(folder: str, shape: str, count: int) -> None:
    """A documents folder, its survivor order shuffled."""
    draw = random.Random(1)
    ranks = draw.sample(range(1 << 40), count)
    made: list[list[tuple[int, str]]] = [[] for _ in range(SHARDS)]
    for n, text in enumerate(texts(shape, count)):
        made[n % SHARDS].append((ranks[n], text))
    for shard, mine in enumerate(made):
        documents.write_batches(
            documents.shard_file(folder, shard),
            documents.SCHEMA,
            (batch(shard, first, mine[first : first + 2048]) for first in range(0, len(mine), 2048)),
        )
        mine.clear()


def batch(shard: int, first: int, mine: list[tuple[int, str]]) -> pa.RecordBatch:
    columns = {
        "docid": [documents.docid(shard, first + row) for row in range(len(mine))],
        "rank": [rank for rank, _ in mine],
        "subset": ["web"] * len(mine),
        "text": [text for _, text in mine],
    }
    arrays = [pa.array(columns.get(f.name, [None] * len(mine)), f.type) for f in documents.SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=documents.SCHEMA)


def peak() -> int:
    # Not ru_maxrss, which begins with what the parent process held.
    return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])


def main() -> None:
    folder, shape, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if sys.argv[4:] == ["write"]:
        write(f"{folder}/documents", shape, count)
        return
    work = Signatures(f"{folder}/documents", (), f"{folder}/signatures", (("web", "full"),))
    started = time.process_time()
    for shard in range(SHARDS):
        write_mark(f"{folder}/signatures", shard, "made", work.run(shard))
    signed = time.process_time()
    marks = read_marks(f"{folder}/signatures", range(SHARDS))
    engine = Engine(exchange="files", spill=f"{folder}/spill")
    found, rounds = near_duplicates(engine, f"{folder}/near", f"{folder}/signatures", marks)
    told = {
        "dropped": sum(mark.counts["dropped"].get("near_duplicate", 0) for mark in found.values()),
        "rounds": len(rounds),
        "verified": sum(counts["verified"] for counts in rounds),
        "peak": peak(),
        "cpu": [round(signed - started, 1), round(time.process_time() - signed, 1)],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()

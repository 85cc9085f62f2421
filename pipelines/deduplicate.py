"""Duplicates in anybody's files: `python -m pipelines.deduplicate IN OUT` (MassiveText, section 7).

Exact copies fall first, then near-duplicates, as in a build; earlier files and records survive. Out: the kept records
in the files they came in, or, with `--attributes`, dolma-style attributes that mark what a filter may drop.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import alone, documents, files, identity, inputs
from pipelines.duplicates import copies, rounds
from pipelines.duplicates.signatures import Signatures, recall
from pipelines.engine import Engine
from pipelines.inputs import Shard
from pipelines.kernels.minhash import BANDS
from pipelines.kernels.near import Threshold
from pipelines.sources.compression import open_stream
from pipelines.stage import Mark, Result, Stage, total

DONE = "OUT/kept: the kept records, or OUT/attributes; OUT/exact, OUT/near: what fell, its partner and its Jaccard."
ROLES = ((alone.SUBSET, "full"),)
ROWS = 8
# CPU seconds per MB, measured; they only choose processes.
SIGN_COST, MARK_COST = 0.05, 0.1
PREFIX = "massivetext__deduplicate"


@dataclass(frozen=True)
class Searching:
    """Near-duplicates by `bands` of `rows` permutations, true Jaccard above `threshold`."""

    threshold: str = rounds.THRESHOLD
    bands: int = BANDS
    rows: int = ROWS


def search(engine: Engine, read: alone.Files, how: Searching) -> tuple[dict[int, Mark], dict[int, Mark]]:
    """Marks of `out`/exact and `out`/near, which hold a drops sidecar for every file."""
    exact, signed, near = (files.join(read.out, name) for name in ("exact", "signatures", "near"))
    of_copies = Stage(
        "exact", exact, identity.of_code("pipelines.duplicates.copies"), {}, read.digests, read.sizes, True
    )
    work = copies.Exact(read.documents, (), exact, ROLES)
    count = sum(mark.counts["documents"] for mark in read.marks.values())
    lost = engine.run_exchange(of_copies, work, count * copies.COPIES.itemsize)
    settings = {"bands": how.bands, "rows": how.rows}
    made_from = {shard: [read.digests[shard], lost[shard].digests] for shard in lost}
    code = identity.of_code("pipelines.duplicates.signatures")
    of_bands = Stage("signatures", signed, code, settings, made_from, read.sizes)
    signing = Signatures(read.documents, (exact,), signed, ROLES, how.bands * how.rows, how.bands)
    marks = engine.run_shards(of_bands, signing, SIGN_COST)
    return lost, rounds.near_duplicates(engine, near, signed, marks, how.threshold)[0]


@dataclass(frozen=True)
class Kept:
    """The documents that no sidecar drops."""

    documents: str
    drops: tuple[str, ...]

    def batches(self, shard: int) -> Iterator[pa.RecordBatch]:
        return documents.read_kept(self.documents, self.drops, shard, ["docid", "text"])


@dataclass(frozen=True)
class Attributes:
    """Shard work: dolma-style attributes of one file: a line per document in its order, with the document's own id and,
    if it fell, a span over the whole text whose score is the Jaccard with its partner.
    """

    root: str
    table: str
    documents: str
    drops: tuple[str, ...]
    out: str

    def warm_up(self) -> None:
        """Nothing to prepare."""

    @cached_property
    def shards(self) -> list[Shard]:
        return inputs.read_table(self.table)

    def run(self, shard: int) -> Result:
        source = self.shards[shard].source
        path = files.join(self.out, source if source.endswith((".gz", ".jsonl", ".json")) else f"{source}.jsonl.gz")
        with files.create(path) as sink:
            if path.endswith(".gz"):
                with gzip.GzipFile("", "wb", fileobj=sink, mtime=0) as zipped:
                    lines = sum(zipped.write(line) > 0 for line in self._lines(shard, source))
            else:
                lines = sum(sink.write(line) > 0 for line in self._lines(shard, source))
        return Result([], {"documents": lines})

    def _lines(self, shard: int, source: str) -> Iterator[bytes]:
        fallen = {row["docid"]: row for folder in self.drops for row in _rows(folder, shard)}
        own = _ids(files.join(self.root, source))
        for batch in documents.read_batches(documents.shard_file(self.documents, shard), ["docid", "id", "characters"]):
            for row in batch.to_pylist():
                lost = fallen.get(row["docid"])
                spans = {f"{PREFIX}__{lost['rule']}": [[0, int(row["characters"]), lost["value"]]]} if lost else {}
                name = own.get(row["docid"] & 0xFFFFFFFF, row["id"].hex())
                yield json.dumps({"id": name, "attributes": spans}, ensure_ascii=False).encode() + b"\n"


def _rows(folder: str, shard: int) -> list[dict[str, Any]]:
    batches = documents.read_batches(documents.shard_file(folder, shard), ["docid", "rule", "value"])
    return [row for batch in batches for row in batch.to_pylist()]


def _ids(path: str) -> dict[int, Any]:
    """The field `id` of the records that have one, by row."""
    if path.lower().endswith(".parquet"):
        with files.open_read(path) as file:
            table = pq.ParquetFile(file)
            if "id" not in table.schema_arrow.names:
                return {}
            return dict(enumerate(table.read(columns=["id"], use_threads=False).column("id").to_pylist()))
    found = {}
    with io.BufferedReader(open_stream(path), 1 << 18) as stream:
        for row, line in enumerate(line for line in stream if line.strip()):
            record = _record(line)
            if "id" in record:
                found[row] = record["id"]
    return found


def _record(line: bytes) -> dict[str, Any]:
    """The record of a line; none where it is unreadable, which the reader has counted."""
    try:
        record = json.loads(line.decode("utf-8-sig", "replace"))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def deduplicate(engine: Engine, given: str, out: str, how: Searching, attributes: bool = False) -> dict[str, int]:
    """Write the kept records to `out`/kept, or the attributes of all to `out`/attributes/deduplicate; the counts."""
    Threshold.of(how.threshold)
    read = alone.gather(engine, given, out)
    lost, near = search(engine, read, how)
    drops = (files.join(out, "exact"), files.join(out, "near"))
    made_from = {shard: [read.digests[shard], lost[shard].digests, near[shard].digests] for shard in near}
    if attributes:
        folder, marked = files.join(out, "attributes", "deduplicate"), files.join(out, "attributes-made")
        if not files.exists(folder):
            files.remove(marked)
        stage = Stage("attributes", marked, identity.of_code(__name__), {}, made_from, read.sizes)
        work = Attributes(read.root, files.join(out, "shards.json"), read.documents, drops, folder)
        engine.run_shards(stage, work, MARK_COST)
    else:
        alone.write_back(engine, read, Kept(read.documents, drops), made_from, "kept")
    counted = total([*lost.values(), *near.values()]).get("dropped", {})
    found = {name: sum(mark.counts[name] for mark in read.marks.values()) for name in ("documents", "unreadable")}
    fallen = {rule: counted.get(rule, 0) for rule in (copies.RULE, rounds.NEAR)}
    return {**found, **fallen, "kept": found["documents"] - sum(fallen.values())}


def main(argv: Sequence[str] | None = None) -> None:
    made = alone.parser("pipelines.deduplicate", "Drop exact and near-duplicates of JSONL or Parquet files.", DONE)
    made.add_argument("--threshold", default=rounds.THRESHOLD, help="drop above this true Jaccard (default: 0.8)")
    made.add_argument("--bands", type=int, default=BANDS, help=f"of a signature (default: {BANDS})")
    made.add_argument("--rows", type=int, default=ROWS, help=f"permutations of a band (default: {ROWS})")
    made.add_argument("--attributes", action="store_true", help="mark the duplicates in dolma's form, drop none")
    given = made.parse_args(argv)
    out = given.out.rstrip("/")
    try:
        how = Searching(given.threshold, given.bands, given.rows)
        counts = deduplicate(alone.engine_of(given), given.given, out, how, given.attributes)
    except ValueError as error:
        sys.exit(f"pipelines.deduplicate: {error}")
    for name, count in counts.items():
        print(f"{name:20} {count:16,}")
    share = recall(how.bands, how.rows, float(how.threshold))
    print(f"{how.bands} bands of {how.rows} find {share:.2%} of the pairs at Jaccard {how.threshold}, and more above")
    print(f"written to {files.join(out, 'attributes' if given.attributes else 'kept')}")


if __name__ == "__main__":
    # Under its own name, so that worker processes find its classes.
    from pipelines import deduplicate as module

    module.main()

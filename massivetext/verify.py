"""`python -m massivetext.verify OUT [--deep]`: does train/ hold what its manifest says, to the byte?"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from massivetext.folders import Folders
from pipelines import files, index, skipped
from pipelines.packing import records
from pipelines.packing.quotas import PLAN, Plan
from pipelines.packing.records import COUNTED, Layout, packing_problems
from pipelines.stage import MANIFEST
from pipelines.stores import use_options

AGAIN = "remove it and run the build again"
USAGE = """examples:
  python -m massivetext.verify out/gopher            sizes, digests, counts and sums
  python -m massivetext.verify out/gopher/train --deep   and every record against its provenance
  python -m massivetext.verify s3://bucket/gopher --s3_region_name=eu-west-1   options of the store go to it

exit status: 0 all is as the manifest says, 1 it is not, 2 there is nothing to verify"""


@dataclass
class Findings:
    """What is wrong, a line each."""

    problems: list[str] = field(default_factory=list)

    def add(self, name: str, what: str, remedy: str = AGAIN) -> None:
        self.problems.append(f"{name}: {what}; {remedy}")


def verify(train: str, deep: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The manifest of a `train` folder ({} if unreadable), and every problem with file and remedy.

    `deep` also reads every record: lengths, ids, separators where the provenance says, fill only at the end.
    """
    found = Findings()
    path = files.join(train, records.MANIFEST)
    present = files.sizes(train)
    if records.MANIFEST not in present:
        found.add(path, "is missing, so the build has not ended", "run the build again")
        return {}, found.problems
    try:
        manifest = records.unseal(files.read_bytes(path))
    except ValueError as error:
        found.add(path, str(error))
        return {}, found.problems
    layout = Layout(manifest["sequence_length"], manifest["vocabulary"], manifest["eos"])
    with _whole(found, files.join(train, manifest["tokenizer"]["file"]), manifest["tokenizer"], present):
        pass
    for entry in shards(manifest):
        _check_shard(found, train, entry, layout, deep, present)
    out = train.rstrip("/").rpartition("/")[0] if files.is_remote(train) else os.path.dirname(os.path.abspath(train))
    for problem in (*sum_problems(manifest), *plan_problems(manifest, out)):
        found.add(path, problem)
    if files.exists(files.join(Folders(out).index, MANIFEST)):
        found.problems += [f"{problem}; {AGAIN}" for problem in index.problems(Folders(out).index)]
    if files.exists(files.join(Folders(out).documents, MANIFEST)):
        found.problems += [f"{problem}; {AGAIN}" for problem in skipped.problems(Folders(out).documents)]
    _check_strays(found, train, manifest, present)
    return manifest, found.problems


def shards(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for subset in manifest["subsets"].values():
        yield from (*subset["train"], *subset["valid"])


def _check_shard(
    found: Findings, train: str, entry: Mapping[str, Any], layout: Layout, deep: bool, present: Mapping[str, int]
) -> None:
    path, sidecar = (files.join(train, e["path"]) for e in (entry, entry["provenance"]))
    for problem in packing_problems(path, entry, layout.sequence_length):
        found.problems.append(f"{problem}; {AGAIN}")
    with _whole(found, path, entry, present) as local:
        if local:
            _check_count(found, path, local, entry, layout)
        with _whole(found, sidecar, entry["provenance"], present) as provenance:
            if not provenance:
                return
            table = pq.read_table(provenance, use_threads=False)
        for problem in provenance_problems(table, entry, layout.sequence_length):
            found.add(sidecar, problem)
        if local and deep:
            try:
                for problem in record_problems(records.read_records(local, layout), table, layout):
                    found.add(path, problem)
            except ValueError as error:
                found.add(path, str(error).replace(local, path))


@contextmanager
def _whole(found: Findings, path: str, entry: Mapping[str, Any], present: Mapping[str, int]) -> Iterator[str]:
    """A local name for a file that is as long as the manifest says and has the digest that it says; '' if not."""
    size = present.get(files.name(path), -1)
    if size < 0:
        found.add(path, "is missing", "run the build again")
        yield ""
        return
    if size != entry.get("bytes", size):
        found.add(path, f"has {size} bytes, expected {entry['bytes']}: it was changed after the build")
        yield ""
        return
    with files.read_locally(path) as local:
        with open(local, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != entry["sha256"]:
            found.add(path, f"has sha256 {digest}, expected {entry['sha256']}: it was changed after the build")
        yield local if digest == entry["sha256"] else ""


def _check_count(found: Findings, path: str, local: str, entry: Mapping[str, Any], layout: Layout) -> None:
    """That a shard holds as many records as it says, the first and the last of them of the right length."""
    count, lengths = records.measure_records(local)
    wanted = layout.sequence_length * layout.dtype.itemsize
    if count != entry["records"]:
        found.add(path, f"holds {count} records, expected {entry['records']}")
    if not lengths <= {wanted}:
        found.add(path, f"has records of {sorted(lengths)} bytes, expected {wanted}")


def provenance_problems(table: pa.Table, entry: Mapping[str, Any], sequence_length: int) -> Iterator[str]:
    """What in a shard's provenance does not agree with the shard's counts."""
    tokens, first = (table.column(name).to_numpy() for name in ("tokens", "first_token"))
    if len(table) != entry["documents"]:
        yield f"has {len(table)} documents, expected {entry['documents']}"
    if int(tokens.sum()) != entry["tokens"]:
        yield f"has {tokens.sum()} tokens, expected {entry['tokens']}"
    twice = len(table) - len(table.group_by(["id", "epoch"], use_threads=False).aggregate([]))
    if twice:
        yield f"{twice} documents stand twice in one epoch"
    ends = np.cumsum(tokens + 1)
    if not np.array_equal(first, ends - tokens - 1):
        yield "first_token is not where the documents before it end"
    stream = entry["records"] * sequence_length - entry["fill"]
    if (int(ends[-1]) if len(ends) else 0) != stream:
        yield f"its documents end elsewhere than the shard's stream of {stream} ids"


def record_problems(batches: Iterable[np.ndarray], table: pa.Table, layout: Layout) -> Iterator[str]:
    """What in a shard's ids [records, sequence_length] does not agree with its provenance."""
    tokens, first = (table.column(name).to_numpy() for name in ("tokens", "first_token"))
    wanted = first + tokens
    start, end = 0, int(wanted[-1]) + 1 if len(wanted) else 0
    for batch in batches:
        ids = batch.reshape(-1)
        if int(ids.max()) >= layout.vocabulary:
            yield f"holds the id {ids.max()}, expected ids below {layout.vocabulary}"
        at = start + np.flatnonzero(ids == layout.eos)
        stop = start + len(ids)
        expected = [wanted[(wanted >= start) & (wanted < stop)], np.arange(max(start, end), stop)]
        if not np.array_equal(at, np.concatenate(expected)):
            record = start // layout.sequence_length
            yield f"records from {record} on: separators stand elsewhere than documents end"
        start = stop


def sum_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What in the manifest does not add up: shards to subsets, subsets to the whole, tokens to shares."""
    total = sum(subset["tokens"] for subset in manifest["subsets"].values())
    weights = sum(subset["weight"] for subset in manifest["subsets"].values())
    for name, subset in manifest["subsets"].items():
        for key in COUNTED:
            made = sum(entry[key] for entry in subset["train"])
            if made != subset[key]:
                yield f"{name}: {subset[key]} {key}, but its shards hold {made}"
        yield from packing_problems(name, subset, manifest["sequence_length"])
        if abs(subset["reached_share"] - (subset["tokens"] / total if total else 0)) > 1e-9:
            yield f"{name}: reached_share {subset['reached_share']} is not {subset['tokens']} of {total}"
        if abs(subset["wanted_share"] - subset["weight"] / weights) > 1e-9:
            yield f"{name}: wanted_share {subset['wanted_share']} is not its weight {subset['weight']}"
    for key in ("records", "tokens"):
        made = sum(subset[key] for subset in manifest["subsets"].values())
        if made != manifest[key]:
            yield f"{manifest[key]} {key}, but its subsets hold {made}"


def plan_problems(manifest: Mapping[str, Any], out: str) -> Iterator[str]:
    """What differs between the manifest and the build's plan, where the plan is still there."""
    path = files.join(Folders(out).stage("mix"), PLAN)
    if not files.exists(path):
        return
    for part in Plan.from_json(files.read_bytes(path)).subsets:
        subset = manifest["subsets"].get(part.name, {"tokens": 0, "documents": 0})
        if (subset["tokens"], subset["documents"]) != (part.reached, part.documents):
            yield (
                f"{part.name}: {subset['tokens']} tokens of {subset['documents']} documents, but {path} says "
                f"{part.reached} of {part.documents}"
            )


def _check_strays(found: Findings, train: str, manifest: Mapping[str, Any], present: Iterable[str]) -> None:
    known = {records.MANIFEST, manifest["tokenizer"]["file"]}
    for entry in shards(manifest):
        known |= {entry["path"], entry["provenance"]["path"]}
    there = present if files.is_remote(train) else os.listdir(train)
    for stray in sorted(set(there) - known):
        found.add(files.join(train, stray), "is not in the manifest", "remove it")


def summary(manifest: Mapping[str, Any]) -> str:
    """What was found per subset, as lines of text."""
    heads = ("subset", "wanted", "reached", "epochs", "documents", "tokens", "records", "fill", "valid")
    rows = [heads]
    for name, subset in manifest["subsets"].items():
        valid = sum(entry["tokens"] for entry in subset["valid"])
        rows.append(
            (
                name,
                *(f"{subset[key]:.2%}" for key in ("wanted_share", "reached_share")),
                f"{subset['epochs']:.3g}",
                *(f"{subset[key]:,}" for key in ("documents", "tokens", "records", "fill")),
                f"{valid:,}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m massivetext.verify",
        description="Check train/ against its manifest, on disk or in an object store.",
        epilog=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", metavar="OUT", help="a build's folder, or its train folder")
    parser.add_argument("--deep", action="store_true", help="also read every record")
    given, unknown = parser.parse_known_args(arguments)
    if not files.is_remote(given.out) and unknown:
        parser.error(f"unknown option {unknown[0]}; options of an object store go with a path in one")
    if files.is_remote(given.out):
        use_options(unknown)
    inner = files.join(given.out, "train")
    try:
        train = inner if files.exists(inner) else given.out
        if not files.exists(train):
            print(f"{given.out}: there is no such folder; give the OUT of a build", file=sys.stderr)
            return 2
        manifest, problems = verify(train, given.deep)
    except files.StoreError as error:
        print(f"massivetext.verify: {error}", file=sys.stderr)
        return 2
    if manifest:
        print(summary(manifest))
    for problem in problems:
        print(problem, file=sys.stderr)
    print("ok" if not problems else f"{len(problems)} problems", file=sys.stderr if problems else sys.stdout)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

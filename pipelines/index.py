"""index: public ids, URLs and locators -> docids, so that one document among any number is found by one read.

In: documents/, also the records that are none. Out: one file per range of keys, as many as there are shards,
`00012.names`: packed rows (64-bit key of a name, docid), sorted. Keys are uniform, so a row stands close to where its
key says, and a lookup reads only there. What a lookup finds is compared with the record itself: two names may share a
key.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

import numpy as np
import pyarrow as pa

from pipelines import documents, files, skipped
from pipelines.stage import FREED, MANIFEST, Result

FORMAT = 1
ENDING = ".names"
NAMES = ("id", "url", "locator")
ROWS = np.dtype([("key", "<u8"), ("docid", "<i8")])
# An answer's `docid` leads to the part that takes it; `names` is the document that bears the name.
ANSWERS = np.dtype([("docid", "<i8"), ("key", "<u8"), ("names", "<i8")])
LEAST_READ = 64


def key_of(name: bytes) -> int:
    """64-bit key of a public id's 16 bytes, or of the UTF-8 of a URL or a locator."""
    return int.from_bytes(hashlib.blake2b(name, digest_size=8, person=b"massivetext.key").digest(), "little")


def settings(parts: int) -> dict[str, int]:
    """The stage's settings, by which a lookup knows the format and the number of files."""
    return {"format": FORMAT, "parts": parts}


@dataclass(frozen=True)
class WriteIndex:
    """Exchange of names: part p of `parts` takes the rows of the p-th range of keys."""

    documents: str
    out: str
    parts: int
    rows: ClassVar[np.dtype] = ROWS
    answers: ClassVar[np.dtype] = ANSWERS
    order: ClassVar[tuple[str, ...]] = ("key", "docid")

    def warm_up(self) -> None:
        """Nothing to load."""

    def emit(self, shard: int) -> np.ndarray:
        parts = [np.zeros(0, ROWS)]
        for ending, names in ((".parquet", NAMES), (skipped.ENDING, skipped.NAMES)):
            path = documents.shard_file(self.documents, shard, ending)
            parts += [name_rows(batch) for batch in documents.read_batches(path, ["docid", *names])]
        rows = np.concatenate(parts)
        return rows[np.argsort(rows["key"], kind="stable")]

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        found = np.zeros(len(rows), ANSWERS)
        found["key"], found["names"] = rows["key"], rows["docid"]
        found["docid"] = part_of(rows["key"], self.parts) << np.int64(32)
        return found

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        rows = np.zeros(len(answers), ROWS)
        rows["key"], rows["docid"] = answers["key"], answers["names"]
        return Result([files.write_bytes(_part(self.out, shard), rows.tobytes())], {"names": len(rows)})


def name_rows(batch: pa.RecordBatch) -> np.ndarray:
    """A row for every name of the batch's records, once where a URL is also the locator."""
    keys, docids = [], []
    named = [batch.column(name).to_pylist() for name in NAMES if name in batch.schema.names]
    for docid, *names in zip(batch.column("docid").to_pylist(), *named, strict=True):
        for name in dict.fromkeys(name if isinstance(name, bytes) else (name or "").encode() for name in names):
            if name:
                keys.append(key_of(name))
                docids.append(docid)
    rows = np.zeros(len(keys), ROWS)
    rows["key"], rows["docid"] = keys, docids
    return rows


def part_of(keys: np.ndarray, parts: int) -> np.ndarray:
    """Which of `parts` equal ranges each key lies in, int64 [keys]."""
    return (((keys >> np.uint64(32)) * np.uint64(parts)) >> np.uint64(32)).astype(np.int64)


def find(folder: str, name: bytes) -> list[int]:
    """Docids of the documents that bear the name, and rarely of others: compare. Raises FileNotFoundError without an
    index, ValueError for one of another format.
    """
    key = key_of(name)
    part, within = divmod((key >> 32) * parts_of(folder), 1 << 32)
    path = _part(folder, part)
    if not files.exists(path):
        raise FileNotFoundError(f"{path} is gone: the index was freed")
    with files.open_read(path) as file:
        return _search(file, key, within / (1 << 32))


def parts_of(folder: str) -> int:
    """The number of files of a finished index. Raises as `find` does."""
    path = files.join(folder, MANIFEST)
    if not files.exists(path):
        raise FileNotFoundError(f"no finished index in {folder}: run the build again")
    found = json.loads(files.read_bytes(path))["settings"]
    if found.get("format") != FORMAT:
        raise ValueError(f"{folder} has format {found.get('format')}, this version reads {FORMAT}: run the build again")
    return int(found["parts"])


def _search(file: BinaryIO, key: int, share: float) -> list[int]:
    """Docids at `key` in a file of sorted rows, of which about `share` come before it."""
    total = file.seek(0, 2) // ROWS.itemsize
    # Uniform keys stray from their place by the root of their number; nine of ten thousand by more than thrice half.
    reach = LEAST_READ + 2 * math.isqrt(total)
    while True:
        start, stop = max(0, int(share * total) - reach), min(total, int(share * total) + reach)
        file.seek(start * ROWS.itemsize)
        rows = np.frombuffer(file.read((stop - start) * ROWS.itemsize), ROWS)
        first, last = np.searchsorted(rows["key"], np.array([key], np.uint64)), np.uint64(key)
        begin, end = int(first[0]), int(np.searchsorted(rows["key"], last, "right"))
        if (start == 0 or begin > 0) and (stop == total or end < len(rows)):
            return [int(docid) for docid in rows["docid"][begin:end]]
        reach *= 8


def problems(folder: str) -> Iterator[str]:
    """What in a finished index is not as its manifest says, or not in order; nothing where it was freed."""
    manifest = json.loads(files.read_bytes(files.join(folder, MANIFEST)))
    if FREED in manifest:
        return
    marks, parts = manifest["shards"], parts_of(folder)
    for part in range(parts):
        path = _part(folder, part)
        made = next((file for file in marks[str(part)]["files"] if file["name"] == files.name(path)), None)
        data = files.read_bytes(path) if files.exists(path) else None
        if made is None or data is None:
            yield f"{path} is missing"
        elif hashlib.sha256(data).hexdigest() != made["sha256"]:
            yield f"{path} has another sha256 than when it was written"
        else:
            keys = np.frombuffer(data, ROWS)["key"]
            if np.any(keys[1:] < keys[:-1]) or np.any(part_of(keys, parts) != part):
                yield f"{path} is not in order"


def _part(folder: str, part: int) -> str:
    return documents.shard_file(folder, part, ENDING)

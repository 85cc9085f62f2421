"""The dear half of near-duplicate search, shard by shard: shingle sets and MinHash bands of the documents in scope.

In: documents and the sidecars that dropped some. Out per shard: `00012.shingles` (the documents' sorted shingle hashes
one after the other, uint64) and `00012.bands` (rows of `BANDS`, sorted by key and docid). Counts: documents, shingles,
bands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filters.text import buffers
from pipelines import documents, files
from pipelines.files import Written
from pipelines.kernels import minhash, shingles
from pipelines.stage import Result

ROLES = ("full", "reference", "none")
WAITING, KEPT = 0, 1
# start and count: where the document's set stands in its shard's `.shingles`, in hashes.
BANDS = np.dtype(
    [("key", "<u8"), ("rank", "<i8"), ("docid", "<i8"), ("start", "<i8"), ("count", "<i4"), ("state", "<i4")]
)
_SHINGLE = np.dtype("<u8")
_WRITE_ROWS = 1 << 16


@dataclass(frozen=True)
class Signatures:
    """Shard work: shingle sets and band rows of one shard's kept documents.

    `roles` pairs every subset with its role in near-duplicate search: `full`, `reference` (always kept, others lose
    what it has) or `none`. `permutations` are cut into `bands`; a shingle has `words` words.
    """

    documents: str
    drops: tuple[str, ...]
    out: str
    roles: tuple[tuple[str, str], ...]
    permutations: int = minhash.PERMUTATIONS
    bands: int = minhash.BANDS
    words: int = shingles.WORDS

    def warm_up(self) -> None:
        """Compile the kernels."""
        sets, offsets = shingles.shingle_sets(*buffers(["a text"]))
        minhash.band_keys(minhash.signatures(sets, offsets, self.permutations), self.bands)

    def run(self, shard: int) -> Result:
        batches = documents.read_kept(self.documents, self.drops, shard, ["rank", "subset", "text"])
        rows = [np.zeros(0, BANDS)]
        with files.create(documents.shard_file(self.out, shard, ".shingles")) as sink:
            for batch in batches:
                scope, reference = standing(batch.column("subset"), self.roles)
                batch, reference = batch.filter(pa.array(scope)), reference[scope]
                sets, offsets = shingles.shingle_sets(*buffers(batch.column("text")), self.words)
                rows.append(self._rows(batch, reference, sets, offsets, sink.tell() // _SHINGLE.itemsize))
                sink.write(sets.astype(_SHINGLE, copy=False))
        whole = sink.written(documents.shard_file(self.out, shard, ".shingles"))
        bands = np.concatenate(rows)
        written = write_rows(documents.shard_file(self.out, shard, ".bands"), bands)
        counts = {
            "documents": len(bands) // self.bands, "shingles": whole.bytes // _SHINGLE.itemsize, "bands": len(bands)
        }  # fmt: skip
        return Result([whole, written], counts)

    def _rows(
        self, batch: pa.RecordBatch, reference: np.ndarray, sets: np.ndarray, offsets: np.ndarray, before: int
    ) -> np.ndarray:
        """Band rows of a batch's documents that have any shingle."""
        keys = minhash.band_keys(minhash.signatures(sets, offsets, self.permutations), self.bands)
        rows = np.zeros(keys.shape, BANDS)
        rows["key"] = keys
        rows["rank"] = survivor_rank(batch.column("rank").to_numpy(), reference)[:, None]
        rows["docid"] = batch.column("docid").to_numpy()[:, None]
        rows["start"] = (offsets[:-1] + before)[:, None]
        rows["count"] = np.diff(offsets)[:, None]
        rows["state"] = np.where(reference, KEPT, WAITING)[:, None]
        return rows[np.diff(offsets) > 0].ravel()


def standing(subsets: pa.Array, roles: Iterable[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Which documents are in scope and which of those are reference, bool [documents] each.

    Raises ValueError for a subset without a role, or a role that is none of `ROLES`.
    """
    known = dict(roles)
    names = subsets.to_pylist()
    for name in sorted(set(names)):
        if known.get(name) not in ROLES:
            raise ValueError(f"subset {name!r} has role {known.get(name)!r}; give it one of {', '.join(ROLES)}")
    found = [known[name] for name in names]
    return np.array([r != "none" for r in found], bool), np.array([r == "reference" for r in found], bool)


def survivor_rank(rank: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The documents' place in survivor order: reference documents before all others, in ranks below zero."""
    return np.where(reference, rank + np.iinfo(np.int64).min, rank)


def write_rows(path: str, rows: np.ndarray) -> Written:
    """Write band rows sorted by key and docid, a slice at a time."""
    order = np.lexsort([rows["docid"], rows["key"]])
    with files.create(path) as sink:
        for start in range(0, len(rows), _WRITE_ROWS):
            sink.write(rows[order[start : start + _WRITE_ROWS]].tobytes())
    return sink.written(path)


class ShingleSets:
    """The shingle sets in a signatures folder, fetched by band row; local files are mapped, never read whole."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._mapped: dict[int, np.ndarray] = {}

    def fetch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows' sets one after the other, uint64 [shingles], and where each begins, int64 [rows + 1]."""
        offsets = np.concatenate([[0], np.cumsum(rows["count"], dtype=np.int64)])
        sets = np.empty(int(offsets[-1]), np.uint64)
        order = np.lexsort([rows["start"], rows["docid"] >> 32])
        shards = rows["docid"][order] >> 32
        cuts = np.flatnonzero(np.diff(shards, prepend=-1)).tolist()
        for start, stop in zip(cuts, [*cuts[1:], len(order)], strict=True):
            chosen = order[start:stop]
            places = offsets[chosen], rows["start"][chosen], rows["count"][chosen]
            self._read(int(shards[start]), zip(*(p.tolist() for p in places), strict=True), sets)
        return sets, offsets

    def _read(self, shard: int, wanted: Iterator[tuple[int, int, int]], sets: np.ndarray) -> None:
        """Copy (to, start, count) pieces of one shard's file into `sets`."""
        path = documents.shard_file(self._folder, shard, ".shingles")
        if files.is_remote(path):
            with files.open_read(path) as file:
                for to, start, count in wanted:
                    file.seek(start * _SHINGLE.itemsize)
                    sets[to : to + count] = np.frombuffer(file.read(count * _SHINGLE.itemsize), _SHINGLE)
            return
        if shard not in self._mapped:
            self._mapped[shard] = np.asarray(np.memmap(path, _SHINGLE, "r"))
        for to, start, count in wanted:
            sets[to : to + count] = self._mapped[shard][start : start + count]

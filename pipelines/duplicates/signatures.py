"""The dear half of near-duplicate search, shard by shard: shingle sets and MinHash bands of the documents in scope.

In: documents and the sidecars that dropped some. Out per shard: `00012.shingles` (the documents' sorted shingle hashes
one after the other, uint64) and `00012.bands` (rows of `BANDS`, sorted by key and docid). Counts: documents, shingles,
bands.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filters.text import buffers
from pipelines import documents, files
from pipelines.duplicates.earlier import Earlier, holding
from pipelines.duplicates.scope import ALL, Scope, survivor_place
from pipelines.files import Written
from pipelines.kernels import minhash, shingles
from pipelines.stage import Result

# Changes with every change of what a band key or a shingle hash is, so that builds never compare unlike rows.
SCHEME = 1
WAITING, KEPT = 0, 1
# start and count: where the document's set stands in its shard's `.shingles`, in hashes.
BANDS = np.dtype(
    [("key", "<u8"), ("rank", "<i8"), ("docid", "<i8"), ("start", "<i8"), ("count", "<i4"), ("state", "<i4")]
)
_SHINGLE = np.dtype("<u8")
_WRITE_ROWS = 1 << 16
RESIDENT_BYTES = 32 << 20


@dataclass(frozen=True)
class Signatures:
    """Shard work: shingle sets and band rows of one shard's kept documents.

    `roles` and `by` as in `Scope`. `permutations` are cut into `bands`; a shingle has `words` words.
    """

    documents: str
    drops: tuple[str, ...]
    out: str
    roles: tuple[tuple[str, str], ...]
    permutations: int = minhash.PERMUTATIONS
    bands: int = minhash.BANDS
    words: int = shingles.WORDS
    by: str = ALL

    def warm_up(self) -> None:
        """Compile the kernels."""
        sets, offsets = shingles.shingle_sets(*buffers(["a text"]))
        minhash.band_keys(minhash.signatures(sets, offsets, self.permutations), self.bands)

    def run(self, shard: int) -> Result:
        scope = Scope(self.roles, self.by)
        batches = documents.read_kept(self.documents, self.drops, shard, ["rank", "text", *scope.columns])
        rows = [np.zeros(0, BANDS)]
        with files.create(documents.shard_file(self.out, shard, ".shingles")) as sink:
            for batch in batches:
                standing = scope.standing(batch)
                batch = batch.filter(pa.array(standing.takes_part))
                standing = standing.where(standing.takes_part)
                sets, offsets = shingles.shingle_sets(*buffers(batch.column("text")), self.words)
                keys = minhash.band_keys(minhash.signatures(sets, offsets, self.permutations), self.bands)
                rows.append(
                    band_rows(
                        batch.column("docid").to_numpy(),
                        survivor_place(batch.column("rank").to_numpy(), standing.reference),
                        np.where(standing.reference, KEPT, WAITING),
                        keys ^ standing.group[:, None],
                        offsets,
                        sink.tell() // _SHINGLE.itemsize,
                    )
                )
                sink.write(sets.astype(_SHINGLE, copy=False))
        whole = sink.written(documents.shard_file(self.out, shard, ".shingles"))
        bands = np.concatenate(rows)
        written = write_rows(documents.shard_file(self.out, shard, ".bands"), bands)
        counts = {
            "documents": len(bands) // self.bands, "shingles": whole.bytes // _SHINGLE.itemsize, "bands": len(bands)
        }  # fmt: skip
        return Result([whole, written], counts)


def band_rows(
    docids: np.ndarray, places: np.ndarray, states: np.ndarray, keys: np.ndarray, offsets: np.ndarray, before: int
) -> np.ndarray:
    """Band rows of the documents that have any shingle: `keys` [documents, bands]; their sets stand at `offsets` after
    the `before` shingles that the shard's file has already.
    """
    rows = np.zeros(keys.shape, BANDS)
    rows["key"] = keys
    rows["rank"], rows["docid"], rows["state"] = places[:, None], docids[:, None], states[:, None]
    rows["start"] = (offsets[:-1] + before)[:, None]
    rows["count"] = np.diff(offsets)[:, None]
    return rows[np.diff(offsets) > 0].ravel()


def recall(bands: int, rows: int, jaccard: float) -> float:
    """Chance that documents of this Jaccard share one of `bands` bands of `rows` permutations."""
    return 1.0 - (1.0 - jaccard**rows) ** bands


def write_rows(path: str, rows: np.ndarray) -> Written:
    """Write band rows sorted by key and docid, a slice at a time."""
    order = np.lexsort([rows["docid"], rows["key"]])
    with files.create(path) as sink:
        for start in range(0, len(rows), _WRITE_ROWS):
            sink.write(rows[order[start : start + _WRITE_ROWS]].tobytes())
    return sink.written(path)


class ShingleSets:
    """The shingle sets in a signatures folder, and in those of earlier builds, fetched by band row; local files are
    mapped, never read whole.
    """

    def __init__(self, folder: str, earlier: tuple[Earlier, ...] = ()) -> None:
        self._folder = folder
        self._earlier = earlier
        self._mapped: dict[int, mmap.mmap] = {}
        self._resident = 0

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
        build = holding(self._earlier, shard)
        folder, number = (build.signatures, shard - build.first) if build else (self._folder, shard)
        path = documents.shard_file(folder, number, ".shingles")
        if files.is_remote(path):
            with files.open_read(path) as file:
                for to, start, count in wanted:
                    file.seek(start * _SHINGLE.itemsize)
                    sets[to : to + count] = np.frombuffer(file.read(count * _SHINGLE.itemsize), _SHINGLE)
            return
        if shard not in self._mapped:
            with open(path, "rb") as file:
                self._mapped[shard] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        mapped = np.frombuffer(self._mapped[shard], _SHINGLE)
        for to, start, count in wanted:
            sets[to : to + count] = mapped[start : start + count]
            self._resident += count * _SHINGLE.itemsize + mmap.PAGESIZE
        if self._resident > RESIDENT_BYTES:
            self._release()

    def _release(self) -> None:
        """Give read pages back: they would count as this process's memory until the whole file is in it."""
        for mapped in self._mapped.values():
            mapped.madvise(mmap.MADV_DONTNEED)
        self._resident = 0

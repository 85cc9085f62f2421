"""groups: how many documents each survivor stands for, from what `exact` and `near` dropped.

In: their folders. Out: no files, only counts in the marks. `sizes`: groups by size (the survivor and what it dropped);
`largest`: per subset that lost documents the largest losses to one survivor, as [documents, survivor's docid, docid of
one that fell or -1, its Jaccard].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pipelines import documents
from pipelines.duplicates.copies import LOST, SURVIVORS
from pipelines.duplicates.earlier import Earlier, holding
from pipelines.exchange import map_rows, sort_rows
from pipelines.kernels.shingles import FIRST, SECOND
from pipelines.stage import Result

LARGEST = 20
ROWS = np.dtype(
    [("key", "<u8"), ("survivor", "<i8"), ("subset", "<i4"), ("docid", "<i8"), ("lost", "<i8"), ("jaccard", "<f8")]
)
ANSWERS = np.dtype([("docid", "<i8"), ("subset", "<i4"), ("lost", "<i8"), ("example", "<i8"), ("jaccard", "<f8")])


@dataclass(frozen=True)
class Groups:
    """Exchange work. `subsets` names them in the order of the scope's roles."""

    exact: str
    near: str
    subsets: tuple[str, ...]
    earlier: tuple[Earlier, ...] = ()
    rows: ClassVar[np.dtype] = ROWS
    answers: ClassVar[np.dtype] = ANSWERS
    order: ClassVar[tuple[str, ...]] = ("key", "survivor", "subset", "docid")

    def warm_up(self) -> None:
        """Nothing to load."""

    def emit(self, shard: int) -> np.ndarray:
        copies = map_rows(documents.shard_file(self.exact, shard, ".copies"), LOST)
        if holding(self.earlier, shard):
            survivors, near = np.zeros(0, SURVIVORS), near_drops([])
        else:
            survivors = map_rows(documents.shard_file(self.exact, shard, ".survivors"), SURVIVORS)
            near = near_drops([documents.shard_file(self.near, shard)])
        return sort_rows(losses(survivors, copies, *near), self.order)

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        """The rows of one survivor and subset as one."""
        pairs = np.stack([rows["survivor"], rows["subset"].astype(np.int64)], axis=1)
        starts = np.flatnonzero(np.concatenate([[True], (np.diff(pairs, axis=0) != 0).any(axis=1)])[: len(rows)])
        found = np.zeros(len(starts), ANSWERS)
        if len(starts):
            last = np.append(starts[1:], len(rows)) - 1
            found["docid"], found["subset"] = rows["survivor"][starts], rows["subset"][starts]
            found["lost"] = np.add.reduceat(rows["lost"], starts)
            found["example"], found["jaccard"] = rows["docid"][last], rows["jaccard"][last]
        return found

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        return Result([], group_counts(answers, self.subsets))


def near_drops(sidecars: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """docid, partner and Jaccard of the near-duplicates in the sidecars, by docid."""
    parts = [batch for path in sidecars for batch in documents.read_batches(path, ["docid", "partner", "value"])]
    kinds = (("docid", np.int64), ("partner", np.int64), ("value", np.float64))
    docid, partner, value = (
        np.concatenate([np.zeros(0, kind), *(batch.column(name).to_numpy() for batch in parts)]) for name, kind in kinds
    )
    return docid, partner, value


def losses(
    survivors: np.ndarray, copies: np.ndarray, fallen: np.ndarray, partners: np.ndarray, jaccards: np.ndarray
) -> np.ndarray:
    """ROWS of a shard: its near-duplicates, and the exact copies of its documents with whoever survives them."""
    by_docid = np.argsort(survivors["docid"])
    subsets = survivors["subset"][by_docid][np.searchsorted(survivors["docid"][by_docid], fallen)]
    near, exact = np.zeros(len(fallen), ROWS), np.zeros(len(copies), ROWS)
    near["survivor"], near["docid"], near["subset"], near["lost"] = partners, fallen, subsets, 1
    near["jaccard"] = jaccards
    at = np.minimum(np.searchsorted(fallen, copies["docid"]), max(len(fallen) - 1, 0))
    gone = fallen[at] == copies["docid"] if len(fallen) else np.zeros(len(copies), bool)
    exact["survivor"], exact["docid"], exact["jaccard"] = copies["docid"], -1, 1.0
    exact["subset"], exact["lost"] = copies["subset"], copies["copies"]
    if gone.any():
        exact["survivor"][gone], exact["docid"][gone] = partners[at[gone]], copies["docid"][gone]
        exact["jaccard"][gone] = jaccards[at[gone]]
    rows = np.concatenate([near, exact])
    rows["key"] = spread(rows["survivor"])
    return rows


def spread(docids: np.ndarray) -> np.ndarray:
    """Docids as uniform 64-bit keys."""
    keys = docids.astype(np.uint64) * np.uint64(FIRST)
    keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(SECOND)
    return keys ^ (keys >> np.uint64(29))


def group_counts(answers: np.ndarray, subsets: tuple[str, ...]) -> dict[str, Any]:
    """A mark's counts from ANSWERS about a shard's survivors."""
    _, group = np.unique(answers["docid"], return_inverse=True)
    sizes = 1 + np.bincount(group, weights=answers["lost"]).astype(np.int64)
    labels, counts = np.unique([size_label(size) for size in sizes.tolist()] or [""], return_counts=True)
    largest: dict[str, list[list[Any]]] = {}
    for place in np.unique(answers["subset"]).tolist():
        mine = answers[answers["subset"] == place]
        chosen = mine[np.lexsort([mine["docid"], -mine["lost"]])[:LARGEST]]
        largest[subsets[place]] = [list(row) for row in chosen[["lost", "docid", "example", "jaccard"]].tolist()]
    binned = dict(zip(labels.tolist(), counts.tolist(), strict=True)) if len(sizes) else {}
    return {"sizes": binned, "largest": largest}


def size_label(size: int) -> str:
    """`2`, `3`, `4`, then doublings: `5-8`, `9-16`, ..."""
    if size <= 4:
        return str(size)
    top = 1 << (size - 1).bit_length()
    return f"{top // 2 + 1}-{top}"

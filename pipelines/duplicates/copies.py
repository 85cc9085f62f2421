"""Exact copies: of all documents with the same text the first in survivor order stays.

In: documents and the sidecars before. Out per shard: a drops sidecar with rule `exact_duplicate` and the surviving
partner; `00012.survivors` (rows of `SURVIVORS`, sorted by key), which a later build is deduplicated against; and
`00012.copies` (rows of `LOST`): how many copies each survivor has, by subset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines import documents, files
from pipelines.duplicates.earlier import Earlier, holding
from pipelines.duplicates.scope import ALL, Scope, may_fall, survivor_place
from pipelines.exchange import sort_rows
from pipelines.stage import Result

RULE = "exact_duplicate"
# `subset`: its place among the scope's roles.
COPIES = np.dtype([("key", "<u8"), ("low", "<u8"), ("rank", "<i8"), ("docid", "<i8"), ("subset", "<i4")])
SURVIVORS = np.dtype([*((name, COPIES[name]) for name in COPIES.names or ()), ("id", "V16")])
# `partner`: the survivor of a copy that falls, or -1 where the row says how many `copies` of a subset a survivor has.
ANSWERS = np.dtype([("docid", "<i8"), ("partner", "<i8"), ("subset", "<i4"), ("copies", "<i8")])
LOST = np.dtype([("docid", "<i8"), ("subset", "<i4"), ("copies", "<i8")])


@dataclass(frozen=True)
class Exact:
    """Exchange work: drop every kept document whose text a document before it in survivor order has.

    `roles` and `by` as in `Scope`; `earlier` builds only keep, they lose nothing.
    """

    documents: str
    drops: tuple[str, ...]
    out: str
    roles: tuple[tuple[str, str], ...]
    by: str = ALL
    earlier: tuple[Earlier, ...] = ()
    rows: ClassVar[np.dtype] = COPIES
    answers: ClassVar[np.dtype] = ANSWERS
    order: ClassVar[tuple[str, ...]] = ("key", "low", "rank", "docid")

    def warm_up(self) -> None:
        """Nothing to load."""

    def emit(self, shard: int) -> np.ndarray:
        found = self._rows(shard)
        rows = np.zeros(len(found), COPIES)
        for name in COPIES.names or ():
            rows[name] = found[name]
        return rows

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        return exact_copies(rows)

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        lost = np.zeros(int((answers["partner"] < 0).sum()), LOST)
        for name in LOST.names or ():
            lost[name] = answers[name][answers["partner"] < 0]
        copies = files.write_bytes(documents.shard_file(self.out, shard, ".copies"), lost.tobytes())
        if holding(self.earlier, shard):
            return Result([copies])
        fallen = answers[answers["partner"] >= 0]
        table = documents.drops_table(fallen["docid"], RULE, np.ones(len(fallen)), 1.0, fallen["partner"])
        survivors = self._rows(shard)
        survivors = survivors[~np.isin(survivors["docid"], fallen["docid"])]
        written = [
            documents.write_drops(self.out, shard, table),
            files.write_bytes(documents.shard_file(self.out, shard, ".survivors"), survivors.tobytes()),
            copies,
        ]
        return Result(written, drop_counts(RULE, len(fallen)))

    def _rows(self, shard: int) -> np.ndarray:
        """SURVIVORS rows of a shard's documents in scope, sorted."""
        build = holding(self.earlier, shard)
        if build:
            return build.rows(build.exact, shard, ".survivors", SURVIVORS)
        scope = Scope(self.roles, self.by)
        columns = ["rank", "id", "text_hash", *scope.columns]
        parts = [np.zeros(0, SURVIVORS)]
        for batch in documents.read_kept(self.documents, self.drops, shard, columns):
            standing = scope.standing(batch)
            rows = np.zeros(len(batch), SURVIVORS)
            hashes = np.frombuffer(b"".join(batch.column("text_hash").to_pylist()), "<u8").reshape(-1, 2)
            rows["key"], rows["low"] = hashes[:, 0] ^ standing.group, hashes[:, 1]
            rows["rank"] = survivor_place(batch.column("rank").to_numpy(), standing.reference)
            rows["docid"] = batch.column("docid").to_numpy()
            rows["subset"] = standing.subset
            identities = (identity or bytes(16) for identity in batch.column("id").to_pylist())
            rows["id"] = np.frombuffer(b"".join(identities), "V16")
            parts.append(rows[standing.takes_part])
        return sort_rows(np.concatenate(parts), self.order)


def drop_counts(rule: str, count: int) -> dict[str, dict[str, int]]:
    """A mark's counts of documents dropped by one rule."""
    return {"dropped": {rule: count} if count else {}}


def exact_copies(rows: np.ndarray) -> np.ndarray:
    """ANSWERS from COPIES in order: all but the first of equal texts fall, never a reference; and how many copies the
    survivors have, by subset.
    """
    if not len(rows):
        return np.zeros(0, ANSWERS)
    new = np.concatenate([[True], (np.diff(rows["key"]) != 0) | (np.diff(rows["low"]) != 0)])
    survivor = rows["docid"][new][np.cumsum(new) - 1]
    falls = ~new & may_fall(rows["rank"])
    lost = np.zeros(int(falls.sum()), ANSWERS)
    lost["docid"], lost["partner"] = rows["docid"][falls], survivor[falls]
    pairs = np.stack([survivor[falls], rows["subset"][falls].astype(np.int64)], axis=1)
    of, copies = np.unique(pairs, axis=0, return_counts=True)
    kept = np.zeros(len(of), ANSWERS)
    kept["docid"], kept["subset"], kept["copies"], kept["partner"] = of[:, 0], of[:, 1], copies, -1
    return np.concatenate([lost, kept])

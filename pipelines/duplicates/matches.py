"""matches: which earlier document each drop matched, where an earlier build's document is the survivor.

In: the folders of `exact` and `near`, and the earlier builds' survivors. Out per shard: a Parquet table of the
`MATCHES` schema, sorted by docid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from pipelines import documents
from pipelines.duplicates.copies import SURVIVORS
from pipelines.duplicates.earlier import Earlier, holding
from pipelines.duplicates.groups import spread
from pipelines.exchange import sort_rows
from pipelines.stage import Result

# `build`: which of the earlier builds, in the order given; `earlier` and `id`: docid there and public id.
MATCHES = pa.schema(
    [
        ("docid", pa.int64()),
        ("rule", pa.string()),
        ("build", pa.int32()),
        ("earlier", pa.int64()),
        ("id", pa.binary(16)),
    ],
    metadata={"massivetext.matches": str(documents.FORMAT)},
)
RULES = ("exact_duplicate", "near_duplicate")
# docid -1: the row only brings the partner's id.
ROWS = np.dtype([("key", "<u8"), ("partner", "<i8"), ("docid", "<i8"), ("rule", "<i4"), ("id", "V16")])
ANSWERS = np.dtype([("docid", "<i8"), ("partner", "<i8"), ("rule", "<i4"), ("high", "<u8"), ("low", "<u8")])


@dataclass(frozen=True)
class Matches:
    """Exchange work. `drops`: the folders of `exact` and `near`, in this order."""

    drops: tuple[str, str]
    out: str
    earlier: tuple[Earlier, ...]
    rows: ClassVar[np.dtype] = ROWS
    answers: ClassVar[np.dtype] = ANSWERS
    order: ClassVar[tuple[str, ...]] = ("key", "partner", "docid", "rule")

    def warm_up(self) -> None:
        """Nothing to load."""

    def emit(self, shard: int) -> np.ndarray:
        build = holding(self.earlier, shard)
        if build:
            survivors = build.rows(build.exact, shard, ".survivors", SURVIVORS)
            rows = np.zeros(len(survivors), ROWS)
            rows["partner"], rows["docid"], rows["id"] = survivors["docid"], -1, survivors["id"]
        else:
            rows = np.concatenate([self._matched(rule, shard) for rule in range(len(RULES))])
        rows["key"] = spread(rows["partner"])
        return sort_rows(rows, self.order)

    def _matched(self, rule: int, shard: int) -> np.ndarray:
        """Rows of what one rule dropped for the sake of an earlier document."""
        parts = [np.zeros(0, ROWS)]
        for batch in documents.read_batches(documents.shard_file(self.drops[rule], shard), ["docid", "partner"]):
            partner = batch.column("partner").to_numpy()
            matched = partner >> 32 >= self.earlier[0].first
            rows = np.zeros(int(matched.sum()), ROWS)
            rows["partner"], rows["docid"] = partner[matched], batch.column("docid").to_numpy()[matched]
            rows["rule"] = rule
            parts.append(rows)
        return np.concatenate(parts)

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        """Each drop with the id that its partner's own row brought: the first of the partner's rows."""
        starts = np.flatnonzero(np.diff(rows["partner"], prepend=-1))
        named = np.repeat(starts, np.diff(np.append(starts, len(rows))))
        asks = rows["docid"] >= 0
        found = np.zeros(int(asks.sum()), ANSWERS)
        for name in ("docid", "partner", "rule"):
            found[name] = rows[name][asks]
        halves = np.ascontiguousarray(rows["id"][named[asks]]).view("<u8").reshape(-1, 2)
        found["high"], found["low"] = halves[:, 0], halves[:, 1]
        return found

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        if holding(self.earlier, shard):
            return Result([])
        firsts = np.array([build.first for build in self.earlier], np.int64)
        builds = np.searchsorted(firsts, answers["partner"] >> 32, "right") - 1
        ids = np.stack([answers["high"], answers["low"]], axis=1)
        table = pa.table(
            {
                "docid": answers["docid"],
                "rule": pa.array([RULES[rule] for rule in answers["rule"].tolist()], pa.string()),
                "build": pa.array(builds, pa.int32()),
                "earlier": answers["partner"] - (firsts[builds] << 32),
                "id": pa.array([row.tobytes() for row in ids], pa.binary(16)),
            },
            schema=MATCHES,
        )
        written = documents.write_batches(documents.shard_file(self.out, shard), MATCHES, [table])
        numbers, counts = np.unique(builds, return_counts=True)
        matches = {str(build): count for build, count in zip(numbers.tolist(), counts.tolist(), strict=True)}
        return Result([written], {"matches": matches})

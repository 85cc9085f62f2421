"""identify: the same record met twice -> sidecars of `same_record`.

In: documents/ (ids). Out: a drops sidecar per shard. A record is met twice where subset, locator and raw bytes are
equal; the one with the least docid stays. The others are skipped records, not documents.
Counts: same_record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines import documents
from pipelines.stage import Result

RULE = "same_record"


@dataclass(frozen=True)
class Identify:
    documents: str
    out: str
    rows: ClassVar = np.dtype([("key", "<u8"), ("low", "<u8"), ("docid", "<i8")])
    answers: ClassVar = np.dtype([("docid", "<i8"), ("partner", "<i8")])
    order: ClassVar = ("key", "low", "docid")

    def warm_up(self) -> None:
        """Nothing to load."""

    def emit(self, shard: int) -> np.ndarray:
        parts = [np.zeros(0, self.rows)]
        for batch in documents.read_batches(documents.shard_file(self.documents, shard), ["docid", "id"]):
            parts.append(keyed_rows(batch.column("id"), batch.column("docid").to_numpy(), self.rows))
        rows = np.concatenate(parts)
        return rows[np.argsort(rows["key"], kind="stable")]

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        return identify(rows, self.answers)

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        count = len(answers)
        table = documents.drops_table(answers["docid"], RULE, np.ones(count), 0.0, answers["partner"])
        return Result([documents.write_drops(self.out, shard, table)], {RULE: count})


def keyed_rows(hashes: object, docids: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Packed rows from an Arrow array of 16-byte hashes: `key` and `low` are its halves, big end first."""
    joined = np.frombuffer(b"".join(hashes.to_pylist()), ">u8").reshape(-1, 2)  # type: ignore[attr-defined]
    rows = np.zeros(len(docids), dtype)
    rows["key"], rows["low"], rows["docid"] = joined[:, 0], joined[:, 1], docids
    return rows


def identify(rows: np.ndarray, answers: np.dtype) -> np.ndarray:
    """All but the first row of each id, with the first one's docid as partner. Rows sorted by (key, low, docid)."""
    new = np.ones(len(rows), bool)
    new[1:] = (rows["key"][1:] != rows["key"][:-1]) | (rows["low"][1:] != rows["low"][:-1])
    first = np.flatnonzero(new)[np.cumsum(new) - 1]
    found = np.zeros(int((~new).sum()), answers)
    found["docid"] = rows["docid"][~new]
    found["partner"] = rows["docid"][first][~new]
    return found

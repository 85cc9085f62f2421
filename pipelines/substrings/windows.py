"""Exact substrings, the tokens' side: which windows stand more than once, and which comes first.

Two exchanges and no global index. Anchors that stand at one place only cannot belong to a repeated window; of
the rest each window whose own anchor is live sends its 128-bit hash. A repeated window's first occurrence is
the least by (rank, docid, offset), documents of a `reference` shard before all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from pipelines import documents, exchange, files
from pipelines.kernels.substrings import anchors, live_windows, warm_up
from pipelines.sorting import write_sorted
from pipelines.stage import Result
from pipelines.tokens import flat_tokens

FULL, REFERENCE, NONE = "full", "reference", "none"
ENDING = ".rows"
ANCHOR = np.dtype([("key", "u8"), ("docid", "i8"), ("offset", "i4")])
PLACE = np.dtype([("docid", "i8"), ("offset", "i4")])
WINDOW = np.dtype([("key", "u8"), ("low", "u8"), ("rank", "i8"), ("docid", "i8"), ("offset", "i4")])
REPEAT = np.dtype([("docid", "i8"), ("offset", "i4"), ("first", "u1"), ("first_docid", "i8")])
# Ranks are below 2^63; less this, a reference document's stands before every other.
BEFORE_ALL = np.iinfo(np.int64).min


class Places:
    """Packed rows of a shard, sorted by (docid, offset), looked up batch by batch."""

    def __init__(self, rows: np.ndarray) -> None:
        self._rows = rows
        self._docids = np.ascontiguousarray(rows["docid"])

    def within(self, docids: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the documents (docids sorted), and each row's token as an index into the flat tokens.

        `offsets` int64 [documents + 1]: where each document's tokens begin and end.
        """
        first, last = (docids[0], docids[-1]) if len(docids) else (0, -1)
        start, stop = np.searchsorted(self._docids, first), np.searchsorted(self._docids, last, "right")
        rows = np.array(self._rows[start:stop])
        document = np.searchsorted(docids, rows["docid"])
        return rows, offsets[document] + rows["offset"]


@dataclass(frozen=True)
class Anchors:
    """A shard's anchors as packed rows, sorted by key. `roles`: per shard `full`, `reference` or `none`."""

    tokens: str
    out: str
    roles: Mapping[int, str]
    length: int

    def warm_up(self) -> None:
        warm_up()

    def run(self, shard: int) -> Result:
        written, rows = write_sorted(documents.shard_file(self.out, shard, ENDING), ANCHOR, self._rows(shard))
        return Result([written], {"anchors": rows})

    def _rows(self, shard: int) -> Iterator[np.ndarray]:
        if self.roles[shard] != NONE:
            path = documents.shard_file(self.tokens, shard)
            for batch in documents.read_batches(path, ["docid", "tokens"]):
                yield anchor_rows(batch, self.length)


def anchor_rows(batch: pa.RecordBatch, length: int) -> np.ndarray:
    """The distinct anchors of a batch with `docid` and `tokens`, as ANCHOR rows."""
    document, position, key = anchors(*flat_tokens(batch.column("tokens")), length)
    rows = np.empty(len(key), ANCHOR)
    rows["key"], rows["offset"] = key, position
    rows["docid"] = batch.column("docid").to_numpy()[document]
    return rows


@dataclass(frozen=True)
class LiveAnchors:
    """Exchange of anchors: home come those whose key stands at two places or more."""

    anchors: str
    out: str

    rows: ClassVar[np.dtype] = ANCHOR
    answers: ClassVar[np.dtype] = PLACE
    order: ClassVar[tuple[str, ...]] = ("key",)

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def emit(self, shard: int) -> np.ndarray:
        return exchange.map_rows(documents.shard_file(self.anchors, shard, ENDING), ANCHOR)

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        same = rows["key"][1:] == rows["key"][:-1]
        live = np.zeros(len(rows), bool)
        live[1:] |= same
        live[:-1] |= same
        return _only(rows[live], PLACE)

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        written = files.write_bytes(documents.shard_file(self.out, shard, ENDING), answers.tobytes())
        return Result([written], {"live_anchors": len(answers)})


@dataclass(frozen=True)
class Windows:
    """A shard's windows whose own anchor is live, as packed rows, sorted by key."""

    tokens: str
    live: str
    out: str
    roles: Mapping[int, str]
    length: int

    def warm_up(self) -> None:
        warm_up()

    def run(self, shard: int) -> Result:
        written, rows = write_sorted(documents.shard_file(self.out, shard, ENDING), WINDOW, self._rows(shard))
        return Result([written], {"windows": rows})

    def _rows(self, shard: int) -> Iterator[np.ndarray]:
        if self.roles[shard] == NONE:
            return
        places = Places(exchange.map_rows(documents.shard_file(self.live, shard, ENDING), PLACE))
        before = BEFORE_ALL if self.roles[shard] == REFERENCE else 0
        columns = ["docid", "rank", "tokens"]
        for batch in documents.read_batches(documents.shard_file(self.tokens, shard), columns):
            yield window_rows(batch, places, self.length, before)


def window_rows(batch: pa.RecordBatch, places: Places, length: int, before: int) -> np.ndarray:
    """WINDOW rows of a batch with `docid`, `rank` and `tokens`; `before` is added to the ranks."""
    docids = batch.column("docid").to_numpy()
    tokens, offsets = flat_tokens(batch.column("tokens"))
    document, position, key, low = live_windows(tokens, offsets, length, places.within(docids, offsets)[1])
    rows = np.empty(len(key), WINDOW)
    rows["key"], rows["low"], rows["offset"] = key, low, position
    rows["docid"] = docids[document]
    rows["rank"] = batch.column("rank").to_numpy()[document] + before
    return rows


@dataclass(frozen=True)
class Repeats:
    """Exchange of windows: home come those that stand twice or more, with the docid of the first."""

    windows: str
    out: str

    rows: ClassVar[np.dtype] = WINDOW
    answers: ClassVar[np.dtype] = REPEAT
    order: ClassVar[tuple[str, ...]] = ("key", "low", "rank", "docid", "offset")

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def emit(self, shard: int) -> np.ndarray:
        return exchange.map_rows(documents.shard_file(self.windows, shard, ENDING), WINDOW)

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        same = (rows["key"][1:] == rows["key"][:-1]) & (rows["low"][1:] == rows["low"][:-1])
        first = np.concatenate([[True], ~same])[: len(rows)]
        alone = first & np.concatenate([~same, [True]])[: len(rows)]
        heads = np.flatnonzero(first)
        answers = _only(rows, REPEAT, "first", "first_docid")
        answers["first"] = first
        answers["first_docid"] = rows["docid"][heads[np.cumsum(first) - 1]]
        return answers[~alone]

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        written = files.write_bytes(documents.shard_file(self.out, shard, ENDING), answers.tobytes())
        first = int(answers["first"].sum())
        return Result([written], {"first_windows": first, "later_windows": len(answers) - first})


def _only(rows: np.ndarray, dtype: np.dtype, *later: str) -> np.ndarray:
    """The rows in another dtype; fields in `later` are for the caller to fill."""
    result = np.empty(len(rows), dtype)
    for name in dtype.names or ():
        if name not in later:
            result[name] = rows[name]
    return result

"""Sampled documents' tokens, brought from source shards to output shards through files.

Every source shard writes its sampled documents grouped by output shard, so that an output shard reads one
slice of each: `.tokens` (ids), `.locators` (UTF-8), `.index` (a row each), `.offsets` (where the groups
start).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import cut, documents, exchange, files, mix
from pipelines.files import Written
from pipelines.packing.order import shards_of
from pipelines.packing.quotas import Plan, SubsetPlan
from pipelines.packing.records import Layout
from pipelines.stage import Result

INDEX = np.dtype(
    [
        ("key", "<u8"),
        ("docid", "<i8"),
        ("id", "V16"),
        ("first", "<i8"),
        ("tokens", "<i8"),
        ("partial", "<i8"),
        ("locator_bytes", "<i8"),
    ]
)
OFFSETS = np.dtype([("row", "<i8"), ("token", "<i8"), ("locator", "<i8")])
COUNTS = ("sampled_tokens", "unsampled_tokens", "documents", "tokens", "valid_tokens")
READ_TOKENS = 1 << 22


@dataclass(frozen=True)
class Target:
    """An output shard. `group` is its place among its subset's shards, those for training first."""

    subset: str
    split: str
    number: int
    of: int
    group: int
    whole_epochs: int

    @property
    def name(self) -> str:
        middle = "-valid" if self.split == "valid" else ""
        return f"{self.subset}{middle}-{self.number:05d}-of-{self.of:05d}"


def targets(plan: Plan) -> list[Target]:
    """The output shards in order of (subset, split, number): their places are the numbers of the Pack stage.

    Raises ValueError where two subsets' files would have one name.
    """
    found = []
    for part in sorted(plan.subsets, key=lambda part: part.name):
        for split, of, before, whole in (
            ("train", part.shards, 0, part.whole_epochs),
            ("valid", part.valid_shards, part.shards, 1),
        ):
            found += [Target(part.name, split, i, of, before + i, whole) for i in range(of)]
    names = [target.name for target in found]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f"two subsets would write {twice[0]}: rename one of them")
    return found


@dataclass(frozen=True)
class Scatter:
    """Per source shard the sampled documents' tokens, grouped by output shard, with what finds them again.

    A document's tokens stand once, however many epochs take it, and no longer than the longest taking.
    """

    tokens: str
    cut: str
    out: str
    seed: int
    layout: Layout
    plans: Mapping[int, SubsetPlan]

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        plan = self.plans[shard]
        counts = dict.fromkeys(COUNTS, 0)
        with files.local_temporary(documents.shard_file(self.out, shard, ".spool")) as spool:
            parts = []
            with open(spool, "wb") as sink:
                columns = ["docid", "id", "split", "locator", "tokens"]
                for batch in cut.read_final(self.tokens, self.cut, shard, columns):
                    parts.append(self._sample(batch, plan, sink, counts))
            index = np.concatenate([np.zeros(0, INDEX), *(part[0] for part in parts)])
            group = np.concatenate([np.zeros(0, np.int64), *(part[1] for part in parts)])
            locators = pa.concat_arrays([pa.array([], pa.large_binary()), *(part[2] for part in parts)])
            return Result(self._write(shard, plan, spool, index, group, locators), counts)

    def _sample(
        self, batch: pa.RecordBatch, plan: SubsetPlan, spool: Any, counts: dict[str, int]
    ) -> tuple[np.ndarray, np.ndarray, pa.Array]:
        """The batch's sampled documents: INDEX rows, groups, locators. Their tokens go to the spool."""
        values, lengths = self._values(batch)
        rows, train = mix.key_rows(batch, self.seed)
        partial = np.where(train, mix.partial_tokens(plan, rows["key"], rows["docid"], rows["tokens"]), 0)
        stored = np.where(train & (plan.whole_epochs == 0), partial, rows["tokens"])
        held = np.flatnonzero(lengths > 0)
        starts = (np.cumsum(lengths) - lengths)[held]
        taken = np.flatnonzero(stored)
        for start, count in zip(starts[taken].tolist(), stored[taken].tolist(), strict=True):
            spool.write(values[start : start + count].data)
        index = np.zeros(len(taken), INDEX)
        for name, column in (("key", rows["key"]), ("docid", rows["docid"])):
            index[name] = column[taken]
        index["tokens"], index["partial"] = stored[taken], partial[taken]
        index["id"] = fixed_bytes(batch.column("id"))[held[taken]]
        locators = batch.column("locator").fill_null("").cast(pa.large_binary()).take(pa.array(held[taken]))
        index["locator_bytes"] = pc.binary_length(locators).to_numpy()
        counts["sampled_tokens"] += int(stored[train].sum())
        counts["unsampled_tokens"] += int((rows["tokens"] - stored)[train].sum())
        counts["documents"] += int(train.sum()) * plan.whole_epochs + int((partial > 0).sum())
        counts["tokens"] += int(rows["tokens"][train].sum()) * plan.whole_epochs + int(partial.sum())
        counts["valid_tokens"] += int(stored[~train].sum())
        return index, _groups(plan, index["key"], train[taken]), locators

    def _values(self, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
        """All ids of the batch, and every document's number of them.

        Raises ValueError for an id that no document may hold.
        """
        column = batch.column("tokens")
        values = column.flatten().to_numpy()
        if len(values) and int(values.max()) >= self.layout.vocabulary:
            raise ValueError(
                f"{self.tokens}: token id {values.max()}, expected ids below {self.layout.vocabulary}: "
                "tokenize again with this build's tokenizer"
            )
        if np.any(values == self.layout.eos):
            raise ValueError(
                f"{self.tokens}: a document holds the id {self.layout.eos} of the end of documents; "
                "expected a tokenizer in which it is a control piece"
            )
        return np.ascontiguousarray(values, self.layout.dtype), pc.list_value_length(column).to_numpy()

    def _write(
        self,
        shard: int,
        plan: SubsetPlan,
        spool: str,
        index: np.ndarray,
        group: np.ndarray,
        locators: pa.Array,
    ) -> list[Written]:
        spooled = np.cumsum(index["tokens"]) - index["tokens"]
        order = np.lexsort((index["docid"], group))
        index, spooled = index[order], spooled[order]
        index["first"] = np.cumsum(index["tokens"]) - index["tokens"]
        tokens_path = documents.shard_file(self.out, shard, ".tokens")
        with files.create(tokens_path) as sink, open(spool, "rb", buffering=0) as source:
            for ids in read_each(source.fileno(), spooled, index["tokens"], self.layout.dtype):
                sink.write(ids.data)
        rows = np.searchsorted(group[order], np.arange(plan.shards + plan.valid_shards + 1))
        offsets = np.zeros(len(rows), OFFSETS)
        offsets["row"] = rows
        offsets["token"] = np.append(0, np.cumsum(index["tokens"]))[rows]
        offsets["locator"] = np.append(0, np.cumsum(index["locator_bytes"]))[rows]
        small = (
            (".index", index.tobytes()),
            (".offsets", offsets.tobytes()),
            (".locators", b"".join(locators.take(pa.array(order)).to_pylist())),
        )
        written = [files.write_bytes(documents.shard_file(self.out, shard, e), data) for e, data in small]
        return [sink.written(tokens_path), *written]


def _groups(plan: SubsetPlan, keys: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Every document's output shard as a group of its subset."""
    return np.where(train, shards_of(keys, plan.shards), plan.shards + shards_of(keys, plan.valid_shards))


def fixed_bytes(column: pa.Array) -> np.ndarray:
    """The values of a 16-byte column without nulls, dtype V16. [rows]"""
    return np.frombuffer(column.buffers()[1], "V16")[column.offset : column.offset + len(column)]


def read_each(descriptor: int, first: np.ndarray, count: np.ndarray, dtype: np.dtype) -> Iterator[np.ndarray]:
    """Slices of a local file of ids, in the order asked for; read, not mapped, so that memory holds one."""
    size = dtype.itemsize
    for start, length in zip(first.tolist(), count.tolist(), strict=True):
        yield np.frombuffer(os.pread(descriptor, length * size, start * size), dtype)


def gather(
    folder: str, sources: Iterable[int], group: int, spool: str, token_bytes: int
) -> tuple[np.ndarray, pa.Array]:
    """INDEX rows and locators of a group's documents from all sources. Their tokens go into `spool`."""
    rows, texts, position = [np.zeros(0, INDEX)], [b""], 0
    with open(spool, "wb") as sink:
        for source in sources:
            path = documents.shard_file(folder, source, "")
            start, stop = exchange.read_rows(f"{path}.offsets", OFFSETS, group, 2)
            counts = {name: int(stop[name] - start[name]) for name in OFFSETS.names or ()}
            if not counts["row"]:
                continue
            part = exchange.read_rows(f"{path}.index", INDEX, int(start["row"]), counts["row"]).copy()
            part["first"] += position - int(start["token"])
            position += counts["token"]
            rows.append(part)
            texts.append(_read_bytes(f"{path}.locators", int(start["locator"]), counts["locator"]))
            with files.open_read(f"{path}.tokens") as tokens:
                _copy(tokens, sink, int(start["token"]), counts["token"], token_bytes)
    index = np.concatenate(rows)
    ends = np.append(0, np.cumsum(index["locator_bytes"]))
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(texts))]
    return index, pa.Array.from_buffers(pa.large_string(), len(index), buffers)


def _read_bytes(path: str, start: int, count: int) -> bytes:
    with files.open_read(path) as file:
        file.seek(start)
        return file.read(count)


def _copy(source: Any, sink: Any, first: int, count: int, size: int) -> None:
    source.seek(first * size)
    for done in range(0, count, READ_TOKENS):
        sink.write(source.read(min(READ_TOKENS, count - done) * size))

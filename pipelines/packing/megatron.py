"""The shards of `train/` as Megatron-LM reads data: a `.bin` of token ids and an `.idx` of where sequences stand.

In: a finished `train/`. Out: NAME.bin and NAME.idx for every shard NAME, training and validation, a sequence and a
document each for every sampled document, its end-of-document id last; the fill is left out. Megatron's prefix is NAME
without the ending. Counts: documents, tokens (ends of documents included).

An index is, little-endian: `MMIDIDX` and two zero bytes; version 1, uint64; a code for the type of the ids, uint8;
the numbers of sequences and of document bounds, uint64; tokens of each sequence, int32; its first byte in the `.bin`,
int64; the sequence with which each document begins, and the number of sequences at last, int64.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines import documents, files, identity
from pipelines.packing import records
from pipelines.packing.records import Layout
from pipelines.stage import Mark, Result, Stage

if TYPE_CHECKING:
    from pipelines.engine import Engine

MAGIC = b"MMIDIDX\0\0"
VERSION = 1
# Megatron knows no uint32; every id of a vocabulary fits into int32.
STORED: dict[str, tuple[int, np.dtype[Any]]] = {"uint16": (8, np.dtype("<u2")), "uint32": (4, np.dtype("<i4"))}
COST = 0.02


def index_bytes(lengths: np.ndarray, layout: Layout) -> bytes:
    """The content of an `.idx` over sequences of `lengths` tokens, each a document. [documents]

    Raises ValueError for a document that is longer than an index can say.
    """
    if len(lengths) and int(lengths.max()) > np.iinfo(np.int32).max:
        raise ValueError(f"a document of {lengths.max()} tokens, expected fewer than 2^31: split it")
    code, dtype = STORED[layout.dtype_name]
    starts = (np.cumsum(lengths) - lengths) * dtype.itemsize
    head = MAGIC + struct.pack("<QBQQ", VERSION, code, len(lengths), len(lengths) + 1)
    parts = (lengths.astype("<i4"), starts.astype("<i8"), np.arange(len(lengths) + 1, dtype="<i8"))
    return head + b"".join(part.tobytes() for part in parts)


@dataclass(frozen=True)
class Megatron:
    """One shard of `train` as the two files of Megatron. `shards`: their entries in the manifest."""

    train: str
    out: str
    shards: Sequence[Mapping[str, Any]]
    layout: Layout

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        entry = self.shards[shard]
        name = entry["path"].removesuffix(records.ENDING)
        provenance = documents.read_batches(files.join(self.train, entry["provenance"]["path"]), ["tokens"])
        tokens = [batch.column("tokens").to_numpy() for batch in provenance]
        lengths = np.concatenate([np.zeros(0, np.int64), *tokens]) + 1
        path = files.join(self.out, f"{name}.bin")
        with files.create(path) as sink:
            for ids in self._ids(entry):
                sink.write(ids.tobytes())
        index = files.write_bytes(files.join(self.out, f"{name}.idx"), index_bytes(lengths, self.layout))
        return Result([sink.written(path), index], {"documents": len(lengths), "tokens": int(lengths.sum())})

    def _ids(self, entry: Mapping[str, Any]) -> Iterator[np.ndarray]:
        """The ids of a shard's stream up to its fill, in Megatron's type."""
        left = entry["tokens"] + entry["separators"]
        with _local(files.join(self.train, entry["path"])) as local:
            for batch in records.read_records(local, self.layout):
                yield batch.reshape(-1)[:left].astype(STORED[self.layout.dtype_name][1])
                left -= min(left, batch.size)


@contextmanager
def _local(path: str) -> Iterator[str]:
    """A local file with the content of `path`, for the length of the block."""
    if not files.is_remote(path):
        yield path
        return
    with files.local_temporary(path) as local:
        with files.open_read(path) as source, open(local, "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        yield local


def export(engine: Engine, train: str, manifest: Mapping[str, Any], out: str) -> dict[int, Mark]:
    """Write every shard of a finished `train` to `out`, and return the marks."""
    shards = [e for s in manifest["subsets"].values() for e in (*s["train"], *s["valid"])]
    layout = Layout(manifest["sequence_length"], manifest["vocabulary"], manifest["eos"])
    stage = Stage(
        "megatron",
        out,
        identity.of_code(__name__),
        {"dtype": layout.dtype_name},
        {i: [entry["path"], entry["sha256"], entry["provenance"]["sha256"]] for i, entry in enumerate(shards)},
        {i: entry["tokens"] * layout.dtype.itemsize for i, entry in enumerate(shards)},
    )
    return engine.run_shards(stage, Megatron(train, out, shards, layout), COST)

"""Which documents the training set takes: from the tokens after `cut` to a plan with exact boundaries.

The boundary of a partial epoch is found without gathering all documents: every shard counts its tokens
in 4,096 bins of the hash that orders the epoch, and only the rows of the boundary's own bin are gathered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import cut, documents, exchange, files, identity, stage
from pipelines.packing.order import base_key, epoch_keys
from pipelines.packing.quotas import PLAN, Available, Boundary, Plan, Subset, SubsetPlan, quotas, settle
from pipelines.stage import Mark, Result, Stage

if TYPE_CHECKING:
    from pipelines.engine import Engine

KEYS = np.dtype([("key", "<u8"), ("docid", "<i8"), ("tokens", "<i8")])
BIN_BITS = 12
BINS = 1 << BIN_BITS
RECORDS_PER_SHARD = 131_072


@dataclass(frozen=True)
class FinalTokens:
    """The folders of `tokens` and `cut`; per source shard digests of its tokens, and bytes of work."""

    tokens: str
    cut: str
    inputs: Mapping[int, Any]
    sizes: Mapping[int, int]


def mix(
    engine: Engine,
    source: FinalTokens,
    folder: str,
    subsets: Sequence[Subset],
    seed: int,
    sequence_length: int,
    budget: int | None = None,
    records_per_shard: int = RECORDS_PER_SHARD,
) -> Plan:
    """The plan of the training set, also written to `folder`/plan.json.

    `budget` counts tokens; without one it is what the scarcest subset allows at its epoch limit.
    """
    keys_folder, bins_folder = files.join(folder, "keys"), files.join(folder, "bins")
    shards = sorted(shard for subset in subsets for shard in subset.shards)
    code = identity.of_code(__name__)
    inputs = {shard: source.inputs[shard] for shard in shards}
    sizes = {shard: source.sizes.get(shard, 0) for shard in shards}
    keys = engine.run_shards(
        Stage("mix-keys", keys_folder, code, {"seed": seed}, inputs, sizes),
        Keys(source.tokens, source.cut, keys_folder, seed),
        0.05,
    )
    available = {s.name: Available(**_counts(keys, s)) for s in subsets}
    draft = quotas(subsets, available, budget, seed, sequence_length)
    epochs = {shard: s.whole_epochs for s in draft.subsets if s.partial_tokens for shard in s.sources}
    engine.run_shards(
        Stage(
            "mix-bins",
            bins_folder,
            code,
            {},
            {i: [keys[i].digests, epochs[i]] for i in epochs},
            {i: keys[i].counts["documents"] * KEYS.itemsize for i in epochs},
        ),
        Histogram(keys_folder, bins_folder, epochs),
        0.05,
    )
    plan = replace(
        draft,
        subsets=tuple(
            settle(s, _find_boundary(bins_folder, s), sequence_length, records_per_shard) for s in draft.subsets
        ),
    )
    files.write_bytes(files.join(folder, PLAN), plan.to_json())
    return plan


def _counts(marks: Mapping[int, Mark], subset: Subset) -> dict[str, int]:
    return asdict(Available()) | stage.total(marks[shard] for shard in subset.shards)


def partial_tokens(plan: SubsetPlan, keys: np.ndarray, docids: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """How many of every document's tokens the partial epoch takes, from its start. [documents]"""
    if plan.boundary is None:
        return np.zeros(len(keys), np.int64)
    order, last = epoch_keys(keys, plan.whole_epochs), np.uint64(plan.boundary.key)
    level = order == last
    before = (order < last) | (level & (docids < plan.boundary.docid))
    return np.where(before, tokens, np.where(level & (docids == plan.boundary.docid), plan.boundary.crop, 0))


def find_boundary(rows: np.ndarray, tokens_before: int, documents_before: int, wanted: int) -> Boundary:
    """The boundary of a partial epoch of `wanted` tokens among its bin's rows, sorted by (key, docid)."""
    filled = tokens_before + np.cumsum(rows["tokens"])
    at = int(np.searchsorted(filled, wanted))
    crop = wanted - int(filled[at] - rows["tokens"][at])
    return Boundary(int(rows["key"][at]), int(rows["docid"][at]), crop, documents_before + at + 1)


def _find_boundary(bins_folder: str, draft: SubsetPlan) -> Boundary | None:
    if not draft.partial_tokens:
        return None
    total = np.zeros((2, BINS), np.int64)
    for shard in draft.sources:
        total += _read_bins(bins_folder, shard)
    filled = np.cumsum(total[1])
    bin_ = int(np.searchsorted(filled, draft.partial_tokens))
    parts = []
    for shard in draft.sources:
        counts = _read_bins(bins_folder, shard)[0]
        path = documents.shard_file(bins_folder, shard, ".rows")
        parts.append(exchange.read_rows(path, KEYS, int(counts[:bin_].sum()), int(counts[bin_])))
    rows = exchange.sort_rows(np.concatenate(parts), ("key", "docid"))
    return find_boundary(rows, int(filled[bin_] - total[1, bin_]), int(total[0, :bin_].sum()), draft.partial_tokens)


def _read_bins(folder: str, shard: int) -> np.ndarray:
    path = documents.shard_file(folder, shard, ".bins")
    return exchange.read_rows(path, np.dtype("<i8")).reshape(2, BINS)


@dataclass(frozen=True)
class Keys:
    """Per source shard a row per training document (base key, docid, tokens), and counts of both splits."""

    tokens: str
    cut: str
    out: str
    seed: int

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        counts = dict.fromkeys(asdict(Available()), 0)
        with files.create(documents.shard_file(self.out, shard, ".keys")) as sink:
            for batch in cut.read_final(self.tokens, self.cut, shard, ["docid", "id", "split", "tokens"]):
                rows, train = key_rows(batch, self.seed)
                for prefix, chosen in (("", rows[train]), ("valid_", rows[~train])):
                    counts[f"{prefix}documents"] += len(chosen)
                    counts[f"{prefix}tokens"] += int(chosen["tokens"].sum())
                sink.write(rows[train].tobytes())
        return Result([sink.written(documents.shard_file(self.out, shard, ".keys"))], counts)


def key_rows(batch: pa.RecordBatch, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """KEYS rows of the documents that hold tokens, and which of them are for training. Both [documents]."""
    rows = np.empty(len(batch), KEYS)
    rows["docid"] = batch.column("docid").to_numpy()
    rows["tokens"] = pc.list_value_length(batch.column("tokens")).to_numpy()
    ids = batch.column("id").to_pylist()
    rows["key"] = np.fromiter((base_key(seed, id_) for id_ in ids), np.uint64, len(ids))
    train = pc.equal(batch.column("split"), "train").to_numpy(zero_copy_only=False)
    holds = rows["tokens"] > 0
    return rows[holds], train[holds]


@dataclass(frozen=True)
class Histogram:
    """Per source shard its rows in the order of the partial epoch, and that order's counts per bin."""

    keys: str
    out: str
    epochs: Mapping[int, int]

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        rows = exchange.read_rows(documents.shard_file(self.keys, shard, ".keys"), KEYS).copy()
        rows["key"] = epoch_keys(rows["key"], self.epochs[shard])
        rows = exchange.sort_rows(rows, ("key", "docid"))
        bins = (rows["key"] >> np.uint64(64 - BIN_BITS)).astype(np.int64)
        counts = np.zeros((2, BINS), "<i8")
        np.add.at(counts[0], bins, 1)
        np.add.at(counts[1], bins, rows["tokens"])
        made = ((".rows", rows), (".bins", counts))
        return Result(
            [
                files.write_bytes(documents.shard_file(self.out, shard, ending), array.tobytes())
                for ending, array in made
            ]
        )

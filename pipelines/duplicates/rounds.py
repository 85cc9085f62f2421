"""Near-duplicates: rounds of exchanges over the bands of the `signatures` folder (MassiveText, section 7).

In: the `signatures` folder, and those of earlier builds. Out: a drops sidecar per shard with rule `near_duplicate`, the
surviving partner and the true Jaccard.

The result is the greedy one: in survivor order a document is kept unless an already kept one that shares a band with it
has a Jaccard above the threshold. A round decides every document whose earlier near mates are decided, at least the
first that still waits; the rest goes to the next round with the buckets that can still matter to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pipelines import documents, files, identity
from pipelines.duplicates.copies import drop_counts
from pipelines.duplicates.earlier import Earlier, Finished, holding
from pipelines.duplicates.signatures import BANDS, KEPT, WAITING, ShingleSets, write_rows
from pipelines.exchange import map_rows, read_rows, sort_rows
from pipelines.kernels.near import BATCH_BYTES, Threshold, near_mates
from pipelines.stage import Mark, Result, Stage, total

if TYPE_CHECKING:
    from pipelines.engine import Engine

NEAR = "near_duplicate"
THRESHOLD = "0.8"
# One bucket's answer about one document. mate is -1 where the bucket has no kept near mate; `live`: the row is needed
# in the bucket's next round; `verified`: the sets the bucket compared it with.
ANSWERS = np.dtype(
    [("docid", "<i8"), ("key", "<u8"), ("mate_rank", "<i8"), ("mate", "<i8"), ("shared", "<i4"), ("union", "<i4"),
     ("verified", "<i4"), ("waits", "<i2"), ("live", "<i2")]
)  # fmt: skip
NEAR_DROPS = np.dtype([("docid", "<i8"), ("partner", "<i8"), ("shared", "<i8"), ("union", "<i8")])
Fetch = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
_ODD = np.int64(0x1F123BB5159A55E5)


@dataclass(frozen=True)
class Round:
    """Exchange work: one round over the band rows in `previous` (the signatures folder, or the round before).

    Out per shard: `00012.bands` for the next round, `00012.drops` (rows of `NEAR_DROPS`). Counts: waiting documents,
    near_duplicate drops, rows for the next round, pairs of sets compared.
    """

    signatures: str
    previous: str
    out: str
    threshold: str = THRESHOLD
    earlier: tuple[Earlier, ...] = ()
    rows: ClassVar[np.dtype] = BANDS
    answers: ClassVar[np.dtype] = ANSWERS
    order: ClassVar[tuple[str, ...]] = ("key", "rank", "docid")

    def warm_up(self) -> None:
        """Compile the kernels, both for small and for big buckets."""
        rows = np.zeros(2, BANDS)
        rows["count"] = 1
        for batch_bytes in (1 << 20, 1):
            bucket_answers(rows, lambda r: (np.zeros(len(r), np.uint64), np.arange(len(r) + 1)), THRESHOLD, batch_bytes)

    def emit(self, shard: int) -> np.ndarray:
        build = holding(self.earlier, shard)
        if build and self.previous == self.signatures:
            return kept_rows(build, shard)
        return map_rows(documents.shard_file(self.previous, shard, ".bands"), BANDS)

    def reduce(self, rows: np.ndarray) -> np.ndarray:
        return bucket_answers(rows, ShingleSets(self.signatures, self.earlier).fetch, self.threshold)

    def deliver(self, shard: int, answers: np.ndarray) -> Result:
        drops, waiting = settle(answers)
        rows = surviving_rows(self.emit(shard), answers, drops["docid"], waiting)
        bands = write_rows(documents.shard_file(self.out, shard, ".bands"), rows)
        dropped = files.write_bytes(documents.shard_file(self.out, shard, ".drops"), drops.tobytes())
        counts = {"waiting": len(waiting), NEAR: len(drops), "bands": len(rows)}
        return Result([bands, dropped], {**counts, "verified": int(answers["verified"].sum())})


def kept_rows(build: Earlier, shard: int) -> np.ndarray:
    """The band rows of what an earlier build kept, as kept documents of this one."""
    rows = build.rows(build.signatures, shard, ".bands", BANDS)
    rows = rows[~np.isin(rows["docid"], build.near_dropped(shard))]
    rows["state"] = KEPT
    return rows


def bucket_answers(rows: np.ndarray, fetch: Fetch, threshold: str, batch_bytes: int = BATCH_BYTES) -> np.ndarray:
    """ANSWERS about band rows sorted by key and survivor order; `fetch(rows)` gives the rows' shingle sets."""
    rows = _searchable(rows)
    starts = _bucket_starts(rows)
    mates = near_mates(
        starts, rows["docid"], rows["count"].astype(np.int64), rows["state"] == KEPT,
        lambda wanted: fetch(rows[wanted]), Threshold.of(threshold), batch_bytes,
    )  # fmt: skip
    bucket = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    last_waiting = np.full(len(starts) - 1, -1)
    np.maximum.at(last_waiting, bucket[mates.waits], np.flatnonzero(mates.waits))
    answers = np.zeros(len(rows), ANSWERS)
    answers["docid"], answers["key"] = rows["docid"], rows["key"]
    answers["waits"], answers["live"] = mates.waits, np.arange(len(rows)) <= last_waiting[bucket]
    answers["verified"] = mates.verified
    dropped, mate = mates.mate >= 0, mates.mate[mates.mate >= 0]
    answers["mate"] = -1
    answers["mate"][dropped], answers["mate_rank"][dropped] = rows["docid"][mate], rows["rank"][mate]
    answers["shared"][dropped] = mates.shared[dropped]
    answers["union"][dropped] = rows["count"][dropped] + rows["count"][mate] - mates.shared[dropped]
    return answers[dropped | (answers["live"] != 0) | (mates.verified > 0)]


def _bucket_starts(rows: np.ndarray) -> np.ndarray:
    """Where each bucket begins and the last ends."""
    new = np.flatnonzero(np.diff(rows["key"])) + 1
    return np.concatenate([np.zeros(min(1, len(rows)), np.int64), new, [len(rows)]]).astype(np.int64)


def _searchable(rows: np.ndarray) -> np.ndarray:
    """The rows of buckets in which a waiting row stands behind another row."""
    starts = _bucket_starts(rows)
    if len(starts) < 2:
        return rows
    asks = rows["state"] == WAITING
    asks[starts[:-1]] = False
    return rows[np.repeat(np.add.reduceat(asks, starts[:-1], dtype=np.int64) > 0, np.diff(starts))]


def settle(answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """NEAR_DROPS of a shard's documents that lost to a kept one, the earliest found, and the docids that still wait."""
    found = sort_rows(answers[answers["mate"] >= 0], ("docid", "mate_rank", "mate"))
    found = found[np.diff(found["docid"], prepend=-1) != 0]
    drops = np.zeros(len(found), NEAR_DROPS)
    drops["docid"], drops["partner"] = found["docid"], found["mate"]
    drops["shared"], drops["union"] = found["shared"], found["union"]
    return drops, np.setdiff1d(answers["docid"][answers["waits"] != 0], drops["docid"])


def surviving_rows(rows: np.ndarray, answers: np.ndarray, dropped: np.ndarray, waiting: np.ndarray) -> np.ndarray:
    """The band rows that the next round needs, with their documents' new states.

    Rows are matched by key and docid folded into one number; a chance match only carries one row too many.
    """
    live = answers[answers["live"] != 0]
    stays = np.isin(_folded(rows), _folded(live)) & ~np.isin(rows["docid"], dropped)
    rows = np.array(rows[stays])
    rows["state"] = np.where(np.isin(rows["docid"], waiting), WAITING, KEPT)
    return rows


def _folded(rows: np.ndarray) -> np.ndarray:
    return rows["key"].astype(np.int64) ^ (rows["docid"] * _ODD)


@dataclass(frozen=True)
class NearDrops:
    """Shard work: one drops sidecar from what all rounds dropped."""

    rounds: tuple[str, ...]
    out: str
    threshold: str = THRESHOLD

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        parts = [read_rows(documents.shard_file(folder, shard, ".drops"), NEAR_DROPS) for folder in self.rounds]
        drops = np.concatenate(parts)
        table = documents.drops_table(
            drops["docid"], NEAR, drops["shared"] / drops["union"], float(self.threshold), drops["partner"]
        )
        counts = {**drop_counts(NEAR, len(drops)), "jaccard": by_hundredth(drops)}
        return Result([documents.write_drops(self.out, shard, table)], counts)


def by_hundredth(drops: np.ndarray) -> dict[str, int]:
    """How many NEAR_DROPS have a Jaccard of 0.80 and more, 0.81 and more, ... up to 1.00."""
    hundredths, counts = np.unique(100 * drops["shared"] // drops["union"], return_counts=True)
    return {f"{h / 100:.2f}": n for h, n in zip(hundredths.tolist(), counts.tolist(), strict=True)}


def near_duplicates(
    engine: Engine,
    folder: str,
    signatures: str,
    marks: Mapping[int, Mark],
    threshold: str = THRESHOLD,
    earlier: Sequence[Finished] = (),
) -> tuple[dict[int, Mark], list[dict[str, int]]]:
    """Marks of the finished `folder`, which holds a drops sidecar for every shard of the `signatures` folder; and the
    counts of each round.

    `marks` are those of the signatures stage. The rounds stand beside it in `<folder>-rounds`, each a stage of its own,
    so that a killed run goes on with the round it was in.
    """
    Threshold.of(threshold)
    signed = {**marks, **{n: mark for build in earlier for n, mark in build.numbered("signatures").items()}}
    decided = {n: mark for build in earlier for n, mark in build.numbered("near").items()}
    rounds: list[str] = []
    counts: list[dict[str, int]] = []
    drops: dict[int, list[str]] = {shard: [] for shard in marks}
    previous, before = signatures, signed
    while not rounds or counts[-1]["waiting"]:
        out = files.join(f"{folder}-rounds", f"{len(rounds) + 1:02d}")
        work = Round(signatures, previous, out, threshold, tuple(build.build for build in earlier))
        before = _run_round(engine, work, len(rounds) + 1, [signed, decided], before)
        for shard in marks:
            drops[shard] += [written.sha256 for written in before[shard].files if written.name.endswith(".drops")]
        rounds.append(out)
        counts.append(total(before.values()))
        previous = out
    stage = Stage(
        "near_duplicates", folder, identity.of_code(__name__), {"threshold": threshold}, drops, dict.fromkeys(marks, 0)
    )
    return engine.run_shards(stage, NearDrops(tuple(rounds), folder, threshold), 0.0), counts


def _run_round(
    engine: Engine,
    work: Round,
    number: int,
    made_from: Sequence[Mapping[int, Mark]],
    before: Mapping[int, Mark],
) -> dict[int, Mark]:
    sizes = {shard: mark.counts["bands"] * BANDS.itemsize for shard, mark in before.items()}
    inputs: dict[int, Sequence[str]] = {
        shard: [digest for marks in (*made_from, before) if shard in marks for digest in marks[shard].digests]
        for shard in before
    }
    stage = Stage(
        f"near_duplicates-{number:02d}", work.out, identity.of_code(__name__), {"threshold": work.threshold},
        inputs, sizes, exchanges=True,
    )  # fmt: skip
    return engine.run_exchange(stage, work, sum(sizes.values()))

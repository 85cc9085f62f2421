"""Near mates inside buckets: which documents have an earlier one above a Jaccard threshold (design, Near-duplicates).

A bucket's rows stand in survivor order, each either kept for good or still waiting. For every waiting row the answer is
its earliest kept near mate or, where there is none, whether any earlier waiting row is a near mate. Looking among the
kept alone would be wrong: a waiting mate may yet be kept. All decisions are made in integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numba import njit

from pipelines.kernels import rare
from pipelines.kernels.rare import Fetch
from pipelines.kernels.sets import least_overlap, overlap

SMALL_ROWS = 32
BATCH_BYTES = 32 << 20


@dataclass(frozen=True)
class Threshold:
    """A Jaccard of which only what is strictly above counts: numerator / denominator."""

    numerator: int
    denominator: int

    @staticmethod
    def of(text: str) -> Threshold:
        """The threshold a decimal text names, exactly.

        Raises ValueError unless it lies between 0 and 1, both excluded, with at most 9 digits.
        """
        exact = Fraction(text)
        if not 0 < exact < 1 or exact.denominator > 10**9:
            raise ValueError(f"threshold {text!r}: expected a decimal between 0 and 1 of at most 9 digits")
        return Threshold(exact.numerator, exact.denominator)


@dataclass(frozen=True)
class Mates:
    """Per row: the number of its earliest kept near mate (-1: none), the shingles both have, and whether it waits for
    an earlier waiting near mate; `verified`: the sets it was compared with.
    """

    mate: np.ndarray
    shared: np.ndarray
    waits: np.ndarray
    verified: np.ndarray


def near_mates(
    starts: np.ndarray,
    documents: np.ndarray,
    sizes: np.ndarray,
    kept: np.ndarray,
    fetch: Fetch,
    threshold: Threshold,
    batch_bytes: int = BATCH_BYTES,
) -> Mates:
    """The near mates of all rows of all buckets.

    Bucket b is rows starts[b] to starts[b + 1] in survivor order; `documents`, `sizes` (shingles, at least 1) and
    `kept` are per row. At most about four times `batch_bytes` are held at once, however big a bucket is.
    """
    none, zeros = np.full(len(sizes), -1), np.zeros(len(sizes), np.int64)
    mates = Mates(none, zeros, np.zeros(len(sizes), np.bool_), zeros.copy())
    bytes_before = np.concatenate([[0], np.cumsum(sizes * 8)])
    bucket = 0
    while bucket < len(starts) - 1:
        begin, after = int(starts[bucket]), bucket + 1
        if _is_small(starts, bucket, bytes_before, begin, batch_bytes):
            while after < len(starts) - 1 and _is_small(starts, after, bytes_before, begin, batch_bytes):
                after += 1
            _scan_buckets(starts[bucket : after + 1], documents, kept, fetch, threshold, mates)
        else:
            rows = slice(begin, int(starts[after]))
            rare.search(
                sizes[rows], kept[rows], _shifted(fetch, begin),
                (threshold.numerator, threshold.denominator), batch_bytes,
                (mates.mate[rows], mates.shared[rows], mates.waits[rows], mates.verified[rows]),
            )  # fmt: skip
            found = mates.mate[rows]
            found[found >= 0] += begin
        bucket = after
    return mates


def _shifted(fetch: Fetch, by: int) -> Fetch:
    return lambda rows: fetch(rows + by)


def _is_small(starts: np.ndarray, bucket: int, bytes_before: np.ndarray, begin: int, batch_bytes: int) -> bool:
    """Whether the bucket can be scanned in one batch with everything since row `begin`."""
    first, stop = int(starts[bucket]), int(starts[bucket + 1])
    return stop - first <= SMALL_ROWS and int(bytes_before[stop] - bytes_before[begin]) <= batch_bytes


def _scan_buckets(
    starts: np.ndarray, documents: np.ndarray, kept: np.ndarray, fetch: Fetch, threshold: Threshold, mates: Mates
) -> None:
    rows = np.arange(starts[0], starts[-1])
    _, first, of = np.unique(documents[rows], return_index=True, return_inverse=True)
    sets, offsets = fetch(rows[first])
    bounds = threshold.numerator, threshold.denominator
    _scan(starts, of, kept, sets, offsets, *bounds, mates.mate, mates.shared, mates.waits, mates.verified)


@njit(nogil=True, cache=True)
def _scan(
    starts: np.ndarray, of: np.ndarray, kept: np.ndarray, sets: np.ndarray, offsets: np.ndarray, p: int, q: int,
    mate: np.ndarray, shared: np.ndarray, waits: np.ndarray, verified: np.ndarray,
) -> None:  # fmt: skip
    """Compare every waiting row with the earlier rows of its bucket, the kept ones first."""
    for bucket in range(starts.shape[0] - 1):
        begin = starts[bucket]
        for x in range(begin + 1, starts[bucket + 1]):
            if kept[x]:
                continue
            for wanted in (True, False):
                for y in range(begin, x):
                    if kept[y] != wanted:
                        continue
                    a, b = of[x - starts[0]], of[y - starts[0]]
                    n, m = offsets[a + 1] - offsets[a], offsets[b + 1] - offsets[b]
                    least = least_overlap(n, m, p, q)
                    if min(n, m) < least:
                        continue
                    verified[x] += 1
                    common = overlap(sets, offsets[a], offsets[a + 1], sets, offsets[b], offsets[b + 1], least)
                    if common >= 0:
                        if wanted:
                            mate[x], shared[x] = y, common
                        else:
                            waits[x] = True
                        break
                if mate[x] >= 0:
                    break

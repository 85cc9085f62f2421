"""The order of training records: a pure function of (records per subset, weights, seed, records consumed).

The subsets are interleaved by integer weights, so that every stretch has the proportions of the whole; within a
subset each epoch is another permutation. The weights are the record counts unless others are given: then one round
holds every record once.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

_MASK = (1 << 64) - 1
_FEISTEL_ROUNDS = 6


def _scramble(value: int, key: int) -> int:
    """64 bits that depend on all bits of `value` and `key` (the finaliser of splitmix64)."""
    value = (value + key) & _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


@lru_cache(maxsize=4096)
def _round_keys(seed: int, subset: str, epoch: int) -> tuple[int, ...]:
    message = f"{seed}\0record order\0{subset}\0{epoch}".encode()
    digest = hashlib.blake2b(message, digest_size=8 * _FEISTEL_ROUNDS).digest()
    return struct.unpack(f"<{_FEISTEL_ROUNDS}Q", digest)


def permuted(index: int, size: int, keys: tuple[int, ...]) -> int:
    """The place of `index` in a permutation of range(size) that needs no memory.

    A Feistel network permutes the smallest square of a power of two that holds `size`, at most four times as large;
    numbers outside are sent on until one falls inside.
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = index >> half, index & mask
        for key in keys:
            left, right = right, left ^ (_scramble(right, key) & mask)
        index = left << half | right
        if index < size:
            return index


def interleaved(position: int, counts: tuple[int, ...]) -> tuple[int, int]:
    """(subset, how many of that subset came before) of a position within one round of sum(counts) records.

    The first subset owns the positions where floor((position + 1) * count / total) steps up; what it leaves is
    divided among the others in the same way. So the round is exact, and any stretch nearly so.
    """
    total = sum(counts)
    for subset, count in enumerate(counts):
        before = position * count // total
        if (position + 1) * count // total > before:
            return subset, before
        position -= before
        total -= count
    raise ValueError(f"position {position} lies outside a round of {sum(counts)} records")


def whole_weights(weights: Mapping[str, Fraction]) -> dict[str, int]:
    """The smallest whole numbers with the same proportions."""
    unit = math.lcm(*(weight.denominator for weight in weights.values()))
    whole = {name: int(weight * unit) for name, weight in weights.items()}
    shared = math.gcd(*whole.values())
    return {name: weight // shared for name, weight in whole.items()}


class RecordOrder:
    """Maps records consumed to (subset number, record number in the subset), without end.

    `weights`, by subset as `records`, is how many records of each one round takes; by default all.
    """

    def __init__(self, records: Mapping[str, int], seed: int, weights: Mapping[str, int] | None = None) -> None:
        if not records or min(records.values()) < 1:
            raise ValueError(f"every subset needs a record; got {dict(records)}")
        self.names = tuple(records)
        self.counts = tuple(records.values())
        self.weights = tuple((weights or records)[name] for name in records)
        self.round = sum(self.weights)
        self._seed = seed

    def __getitem__(self, position: int) -> tuple[int, int]:
        round_, place = divmod(position, self.round)
        subset, before = interleaved(place, self.weights)
        count = self.counts[subset]
        epoch, ordinal = divmod(round_ * self.weights[subset] + before, count)
        return subset, permuted(ordinal, count, _round_keys(self._seed, self.names[subset], epoch))

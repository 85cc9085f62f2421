"""Where a document stands in a training set, by its public id alone: its output shard, and its place in every epoch."""

from __future__ import annotations

import numpy as np

from pipelines import documents


def base_key(seed: int, identity: bytes) -> int:
    """The 64-bit key of a document, from which the others are made."""
    return documents.keyed(seed, "mix", identity)


def epoch_keys(keys: np.ndarray, epoch: int) -> np.ndarray:
    """Uniform uint64 keys that order the documents within an epoch. [documents]"""
    return _mixed(keys + np.uint64((epoch + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF))


def shards_of(keys: np.ndarray, shards: int) -> np.ndarray:
    """Which of `shards` output shards takes each document, the same for all epochs, int64 [documents]."""
    return (_mixed(keys) % np.uint64(max(1, shards))).astype(np.int64)


def _mixed(values: np.ndarray) -> np.ndarray:
    """A bijective scramble of uint64 values (the finaliser of splitmix64). [values]"""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

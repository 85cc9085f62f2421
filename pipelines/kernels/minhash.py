"""MinHash signatures in the `affine32` format of datasketch 2.0, and the keys of their bands.

A permutation of the 32-bit hashes is x -> a * fmix32(x) + b modulo 2^32 with odd a. A row of `signatures` is the
`hashvalues` of a datasketch `LeanMinHash(seed=1, scheme="affine32")` over the low halves of the shingle hashes.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint32, uint64

from pipelines.kernels.shingles import mix

PERMUTATIONS = 256
BANDS = 32
SEED = 1


def permutations(count: int = PERMUTATIONS, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers and addends, uint32 [count] each, drawn in the order that the format fixes."""
    draws = np.random.RandomState(seed)
    odd = draws.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return odd, draws.randint(0, 1 << 32, count, dtype=np.uint32)


def signatures(shingles: np.ndarray, offsets: np.ndarray, count: int = PERMUTATIONS) -> np.ndarray:
    """One signature a document, uint32 [documents, count], from shingle sets as `shingle_sets` gives them.

    A document without shingles has all bits set.
    """
    result = np.full((len(offsets) - 1, count), 0xFFFFFFFF, np.uint32)
    _minima(shingles, offsets, *permutations(count), result)
    return result


def band_keys(signature: np.ndarray, bands: int = BANDS) -> np.ndarray:
    """64-bit hash of every band's number and rows, uint64 [documents, bands].

    Raises ValueError where the signature cannot be cut into `bands` equal parts.
    """
    if signature.shape[1] % bands:
        raise ValueError(f"{signature.shape[1]} permutations cannot be cut into {bands} bands; take a multiple")
    keys = np.empty((len(signature), bands), np.uint64)
    _keys(signature, keys)
    return keys


@njit(cache=True)
def _fmix32(value: np.uint64) -> np.uint32:
    """The 32-bit finaliser of MurmurHash3 of the value's low half."""
    value = uint32(value)
    value = uint32((value ^ (value >> uint32(16))) * uint32(0x85EBCA6B))
    value = uint32((value ^ (value >> uint32(13))) * uint32(0xC2B2AE35))
    return uint32(value ^ (value >> uint32(16)))


@njit(nogil=True, cache=True)
def _minima(
    shingles: np.ndarray, offsets: np.ndarray, multipliers: np.ndarray, addends: np.ndarray, result: np.ndarray
) -> None:
    """Four shingles go through each pass over the signature, so that it is loaded once per four."""
    for document in range(offsets.shape[0] - 1):
        least = result[document]
        at, stop = offsets[document], offsets[document + 1]
        while at < stop:
            # The last pass repeats the last shingle: a minimum does not mind.
            a = _fmix32(shingles[at])
            b = _fmix32(shingles[min(at + 1, stop - 1)])
            c = _fmix32(shingles[min(at + 2, stop - 1)])
            d = _fmix32(shingles[min(at + 3, stop - 1)])
            for k in range(least.shape[0]):
                m, n = multipliers[k], addends[k]
                left = min(uint32(m * a + n), uint32(m * b + n))
                right = min(uint32(m * c + n), uint32(m * d + n))
                least[k] = min(least[k], min(left, right))
            at += 4


@njit(nogil=True, cache=True)
def _keys(signature: np.ndarray, keys: np.ndarray) -> None:
    bands = keys.shape[1]
    rows = signature.shape[1] // bands
    for document in range(keys.shape[0]):
        for band in range(bands):
            key = mix(uint64(band + 1))
            for row in range(band * rows, (band + 1) * rows):
                key = mix(key ^ uint64(signature[document, row]))
            keys[document, band] = key

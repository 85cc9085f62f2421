"""How much of a document's shingle set stands in each of many given sets: the best match by Jaccard and by containment.

An inverted list of the given sets' shingles is walked with each document's shingles; a document that shares none costs
one look into a directory of the hashes' leading bits per shingle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, uint64

DIRECTORY_BITS = 18
MATCHES = ("near_item", "near_shared", "held_item", "held_shared")


@dataclass(frozen=True)
class ItemSets:
    """Sets by shingle: `hashes` ascending uint64 [pairs] with `items` int32 [pairs], and per item its `sizes` int64 and
    whether containment in a document is asked of it, `long` bool.
    """

    hashes: np.ndarray
    items: np.ndarray
    sizes: np.ndarray
    long: np.ndarray

    @staticmethod
    def of(hashes: np.ndarray, offsets: np.ndarray, long: np.ndarray) -> ItemSets:
        """From sets as `shingle_sets` gives them."""
        items = np.repeat(np.arange(len(offsets) - 1, dtype=np.int32), np.diff(offsets))
        order = np.lexsort([items, hashes])
        return ItemSets(hashes[order], items[order], np.diff(offsets), long)

    def directory(self) -> np.ndarray:
        """Where the hashes of each leading bit pattern begin, int64 [2 ** DIRECTORY_BITS + 1]."""
        firsts = np.arange(1 << DIRECTORY_BITS, dtype=np.uint64) << np.uint64(64 - DIRECTORY_BITS)
        return np.append(np.searchsorted(self.hashes, firsts), len(self.hashes))


def best_matches(hashes: np.ndarray, offsets: np.ndarray, given: ItemSets, directory: np.ndarray) -> np.ndarray:
    """Per document the item of greatest Jaccard with the shingles both have, and among the long items the one most
    contained with its shared shingles; int64 [documents, MATCHES], item -1 where none shares a shingle.

    Ties go to the item of lower number.
    """
    found = np.full((len(offsets) - 1, len(MATCHES)), -1, np.int64)
    _match(hashes, offsets, given.hashes, given.items, given.sizes, given.long, directory, found)
    return found


@njit(nogil=True, cache=True)
def _match(
    hashes: np.ndarray, offsets: np.ndarray, keys: np.ndarray, items: np.ndarray, sizes: np.ndarray,
    long: np.ndarray, directory: np.ndarray, found: np.ndarray,
) -> None:  # fmt: skip
    shared = np.zeros(sizes.shape[0], np.int64)
    touched = np.empty(sizes.shape[0], np.int64)
    shift = uint64(64 - DIRECTORY_BITS)
    for document in range(offsets.shape[0] - 1):
        count = 0
        for at in range(offsets[document], offsets[document + 1]):
            place = np.int64(hashes[at] >> shift)
            for k in range(directory[place], directory[place + 1]):
                if keys[k] > hashes[at]:
                    break
                if keys[k] == hashes[at]:
                    item = np.int64(items[k])
                    if shared[item] == 0:
                        touched[count] = item
                        count += 1
                    shared[item] += 1
        size = offsets[document + 1] - offsets[document]
        row = found[document]
        for item in np.sort(touched[:count]):
            common = shared[item]
            shared[item] = 0
            # c / union is greater exactly if c / (sum of sizes) is.
            if row[0] < 0 or common * (size + sizes[row[0]]) > row[1] * (size + sizes[item]):
                row[0], row[1] = item, common
            if long[item] and (row[2] < 0 or common * sizes[row[2]] > row[3] * sizes[item]):
                row[2], row[3] = item, common

import numpy as np
import pytest

from filters.text import buffers
from pipelines.kernels import minhash
from pipelines.kernels.shingles import shingle_sets


@pytest.fixture(scope="module")
def sets():
    draws = np.random.default_rng(5)
    lengths = [0, 1, 5, 13, 14, 40, 300]
    return shingle_sets(*buffers([" ".join(f"w{k}" for k in draws.integers(0, 40, n)) for n in lengths]))


@pytest.mark.parametrize("count", [16, 128, 256])
def test_a_row_is_datasketchs_minhash_of_the_same_hashes(sets, count):
    datasketch = pytest.importorskip("datasketch")
    hashes, offsets = sets
    for row, start, stop in zip(minhash.signatures(hashes, offsets, count), offsets[:-1], offsets[1:], strict=True):
        oracle = datasketch.MinHash(num_perm=count, seed=1, hashfunc=lambda value: value & 0xFFFFFFFF)
        for value in hashes[start:stop].tolist():
            oracle.update(value)
        lean = datasketch.LeanMinHash(seed=1, hashvalues=row, scheme="affine32")
        assert (oracle.hashvalues == row).all()
        assert lean == datasketch.LeanMinHash(oracle)


def test_a_band_key_changes_with_its_rows_and_its_number(sets):
    signature = minhash.signatures(*sets)[-2:].copy()
    signature[1] = signature[0]
    signature[1, 17] ^= 1
    keys = minhash.band_keys(signature, 32)
    assert np.flatnonzero(keys[0] != keys[1]).tolist() == [2]
    assert len(np.unique(minhash.band_keys(np.zeros((1, 256), np.uint32), 32))) == 32


def test_bands_must_divide_the_permutations(sets):
    with pytest.raises(ValueError, match="256 permutations cannot be cut into 30 bands"):
        minhash.band_keys(minhash.signatures(*sets), 30)

"""Near-duplicates in the shared pack: the kept set against a brute-force greedy, the graded pairs, the novels."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from filters.text import buffers
from pipelines import extract, sources
from pipelines.duplicates.rounds import THRESHOLD, bucket_answers, settle, surviving_rows
from pipelines.duplicates.signatures import BANDS, recall
from pipelines.exchange import sort_rows
from pipelines.kernels import minhash
from pipelines.kernels.sets import least_overlap
from pipelines.kernels.shingles import shingle_sets

NOVELS = (("8954.txt.gz", "Braddon_Audley_1862.txt.gz", 0.897), ("pg153.txt.gz", "Hardy_Jude_1895.txt.gz", 0.790))


@dataclass
class Corpus:
    """Texts, their sorted shingle sets, the keys of their bands, and their order: by a hash of the text."""

    texts: list[str]
    sets: list[np.ndarray]
    keys: np.ndarray
    ranks: np.ndarray

    @staticmethod
    def of(texts: list[str]) -> Corpus:
        joined, offsets = shingle_sets(*buffers(texts))
        keys = minhash.band_keys(minhash.signatures(joined, offsets))
        sets = [joined[a:b] for a, b in pairwise(offsets.tolist())]
        ranks = [int.from_bytes(hashlib.blake2b(t.encode(), digest_size=7).digest(), "big") for t in texts]
        return Corpus(texts, sets, keys, np.array(ranks, np.int64))

    def shared(self, a: int, b: int) -> tuple[int, int]:
        """Shingles both texts have, and either has."""
        common = len(np.intersect1d(self.sets[a], self.sets[b], assume_unique=True))
        return common, len(self.sets[a]) + len(self.sets[b]) - common

    def near(self, a: int, b: int) -> bool:
        common, union = self.shared(a, b)
        return 5 * common > 4 * union

    def fetch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chosen = [self.sets[docid] for docid in rows["docid"].tolist()]
        return np.concatenate([np.zeros(0, np.uint64), *chosen]), np.cumsum([0, *map(len, chosen)])

    def rows(self) -> np.ndarray:
        with_words = np.array([len(s) > 0 for s in self.sets])
        rows = np.zeros(self.keys.shape, BANDS)
        rows["key"], rows["rank"] = self.keys, self.ranks[:, None]
        rows["docid"] = np.arange(len(self.texts))[:, None]
        rows["count"] = np.array([len(s) for s in self.sets])[:, None]
        return rows[with_words].ravel()

    def near_dropped(self) -> dict[int, int]:
        """docid -> partner, by the rounds of the search."""
        rows, found, waits = self.rows(), {}, True
        while waits:
            answers = bucket_answers(sort_rows(rows, ("key", "rank", "docid")), self.fetch, THRESHOLD)
            drops, waiting = settle(answers)
            rows = surviving_rows(rows, answers, drops["docid"], waiting)
            found.update(zip(drops["docid"].tolist(), drops["partner"].tolist(), strict=True))
            waits = len(waiting) > 0
        return found

    def in_order(self) -> list[int]:
        return np.lexsort([np.arange(len(self.texts)), self.ranks]).tolist()


def greedy(corpus: Corpus) -> set[int]:
    """Brute force, one document after the other: whatever shares a band with a kept document is compared with it."""
    buckets: dict[int, list[int]] = defaultdict(list)
    fallen = set()
    for docid in corpus.in_order():
        if not len(corpus.sets[docid]):
            continue
        keys = corpus.keys[docid].tolist()
        met = {other for key in keys for other in buckets[key]}
        if any(corpus.near(docid, other) for other in met):
            fallen.add(docid)
            continue
        for key in keys:
            buckets[key].append(docid)
    return fallen


def near_pairs(corpus: Corpus) -> list[tuple[int, int]]:
    """All pairs above the threshold, without bands: two such sets share one of the first n - least + 1 hashes of each
    (an exact prefix filter with the hash as order).
    """
    by_hash: dict[int, list[int]] = defaultdict(list)
    for docid, shingles in enumerate(corpus.sets):
        size = len(shingles)
        prefix = size - least_overlap(size, 4 * size // 5 + 1, 4, 5) + 1 if size else 0
        for value in shingles[:prefix].tolist():
            by_hash[value].append(docid)
    met = {pair for bucket in by_hash.values() for pair in combinations(bucket, 2)}
    return sorted(pair for pair in met if corpus.near(*pair))


def read_json(folder: Path, pattern: str) -> list[str]:
    paths = sorted(folder.glob(pattern))
    return [json.loads(line)["text"] for path in paths for line in gzip.open(path, "rt", encoding="utf-8")]


def read_book(path: Path) -> str:
    (record,) = sources.read(str(path), None)
    return record.text


@pytest.fixture(scope="module")
def captures(shared_data: Path) -> dict[str, str]:
    """sha1 of a page's bytes -> its main text, for the pages of the graded pairs."""
    wanted = {row[side] for row in graded(shared_data) for side in ("sha1_new", "sha1_old")}
    found = {}
    for path in sorted((shared_data / "massiveweb").glob("docs-*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
                body = record.reader.read()
                digest = hashlib.sha1(body).hexdigest()
                if digest in wanted and digest not in found:
                    url = record.headers.get("WARC-Target-URI")
                    found[digest] = extract.extract(body, record.http_charset, url, "trafilatura")[0] or ""
    return found


def graded(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "massiveweb" / "NEARDUP_PAIRS.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def real(shared_data: Path, captures: dict[str, str]) -> Corpus:
    """The pack's C4 and news, its novels, and both captures of the pages that are there twice."""
    texts = [*read_json(shared_data / "c4", "*.json.gz"), *read_json(shared_data / "news", "*.jsonl.gz")]
    texts += [read_book(path) for path in sorted((shared_data / "books").iterdir()) if path.suffix != ".epub"]
    return Corpus.of([*texts, *captures.values()])


@pytest.mark.slow
def test_the_kept_set_of_the_pack_is_that_of_a_brute_force_greedy(real: Corpus) -> None:
    drops = real.near_dropped()
    assert set(drops) == greedy(real)
    assert len(drops) > 100
    for docid, partner in drops.items():
        assert partner not in drops
        assert real.near(docid, partner)
        assert set(real.keys[docid].tolist()) & set(real.keys[partner].tolist())


@pytest.mark.slow
def test_recall_of_the_bands_over_the_pack_is_as_printed(real: Corpus) -> None:
    pairs = near_pairs(real)
    banded = [pair for pair in pairs if set(real.keys[pair[0]].tolist()) & set(real.keys[pair[1]].tolist())]
    assert len(pairs) > 150
    expected = 0.0
    for pair in pairs:
        common, union = real.shared(*pair)
        expected += recall(32, 8, common / union)
    print(f"{len(banded)} of {len(pairs)} near pairs share a band, {expected:.2f} expected")
    assert len(banded) / len(pairs) >= recall(32, 8, 0.8) - 0.003
    assert abs(len(banded) - expected) <= 3


@pytest.mark.slow
def test_graded_pairs_lose_a_copy_exactly_if_their_jaccard_is_above_the_threshold(
    shared_data: Path, captures: dict[str, str]
) -> None:
    wrong, near, graded_alike = [], 0, 0
    for row in graded(shared_data):
        texts = [captures[row[side]] for side in ("sha1_new", "sha1_old")]
        corpus = Corpus.of(texts)
        common, union = corpus.shared(0, 1)
        above = 5 * common > 4 * union
        near += above
        if bool(corpus.near_dropped()) != above:
            wrong.append((row["url"], common / union))
        if int(row["words_new"]) >= 500:  # the grade is of another extraction, which differs most on short pages
            assert common / union == pytest.approx(float(row["j13"]), abs=0.1), row["url"]
            assert above == (float(row["j13"]) > 0.8), row["url"]
            graded_alike += 1
    assert wrong == []
    assert near > 130
    assert graded_alike > 80


def test_of_two_novels_in_two_editions_one_pair_loses_a_copy(shared_data: Path) -> None:
    for first, second, jaccard in NOVELS:
        corpus = Corpus.of([read_book(shared_data / "books" / name) for name in (first, second)])
        common, union = corpus.shared(0, 1)
        assert common / union == pytest.approx(jaccard, abs=0.0005)
        assert len(corpus.near_dropped()) == (1 if jaccard > 0.8 else 0)


def test_unrelated_long_texts_never_meet(shared_data: Path) -> None:
    editions = {second for _, second, _ in NOVELS}
    paths = sorted(p for p in (shared_data / "books").iterdir() if p.suffix != ".epub" and p.name not in editions)
    corpus = Corpus.of([read_book(path) for path in paths])
    keys, counts = np.unique(corpus.keys, return_counts=True)
    assert len(paths) > 15
    assert len(keys) == corpus.keys.size
    assert counts.max() == 1

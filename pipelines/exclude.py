"""The test-set filter: documents that nearly are a test item go, and what they hold of items is reported (section 8).

In: documents, the sidecars that dropped some, an index made by `write_index`. Out per shard: a drops sidecar with the
rules `test_set` (13-gram Jaccard with an item above 0.8) and `test_set_title` (a page of WikiText by its title), and
`00012.containment.parquet`, every document that holds a shingle of a long item or was dropped.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from filters.text import buffers
from pipelines import documents, files
from pipelines.files import Written
from pipelines.kernels.contain import ItemSets, best_matches
from pipelines.kernels.near import Threshold
from pipelines.kernels.shingles import WORDS, normalised_words, shingle_sets
from pipelines.stage import Result
from pipelines.testsets import folded_title, read_test_sets

TEST_SET, TITLE = "test_set", "test_set_title"
THRESHOLD = "0.8"
INDEX_NAME = "test_sets.npz"
# `item` is the long item most contained in the document, else the one of greatest Jaccard; `jaccard_item` the latter.
REPORT = pa.schema(
    [("docid", pa.int64()), ("item", pa.string()), ("containment", pa.float64()), ("jaccard_item", pa.string()),
     ("jaccard", pa.float64())],
    metadata={"massivetext.containment": str(documents.FORMAT)},
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Index:
    """Test items by shingle, their names, and folded titles."""

    sets: ItemSets
    directory: np.ndarray
    names: list[str]
    titles: frozenset[str]


def write_index(paths: Iterable[str], path: str) -> Written:
    """Read the test sets (files, folders or globs) and write their index to `path`; its sha256 names its content."""
    found = read_test_sets(paths)
    texts = [item.text for item in found.items]
    long = np.array([len(normalised_words(text)) >= WORDS for text in texts], bool)
    sets = ItemSets.of(*shingle_sets(*buffers(texts)), long)
    names = np.array("\n".join(item.name for item in found.items).encode())
    titles = np.array("\n".join(sorted(found.titles)).encode())
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, format=documents.FORMAT, hashes=sets.hashes, items=sets.items,
             sizes=sets.sizes, long=sets.long, names=names, titles=titles)  # fmt: skip
    return files.write_bytes(path, data.getvalue())


def load_index(path: str) -> Index:
    """The index that `write_index` wrote, kept in memory until the file changes.

    Raises FileNotFoundError where there is none, ValueError for another format version.
    """
    found = files.listing(path)
    if not found:
        raise FileNotFoundError(f"no test-set index at {path}; make one with exclude.write_index")
    return _loaded(path, found[0].version)


@lru_cache(maxsize=1)
def _loaded(path: str, version: str) -> Index:
    with np.load(io.BytesIO(files.read_bytes(path)), allow_pickle=False) as data:
        documents.check_format(path, {b"massivetext.index": str(data["format"]).encode()})
        sets = ItemSets(data["hashes"], data["items"], data["sizes"], data["long"])
        names, titles = (data[key].item().decode().split("\n") for key in ("names", "titles"))
    return Index(sets, sets.directory(), names, frozenset(titles) - {""})


@dataclass(frozen=True)
class WriteIndex:
    """The index of all test sets, as a stage of one shard."""

    paths: tuple[str, ...]
    out: str

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        return Result([write_index(self.paths, files.join(self.out, INDEX_NAME))])


@dataclass(frozen=True)
class Exclude:
    """Shard work: drops and containment of one shard's kept documents against the index at `index`.

    Only documents of the subsets in `scope` are judged, and by their title only those of the subsets in `titled`.
    """

    documents: str
    drops: tuple[str, ...]
    out: str
    index: str
    scope: tuple[str, ...]
    titled: tuple[str, ...] = ("wikipedia",)
    threshold: str = THRESHOLD

    def warm_up(self) -> None:
        """Load the index and compile the kernels."""
        index = load_index(self.index)
        best_matches(*shingle_sets(*buffers(["a text"])), index.sets, index.directory)

    def run(self, shard: int) -> Result:
        index, threshold = load_index(self.index), Threshold.of(self.threshold)
        drops, reports = [documents.DROPS.empty_table()], [REPORT.empty_table()]
        columns = ["subset", "title", "text"]
        for batch in documents.read_kept(self.documents, self.drops, shard, columns):
            judged = [name in self.scope for name in batch.column("subset").to_pylist()]
            found, report = judge(batch.filter(pa.array(judged, pa.bool_())), index, threshold, self.titled)
            drops.append(found)
            reports.append(report)
        dropped = pa.concat_tables(drops)
        report_path = documents.shard_file(self.out, shard, ".containment.parquet")
        written = [
            documents.write_drops(self.out, shard, dropped),
            documents.write_batches(report_path, REPORT, [pa.concat_tables(reports)]),
        ]
        rules = dropped.column("rule").to_pylist()
        counts = {rule: rules.count(rule) for rule in (TEST_SET, TITLE) if rule in rules}
        return Result(written, {"dropped": counts, "held": sum(len(report) for report in reports)})


def judge(
    batch: pa.RecordBatch, index: Index, threshold: Threshold, titled: Iterable[str]
) -> tuple[pa.Table, pa.Table]:
    """The batch's drops and its part of the containment report; columns docid, subset, title, text."""
    hashes, offsets = shingle_sets(*buffers(batch.column("text")))
    near, near_shared, held, held_shared = best_matches(hashes, offsets, index.sets, index.directory).T
    sizes = np.concatenate([index.sets.sizes, [0]])
    union = np.where(near >= 0, np.diff(offsets) + sizes[near] - near_shared, 1)
    near_shared = np.maximum(near_shared, 0)
    nearly_item = threshold.denominator * near_shared > threshold.numerator * union
    by_title = _titles_match(batch, index.titles, frozenset(titled))
    docids, jaccard = batch.column("docid").to_numpy(), near_shared / union
    drops = pa.concat_tables([
        _drops(docids, TEST_SET, nearly_item, jaccard, threshold.numerator / threshold.denominator, by_title),
        _drops(docids, TITLE, by_title & ~nearly_item, np.ones(len(batch)), 0.0, np.zeros(len(batch), bool)),
    ])  # fmt: skip
    item = np.where(held >= 0, held, near)
    shared = np.where(held >= 0, held_shared, near_shared)
    rows = np.flatnonzero((held >= 0) | nearly_item | by_title)
    names = [*index.names, None]
    report = pa.table(
        {
            "docid": docids[rows],
            "item": pa.array([names[k] for k in item[rows]], pa.string()),
            "containment": shared[rows] / np.maximum(sizes[item[rows]], 1),
            "jaccard_item": pa.array([names[k] for k in near[rows]], pa.string()),
            "jaccard": jaccard[rows],
        },
        schema=REPORT,
    )
    return drops, report


def _titles_match(batch: pa.RecordBatch, titles: frozenset[str], titled: frozenset[str]) -> np.ndarray:
    pairs = zip(batch.column("subset").to_pylist(), batch.column("title").to_pylist(), strict=True)
    return np.array([name in titled and folded_title(title or "") in titles for name, title in pairs], bool)


def _drops(
    docids: np.ndarray, rule: str, fails: np.ndarray, value: np.ndarray, bound: float, title_too: np.ndarray
) -> pa.Table:
    count = int(fails.sum())
    table = documents.drops_table(docids[fails], rule, value[fails], bound, np.full(count, -1))
    also = pa.array([[TITLE] if too else [] for too in title_too[fails]], pa.list_(pa.string()))
    return table.set_column(table.schema.get_field_index("also"), "also", also)

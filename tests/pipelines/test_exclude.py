import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import buffers
from pipelines import documents
from pipelines.exclude import Exclude, judge, load_index, write_index
from pipelines.kernels.contain import ItemSets, best_matches
from pipelines.kernels.near import Threshold
from pipelines.kernels.shingles import shingle_set, shingle_sets
from pipelines.testsets import folded_title, read_test_sets

PASSAGE = " ".join(f"p{n}" for n in range(60))
ARTICLE = " ".join(f"a{n}" for n in range(130))
QUESTION = "which of these many words is the one that the question asks about today"


@pytest.fixture
def sets_folder(tmp_path):
    folder = tmp_path / "sets"
    folder.mkdir()
    rows = [{"q": QUESTION, "choices": ["yes", "no"], "more": {"n": 3, "why": PASSAGE}}, {"q": "short one"}]
    with gzip.open(folder / "b.jsonl.gz", "wt") as file:
        file.write("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    (folder / "c.csv").write_text(f'question,answer\n"{QUESTION}, says ""he""\nin two lines",B\n')
    (folder / "d.txt").write_text("first passage\nof two lines\n\n \nsecond passage\n")
    wiki = f"\n = Come What ( ever ) May = \n\n {ARTICLE} guest @-@ star \n\n = = Cast = = \n"
    wiki += "\n more \n\n = The <unk> = \n\n x \n"
    (folder / "wikitext.txt").write_text(wiki)
    return folder


def test_rows_long_fields_passages_and_articles_are_items(sets_folder):
    found = read_test_sets([str(sets_folder)])
    assert [item.name for item in found.items] == [
        "b.jsonl.gz:1", "b.jsonl.gz:1:q", "b.jsonl.gz:1:more.why", "b.jsonl.gz:2",
        "c.csv:1", "c.csv:2", "c.csv:2:1", "d.txt:1", "d.txt:2", "wikitext.txt:1", "wikitext.txt:2",
    ]  # fmt: skip
    texts = {item.name: item.text for item in found.items}
    assert texts["b.jsonl.gz:1"] == f"{QUESTION}\nyes\nno\n{PASSAGE}"
    assert texts["c.csv:2"] == f'{QUESTION}, says "he"\nin two lines\nB'
    assert texts["d.txt:1"] == "first passage\nof two lines"
    assert "guest-star" in texts["wikitext.txt:1"]
    assert "Cast" in texts["wikitext.txt:1"]
    assert found.titles == {"comewhat(ever)may"}


def test_the_order_of_paths_does_not_matter(sets_folder):
    paths = [str(sets_folder / name) for name in ("d.txt", "b.jsonl.gz", "c.csv", "wikitext.txt")]
    assert read_test_sets(paths) == read_test_sets([str(sets_folder)]) == read_test_sets([str(sets_folder / "*")])


@pytest.mark.parametrize(
    ("page", "article"),
    [("Come What (ever) May", "Come What ( ever ) May"), ("F\u00e9d\u00e9ration_x", "Fe\u0301de\u0301ration X"),
     ("Spider-Man: 1,000.5", "Spider @-@ Man : 1 @,@ 000 @.@ 5")],
)  # fmt: skip
def test_page_and_article_titles_fold_to_the_same(page, article):
    assert folded_title(page) == folded_title(article)


def test_unusable_test_sets_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no test set at .*missing"):
        read_test_sets([str(tmp_path / "missing")])
    (tmp_path / "a.bin").write_text("x")
    with pytest.raises(ValueError, match=r"a\.bin: expected a test set ending in .jsonl"):
        read_test_sets([str(tmp_path / "a.bin")])
    (tmp_path / "a.jsonl").write_text('{"a": "b"}\n{"a": \n')
    with pytest.raises(ValueError, match=r"a\.jsonl:2: expected one JSON value a line"):
        read_test_sets([str(tmp_path / "a.jsonl")])


def test_an_index_has_the_same_bytes_each_time_and_another_format_is_refused(sets_folder, tmp_path):
    first = write_index([str(sets_folder)], str(tmp_path / "one.npz"))
    assert first.sha256 == write_index([str(sets_folder)], str(tmp_path / "two.npz")).sha256
    with np.load(tmp_path / "one.npz") as data:
        np.savez(tmp_path / "old.npz", **{**data, "format": 99})
    with pytest.raises(ValueError, match=r"old\.npz has format 99"):
        load_index(str(tmp_path / "old.npz"))
    with pytest.raises(FileNotFoundError, match=r"no test-set index at .*none\.npz; make one"):
        load_index(str(tmp_path / "none.npz"))


def run(sets_folder, tmp_path, pages, **settings):
    """(drops by row, report by row) of pages (subset, title, text)."""
    columns = {name: [None] * len(pages) for name in documents.SCHEMA.names}
    columns["docid"] = [documents.docid(1, row) for row in range(len(pages))]
    columns["subset"], columns["title"], columns["text"] = map(list, zip(*pages, strict=True))
    table = documents.pa.table(columns, schema=documents.SCHEMA)
    path = documents.shard_file(str(tmp_path / "documents"), 1)
    documents.write_batches(path, documents.SCHEMA, [table[:3], table[3:]])
    index = str(tmp_path / "index.npz")
    write_index([str(sets_folder)], index)
    work = Exclude(str(tmp_path / "documents"), (), str(tmp_path / "out"), index, ("web", "wikipedia"), **settings)
    work.warm_up()
    result = work.run(1)
    drops = pq.read_table(tmp_path / "out" / "00001.parquet").to_pylist()
    report = pq.read_table(tmp_path / "out" / "00001.containment.parquet").to_pylist()
    by_row = [{row["docid"] & 0xFFFFFFFF: row for row in rows} for rows in (drops, report)]
    return result, *by_row


def test_copies_of_items_and_titled_pages_fall_and_quoting_pages_are_reported(sets_folder, tmp_path):
    filler = " ".join(f"f{n}" for n in range(500))
    result, drops, report = run(sets_folder, tmp_path, [
        ("web", None, f"{PASSAGE.upper()} {filler}"),
        ("web", None, f"p0 {PASSAGE[3:]}!"),
        ("web", None, f"{filler} {PASSAGE} {filler}"),
        ("wikipedia", "Come What (ever) May", "another text"),
        ("web", "Come What (ever) May", "another text"),
        ("web", None, "short, one."),
        ("code", None, PASSAGE),
        ("web", None, ""),
        ("wikipedia", "Come what (ever) may", PASSAGE),
    ])  # fmt: skip
    assert {row: drop["rule"] for row, drop in drops.items()} == {
        1: "test_set", 3: "test_set_title", 5: "test_set", 8: "test_set"
    }  # fmt: skip
    assert [drops[row]["also"] for row in (1, 3, 5, 8)] == [[], [], [], ["test_set_title"]]
    assert drops[1]["value"] == 1.0
    assert drops[1]["bound"] == 0.8
    assert drops[1]["partner"] == -1
    assert sorted(report) == [1, 2, 3, 5, 8]
    # All 48 shingles of the passage; the page's 1048 count the filler's 488 once.
    assert report[2] == {
        "docid": documents.docid(1, 2), "item": "b.jsonl.gz:1:more.why", "containment": 1.0,
        "jaccard_item": "b.jsonl.gz:1:more.why", "jaccard": 48 / 560,
    }  # fmt: skip
    assert (report[5]["item"], report[5]["containment"]) == ("b.jsonl.gz:2", 1.0)
    assert (report[3]["item"], report[3]["containment"], report[3]["jaccard"]) == (None, 0.0, 0.0)
    assert result.counts == {"dropped": {"test_set": 3, "test_set_title": 1}, "held": 5}


def test_without_test_sets_nothing_falls_and_nothing_is_reported(tmp_path):
    write_index([], str(tmp_path / "index.npz"))
    index = load_index(str(tmp_path / "index.npz"))
    batch = pa.record_batch({"docid": [1], "subset": ["wikipedia"], "title": [""], "text": [PASSAGE]})
    drops, report = judge(batch, index, Threshold.of("0.8"), ["wikipedia"])
    assert (len(drops), len(report)) == (0, 0)


def test_a_jaccard_of_exactly_the_threshold_is_kept(tmp_path):
    folder = tmp_path / "sets"
    folder.mkdir()
    for length in (129, 130):
        words = [f"{length}x{n}" for n in range(length)]
        (folder / f"{length}.txt").write_text(" ".join(words))
    pages = [("web", None, " ".join(f"{w}x{n}" if n != 60 else "other" for n in range(w))) for w in (129, 130)]
    _, drops, report = run(folder, tmp_path, pages)
    assert sorted(drops) == [1]
    assert drops[1]["value"] == 105 / 131
    assert report[0]["jaccard"] == 0.8


@given(st.lists(st.text("abc ", max_size=60), max_size=8), st.lists(st.text("abc ", max_size=60), max_size=4))
@settings(deadline=None)
def test_best_matches_are_those_of_comparing_every_item(items, pages):
    sets, offsets = shingle_sets(*buffers(items), 2)
    given_sets = ItemSets.of(sets, offsets, np.array([len(item.split()) > 3 for item in items], bool))
    got = best_matches(*shingle_sets(*buffers(pages), 2), given_sets, given_sets.directory())
    for page, row in zip(pages, got.tolist(), strict=True):
        mine = set(shingle_set(page, 2))
        pairs = [(n, mine & set(shingle_set(item, 2)), set(shingle_set(item, 2))) for n, item in enumerate(items)]
        sharing = [(n, len(both), len(whole)) for n, both, whole in pairs if both]
        near = max(sharing, key=lambda s: (s[1] / (len(mine) + s[2] - s[1]), -s[0]), default=(-1, -1, 0))
        long = [s for s in sharing if len(items[s[0]].split()) > 3]
        held = max(long, key=lambda s: (s[1] / s[2], -s[0]), default=(-1, -1, 0))
        assert row == [*near[:2], *held[:2]]

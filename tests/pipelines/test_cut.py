"""Exact substrings against a dictionary of all windows, by hand, and through both back ends."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import cut, documents, tokenizer, tokens, vocabulary, windows
from pipelines.cut import (
    Changed,
    Cutting,
    changed_documents,
    cut_substrings,
    marked_tokens,
    partners,
    read_final,
    too_short,
)
from pipelines.engine import Engine
from pipelines.exchange import sort_rows
from pipelines.overlay import CHANGED
from pipelines.spans import Span, without
from pipelines.stage import Mark
from pipelines.tokenizer import Encoder
from pipelines.windows import LiveAnchors, Places, Repeats, anchor_rows, window_rows

Document = list[int]
Places_ = set[tuple[int, int]]
L = 50


def batch_of(docs: list[Document], ranks: list[int], first: int = 0) -> pa.RecordBatch:
    ids = tokens.token_lists([np.array(doc, np.uint16) for doc in docs], np.dtype(np.uint16))
    docids = pa.array(range(first, first + len(docs)), pa.int64())
    return pa.RecordBatch.from_arrays([docids, pa.array(ranks, pa.int64()), ids], ["docid", "rank", "tokens"])


def repeats_of(docs: list[Document], ranks: list[int], length: int) -> np.ndarray:
    """Repeated windows as the stages find them, two batches of documents, without files or Beam."""
    half = len(docs) // 2
    parts = [(docs[:half], ranks[:half], 0), (docs[half:], ranks[half:], half)]
    batches = [batch_of(*part) for part in parts if part[0]]
    anchors, repeats = LiveAnchors("", ""), Repeats("", "")
    rows = np.concatenate([np.zeros(0, windows.ANCHOR), *(anchor_rows(batch, length) for batch in batches)])
    live = anchors.reduce(sort_rows(rows, anchors.order))
    places = Places(sort_rows(live, ("docid", "offset")))
    rows = [np.zeros(0, windows.WINDOW), *(window_rows(batch, places, length, 0) for batch in batches)]
    return sort_rows(repeats.reduce(sort_rows(np.concatenate(rows), repeats.order)), ("docid", "offset"))


def oracle(docs: list[Document], ranks: list[int], length: int) -> tuple[Places_, Places_]:
    """First and later occurrences of every window that stands twice, as (document, offset)."""
    found = defaultdict(list)
    for d in sorted(range(len(docs)), key=lambda d: (ranks[d], d)):
        for offset in range(len(docs[d]) - length + 1):
            found[tuple(docs[d][offset : offset + length])].append((d, offset))
    repeated = [places for places in found.values() if len(places) > 1]
    return {places[0] for places in repeated}, {place for places in repeated for place in places[1:]}


def spread(occurrences: Places_, length: int) -> Places_:
    """The tokens that the windows at these places hold."""
    return {(d, offset + i) for d, offset in occurrences for i in range(length)}


def marked_by_stages(docs: list[Document], ranks: list[int], how: Cutting) -> list[list[bool]]:
    rows = repeats_of(docs, ranks, how.length)
    starts = np.cumsum([0, *map(len, docs)])
    marks = marked_tokens(int(starts[-1]), starts[rows["docid"]] + rows["offset"], rows["first"] == 1, how)
    return [marks[a:b].tolist() for a, b in pairwise(starts)]


def check(docs: list[Document], ranks: list[int], length: int = L) -> int:
    """Hold the stages to the oracle and to what the cut promises; how many tokens are cut."""
    rows = repeats_of(docs, ranks, length)
    first, later = oracle(docs, ranks, length)
    stood = [(int(r["docid"]), int(r["offset"])) for r in rows[rows["first"] == 1]]
    again = [(int(r["docid"]), int(r["offset"])) for r in rows[rows["first"] == 0]]
    assert (sorted(stood), sorted(again)) == (sorted(first), sorted(later))
    marks = marked_by_stages(docs, ranks, Cutting(length, 1))
    gone = {(d, i) for d, doc in enumerate(marks) for i, flag in enumerate(doc) if flag}
    assert gone == spread(later, length) - spread(first, length)
    _no_long_repeat_is_left(docs, gone, length)
    return len(gone)


def _no_long_repeat_is_left(docs: list[Document], gone: Places_, length: int) -> None:
    seen = set()
    span = 2 * length - 1
    for d, doc in enumerate(docs):
        for offset in range(len(doc) - span + 1):
            if not any((d, offset + i) in gone for i in range(span)):
                content = tuple(doc[offset : offset + span])
                assert content not in seen
                seen.add(content)


class Fresh:
    """Tokens that stand nowhere else."""

    def __init__(self) -> None:
        self.next = 0

    def __call__(self, size: int) -> Document:
        self.next += size
        return list(range(self.next - size, self.next))


@pytest.mark.parametrize(("size", "lost"), [(49, 0), (50, 50), (51, 51), (98, 98), (99, 99), (500, 500)])
def test_a_repeat_of_fifty_tokens_is_cut_and_one_of_forty_nine_stays(size: int, lost: int) -> None:
    fresh = Fresh()
    passage = fresh(size)
    docs = [fresh(70) + passage + fresh(30), fresh(10) + passage + fresh(80)]
    assert check(docs, [0, 1]) == lost
    marks = marked_by_stages(docs, [1, 0], Cutting(L, 1))
    assert sum(marks[0]) == lost
    assert not any(marks[1])


def test_a_repeat_within_one_document_leaves_the_first() -> None:
    fresh = Fresh()
    passage = fresh(60)
    docs = [passage + fresh(5) + passage + fresh(5) + passage]
    assert check(docs, [0]) == 120
    marks = marked_by_stages(docs, [0], Cutting(L, 1))
    assert not any(marks[0][:65])


def test_windows_do_not_cross_documents() -> None:
    fresh = Fresh()
    left, right = fresh(30), fresh(30)
    assert check([left, right, left + right, left, right], [0, 1, 2, 3, 4]) == 0


def test_of_sixty_equal_tokens_fifty_stay() -> None:
    assert check([[7] * 60], [0]) == 10
    assert marked_by_stages([[7] * 60], [0], Cutting(L, 1)) == [[False] * 50 + [True] * 10]


def test_a_run_of_period_seven_keeps_its_first_seven_windows() -> None:
    docs = [list(range(7)) * 40]
    assert check(docs, [0]) == 280 - 56


def test_overlapping_documents_keep_every_passage_whole() -> None:
    """Y; A + Y + B; its first half; its second half: cutting all later copies would lose A and B whole."""
    fresh = Fresh()
    y = fresh(60)
    long = fresh(55) + y + fresh(55)
    half = len(long) // 2
    docs = [y, long, long[:half], long[half:]]
    assert check(docs, [0, 1, 2, 3]) > 0
    marks = marked_by_stages(docs, [0, 1, 2, 3], Cutting(L, 1))
    assert all(marks[2])
    assert all(marks[3])
    # The windows whose first copy stands in the second document cover all of it, Y in its middle too.
    assert sum(marks[1]) == 0


def test_a_whole_copy_goes_whole() -> None:
    doc = Fresh()(300)
    assert marked_by_stages([doc, doc], [5, 3], Cutting(L, 1)) == [[True] * 300, [False] * 300]


def test_remove_all_cuts_the_first_copy_too() -> None:
    fresh = Fresh()
    passage = fresh(60)
    docs = [fresh(20) + passage, passage + fresh(20)]
    marks = marked_by_stages(docs, [0, 1], Cutting(L, 1, "remove_all"))
    assert marks == [[False] * 20 + [True] * 60, [True] * 60 + [False] * 20]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[Document], list[int], int]:
    """Documents over few tokens with pieces of a common pool planted at lengths around the window's."""
    length = draw(st.sampled_from([2, 3, 5, 8, 13]))
    sizes = st.integers(max(1, length - 1), 2 * length + 2)
    token = st.integers(0, draw(st.sampled_from([1, 3, 60])))
    pool = [draw(st.lists(token, min_size=size, max_size=size)) for size in draw(st.lists(sizes, max_size=3))]
    loose = st.lists(token, max_size=length)
    piece = st.one_of(loose, st.sampled_from(pool)) if pool else loose
    docs = [list(chain.from_iterable(draw(st.lists(piece, max_size=5)))) for _ in range(draw(st.integers(0, 6)))]
    ranks = [draw(st.integers(0, 3)) for _ in docs]
    return docs, ranks, length


@settings(max_examples=250, deadline=None)
@given(corpora())
def test_first_and_later_occurrences_are_those_of_a_dictionary_of_all_windows(
    corpus: tuple[list[Document], list[int], int],
) -> None:
    check(*corpus)


def test_a_spans_partner_is_where_the_earliest_window_over_its_first_token_stands_first() -> None:
    begins, first_docids = np.array([0, 50, 51, 200]), np.array([7, 8, 9, 5])
    assert partners([0, 49, 50, 99, 100, 200, 249], begins, first_docids, 50) == [7, 7, 8, 8, 9, 5, 5]


def test_a_document_that_holds_a_first_copy_is_never_dropped_for_what_is_left() -> None:
    holds = Changed(1, "a", [], [0], 60, True)
    changed = [holds, replace(holds, holds_first=False), replace(holds, holds_first=False)]
    ids = [np.arange(3), np.arange(3), np.arange(10)]
    assert too_short(changed, ids, Cutting()) == [1]
    assert too_short(changed, ids, Cutting(mode="remove_all")) == [0, 1]


def sources() -> list[str]:
    folder = Path(json.__file__).parent.parent
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("email/*.py"))]


MINIFIED = "".join(f"function f{i}(a,b){{return a*{i}+b}}var v{i}=f{i}(1,2);" for i in range(40))
CHINESE = "".join(chr(0x4E00 + (i * 37) % 2_000) for i in range(150))
BYTES = "".join(chr(0x1F300 + i) for i in range(60))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    table = pa.table({"id": [b"%016d" % i for i in range(len(sources()))], "text": sources()})
    sample = str(folder / "sample.parquet")
    documents.write_batches(sample, tokens.SAMPLE_SCHEMA, [table.cast(tokens.SAMPLE_SCHEMA)])
    vocabulary.train([sample], str(folder / tokens.MODEL / tokens.MODEL_NAME), 2_000)
    return str(folder / tokens.MODEL / tokens.MODEL_NAME)


@pytest.fixture(scope="module")
def encoder(model: str) -> Encoder:
    return tokenizer.load(model)


def left_of(encoder: Encoder, texts: list[str], how: Cutting) -> list[str]:
    """The texts after the cut; earlier ones come first."""
    ids = encoder.encode(texts)
    docs, ranks = [doc.tolist() for doc in ids], list(range(len(texts)))
    check(docs, ranks, how.length)
    columns = {"docid": ranks, "text": pa.array(texts, pa.large_string())}
    batch = pa.RecordBatch.from_pydict({**columns, "tokens": tokens.token_lists(ids, encoder.dtype)})
    places = Places(repeats_of(docs, ranks, how.length))
    changed = changed_documents(batch, places, encoder, how, {"tokens_marked": 0})
    assert all(len(document.partners) == len(document.spans) for document in changed)
    return [{document.docid: document.text for document in changed}.get(d, texts[d]) for d in ranks]


@pytest.mark.parametrize("passage", [CHINESE, MINIFIED, BYTES], ids=["chinese", "minified", "bytes"])
def test_a_passage_without_blanks_is_cut_inside_its_one_long_word(encoder: Encoder, passage: str) -> None:
    texts = [f"before {passage} after", f"A new beginning:{passage}and a new end."]
    kept, lost = left_of(encoder, texts, Cutting())
    assert kept == texts[0]
    assert lost.startswith("A new beginning")
    assert lost.endswith("end.")
    assert len(lost) < len(texts[1]) - 0.9 * len(passage)


def test_real_sources_lose_their_repeats_and_keep_each_repeated_passage_whole(encoder: Encoder) -> None:
    texts = [text[:6_000] for text in sources()]
    texts.append("# A header of its own.\n" + texts[3][1_000:4_000] + "\nthe_end = True\n")
    after = left_of(encoder, texts, Cutting())
    assert after[-1].startswith("# A header of its own.")
    assert after[-1].endswith("the_end = True\n")
    assert len(after[-1]) < 300
    first, _ = oracle([doc.tolist() for doc in encoder.encode(texts)], list(range(len(texts))), L)
    ids = encoder.encode(texts)
    assert len(first) > 100
    for d, offset in first:
        bounds = encoder.bounds(ids[d])
        whole = texts[d].encode()[bounds[offset] : bounds[offset + L]]
        assert whole in after[d].encode()


# From documents to final documents through Beam.


def corpus_texts() -> list[list[str]]:
    web = sources()
    licence = web[1][:2_500]
    return [
        [*web[:6], "short own text"],
        [],
        [licence, "own words here\n" + licence + "\nand more of its own", web[4], "", CHINESE],
        ["a page that quotes\n" + CHINESE + "\nfor no reason", web[2][:3_000]],
    ]


def write_corpus(folder: str) -> None:
    schema = documents.SCHEMA
    for shard, texts in enumerate(corpus_texts()):
        ids = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        columns = {
            "docid": [documents.docid(shard, 2 * row) for row in range(len(texts))],
            "id": ids,
            "rank": [documents.Order(0, 0, 0, 0.0).rank(i) for i in ids],
            "split": ["train"] * len(texts),
            "locator": [f"{shard}-{row}" for row in range(len(texts))],
            "text": texts,
        }
        table = pa.table({**{name: [None] * len(texts) for name in schema.names}, **columns}, schema=schema)
        parts = [table.slice(start, 2) for start in range(0, len(texts), 2)]
        documents.write_batches(documents.shard_file(folder, shard), schema, parts)


@pytest.fixture(scope="module")
def tokenized(model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[int, Mark]]:
    folder = tmp_path_factory.mktemp("tokenized")
    write_corpus(str(folder / "documents"))
    shards = {shard: shard for shard in range(len(corpus_texts()))}
    how = tokens.Tokenization(normalization="none", model=model)
    engine = Engine(spill=str(folder))
    out = str(folder / "tokens")
    return out, tokens.tokenize(engine, str(folder / "documents"), [], out, shards, shards, shards, how)


ALL_FULL = dict.fromkeys(range(4), "full")


def run(
    tokenized: tuple[str, dict[int, Mark]],
    out: Path,
    roles: dict[int, str],
    how: Cutting,
    exchange: str = "beam",
) -> dict[int, Mark]:
    engine = Engine(exchange=exchange, spill=str(out / "spill"))
    return cut_substrings(engine, tokenized[0], str(out), tokenized[1], roles, how)


def rows_of(tokenized: tuple[str, dict[int, Mark]], out: str, shard: int) -> dict[int, dict]:
    columns = ["id", "rank", "split", "locator", "text", "tokens"]
    batches = list(read_final(tokenized[0], out, shard, columns))
    return {row["docid"]: row for batch in batches for row in batch.to_pylist()}


@pytest.fixture(scope="module")
def cut_folder(tokenized: tuple[str, dict[int, Mark]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cut")
    run(tokenized, folder, ALL_FULL, Cutting())
    return folder


def test_both_back_ends_give_the_same_bytes(
    tokenized: tuple[str, dict[int, Mark]], cut_folder: Path, tmp_path: Path
) -> None:
    run(tokenized, tmp_path, ALL_FULL, Cutting(), "files")
    for stage in ("anchors", "live_anchors", "windows", "repeats", cut.FINAL):
        names = sorted(path.name for path in (cut_folder / stage).iterdir())
        assert names == sorted(path.name for path in (tmp_path / stage).iterdir())
        for name in names:
            assert (cut_folder / stage / name).read_bytes() == (tmp_path / stage / name).read_bytes()
    assert {f"{shard:05d}.parquet" for shard in range(4)} < {p.name for p in (tmp_path / cut.FINAL).iterdir()}


def test_final_documents_equal_the_cut_made_by_a_dictionary(
    tokenized: tuple[str, dict[int, Mark]], cut_folder: Path, encoder: Encoder
) -> None:
    before = {d: row for shard in range(4) for d, row in rows_of(tokenized, "", shard).items()}
    after = {d: row for shard in range(4) for d, row in rows_of(tokenized, str(cut_folder), shard).items()}
    order = list(before)
    docs, ranks = [before[d]["tokens"] for d in order], [before[d]["rank"] for d in order]
    first, later = oracle(docs, ranks, L)
    marked = spread(later, L) - spread(first, L)
    changed = {order[d] for d, _ in marked}
    assert 3 <= len(changed) < len(order)
    assert set(before) - set(after) <= changed - {order[d] for d, _ in first}
    for docid, row in after.items():
        assert row["tokens"] == encoder.encode([row["text"]])[0].tolist()
        assert (row["text"] == before[docid]["text"]) == (docid not in changed)
        same = ("id", "rank", "split", "locator")
        assert [row[name] for name in same] == [before[docid][name] for name in same]


def test_the_overlay_says_what_was_cut_and_where_it_stands(
    tokenized: tuple[str, dict[int, Mark]], cut_folder: Path
) -> None:
    before = {d: row for shard in range(4) for d, row in rows_of(tokenized, "", shard).items()}
    spans = 0
    for shard in range(4):
        path = documents.shard_file(str(cut_folder / cut.FINAL), shard, CHANGED)
        for row in (row for batch in documents.read_batches(path) for row in batch.to_pylist()):
            for span in row["spans"]:
                gone = before[row["docid"]]["text"][span["start"] : span["end"]]
                assert gone[:40] in before[span["partner"]]["text"]
                spans += 1
            cuts = [Span(span["start"], span["end"], 0) for span in row["spans"]]
            assert without(before[row["docid"]]["text"], cuts) == row["text"]
    assert spans >= 3


def test_counts_add_up(tokenized: tuple[str, dict[int, Mark]], cut_folder: Path) -> None:
    marks = run(tokenized, cut_folder, ALL_FULL, Cutting())
    for shard, mark in marks.items():
        counts = mark.counts
        after = rows_of(tokenized, str(cut_folder), shard)
        assert counts["tokens"] == sum(len(row["tokens"]) for row in after.values())
        assert counts["tokens_before"] == tokenized[1][shard].counts["tokens"]
        assert counts["documents"] - counts["documents_cut_away"] == len(after)
        assert counts["tokens_before"] == counts["tokens"] + counts["tokens_cut"] + counts["tokens_cut_away"]
    assert sum(mark.counts["documents_cut_away"] for mark in marks.values()) > 0


def test_a_document_cut_away_is_in_the_sidecar_with_its_partner(
    tokenized: tuple[str, dict[int, Mark]], cut_folder: Path
) -> None:
    dropped = [
        row
        for shard in range(4)
        for batch in documents.read_batches(documents.shard_file(cut.final(str(cut_folder)), shard))
        for row in batch.to_pylist()
    ]
    assert {row["rule"] for row in dropped} == {"cut_away"}
    assert all(row["value"] < row["bound"] == 10 for row in dropped)
    assert all(row["partner"] != row["docid"] for row in dropped)


def test_a_reference_shard_keeps_its_own_and_others_lose_what_it_has(
    tokenized: tuple[str, dict[int, Mark]], tmp_path: Path
) -> None:
    roles = {0: "full", 1: "none", 2: "reference", 3: "none"}
    run(tokenized, tmp_path, roles, Cutting())
    before = [rows_of(tokenized, "", shard) for shard in range(4)]
    after = [rows_of(tokenized, str(tmp_path), shard) for shard in range(4)]
    assert before[1:] == after[1:]
    begun, copied = documents.docid(0, 2), documents.docid(0, 8)
    assert before[0][begun]["text"].startswith(before[2][documents.docid(2, 0)]["text"])
    left = after[0][begun]["text"]
    assert before[0][begun]["text"].endswith(left)
    assert len(before[0][begun]["text"]) - len(left) > 2_400
    assert copied in before[0]
    assert copied not in after[0]


def test_columns_without_text_or_tokens_are_read_too(tokenized: tuple[str, dict[int, Mark]], cut_folder: Path) -> None:
    for shard in range(4):
        whole = rows_of(tokenized, str(cut_folder), shard)
        for columns in (["id"], ["docid", "tokens"], ["text"]):
            got = [row for b in read_final(tokenized[0], str(cut_folder), shard, columns) for row in b.to_pylist()]
            wanted = ["docid", *(name for name in columns if name != "docid")]
            assert got == [{name: row[name] for name in wanted} for row in whole.values()]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="1 <= minimum <= length"):
        Cutting(50, 51)
    with pytest.raises(ValueError, match="'keep_one' or 'remove_all'"):
        Cutting(mode="keep_some")
    with pytest.raises(ValueError, match="shard 0: role is 'some'"):
        cut_substrings(Engine(), "", "", {0: Mark("", [], {})}, {0: "some"}, Cutting())

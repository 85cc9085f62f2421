"""Cut texts against a dictionary of all windows, and the whole stage through both back ends of the exchange."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines import cut, documents, tokens
from pipelines.cut import Cutting, cut_substrings, read_final
from pipelines.engine import Engine
from pipelines.stage import Mark
from pipelines.substrings import recode, windows
from pipelines.substrings.excise import Changed, changed_documents, too_short
from pipelines.substrings.overlay import CHANGED
from pipelines.substrings.spans import Span, without
from pipelines.substrings.windows import Places
from pipelines.tokenization import tokenizer, vocabulary
from pipelines.tokenization.tokenizer import Encoder

Document = list[int]
Places_ = set[tuple[int, int]]
L = 50


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


def repeats_of(docs: list[Document], ranks: list[int]) -> np.ndarray:
    """What the stages before the cut would bring home."""
    first, later = oracle(docs, ranks, L)
    found = {tuple(docs[d][offset : offset + L]): d for d, offset in first}
    places = sorted(first | later)
    rows = [(d, offset, (d, offset) in first, found[tuple(docs[d][offset : offset + L])]) for d, offset in places]
    return np.array(rows, windows.REPEAT)


def test_a_document_that_holds_a_first_copy_is_never_dropped_for_what_is_left() -> None:
    holds = Changed(1, "a", ["a"], [], [0], 60, True)
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
    columns = {"docid": ranks, "text": pa.array(texts, pa.large_string())}
    batch = pa.RecordBatch.from_pydict({**columns, "tokens": tokens.token_lists(ids, encoder.dtype)})
    places = Places(repeats_of(docs, ranks))
    changed = changed_documents(batch, places, encoder, True, how, {"tokens_marked": 0})
    again = recode.encoded(encoder, [document.parts for document in changed])
    whole = encoder.encode([document.text for document in changed])
    assert [ids.tolist() for ids in again] == [ids.tolist() for ids in whole]
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
    subsets = dict.fromkeys(shards, "web")
    made = tokens.tokenize(engine, str(folder / "documents"), [], out, shards, shards, subsets, {"web": 1.0}, how)
    return out, made


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


def test_unknown_roles_are_refused() -> None:
    with pytest.raises(ValueError, match="shard 0: role is 'some'"):
        cut_substrings(Engine(), "", "", {0: Mark("", [], {})}, {0: "some"}, Cutting())

"""The tokenize stages on a documents folder: what is sampled, what is encoded, and what runs again."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines import documents, tokens
from pipelines.engine import Engine
from pipelines.stage import Mark
from pipelines.tokenization import tokenizer
from pipelines.tokens import Encode, Sample, Tokenization, sample_rates, tokenize

HOW = Tokenization(vocabulary=600, normalization="nfkc", seed=3)


def sources() -> list[str]:
    folder = Path(json.__file__).parent.parent
    names = ["argparse.py", "ast.py", "csv.py", "random.py", "json/decoder.py", "json/encoder.py"]
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def write_documents(folder: str, shards: list[list[str]]) -> None:
    """A documents folder; only the columns that these stages read hold values."""
    for shard, texts in enumerate(shards):
        columns = {
            "docid": [documents.docid(shard, row) for row in range(len(texts))],
            "id": [hashlib.blake2b(f"{shard}/{row}".encode(), digest_size=16).digest() for row in range(len(texts))],
            "rank": list(range(len(texts))),
            "split": ["train"] * len(texts),
            "locator": [f"{shard}/{row}" for row in range(len(texts))],
            "text": texts,
        }
        nulls = {name: [None] * len(texts) for name in documents.SCHEMA.names}
        table = pa.table({**nulls, **columns}, schema=documents.SCHEMA)
        half = len(texts) // 2
        parts = [table.slice(0, half), table.slice(half)]
        documents.write_batches(documents.shard_file(folder, shard), documents.SCHEMA, [p for p in parts if len(p)])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("corpus") / "documents")
    texts = [*sources(), "ﬁne\u3000print\n", "", "日本語 \u2581 text"]
    write_documents(folder, [texts, [], texts[::-1]])
    return folder


def run(corpus: str, out: str, drops: list[str], how: Tokenization = HOW) -> dict[int, Mark]:
    inputs = {0: "a", 1: "b", 2: "c"}
    sizes = dict.fromkeys(inputs, 1_000_000)
    subsets = {0: "code", 1: "code", 2: "prose"}
    return tokenize(Engine(spill=out), corpus, drops, out, inputs, sizes, subsets, {"code": 0.5, "prose": 0.5}, how)


@pytest.fixture(scope="module")
def built(corpus: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tokenization that dropped nothing."""
    out = str(tmp_path_factory.mktemp("built") / "tokens")
    run(corpus, out, [])
    return out


def test_encoded_documents_are_the_kept_ones_in_canonical_text(corpus: str, tmp_path: Path) -> None:
    drops = str(tmp_path / "drops")
    gone = documents.drops_table([documents.docid(0, 1)], "language", [0.1], 0.5, [-1])
    documents.write_drops(drops, 0, gone)
    for shard in (1, 2):
        documents.write_drops(drops, shard, documents.DROPS.empty_table())
    out = str(tmp_path / "tokens")
    marks = run(corpus, out, [drops])
    encoder = tokenizer.load(tokens.model_path(out))
    for shard in range(3):
        raw = [row for b in documents.read_kept(corpus, [drops], shard, ["text"]) for row in b.to_pylist()]
        path = documents.shard_file(tokens.encoded(out), shard)
        got = [row for batch in documents.read_batches(path) for row in batch.to_pylist()]
        assert [row["docid"] for row in got] == [row["docid"] for row in raw]
        assert [row["text"] for row in got] == [tokenizer.normalize(row["text"], "nfkc") for row in raw]
        assert all(encoder.decode(row["tokens"]) == row["text"] for row in got)
        assert marks[shard].counts == {
            "documents": len(got),
            "tokens": sum(len(row["tokens"]) for row in got),
            "bytes": sum(len(row["text"].encode()) for row in got),
        }
    assert documents.docid(0, 1) not in [row["docid"] for row in got]
    assert [row["text"] for row in got][2] == "fine print\n"


def test_a_second_run_does_nothing_and_another_rule_encodes_again(corpus: str, tmp_path: Path, built: str) -> None:
    shutil.copytree(built, tmp_path / "tokens", copy_function=shutil.copy2)
    encoded = Path(documents.shard_file(tokens.encoded(str(tmp_path / "tokens")), 0))
    before = encoded.stat().st_mtime_ns
    first = run(corpus, str(tmp_path / "tokens"), [])
    assert encoded.stat().st_mtime_ns == before
    other = run(corpus, str(tmp_path / "tokens"), [], Tokenization(600, "none", 3))
    assert other[0].identity != first[0].identity


def test_two_runs_in_two_places_give_the_same_bytes(corpus: str, tmp_path: Path, built: str) -> None:
    assert run(corpus, str(tmp_path / "elsewhere"), []) == run(corpus, built, [])


def test_a_users_own_model_is_copied_and_nothing_is_sampled(corpus: str, tmp_path: Path, built: str) -> None:
    first = run(corpus, built, [])
    out = str(tmp_path / "own")
    again = run(corpus, out, [], Tokenization(model=tokens.model_path(built)))
    assert [mark.digests for mark in again.values()] == [mark.digests for mark in first.values()]
    assert not Path(out, "sample").exists()


def test_the_sample_is_drawn_by_id_and_seed_alone(tmp_path: Path) -> None:
    folder = str(tmp_path / "documents")
    write_documents(folder, [[f"text {row}" for row in range(2_000)]])

    def drawn(seed: int, rate: float, out: str) -> set[str]:
        work = Sample(folder, (), str(tmp_path / out), {0: rate}, seed, "none")
        result = work.run(0)
        batches = documents.read_batches(documents.shard_file(work.out, 0))
        texts = [text for batch in batches for text in batch.column("text").to_pylist()]
        assert result.counts == {"documents": len(texts), "bytes": sum(map(len, texts))}
        return set(texts)

    some, more, others = drawn(1, 0.1, "a"), drawn(1, 0.3, "b"), drawn(2, 0.1, "c")
    assert 150 < len(some) < 250
    assert some < more
    assert len(some & others) < 50
    assert len(drawn(1, 1.0, "d")) == 2_000
    assert not drawn(1, 0.0, "e")


def test_the_samples_bytes_are_those_of_the_weights_whatever_was_dropped(tmp_path: Path) -> None:
    folder, drops, out = (str(tmp_path / name) for name in ("documents", "drops", "tokens"))
    texts = [f"{row} " + "word " * (5 + row * 7 % 60) for row in range(4_000)]
    write_documents(folder, [texts, texts])
    gone = [documents.docid(0, row) for row in range(4_000) if row % 4]
    nothing = np.full(len(gone), -1)
    documents.write_drops(drops, 0, documents.drops_table(np.array(gone), "language", nothing, 0.5, nothing))
    documents.write_drops(drops, 1, documents.DROPS.empty_table())
    wanted = 100_000
    how = Tokenization(vocabulary=280, sample_bytes=wanted)
    subsets, weights, sizes = {0: "web", 1: "books"}, {"web": 0.75, "books": 0.25}, {0: 1, 1: 1}
    tokenize(Engine(spill=out), folder, [drops], out, sizes, sizes, subsets, weights, how)
    for shard, name in subsets.items():
        batches = documents.read_batches(documents.shard_file(f"{out}/sample", shard))
        drawn = sum(len(text) for batch in batches for text in batch.column("text").to_pylist())
        assert abs(drawn - wanted * weights[name]) < 0.15 * wanted * weights[name]


def test_rates_follow_the_weights_until_a_subset_is_used_up() -> None:
    rates = sample_rates({"web": 3.0, "books": 1.0, "gone": 0.0}, {"web": 1_000_000, "books": 10_000}, 100_000)
    assert rates == {"web": 0.075, "books": 1.0, "gone": 0.0}


def test_an_unstable_model_is_reported_with_its_document(built: str) -> None:
    encoder = tokenizer.load(tokens.model_path(built))
    ids, bounds = encoder.encode_column(pa.array(["abc"]))
    with pytest.raises(ValueError, match=r"document 7: its ids stand for 3 bytes, the text has 4"):
        tokens._check_places(encoder, ids, bounds, np.array([4]), pa.array([7]))


def test_a_shard_without_documents_has_a_file_too(corpus: str, tmp_path: Path, built: str) -> None:
    work = Encode(corpus, (), tokens.model_path(built), str(tmp_path / "again"), "nfkc")
    assert work.run(1).counts == {"documents": 0, "tokens": 0, "bytes": 0}
    assert list(documents.read_batches(documents.shard_file(work.out, 1))) == []


def test_a_vocabulary_above_65536_is_encoded_in_four_bytes(corpus: str, tmp_path: Path, built: str) -> None:
    # Pieces for single characters, appended to the model's file: protobuf joins what stands one after the other.
    points = range(0x20000, 0x20000 + 66_000)
    added = b"".join(b"\x0a\x0b\x0a\x04" + chr(point).encode() + b"\x15\0\0\0\0" for point in points)
    model = tmp_path / "large.model"
    model.write_bytes(Path(tokens.model_path(built)).read_bytes() + added)
    folder = str(tmp_path / "documents")
    write_documents(folder, [[f"a {chr(points[-1])} b", "plain"]])
    work = Encode(folder, (), str(model), str(tmp_path / "encoded"), "none")
    work.run(0)
    (first, second) = documents.read_batches(documents.shard_file(work.out, 0))
    assert first.schema.field("tokens").type == pa.large_list(pa.uint32())
    encoder = tokenizer.load(str(model))
    assert max(first.column("tokens")[0].as_py()) == encoder.vocabulary - 1 > 65_536
    assert encoder.decode(first.column("tokens")[0].as_py()) == f"a {chr(points[-1])} b"
    assert encoder.decode(second.column("tokens")[0].as_py()) == "plain"


def test_an_unknown_normalization_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'nfkc' or 'none'"):
        Tokenization(normalization="NFC")

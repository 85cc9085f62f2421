"""Repeated spans against a token suffix array with LCP, on generated corpora and on real text, and their promises."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines import documents, sources, tokens
from pipelines.cut import repeated_spans
from pipelines.substrings.repeats import Cutting, earliest, marked_tokens, repeated_windows, runs
from pipelines.substrings.spans import text_spans
from pipelines.tokenization import tokenizer, vocabulary
from pipelines.tokenization.tokenizer import Encoder

L = 50


def by_suffix_array(flat: np.ndarray, offsets: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Where repeated windows begin and where their first occurrences do: groups of suffixes with an LCP of a window."""
    suffixes = pytest.importorskip("pydivsufsort", reason="pydivsufsort, the oracle, is not installed: extra dev")
    count = len(offsets) - 1
    joined = np.zeros(len(flat) + count, np.uint32)
    place = np.arange(len(flat)) + np.repeat(np.arange(count), np.diff(offsets))
    joined[place] = flat.astype(np.uint32) + 1
    order = suffixes.divsufsort(joined)
    shared = suffixes.kasai(joined, order)[:-1] >= length
    heads = np.flatnonzero(np.concatenate([[True], ~shared]))
    sizes = np.diff(heads, append=len(order))
    first = np.repeat(np.minimum.reduceat(order, heads), sizes)
    # A separator in a window's first tokens is in those of its whole group.
    left = np.zeros(len(joined), np.int64)
    left[place] = np.repeat(offsets[1:], np.diff(offsets)) - np.arange(len(flat))
    found = (np.repeat(sizes, sizes) > 1) & (left[order] >= length)
    by_place = np.argsort(order[found])
    back = np.cumsum(np.concatenate([[0], joined != 0]))
    return back[order[found][by_place]], back[first[found][by_place]]


def flat_of(docs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([np.zeros(0, np.uint16), *docs]), np.cumsum([0, *map(len, docs)])


def check(docs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Hold first and later occurrences to the suffix array, and the cut to its promises; the tokens cut, and which."""
    flat, offsets = flat_of(docs)
    begins, origins = repeated_windows(flat, offsets, L)
    wanted, wanted_origins = by_suffix_array(flat, offsets, L)
    assert np.array_equal(begins, wanted)
    assert np.array_equal(origins, wanted_origins)
    marked = marked_tokens(len(flat), begins, begins == origins, Cutting())
    upto = np.cumsum(np.concatenate([[0], marked]))
    assert not (upto[origins + L] - upto[origins]).any(), "a window that stood twice stands nowhere whole"
    assert not repeated(flat, offsets, marked, 2 * L - 1)
    spans = repeated_spans(docs)
    starts, ends = runs(marked, offsets)
    assert np.array_equal(offsets[spans["array"]] + spans["start"], starts)
    assert np.array_equal(offsets[spans["array"]] + spans["end"], ends)
    assert (spans["first"] <= spans["array"]).all()
    return marked, offsets


def repeated(flat: np.ndarray, offsets: np.ndarray, gone: np.ndarray, length: int) -> int:
    """Windows of `length` that stand twice in what is left between the tokens that are gone."""
    starts, ends = runs(~gone, offsets)
    return len(by_suffix_array(*flat_of([flat[a:b] for a, b in zip(starts, ends, strict=True)]), length)[0])


def planted(seed: int) -> list[np.ndarray]:
    """Documents of Zipf tokens with repeats of 49, 50, 51 and more: inside one, across, overlapping, whole copies."""
    rng = np.random.default_rng(seed)
    docs = [np.minimum(rng.zipf(1.4, rng.integers(1, 3_000)), 60_000).astype(np.uint16) for _ in range(60)]
    for size in [49, 50, 51] * 20 + rng.integers(52, 400, 40).tolist():
        source, target = (docs[i] for i in rng.integers(0, len(docs), 2))
        size = min(size, len(source), len(target))
        a, b = rng.integers(0, len(source) - size + 1), rng.integers(0, len(target) - size + 1)
        target[b : b + size] = source[a : a + size].copy()
    docs[3][:200] = 7
    docs[5][100:800] = np.resize(np.arange(7), len(docs[5][100:800]))
    return [*docs, *(docs[i].copy() for i in rng.integers(0, 60, 5)), np.zeros(0, np.uint16)]


@pytest.mark.parametrize("seed", range(3))
def test_positions_in_generated_corpora_are_those_of_a_suffix_array(seed: int) -> None:
    marked, _ = check(planted(seed))
    assert marked.sum() > 5_000


def encoded_texts(texts: list[str], folder: Path, pieces: int) -> tuple[Encoder, list[np.ndarray]]:
    training = texts[:: max(1, len(texts) // 300)]
    table = pa.table({"id": [b"%016d" % i for i in range(len(training))], "text": training})
    sample = str(folder / "sample.parquet")
    documents.write_batches(sample, tokens.SAMPLE_SCHEMA, [table.cast(tokens.SAMPLE_SCHEMA)])
    vocabulary.train([sample], str(folder / "tokenizer.model"), pieces)
    encoder = tokenizer.load(str(folder / "tokenizer.model"))
    return encoder, encoder.encode(texts)


def check_texts(texts: list[str], encoder: Encoder, ids: list[np.ndarray]) -> int:
    """`check`, and that no span of 129 tokens is left twice by spans that keep to words; how many tokens are cut."""
    marked, offsets = check(ids)
    flat, _ = flat_of(ids)
    gone = np.zeros(len(flat), bool)
    for text, doc, (start, stop) in zip(texts, ids, pairwise(offsets.tolist()), strict=True):
        if marked[start:stop].any():
            bounds = encoder.bounds(doc)
            for span in text_spans(text, bounds, marked[start:stop]):
                first, end = (len(text[:at].encode()) for at in (span.start, span.end))
                inside = (bounds[:-1] >= first) & (bounds[1:] <= end)
                gone[start:stop] |= inside
    assert not (gone & ~marked).any()
    assert not repeated(flat, offsets, gone, 129)
    return int(marked.sum())


def test_positions_in_real_sources_are_those_of_a_suffix_array(tmp_path: Path) -> None:
    folder = Path(json.__file__).parent.parent
    paths = [path for name in ("email", "json", "logging", "asyncio") for path in sorted(folder.glob(f"{name}/*.py"))]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    texts += [text[500:9_000] for text in texts[::5]]
    assert check_texts(texts, *encoded_texts(texts, tmp_path, 2_000)) > 10_000


def texts_of(shared: Path, limit: int) -> Iterator[str]:
    """Code first, then news, Wikipedia and C4, until there are `limit` bytes."""
    size = 0
    for subset in ("github", "news", "wikipedia", "c4"):
        for path in sorted((shared / subset).iterdir()):
            for record in sources.read(str(path)):
                if isinstance(record, sources.Record) and record.text is not None and size < limit:
                    size += len(record.text.encode())
                    yield record.text


@pytest.mark.slow
def test_positions_in_twenty_megabytes_are_those_of_a_suffix_array(shared_data: Path, tmp_path: Path) -> None:
    texts = list(texts_of(shared_data, 20_000_000))
    assert sum(len(text.encode()) for text in texts) >= 20_000_000
    assert check_texts(texts, *encoded_texts(texts, tmp_path, 8_000)) > 100_000


def test_spans_name_the_array_that_keeps_the_passage() -> None:
    fresh = np.arange(1_000)
    arrays = [fresh[:200], np.concatenate([fresh[300:310], fresh[100:170]]), fresh[500:520], fresh[120:180]]
    assert repeated_spans(arrays).tolist() == [(1, 10, 80, 0), (3, 0, 60, 0)]
    assert repeated_spans(arrays, mode="remove_all").tolist() == [(0, 100, 180, 0), (1, 10, 80, 0), (3, 0, 60, 0)]
    assert repeated_spans(arrays, length=61).tolist() == [(1, 10, 80, 0)]


def test_a_spans_partner_is_where_the_earliest_window_over_its_first_token_stands_first() -> None:
    begins, first_docids = np.array([0, 50, 51, 200]), np.array([7, 8, 9, 5])
    marked = np.array([0, 49, 50, 99, 100, 200, 249])
    assert earliest(marked, begins, first_docids, 50).tolist() == [7, 7, 8, 8, 9, 5, 5]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="1 <= minimum <= length"):
        Cutting(50, 51)
    with pytest.raises(ValueError, match="'keep_one' or 'remove_all'"):
        Cutting(mode="keep_some")


def test_whole_copies_side_by_side_are_spans_of_their_own() -> None:
    assert repeated_spans([np.arange(60)] * 3).tolist() == [(1, 0, 60, 0), (2, 0, 60, 0)]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_arrays_of_any_integers_are_taken(kind: type) -> None:
    doc = (np.arange(100) % 120).astype(kind)
    if np.issubdtype(kind, np.signedinteger):
        doc = -doc
    assert repeated_spans([doc, doc[:60]]).tolist() == [(1, 0, 60, 0)]


def test_large_integers_are_told_apart() -> None:
    doc = np.arange(60, dtype=np.uint64)
    assert len(repeated_spans([doc, doc + np.uint64(1 << 32), doc + np.uint64(1 << 63)])) == 0


@pytest.mark.parametrize("arrays", [[], [np.zeros(0, np.uint16)], [np.arange(49), np.arange(49)]])
def test_where_no_window_fits_nothing_is_cut(arrays: list[np.ndarray]) -> None:
    assert len(repeated_spans(arrays)) == 0


def test_what_is_no_row_of_integers_is_refused() -> None:
    with pytest.raises(ValueError, match="array 1 has 1 dimensions of float64"):
        repeated_spans([np.arange(3), np.array([0.5])])
    with pytest.raises(ValueError, match="array 0 has 2 dimensions"):
        repeated_spans([np.zeros((2, 2), np.int64)])


COPIES, SHARDS, BATCH = 200_000, 4, 4_096

FIND = """
import json, re, sys
from pipelines.substrings import windows
from pipelines.engine import Engine
from pipelines.exchange import PARTITION_BYTES
from pipelines.kernels.substrings import warm_up
from pipelines.stage import Stage, total

def peak():
    # Not ru_maxrss, which begins with what the parent process held.
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])

def stage(name, exchanges=False):
    return Stage(name, folder + name, "", {}, every, every, exchanges)

folder, shards = sys.argv[1] + "/", int(sys.argv[2])
every = dict.fromkeys(range(shards), 0)
roles = dict.fromkeys(range(shards), "full")
warm_up()
engine = Engine(exchange="files", spill=folder + "spill")
before = peak()
engine.run_shards(stage("anchors"), windows.Anchors(folder + "tokens", folder + "anchors", roles, 50), 0.0)
engine.run_exchange(stage("live", True), windows.LiveAnchors(folder + "anchors", folder + "live"), 1)
work = windows.Windows(folder + "tokens", folder + "live", folder + "windows", roles, 50)
engine.run_shards(stage("windows"), work, 0.0)
found = engine.run_exchange(stage("repeats", True), windows.Repeats(folder + "windows", folder + "repeats"), 1)
print(json.dumps({**total(found.values()), "grown": peak() - before, "partition": PARTITION_BYTES}))
"""


def copies_of_a_passage(shard: int, passage: np.ndarray) -> Iterator[pa.Table]:
    """Documents of a shard: 20 tokens that stand nowhere else, then the passage."""
    schema = tokens.schema(np.dtype(np.uint32))
    for start in range(0, COPIES // SHARDS, BATCH):
        rows = range(start, min(start + BATCH, COPIES // SHARDS))
        own = 100_000 + 20 * (shard * COPIES + np.array(rows))[:, None] + np.arange(20)
        ids = [np.concatenate([part, passage]) for part in own.astype(np.uint32)]
        columns = {
            "docid": [documents.docid(shard, row) for row in rows],
            "rank": [0] * len(rows),
            "tokens": tokens.token_lists(ids, np.dtype(np.uint32)),
        }
        arrays = [pa.array(columns.get(field.name, [None] * len(rows)), field.type) for field in schema]
        yield pa.Table.from_arrays(arrays, schema=schema)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_two_hundred_thousand_copies_of_a_passage_stay_within_the_memory_of_a_partition(tmp_path: Path) -> None:
    for shard in range(SHARDS):
        path = documents.shard_file(str(tmp_path / "tokens"), shard)
        batches = copies_of_a_passage(shard, np.arange(60, dtype=np.uint32))
        documents.write_batches(path, tokens.schema(np.dtype(np.uint32)), batches)
    command = [sys.executable, "-c", FIND, str(tmp_path), str(SHARDS)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    assert (found["first_windows"], found["later_windows"]) == (11, 11 * (COPIES - 1))
    # A partition is concatenated, sorted and answered: about five times its rows.
    assert found["grown"] < 5 * found["partition"], found

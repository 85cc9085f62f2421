"""Mixing: exact quotas, whole and partial epochs, and the boundary against a plain sort of all documents."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import documents, exchange, mix
from pipelines.engine import Engine
from pipelines.mix import BIN_BITS, BINS, KEYS, FinalTokens, Histogram, partial_tokens
from pipelines.packing import quotas
from pipelines.packing.order import epoch_keys
from pipelines.packing.quotas import Available, Plan, Subset
from pipelines.tokens import encoded, schema

SEED = 7
COLUMNS = schema(np.dtype(np.uint16))


def identity_of(docid: int) -> bytes:
    return documents.public_id("test", str(docid), b"")


def write_tokens(folder: str, shard: int, texts: list[list[int]], valid: tuple[int, ...] = ()) -> None:
    docids = [documents.docid(shard, row) for row in range(len(texts))]
    table = pa.table(
        {
            "docid": docids,
            "id": [identity_of(d) for d in docids],
            "rank": docids,
            "split": ["valid" if row in valid else "train" for row in range(len(texts))],
            "locator": [f"place/{d}" for d in docids],
            "text": [""] * len(texts),
            "tokens": pa.array(texts, pa.large_list(pa.uint16())),
        },
        schema=COLUMNS,
    )
    path = documents.shard_file(encoded(folder), shard)
    documents.write_batches(path, COLUMNS, table.to_batches(max_chunksize=16))


def planned(have: dict[str, int], budget: int | None, weights: dict[str, float], epochs: float = 1.0) -> Plan:
    subsets = [Subset(name, weight, (), epochs) for name, weight in weights.items()]
    return quotas.quotas(subsets, {n: Available(1, have[n]) for n in weights}, budget, SEED, 2048)


def test_quotas_are_integers_that_sum_to_the_budget() -> None:
    assert quotas.apportion(10, [Fraction(1, 3)] * 3) == [4, 3, 3]
    gopher = [Fraction(w) for w in ("0.48", "0.27", "0.1", "0.1", "0.03", "0.02")]
    assert quotas.apportion(300_000_000_001, gopher) == [
        144_000_000_001,
        81_000_000_000,
        30_000_000_000,
        30_000_000_000,
        9_000_000_000,
        6_000_000_000,
    ]


@given(st.integers(0, 10**13), st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
def test_every_quota_is_less_than_one_token_from_its_share(budget: int, weights: list[int]) -> None:
    parts = quotas.apportion(budget, [Fraction(w) for w in weights])
    exact = [Fraction(budget * w, sum(weights)) for w in weights]
    assert sum(parts) == budget
    assert all(abs(part - share) < 1 for part, share in zip(parts, exact, strict=True))


def test_the_default_budget_is_what_the_scarcest_subset_allows() -> None:
    plan = planned({"web": 1000, "wiki": 30}, None, {"web": 0.9, "wiki": 0.1})
    assert plan.budget == 300
    assert [part.reached for part in plan.subsets] == [270, 30]
    assert plan.warnings == []


LIMITED = st.tuples(st.integers(4, 10**9), st.integers(1, 99), st.sampled_from([0.3, 1, 1.5, 3]))


@given(st.lists(LIMITED, min_size=1))
def test_the_default_budget_never_leaves_a_subset_short(subsets: list[tuple[int, int, float]]) -> None:
    wanted = [Subset(f"s{i}", w / 100, (), e) for i, (_, w, e) in enumerate(subsets)]
    have = {f"s{i}": Available(1, tokens) for i, (tokens, _, _) in enumerate(subsets)}
    plan = quotas.quotas(wanted, have, None, SEED, 2048)
    assert all(part.reached == part.quota for part in plan.subsets)
    assert sum(part.quota for part in plan.subsets) == plan.budget


def test_more_epochs_raise_the_default_budget() -> None:
    assert planned({"web": 1000, "wiki": 30}, None, {"web": 0.9, "wiki": 0.1}, epochs=3.5).budget == 1050


def test_a_budget_beyond_what_is_there_leaves_the_shortfall_and_says_so() -> None:
    plan = planned({"web": 1000, "wiki": 30}, 600, {"web": 0.9, "wiki": 0.1})
    web, wiki = plan.subsets
    assert (web.quota, web.reached) == (540, 540)
    assert (wiki.quota, wiki.reached) == (60, 30)
    assert plan.warnings == [
        "wiki: wanted 60 tokens, reached 30: 30 tokens at no more than 1 epochs. "
        "Lower the budget, or raise the subset's max_epochs"
    ]


def test_an_empty_subset_does_not_make_the_default_budget_nothing() -> None:
    plan = planned({"web": 900, "books": 0}, None, {"web": 0.9, "books": 0.1})
    assert [(part.quota, part.reached) for part in plan.subsets] == [(900, 900), (100, 0)]
    assert plan.warnings == ["books: no training tokens; wanted 100, reached 0; check its drops"]


def test_beyond_four_epochs_there_is_a_warning() -> None:
    assert planned({"a": 100}, 400, {"a": 1}, epochs=10).warnings == []
    assert planned({"a": 100}, 401, {"a": 1}, epochs=10).warnings == [
        "a: 4.01 epochs; beyond 4 repeated text teaches little"
    ]


@pytest.mark.parametrize(("budget", "whole", "partial"), [(30, 0, 30), (100, 1, 0), (270, 2, 70), (0, 0, 0)])
def test_a_quota_is_whole_epochs_and_one_partial(budget: int, whole: int, partial: int) -> None:
    part = planned({"a": 100}, budget, {"a": 1}, epochs=5).subsets[0]
    assert (part.whole_epochs, part.partial_tokens) == (whole, partial)


@pytest.mark.parametrize("weights", [{}, {"a": -0.1, "b": 1.1}, {"a": 0}])
def test_weights_that_are_no_shares_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected numbers >= 0"):
        planned({"a": 1, "b": 1}, 10, weights)


def test_epochs_order_the_documents_anew_and_uniformly() -> None:
    base = np.array([documents.keyed(SEED, "mix", identity_of(i)) for i in range(20_000)], np.uint64)
    orders = [epoch_keys(base, epoch) for epoch in range(3)]
    assert len(np.unique(np.concatenate(orders))) == 60_000
    for keys in orders:
        filled = np.bincount((keys >> np.uint64(60)).astype(np.int64), minlength=16)
        assert abs(filled - 1250).max() < 175  # five standard deviations
    assert abs(np.corrcoef(orders[0].astype(float), orders[1].astype(float))[0, 1]) < 0.035
    again = epoch_keys(base[::-1].copy(), 2)[::-1]
    assert np.array_equal(again, orders[2])


def oracle(rows: np.ndarray, wanted: int) -> dict[int, int]:
    """docid -> tokens taken, by sorting everything and filling the quota one document at a time."""
    taken = {}
    for _, docid, tokens in sorted(rows.tolist()):
        if wanted <= 0:
            break
        taken[docid] = min(tokens, wanted)
        wanted -= tokens
    return taken


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_boundary_equals_that_of_a_plain_sort(data: st.DataObject) -> None:
    # Few distinct keys, so that bins are shared and keys tie.
    keys = st.sampled_from([0, 1, 2, (1 << 52) - 1, 1 << 52, (1 << 52) + 1, 1 << 63, (1 << 64) - 1])
    drawn = data.draw(st.lists(st.tuples(keys, st.integers(1, 50)), min_size=1, max_size=30))
    rows = np.zeros(len(drawn), KEYS)
    rows["key"], rows["tokens"] = zip(*drawn, strict=True)
    rows["docid"] = np.arange(len(drawn))
    wanted = data.draw(st.integers(1, int(rows["tokens"].sum())))
    ordered = exchange.sort_rows(rows, ("key", "docid"))
    bins = (ordered["key"] >> np.uint64(64 - BIN_BITS)).astype(int)
    filled = np.cumsum(ordered["tokens"])
    bin_ = bins[np.searchsorted(filled, wanted)]
    inside, before = ordered[bins == bin_], ordered[bins < bin_]
    found = mix.find_boundary(inside, int(before["tokens"].sum()), len(before), wanted)
    expected = oracle(rows, wanted)
    last = max(expected, key=lambda d: (int(rows["key"][d]), d))
    assert (found.docid, found.crop, found.documents) == (last, expected[last], len(expected))
    assert found.key == rows["key"][last]


def build(folder: str, subsets: list[Subset], budget: int | None) -> Plan:
    shards = [s for subset in subsets for s in subset.shards]
    source = FinalTokens(f"{folder}/tokens", "", {s: ["d", s] for s in shards}, dict.fromkeys(shards, 1))
    return mix.mix(Engine(), source, f"{folder}/mix", subsets, SEED, 16, budget, records_per_shard=4)


@pytest.mark.parametrize("epochs", [0.3, 1, 2.7])
def test_the_tokens_sampled_are_exactly_those_reached(tmp_path, epochs: float) -> None:
    rng = np.random.default_rng(1)
    lengths = {shard: rng.integers(0, 40, 50).tolist() for shard in range(3)}
    for shard, counts in lengths.items():
        write_tokens(f"{tmp_path}/tokens", shard, [[5] * n for n in counts], (3, 4))
    every = [(documents.docid(s, row), n) for s in lengths for row, n in enumerate(lengths[s]) if n]
    train = [(docid, n) for docid, n in every if docid & 0xFFFFFFFF not in (3, 4)]
    total = sum(n for _, n in train)
    budget = int(total * epochs)
    part = build(str(tmp_path), [Subset("a", 1, (0, 1, 2), 3)], budget).subsets[0]
    assert (part.available.tokens, part.available.documents) == (total, len(train))
    assert part.available.valid_tokens == sum(n for s in lengths for n in lengths[s][3:5])
    keys = np.array([documents.keyed(SEED, "mix", identity_of(d)) for d, _ in train], np.uint64)
    docids, counts = (np.array(column, np.int64) for column in zip(*train, strict=True))
    partial = partial_tokens(part, keys, docids, counts)
    assert total * part.whole_epochs + int(partial.sum()) == part.reached == budget
    rows = np.zeros(len(train), KEYS)
    rows["key"], rows["docid"], rows["tokens"] = epoch_keys(keys, part.whole_epochs), docids, counts
    expected = oracle(rows, part.partial_tokens)
    assert {int(d): int(n) for d, n in zip(docids, partial, strict=True) if n} == expected
    assert part.documents == len(train) * part.whole_epochs + len(expected)


def test_a_document_larger_than_the_quota_is_cropped_to_it(tmp_path) -> None:
    write_tokens(f"{tmp_path}/tokens", 0, [[5] * 5000])
    part = build(str(tmp_path), [Subset("a", 1, (0,))], 77).subsets[0]
    assert part.boundary is not None
    assert (part.boundary.crop, part.documents, part.reached) == (77, 1, 77)


def test_a_plan_survives_its_file(tmp_path) -> None:
    write_tokens(f"{tmp_path}/tokens", 0, [[5] * 9] * 20)
    write_tokens(f"{tmp_path}/tokens", 1, [])
    plan = build(str(tmp_path), [Subset("a", 0.7, (0,)), Subset("b", 0.3, (1,))], 100)
    assert Plan.from_json((tmp_path / "mix" / "plan.json").read_bytes()) == plan
    assert plan.subsets[1].shards == 0
    assert build(str(tmp_path), [Subset("a", 0.7, (0,)), Subset("b", 0.3, (1,))], 100) == plan


def test_the_histogram_counts_what_its_rows_hold(tmp_path) -> None:
    write_tokens(f"{tmp_path}/tokens", 0, [[5] * (n % 7) for n in range(100)])
    build(str(tmp_path), [Subset("a", 1, (0,))], 50)
    Histogram(f"{tmp_path}/mix/keys", str(tmp_path), {0: 0}).run(0)
    rows = exchange.read_rows(f"{tmp_path}/00000.rows", KEYS)
    counts = np.fromfile(f"{tmp_path}/00000.bins", "<i8").reshape(2, BINS)
    bins = rows["key"] >> np.uint64(64 - BIN_BITS)
    assert np.all(rows["key"][1:] >= rows["key"][:-1])
    for bin_ in np.unique(bins):
        inside = rows[bins == bin_]
        assert counts[:, bin_].tolist() == [len(inside), inside["tokens"].sum()]
    assert counts[0].sum() == len(rows) == sum(1 for n in range(100) if n % 7)

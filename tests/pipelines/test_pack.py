"""Packing: every sampled document is found again in the shards, whatever happened on the way."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import documents, files, mix, pack
from pipelines.engine import Engine
from pipelines.mix import FinalTokens
from pipelines.pack import Pack
from pipelines.packing import records
from pipelines.packing.order import epoch_keys
from pipelines.packing.quotas import Available, Plan, Subset, SubsetPlan
from pipelines.packing.records import Layout
from pipelines.packing.scatter import Scatter, targets
from pipelines.tokens import encoded, schema

SEED = 7
LENGTH = 16
EOS = 2
ABOUT = {"package": {"version": "0", "source_digest": ""}, "python": "3.11", "libraries": {}, "mixture": {}}
Texts = dict[int, list[tuple[str, str, list[int]]]]


def corpus(shards: int = 4, documents_: int = 30, vocabulary: int = 300) -> Texts:
    """Per shard (locator, split, ids); shards alternate between two subsets, one document has no ids."""
    rng = np.random.default_rng(5)
    made: Texts = {}
    for shard in range(shards):
        made[shard] = [
            (
                f"place/{shard}/{row}",
                "valid" if row in (5, 6) else "train",
                rng.integers(3, vocabulary, 0 if row == 9 else int(rng.integers(1, 60))).tolist(),
            )
            for row in range(documents_)
        ]
    return made


def write(folder: Path, texts: Texts, dtype: type = np.uint16) -> None:
    columns = schema(np.dtype(dtype))
    for shard, rows in texts.items():
        table = pa.table(
            {
                "docid": [documents.docid(shard, row) for row in range(len(rows))],
                "id": [documents.public_id("", locator, b"") for locator, _, _ in rows],
                "rank": list(range(len(rows))),
                "split": [split for _, split, _ in rows],
                "locator": [locator for locator, _, _ in rows],
                "text": [""] * len(rows),
                "tokens": pa.array([ids for _, _, ids in rows], columns.field("tokens").type),
            },
            schema=columns,
        )
        path = documents.shard_file(encoded(f"{folder}/tokens"), shard)
        documents.write_batches(path, columns, table.to_batches(max_chunksize=8))
    (folder / "model").write_bytes(b"a model")


class Build:
    """A build of two subsets, web in even and books in odd shards, over a folder of tokens."""

    def __init__(self, folder: Path, texts: Texts, vocabulary: int = 300, dtype: type = np.uint16) -> None:
        write(folder, texts, dtype)
        self.folder, self.texts = folder, texts
        self.layout = Layout(LENGTH, vocabulary, EOS)
        self.subsets = [
            Subset("web", 0.7, tuple(s for s in texts if s % 2 == 0), 3),
            Subset("books", 0.3, tuple(s for s in texts if s % 2), 3),
        ]
        self.train = folder / "train"

    def plan(self, budget: int | None = None, per_shard: int = 20) -> Plan:
        self.source = FinalTokens(f"{self.folder}/tokens", "", {s: ["d"] for s in self.texts}, {})
        return mix.mix(Engine(), self.source, f"{self.folder}/mix", self.subsets, SEED, LENGTH, budget, per_shard)

    def pack(self, plan: Plan) -> dict[str, Any]:
        return pack.pack(
            Engine(),
            self.source,
            plan,
            f"{self.folder}/pack",
            str(self.train),
            self.layout,
            f"{self.folder}/model",
            ABOUT,
        )

    def digests(self) -> dict[str, str]:
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(self.train.iterdir())}


def read_back(train: Path, layout: Layout) -> dict[str, Counter[tuple[str, int, tuple[int, ...]]]]:
    """Per subset and split every (locator, epoch, ids) that the shards hold, found by their provenance."""
    manifest = json.loads((train / "manifest.json").read_bytes())
    found: dict[str, Counter[tuple[str, int, tuple[int, ...]]]] = {}
    for name, subset in manifest["subsets"].items():
        for split in ("train", "valid"):
            held = found.setdefault(f"{name} {split}", Counter())
            for entry in subset[split]:
                batches = [b.reshape(-1) for b in records.read_records(str(train / entry["path"]), layout)]
                stream = np.concatenate([np.zeros(0, layout.dtype), *batches])
                rows = pq.read_table(train / entry["provenance"]["path"]).to_pylist()
                end = 0
                for row in rows:
                    assert row["first_token"] == end
                    assert row["id"] == documents.public_id("", row["locator"], b"")
                    end += row["tokens"] + 1
                    assert stream[end - 1] == layout.eos
                    ids = stream[row["first_token"] : end - 1]
                    held[row["locator"], row["epoch"], tuple(ids.tolist())] += 1
                assert len(stream) == end + entry["fill"] == entry["records"] * layout.sequence_length
                assert np.all(stream[end:] == layout.eos)
                assert 0 <= entry["fill"] < layout.sequence_length
    return found


def expected(texts: Texts, plan: Plan) -> dict[str, Counter[tuple[str, int, tuple[int, ...]]]]:
    """What the shards must hold by the plan, by sorting every subset's documents."""
    found: dict[str, Counter[tuple[str, int, tuple[int, ...]]]] = {}
    for part in plan.subsets:
        train, valid = (
            [(loc, ids) for s in part.sources for loc, split, ids in texts[s] if ids and split == of]
            for of in ("train", "valid")
        )
        held = Counter((loc, epoch, tuple(ids)) for loc, ids in train for epoch in range(part.whole_epochs))
        keys = [documents.keyed(SEED, "mix", documents.public_id("", loc, b"")) for loc, _ in train]
        order = np.argsort(epoch_keys(np.array(keys, np.uint64), part.whole_epochs))
        left = part.reached - part.whole_epochs * sum(len(ids) for _, ids in train)
        for at in order.tolist():
            loc, ids = train[at]
            if left > 0:
                held[loc, part.whole_epochs, tuple(ids[:left])] += 1
            left -= len(ids)
        found[f"{part.name} train"] = held
        found[f"{part.name} valid"] = Counter((loc, 0, tuple(ids)) for loc, ids in valid)
    return found


@pytest.mark.parametrize("epochs", [0.3, 1, 2.7])
def test_the_shards_hold_exactly_the_sampled_documents(tmp_path: Path, epochs: float) -> None:
    build = Build(tmp_path, corpus())
    whole = build.plan()
    plan = build.plan(int(whole.budget * epochs / max(part.epochs for part in whole.subsets)))
    manifest = build.pack(plan)
    assert read_back(build.train, build.layout) == expected(build.texts, plan)
    assert manifest["tokens"] == plan.budget
    for part in plan.subsets:
        made = manifest["subsets"][part.name]
        assert made["tokens"] == part.reached
        assert abs(made["reached_share"] - made["wanted_share"]) < 0.001
        assert len(made["train"]) == part.shards > 1 or epochs == 0.3
        assert made["records"] * LENGTH == made["tokens"] + made["separators"] + made["fill"]
    assert {p.name for p in build.train.iterdir()} == known_files(manifest)


def known_files(manifest: dict[str, Any]) -> set[str]:
    entries = [e for s in manifest["subsets"].values() for e in (*s["train"], *s["valid"])]
    names = {name for e in entries for name in (e["path"], e["provenance"]["path"])}
    return names | {"manifest.json", "tokenizer.model"}


def test_a_subset_that_falls_short_leaves_the_other_at_its_quota(tmp_path: Path) -> None:
    build = Build(tmp_path, corpus())
    plan = build.plan(50_000)
    manifest = build.pack(plan)
    assert len([w for w in plan.warnings if "reached" in w]) == 2
    assert read_back(build.train, build.layout) == expected(build.texts, plan)
    assert all(subset["epochs"] == 3 for subset in manifest["subsets"].values())


def test_ids_above_65536_are_stored_in_four_bytes(tmp_path: Path) -> None:
    build = Build(tmp_path, corpus(vocabulary=200_000), 200_000, np.uint32)
    plan = build.plan()
    assert build.pack(plan)["dtype"] == "uint32"
    assert read_back(build.train, build.layout) == expected(build.texts, plan)
    assert max(max(ids) for _, _, ids in read_back(build.train, build.layout)["web train"]) > 65_536


def test_an_empty_subset_has_no_files_and_a_giant_document_is_cropped(tmp_path: Path) -> None:
    texts: Texts = {0: [("giant", "train", list(range(3, 203)) * 50)], 1: [("none", "train", [])]}
    build = Build(tmp_path, texts)
    plan = build.plan(1000)
    manifest = build.pack(plan)
    assert manifest["subsets"]["books"] == {
        "weight": 0.3,
        "wanted_share": 0.3,
        "reached_share": 0.0,
        "epochs": 0.0,
        "documents": 0,
        "tokens": 0,
        "separators": 0,
        "fill": 0,
        "records": 0,
        "train": [],
        "valid": [],
    }
    assert read_back(build.train, build.layout)["web train"] == Counter(
        {("giant", 0, tuple((list(range(3, 203)) * 50)[:700])): 1}
    )


def test_all_epochs_of_a_document_stand_in_one_shard(tmp_path: Path) -> None:
    build = Build(tmp_path, corpus())
    build.pack(build.plan(9000))
    shard_of: dict[bytes, set[str]] = {}
    for path in sorted(build.train.glob("web-0*.parquet")):
        for row in pq.read_table(path).to_pylist():
            shard_of.setdefault(row["id"], set()).add(path.name)
    assert len({name for names in shard_of.values() for name in names}) > 1
    assert all(len(names) == 1 for names in shard_of.values())


def test_the_order_in_which_shards_are_worked_on_changes_no_byte(tmp_path: Path) -> None:
    build = Build(tmp_path, corpus())
    plan = build.plan(3000)
    build.pack(plan)
    other = tmp_path / "other"
    plans = {shard: part for part in plan.subsets for shard in part.sources}
    scatter = Scatter(f"{tmp_path}/tokens", "", f"{other}/scatter", SEED, build.layout, plans)
    for shard in (3, 0, 2, 1):
        scatter.run(shard)
    sources = {part.name: part.sources[::-1] for part in plan.subsets}
    work = Pack(scatter.out, f"{other}/pack", f"{other}/train", build.layout, targets(plan), sources)
    for number in reversed(range(len(targets(plan)))):
        work.run(number)
    made = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (other / "train").iterdir()}
    assert made.items() <= build.digests().items()
    assert len(made) == len(build.digests()) - 2


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    build = Build(tmp_path, corpus())
    build.pack(build.plan(3000))
    before = {p.name: p.stat().st_mtime_ns for p in build.train.iterdir()}
    build.pack(build.plan(3000))
    assert {p.name: p.stat().st_mtime_ns for p in build.train.iterdir()} == before


def test_another_plan_replaces_all_files_of_the_one_before(tmp_path: Path) -> None:
    build = Build(tmp_path, corpus())
    build.pack(build.plan(9000))
    many = set(build.digests())
    manifest = build.pack(build.plan(600))
    assert set(build.digests()) == known_files(manifest) != many
    fresh = Build(tmp_path / "fresh", build.texts)
    fresh.pack(fresh.plan(600))
    assert build.digests() == fresh.digests()


class KilledError(Exception):
    pass


@pytest.mark.parametrize("after", range(0, 16, 4))
def test_a_build_killed_between_files_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Kill while plan B replaces plan A at every fourth write, go back to A, and end with B."""
    build = Build(tmp_path, corpus())
    first = build.plan(6000)
    build.pack(first)
    of_first = build.digests()
    second = build.plan(5000)
    written, replace_file = [0], os.replace

    def replace_until_killed(source: str, target: str) -> None:
        if os.path.dirname(target) == str(build.train) or "/pack/shards/" in target:
            assert not (build.train / "manifest.json").exists()
            if written[0] == after:
                raise KilledError
            written[0] += 1
        replace_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_until_killed)
        with pytest.raises((KilledError, RuntimeError)):
            build.pack(second)
    assert "manifest.json" not in build.digests()
    for left in ("train/web-00000-of-00001.array_record", "pack/shards/00000.spool"):
        (tmp_path / f"{left}.tmp-1-1").write_bytes(b"what a killed writer leaves")
    build.pack(first)
    assert not list(tmp_path.glob("**/*.tmp-*"))
    assert build.digests() == of_first
    build.pack(second)
    assert read_back(build.train, build.layout) == expected(build.texts, second)


def test_a_file_removed_from_train_is_made_again(tmp_path: Path) -> None:
    build = Build(tmp_path, corpus())
    plan = build.plan(3000)
    build.pack(plan)
    before = build.digests()
    for lost in (*sorted(before)[:2], "tokenizer.model", "manifest.json"):
        (build.train / lost).unlink()
        build.pack(plan)
        assert build.digests() == before


def test_two_writes_of_a_shard_are_the_same_bytes(tmp_path: Path) -> None:
    layout = Layout(64, 1000, EOS)
    rng = np.random.default_rng(3)
    texts = [rng.integers(3, 1000, n).astype(np.uint16) for n in (5, 0, 70_000, 63, 64, 3_000_000)]
    made = [str(tmp_path / name) for name in "ab"]
    assert [records.write_records(path, texts, layout) for path in made] == [(47971, 6)] * 2
    assert files.read_bytes(made[0]) == files.read_bytes(made[1])
    stream = np.concatenate([b.reshape(-1) for b in records.read_records(made[0], layout)])
    assert np.array_equal(stream[:-6], np.concatenate([np.append(ids, np.uint16(EOS)) for ids in texts]))


@pytest.mark.parametrize(("ids", "message"), [([5, EOS, 6], "end of documents"), ([5, 300], "token id 300")])
def test_ids_that_no_document_may_hold_are_refused(tmp_path: Path, ids: list[int], message: str) -> None:
    build = Build(tmp_path, {0: [("a", "train", ids)]})
    part = build.plan().subsets[0]
    work = Scatter(f"{tmp_path}/tokens", "", f"{tmp_path}/scatter", SEED, build.layout, {0: part})
    with pytest.raises(ValueError, match=message):
        work.run(0)


def planned(name: str, valid_shards: int = 0) -> SubsetPlan:
    have = Available(9, 50, 1, 5)
    return SubsetPlan(
        name,
        (),
        1,
        1,
        1,
        have,
        quota=40,
        reached=40,
        whole_epochs=0,
        partial_tokens=40,
        documents=8,
        records=3,
        shards=1,
        valid_shards=valid_shards,
    )


def test_subsets_whose_files_would_collide_are_refused() -> None:
    plan = Plan(SEED, LENGTH, 80, (planned("web", 1), planned("web-valid")))
    with pytest.raises(ValueError, match="web-valid-00000-of-00001: rename"):
        targets(plan)


def test_every_sum_that_fails_is_named() -> None:
    right = {"sampled_tokens": 40, "unsampled_tokens": 10, "tokens": 40, "documents": 8, "valid_tokens": 5}
    assert pack.sampling_problems(planned("web"), right) == []
    for key in right:
        assert len(pack.sampling_problems(planned("web"), right | {key: 99})) == 1
    shard = {"records": 3, "tokens": 40, "separators": 5, "documents": 5, "fill": 3}
    assert records.packing_problems("x", shard, LENGTH) == []
    assert records.packing_problems("x", shard | {"fill": 4}, LENGTH) == [
        "x: 48 ids in records against 49 tokens, separators and fill"
    ]
    assert records.packing_problems("x", shard | {"documents": 4}, LENGTH) == ["x: 5 separators against 4 documents"]

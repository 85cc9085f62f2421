"""Verify: a whole training set passes, and one flipped byte in any file does not."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from massivetext import verify
from massivetext.folders import Folders
from pipelines import documents, mix, pack
from pipelines.engine import Engine
from pipelines.mix import FinalTokens
from pipelines.packing import records
from pipelines.packing.quotas import Subset
from pipelines.packing.records import Layout
from pipelines.tokens import encoded, schema

LAYOUT = Layout(16, 300, 2)
ABOUT = {"package": {"version": "0", "source_digest": ""}, "python": "3.11", "libraries": {}, "mixture": {}}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OUT of a small build of two subsets with several shards and a validation split."""
    folders = Folders(str(tmp_path_factory.mktemp("out")))
    rng = np.random.default_rng(2)
    columns = schema(np.dtype(np.uint16))
    for shard in range(2):
        rows = range(30)
        table = pa.table(
            {
                "docid": [documents.docid(shard, row) for row in rows],
                "id": [documents.public_id("", f"{shard}/{row}", b"") for row in rows],
                "rank": list(rows),
                "split": ["train" if row > 2 else "valid" for row in rows],
                "locator": [f"{shard}/{row}" for row in rows],
                "text": [""] * len(rows),
                "tokens": [rng.integers(3, 300, 40).tolist() for _ in rows],
            },
            schema=columns,
        )
        documents.write_batches(documents.shard_file(encoded(folders.tokens), shard), columns, [table])
    source = FinalTokens(folders.tokens, "", {0: [], 1: []}, {})
    subsets = [Subset("web", 0.7, (0,), 2), Subset("books", 0.3, (1,), 2)]
    plan = mix.mix(Engine(), source, folders.stage("mix"), subsets, 7, 16, 2000, records_per_shard=60)
    Path(folders.file("model")).write_bytes(bytes(range(256)))
    pack.pack(Engine(), source, plan, folders.stage("pack"), folders.train, LAYOUT, folders.file("model"), ABOUT)
    return Path(folders.out)


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "out"))


def reseal(out: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = out / "train" / "manifest.json"
    manifest = records.unseal(path.read_bytes())
    change(manifest)
    path.write_bytes(records.seal(manifest))


@pytest.mark.parametrize("arguments", [["."], ["train"], [".", "--deep"]])
def test_a_whole_training_set_is_ok(out: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert verify.main([str(out / arguments[0]), *arguments[1:]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "ok"
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["books", "30.00%", "30.00%", "0.556"],
        ["web", "70.00%", "70.00%", "1.3"],
    ]


def test_one_flipped_bit_anywhere_is_found_and_its_file_named(
    built: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(11)
    names = sorted(path.name for path in (out / "train").iterdir())
    assert len(names) > 10
    for name in names:
        whole = (built / "train" / name).read_bytes()
        drawn = rng.integers(0, len(whole), 60 if name == "manifest.json" else 3).tolist()
        for place in [0, len(whole) - 1, *drawn]:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << int(rng.integers(8))
            (out / "train" / name).write_bytes(damaged)
            assert verify.main([str(out)]) == 1, (name, place)
            said = capsys.readouterr().err
            assert f"train/{name}: " in said
            assert "remove it and run the build again" in said
        (out / "train" / name).write_bytes(whole)
    assert verify.main([str(out)]) == 0


def test_files_that_are_missing_or_too_many_are_named(out: Path) -> None:
    lost = sorted(path.name for path in (out / "train").iterdir())[0]
    (out / "train" / lost).unlink()
    (out / "train" / "notes.txt").write_text("mine")
    _, problems = verify.verify(str(out / "train"))
    assert problems == [
        f"{out}/train/{lost}: is missing; run the build again",
        f"{out}/train/notes.txt: is not in the manifest; remove it",
    ]


def test_a_build_that_has_not_ended_is_not_ok(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out / "train" / "manifest.json").unlink()
    assert verify.main([str(out)]) == 1
    assert "has not ended; run the build again" in capsys.readouterr().err
    assert verify.main([str(out / "nowhere")]) == 2


def first_shard(manifest: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = manifest["subsets"]["web"]["train"][0]
    return entry


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(tokens=1), "1 tokens, but its subsets hold 2000"),
        (lambda m: m["subsets"]["web"].update(documents=1), "web: 1 documents, but its shards hold"),
        (lambda m: m["subsets"]["web"].update(reached_share=0.5), "reached_share 0.5 is not 1400 of 2000"),
        (lambda m: m["subsets"]["web"].update(weight=0.6), "books: wanted_share 0.3 is not its weight"),
        (lambda m: first_shard(m).update(records=1), "ids in records against"),
        (lambda m: first_shard(m).update(records=1), "records, expected 1"),
        (lambda m: first_shard(m).update(documents=1), "documents, expected 1"),
        (lambda m: first_shard(m).update(fill=15), "its documents end elsewhere"),
        (lambda m: m.update(sequence_length=8), "has records of [32] bytes, expected 16"),
        (lambda m: first_shard(m).update(bytes=1), "bytes, expected 1: it was changed"),
        (lambda m: m["tokenizer"].update(sha256="0"), "tokenizer.model: has sha256"),
        (lambda m: m["subsets"].pop("books"), "but its subsets hold"),
        (lambda m: m["subsets"].pop("books"), "is not in the manifest"),
    ],
)
def test_figures_that_do_not_agree_are_found(out: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    reseal(out, change)
    _, problems = verify.verify(str(out / "train"))
    assert any(message in problem for problem in problems), problems


def test_another_plan_than_the_one_packed_is_found(out: Path) -> None:
    path = out / "stages" / "mix" / "plan.json"
    plan = json.loads(path.read_bytes())
    plan["subsets"][0]["reached"] += 1
    path.write_text(json.dumps(plan))
    _, problems = verify.verify(str(out / "train"))
    assert len(problems) == 1
    assert "1401" in problems[0]


def rewrite(out: Path, change: Callable[[np.ndarray], None], layout: Layout = LAYOUT) -> str:
    """Write a shard anew with other ids and correct its digest, as a defect in the build would."""
    manifest = json.loads((out / "train" / "manifest.json").read_bytes())
    entry = first_shard(manifest)
    path = out / "train" / entry["path"]
    stream = np.concatenate([batch.reshape(-1) for batch in records.read_records(str(path), LAYOUT)])
    change(stream)
    # The writer ends every text by a separator; the last id of a full stream is one already.
    assert stream[-1] == LAYOUT.eos
    records.write_records(str(path), [stream[:-1]], layout)
    digest, size = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
    reseal(out, lambda m: first_shard(m).update(sha256=digest, bytes=size))
    return str(path)


def set_id(place: int, value: int) -> Callable[[np.ndarray], None]:
    def change(stream: np.ndarray) -> None:
        stream[place] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_id(0, LAYOUT.eos), "records from 0 on: separators stand elsewhere than documents end"),
        (set_id(40, 5), "records from 0 on: separators stand elsewhere than documents end"),
        (set_id(-2, 5), "separators stand elsewhere than documents end"),
        (set_id(3, 300), "holds the id 300, expected ids below 300"),
    ],
)
def test_only_a_deep_look_finds_ids_that_contradict_the_provenance(
    out: Path, change: Callable[[np.ndarray], None], message: str
) -> None:
    path = rewrite(out, change)
    assert verify.verify(str(out / "train"))[1] == []
    (problem,) = verify.verify(str(out / "train"), deep=True)[1]
    assert problem.startswith(path)
    assert message in problem


def test_records_of_another_length_are_found(out: Path) -> None:
    rewrite(out, lambda stream: None, Layout(8, 300, 2))
    _, problems = verify.verify(str(out / "train"), deep=True)
    assert any("has records of [16] bytes, expected 32" in problem for problem in problems)
    assert any("record 0 has 16 bytes, expected 32" in problem for problem in problems)

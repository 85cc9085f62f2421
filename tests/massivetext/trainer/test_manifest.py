"""Folders that the trainer refuses, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from massivetext.trainer.manifest import read_manifest

Edited = Callable[..., Path]


def test_a_finished_folder_is_read(training_folder: Path) -> None:
    data = read_manifest(training_folder)
    assert (data.sequence_length, data.vocabulary, data.eos) == (32, 64, 1)
    assert {name: len(shards) for name, shards in data.subsets.items()} == {"books": 3, "wikipedia": 1}


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no manifest.json.*unfinished.*OUT/train"):
        read_manifest(tmp_path)


def test_another_format_is_refused_with_the_remedy(edited_manifest: Edited) -> None:
    with pytest.raises(ValueError, match=r"format 2; this trainer reads format 1: build train/ again"):
        read_manifest(edited_manifest(format=2))


def test_a_broken_manifest_is_refused(training_folder: Path, edited_manifest: Edited) -> None:
    folder = edited_manifest()
    (folder / "manifest.json").write_text((training_folder / "manifest.json").read_text()[:100])
    with pytest.raises(ValueError, match="is not JSON"):
        read_manifest(folder)


def test_another_tokenizer_is_refused(edited_manifest: Edited) -> None:
    folder = edited_manifest()
    (folder / "tokenizer.model").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"is not the tokenizer that made these records.*sha256"):
        read_manifest(folder)


def test_a_missing_tokenizer_is_named(edited_manifest: Edited) -> None:
    folder = edited_manifest()
    (folder / "tokenizer.model").unlink()
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.model is missing"):
        read_manifest(folder)


def test_a_missing_shard_is_named(edited_manifest: Edited) -> None:
    folder = edited_manifest()
    (folder / "books-00001-of-00003.array_record").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 shards .*books-00001-of-00003\.array_record"):
        read_manifest(folder)


def test_a_shard_without_a_record_is_passed_over(training_folder: Path, edited_manifest: Edited) -> None:
    subsets = json.loads((training_folder / "manifest.json").read_text())["subsets"]
    empty = {"path": "none.array_record", "records": 0, "fill": 0, "provenance": {"path": "none.parquet"}}
    subsets["books"]["train"].insert(1, empty)
    subsets["news"] = {"train": [empty], "valid": [empty]}
    data = read_manifest(edited_manifest(subsets=subsets))
    assert data.subsets.keys() == {"books", "wikipedia"}
    assert [shard.path.name[:11] for shard in data.subsets["books"]] == ["books-00000", "books-00001", "books-00002"]
    assert data.valid == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"records": 3}, "says 3 records, but its training shards have"),
        ({"records": 0, "subsets": {}}, "no training records"),
        ({"dtype": "int8"}, "type 'int8'; expected one of uint16, uint32"),
        ({"eos": 64}, "eos is 64, outside the vocabulary of 64"),
        ({"subsets": {"books": {}}}, "has no 'train'"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    edited_manifest: Edited, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_manifest(edited_manifest(**changes))

"""Reads `train/manifest.json` and refuses every folder the trainer could misread."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
_RECORD_TYPES = {"uint16": "<u2", "uint32": "<u4"}


@dataclass(frozen=True)
class Shard:
    """One ArrayRecord file; `fill` tokens at the end of its last record are no text, `documents` lists the others'."""

    path: Path
    records: int
    fill: int
    documents: Path


@dataclass(frozen=True)
class TrainingData:
    """What a finished `train/` folder holds; `digest` is the sha256 of its manifest.

    `subsets` are the training shards by subset, `valid` the held-out ones of those subsets that have any.
    """

    folder: Path
    digest: str
    sequence_length: int
    record_type: str
    eos: int
    vocabulary: int
    tokenizer: Path
    subsets: dict[str, tuple[Shard, ...]]
    valid: dict[str, tuple[Shard, ...]]

    @property
    def records(self) -> int:
        return sum(shard.records for shards in self.subsets.values() for shard in shards)


def read_manifest(folder: Path) -> TrainingData:
    """The data of a `train/` folder; ValueError or FileNotFoundError says why a folder is refused.

    Checked: the manifest is there and of this format, the tokenizer is the one named, every shard is there, and the
    shards' records add up.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} has no manifest.json, which a build writes last: the build is unfinished, or this is not "
            "the train/ folder; finish it with `python -m massivetext.build`, or point --data at OUT/train"
        )
    raw = path.read_bytes()
    try:
        manifest = json.loads(raw)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON ({error}); build train/ again") from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{path} has format {found!r}; this trainer reads format {FORMAT}: build train/ again with this version "
            "of massivetext, or train with the version that built it"
        )
    try:
        data = _training_data(folder, manifest, hashlib.sha256(raw).hexdigest())
        _check_tokenizer(folder, manifest["tokenizer"])
        _check_records(path, manifest, data)
    except KeyError as error:
        raise ValueError(f"{path} has no {error}; build train/ again") from error
    return data


def _training_data(folder: Path, manifest: dict[str, Any], digest: str) -> TrainingData:
    record_type = _RECORD_TYPES.get(manifest["dtype"])
    if record_type is None:
        raise ValueError(f"records are of type {manifest['dtype']!r}; expected one of {', '.join(_RECORD_TYPES)}")
    return TrainingData(
        folder=folder,
        digest=digest,
        sequence_length=manifest["sequence_length"],
        record_type=record_type,
        eos=manifest["eos"],
        vocabulary=manifest["vocabulary"],
        tokenizer=folder / manifest["tokenizer"]["file"],
        subsets=_shards(folder, manifest, "train"),
        valid=_shards(folder, manifest, "valid"),
    )


def _shards(folder: Path, manifest: dict[str, Any], part: str) -> dict[str, tuple[Shard, ...]]:
    """The shards of each subset in name order; shards and subsets without a record are left out."""
    found = {
        name: tuple(
            Shard(folder / s["path"], s["records"], s["fill"], folder / s["provenance"]["path"])
            for s in subset[part]
            if s["records"]
        )
        for name, subset in sorted(manifest["subsets"].items())
    }
    return {name: shards for name, shards in found.items() if shards}


def _check_tokenizer(folder: Path, tokenizer: dict[str, str]) -> None:
    path = folder / tokenizer["file"]
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: the manifest names it as the tokenizer of these records")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != tokenizer["sha256"]:
        raise ValueError(
            f"{path} is not the tokenizer that made these records: its sha256 is {found}, the manifest says "
            f"{tokenizer['sha256']}; put the tokenizer of the build back"
        )


def _check_records(path: Path, manifest: dict[str, Any], data: TrainingData) -> None:
    if not data.records:
        raise ValueError(f"{path} lists no training records; build from more documents")
    if data.records != manifest["records"]:
        raise ValueError(
            f"{path} says {manifest['records']} records, but its training shards have {data.records}; build again"
        )
    if not 0 <= data.eos < data.vocabulary:
        raise ValueError(f"{path}: eos is {data.eos}, outside the vocabulary of {data.vocabulary}; build again")
    listed = [shard for part in (data.subsets, data.valid) for shards in part.values() for shard in shards]
    missing = [shard.path.name for shard in listed if not shard.path.is_file()]
    if missing:
        raise FileNotFoundError(f"{len(missing)} shards named by {path} are missing, the first is {missing[0]}")

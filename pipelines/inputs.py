"""Source shards: the input files of every subset, numbered once for the whole build."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile

from pipelines import files

GLOB = "*?["


@dataclass(frozen=True)
class Shard:
    """An input file. `source` is its path relative to the input root, `version` changes with its content."""

    number: int
    subset: str
    source: str
    bytes: int
    version: str


def root_of(pattern: str) -> str:
    """The part of a glob before its first wildcard folder: what sources are relative to."""
    parts = pattern.split("/")
    for index, part in enumerate(parts):
        if any(sign in part for sign in GLOB):
            return "/".join(parts[:index]) or "."
    return "/".join(parts[:-1]) or "."


def common_root(patterns: Iterable[str]) -> str:
    """The longest folder that all globs share: what sources are relative to.

    Raises ValueError where they share none.
    """
    parts = [root_of(pattern).split("/") for pattern in patterns]
    shared = [same[0] for same in takewhile(lambda names: len(set(names)) == 1, zip(*parts, strict=False))]
    if not shared:
        raise ValueError(f"the globs {', '.join(sorted(patterns))} share no folder; give them with one common folder")
    return "/".join(shared)


def find(patterns: Mapping[str, Iterable[tuple[str, str]]]) -> list[Shard]:
    """All source shards, numbered by sorted (subset, source).

    `patterns` maps a subset to (root, glob relative to it). A file that two globs of a subset match counts once.
    """
    found: dict[tuple[str, str], files.Listed] = {}
    for subset, globs in patterns.items():
        for root, pattern in globs:
            for listed in files.listing(files.join(root, pattern)):
                source = listed.path[len(root.rstrip("/")) + 1 :]
                found[subset, source] = listed
    return [
        Shard(number, subset, source, listed.bytes, listed.version)
        for number, ((subset, source), listed) in enumerate(sorted(found.items(), key=lambda item: item[0]))
    ]


def write_table(path: str, shards: Iterable[Shard]) -> None:
    """Write the shard table for workers, which load it by path."""
    files.write_bytes(path, json.dumps([asdict(shard) for shard in shards]).encode())


def read_table(path: str) -> list[Shard]:
    return [Shard(**row) for row in json.loads(files.read_bytes(path))]

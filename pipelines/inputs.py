"""Source shards: the input files of every subset, and splits of large ones, numbered once for the whole build.

Splits depend on the file's name, its size and the mixture's `split_bytes` alone. A record belongs to the split that it
starts in, so what a build holds does not depend on who reads which split.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise, takewhile

from pipelines import files, sources
from pipelines.sources.folder import folders
from pipelines.sources.how import How

GLOB = "*?["


@dataclass(frozen=True)
class Shard:
    """An input file, or the split of it that begins at byte `start` and has `bytes`.

    `source` is its path relative to the input root, `version` changes with its content.
    """

    number: int
    subset: str
    source: str
    bytes: int
    version: str
    start: int = 0
    end: int | None = None  # of a split; None for a whole file

    def how(self, fields: Mapping[str, str], licences: tuple[str, ...]) -> How:
        """How the file is read: this part of it, with what the mixture says of its subset."""
        return How(fields, licences, self.start, self.end)


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


def find(
    patterns: Mapping[str, Iterable[tuple[str, str]]], split_bytes: int | None = None, whole: Collection[str] = ()
) -> list[Shard]:
    """All source shards, numbered by sorted (subset, source, split).

    `patterns` maps a subset to (root, glob relative to it); one that ends with a slash matches folders, each a shard. A
    file that two globs of a subset match counts once. Files above `split_bytes` are split where their format allows
    it, except those of the subsets in `whole`, which have a reader of their own.
    """
    found: dict[tuple[str, str], files.Listed] = {}
    for subset, globs in patterns.items():
        for root, pattern in globs:
            list_matching = folders if pattern.endswith("/") else files.listing
            for listed in list_matching(files.join(root, pattern)):
                source = listed.path[len(root.rstrip("/")) + 1 :]
                found[subset, source] = listed
    parts = (
        (subset, source, listed.version, *span)
        for (subset, source), listed in sorted(found.items(), key=lambda item: item[0])
        for span in _spans(listed, None if subset in whole else split_bytes)
    )
    return [
        Shard(number, subset, source, (listed_end or size) - start, version, start, listed_end)
        for number, (subset, source, version, start, listed_end, size) in enumerate(parts)
    ]


def _spans(listed: files.Listed, split_bytes: int | None) -> Iterator[tuple[int, int | None, int]]:
    """Start, end and file size of every split; the end is None where the file is whole."""
    if split_bytes is None or listed.bytes <= split_bytes or not sources.can_split(listed.path):
        yield 0, None, listed.bytes
        return
    count = -(-listed.bytes // split_bytes)
    bounds = [listed.bytes * number // count for number in range(count + 1)]
    for start, end in pairwise(bounds):
        yield start, end, listed.bytes


def write_table(path: str, shards: Iterable[Shard]) -> None:
    """Write the shard table for workers, which load it by path."""
    files.write_bytes(path, json.dumps([asdict(shard) for shard in shards]).encode())


def read_table(path: str) -> list[Shard]:
    return [Shard(**row) for row in json.loads(files.read_bytes(path))]

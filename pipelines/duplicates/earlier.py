"""Finished builds as further shards of a later one: what they kept is kept, and takes from the new what it has.

Of an earlier build only packed rows are read: `exact/*.survivors`, `signatures/*.bands` and `*.shingles`, and the drops
of `near`. Its text may be gone. Its shard s is shard `first` + s here, after this build's own shards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines import documents, files, identity
from pipelines.exchange import map_rows
from pipelines.stage import FORMAT, MANIFEST, Mark

STAGES = ("exact", "signatures", "near")


@dataclass(frozen=True)
class Earlier:
    """The duplicate search of a finished build: its three folders, and its `count` shards from number `first` on."""

    exact: str
    signatures: str
    near: str
    first: int
    count: int

    def rows(self, folder: str, shard: int, ending: str, dtype: np.dtype) -> np.ndarray:
        """One of its packed files in memory, with the docids that its documents have here."""
        rows = np.array(map_rows(documents.shard_file(folder, shard - self.first, ending), dtype))
        rows["docid"] += self.first << 32
        return rows

    def near_dropped(self, shard: int) -> np.ndarray:
        return documents.dropped([self.near], shard - self.first) + (self.first << 32)


def holding(earlier: Iterable[Earlier], shard: int) -> Earlier | None:
    """The earlier build that has this shard; None for a shard of this build's own."""
    return next((build for build in earlier if build.first <= shard < build.first + build.count), None)


@dataclass(frozen=True)
class Finished:
    """What a later build has to know of an earlier one: its folders, the marks by its own shard numbers, and the digest
    of all of it, by which reports name the build.
    """

    build: Earlier
    generation: int
    marks: Mapping[str, Mapping[int, Mark]]
    digest: str

    @property
    def documents(self) -> int:
        """Documents with a signature."""
        return sum(mark.counts["documents"] for mark in self.marks["signatures"].values())

    def numbered(self, stage: str) -> dict[int, Mark]:
        """The marks of one of its stages by the numbers that its shards have here."""
        return {self.build.first + shard: mark for shard, mark in self.marks[stage].items()}


def read(folder: str, first: int, settings: Mapping[str, Mapping[str, Any]]) -> Finished:
    """The finished duplicate search below `folder` (with `exact`, `signatures` and `near`) as shards from `first` on.

    `settings` are this build's per stage. Raises ValueError where a stage is not finished or was set otherwise.
    """
    paths = {name: files.join(folder, name) for name in STAGES}
    manifests = {name: _manifest(paths[name], settings.get(name, {})) for name in STAGES}
    shards = sorted(int(shard) for shard in manifests["signatures"]["shards"])
    marks = {
        name: {shard: Mark.from_json(manifest["shards"][str(shard)]) for shard in shards}
        for name, manifest in manifests.items()
    }
    digests = {name: [mark.digests for mark in found.values()] for name, found in marks.items()}
    generation = manifests["signatures"]["settings"]["generation"]
    build = Earlier(paths["exact"], paths["signatures"], paths["near"], first, len(shards))
    return Finished(build, generation, marks, identity.digest(digests))


def _manifest(folder: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    path = files.join(folder, MANIFEST)
    if not files.exists(path):
        raise ValueError(f"no {path}: expected a build that has finished deduplicate; run it with --until deduplicate")
    manifest: dict[str, Any] = json.loads(files.read_bytes(path))
    if manifest["format"] != FORMAT:
        raise ValueError(f"{path} has format {manifest['format']}, this version reads format {FORMAT}: build it again")
    for key, wanted in settings.items():
        found = manifest["settings"].get(key)
        if found != wanted:
            raise ValueError(
                f"{folder} was made with {key} {found!r}, this build has {wanted!r}: their rows cannot be compared; "
                "give the mixture the same value, or build the earlier one again"
            )
    return manifest

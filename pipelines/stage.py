"""Stages: folders of per-shard files that know what they were made from, so that nothing finished is made again.

A shard's mark (`00012.json`) is written after its files and holds the digest of everything they depend on: the code,
the settings, and the content of the files before it. The stage's manifest (`stage.json`) gathers all marks and is
written last. Run again with the same digests, a stage is skipped; inside a stage only shards whose digest changed run.
Digests of content, not of history: where an edit upstream yields the same bytes, nothing after it is redone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from pipelines import files, identity
from pipelines.files import Written

FORMAT = 1
MANIFEST = "stage.json"
FREED = "freed"


@dataclass(frozen=True)
class Result:
    """What a shard's work made: its files and its counts (nested dicts of integers, which the driver sums)."""

    files: list[Written]
    counts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mark:
    """A finished shard."""

    identity: str
    files: list[Written]
    counts: dict[str, Any]

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Mark:
        return Mark(data["identity"], [Written(**f) for f in data["files"]], data["counts"])

    @property
    def digests(self) -> list[str]:
        return [f.sha256 for f in self.files]


class ShardWork(Protocol):
    """A picklable piece of work on one shard. `run` writes the shard's files and returns them with its counts."""

    def warm_up(self) -> None: ...

    def run(self, shard: int) -> Result: ...


@dataclass(frozen=True)
class Stage:
    """A stage folder and everything that shapes its bytes.

    `inputs` holds per shard what the shard is made from (digests of files, a source file's version); `sizes` the bytes
    of work per shard, for ordering and progress. In a stage that exchanges rows every shard depends on all inputs.
    """

    name: str
    folder: str
    code: str
    settings: Mapping[str, Any]
    inputs: Mapping[int, Any]
    sizes: Mapping[int, int]
    exchanges: bool = False

    @property
    def key(self) -> str:
        return identity.digest([FORMAT, self.name, self.code, self.settings])

    def identities(self) -> dict[int, str]:
        """What each shard's mark must say for the shard to be up to date."""
        if self.exchanges:
            whole = identity.digest([self.key, sorted(self.inputs.items())])
            return dict.fromkeys(self.inputs, whole)
        return {shard: identity.digest([self.key, made_from]) for shard, made_from in self.inputs.items()}

    def file(self, shard: int, ending: str) -> str:
        return files.join(self.folder, f"{shard:05d}{ending}")


def write_mark(folder: str, shard: int, made_from: str, result: Result) -> None:
    mark = {"identity": made_from, "files": [asdict(f) for f in result.files], "counts": result.counts}
    files.write_bytes(files.join(folder, f"{shard:05d}.json"), json.dumps(mark, sort_keys=True).encode())


def read_marks(folder: str, shards: Iterable[int]) -> dict[int, Mark]:
    """Marks of the finished shards among `shards`; a mark whose files are missing or cut is none."""
    present = files.sizes(folder)
    marked = [shard for shard in shards if f"{shard:05d}.json" in present]
    data = files.read_all([files.join(folder, f"{shard:05d}.json") for shard in marked])
    marks = {shard: Mark.from_json(json.loads(mark)) for shard, mark in zip(marked, data, strict=True)}
    return {shard: mark for shard, mark in marks.items() if _is_whole(mark, present)}


def _is_whole(mark: Mark, present: Mapping[str, int]) -> bool:
    return all(present.get(f.name) == f.bytes for f in mark.files)


def finished(stage: Stage) -> dict[int, Mark]:
    """The stage's marks that are up to date, by shard."""
    wanted = stage.identities()
    marks = _manifest_marks(stage, wanted) or read_marks(stage.folder, stage.inputs)
    return {shard: mark for shard, mark in marks.items() if mark.identity == wanted[shard]}


def _manifest_marks(stage: Stage, wanted: Mapping[int, str]) -> dict[int, Mark]:
    """Marks as the stage's manifest gathers them, empty unless all are up to date and their files there or freed."""
    manifest = read_manifest(stage.folder)
    marks = {int(shard): Mark.from_json(mark) for shard, mark in manifest.get("shards", {}).items()}
    if {shard: mark.identity for shard, mark in marks.items()} != dict(wanted):
        return {}
    if FREED in manifest:
        return marks
    present = files.sizes(stage.folder)
    return marks if all(_is_whole(mark, present) for mark in marks.values()) else {}


def read_manifest(folder: str) -> dict[str, Any]:
    """The manifest of a finished stage, {} where there is none. Raises ValueError for another format."""
    path = files.join(folder, MANIFEST)
    try:
        manifest: dict[str, Any] = json.loads(files.read_bytes(path))
    except FileNotFoundError:
        return {}
    if manifest["format"] != FORMAT:
        raise ValueError(
            f"{path} has format {manifest['format']}, this version reads format {FORMAT}: "
            "build into an empty folder, or use the version of massivetext that wrote it"
        )
    return manifest


def free(folder: str, how: str, keep: Iterable[str] = ()) -> int:
    """Remove the files of a finished stage, all but those named in `keep`, and return their bytes.

    The manifest stays and says `how`, first of all: with it the stage counts as finished as long as nothing changes.
    """
    manifest = read_manifest(folder)
    if not manifest:
        return 0
    write_manifest(folder, {**manifest, FREED: how})
    gone = {name: count for name, count in files.sizes(folder).items() if name not in {MANIFEST, *keep}}
    files.remove_files(files.join(folder, name) for name in gone)
    return sum(gone.values())


def write_manifest(folder: str, manifest: Mapping[str, Any]) -> None:
    files.write_bytes(files.join(folder, MANIFEST), json.dumps(manifest, sort_keys=True, indent=1).encode())


def prepare(stage: Stage, todo: Iterable[int]) -> None:
    """Forget what is about to be made again: the manifest, and the shards' marks."""
    files.make_folder(stage.folder)
    present = files.sizes(stage.folder)
    gone = [name for name in (MANIFEST, *(f"{shard:05d}.json" for shard in todo)) if name in present]
    files.remove_files(files.join(stage.folder, name) for name in gone)


def conclude(stage: Stage, done: Mapping[int, Mark] | None = None) -> dict[int, Mark]:
    """Write the manifest of a stage whose shards have all run, remove what no mark names, and return the marks.

    `done`: marks that were up to date before it ran. Raises RuntimeError naming the shards that left none.
    """
    wanted, before = stage.identities(), done or {}
    made = read_marks(stage.folder, sorted(set(wanted) - set(before)))
    marks = dict(sorted({**before, **{i: mark for i, mark in made.items() if mark.identity == wanted[i]}}.items()))
    missing = sorted(set(stage.inputs) - set(marks))
    if missing:
        raise RuntimeError(f"stage {stage.name}: no finished file for shards {missing[:10]} in {stage.folder}")
    _remove_strays(stage.folder, marks)
    shards = {str(shard): asdict(mark) for shard, mark in marks.items()}
    write_manifest(stage.folder, {"format": FORMAT, "stage": stage.name, "settings": stage.settings, "shards": shards})
    return marks


def _remove_strays(folder: str, marks: Mapping[int, Mark]) -> None:
    known = {MANIFEST, *(f"{shard:05d}.json" for shard in marks)}
    known.update(f.name for mark in marks.values() for f in mark.files)
    files.remove_files(files.join(folder, stray) for stray in set(files.sizes(folder)) - known)
    files.remove_temporary(folder)


def total(marks: Iterable[Mark]) -> dict[str, Any]:
    """The counts of all marks added up, key by key."""
    result: dict[str, Any] = {}
    for mark in marks:
        _add(result, mark.counts)
    return result


def _add(into: dict[str, Any], counts: Mapping[str, Any]) -> None:
    for key, value in counts.items():
        if isinstance(value, Mapping):
            _add(into.setdefault(key, {}), value)
        elif isinstance(value, list):
            into.setdefault(key, []).extend(value)
        else:
            into[key] = into.get(key, 0) + value

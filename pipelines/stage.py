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

import apache_beam as beam

from pipelines import files, identity
from pipelines.files import Written

FORMAT = 1
MANIFEST = "stage.json"


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
    present = set(files.names(folder))
    found = {}
    for shard in shards:
        if f"{shard:05d}.json" in present:
            mark = Mark.from_json(json.loads(files.read_bytes(files.join(folder, f"{shard:05d}.json"))))
            if all(files.size(files.join(folder, f.name)) == f.bytes for f in mark.files):
                found[shard] = mark
    return found


def finished(stage: Stage) -> dict[int, Mark]:
    """The stage's marks that are up to date, by shard."""
    wanted = stage.identities()
    marks = _manifest_marks(stage, wanted) or read_marks(stage.folder, stage.inputs)
    return {shard: mark for shard, mark in marks.items() if mark.identity == wanted[shard]}


def _manifest_marks(stage: Stage, wanted: Mapping[int, str]) -> dict[int, Mark]:
    """Marks as the stage's manifest gathers them, empty unless all are up to date and their files there."""
    path = files.join(stage.folder, MANIFEST)
    if not files.exists(path):
        return {}
    manifest = json.loads(files.read_bytes(path))
    if manifest["format"] != FORMAT:
        raise ValueError(
            f"{path} has format {manifest['format']}, this version reads format {FORMAT}: "
            "build into an empty folder, or use the version of massivetext that wrote it"
        )
    marks = {int(shard): Mark.from_json(mark) for shard, mark in manifest["shards"].items()}
    if {shard: mark.identity for shard, mark in marks.items()} != dict(wanted):
        return {}
    whole = all(files.size(files.join(stage.folder, f.name)) == f.bytes for m in marks.values() for f in m.files)
    return marks if whole else {}


def prepare(stage: Stage, todo: Iterable[int]) -> None:
    """Forget what is about to be made again: the manifest, the shards' marks, files that nothing refers to."""
    files.make_folder(stage.folder)
    files.remove(files.join(stage.folder, MANIFEST))
    present = set(files.names(stage.folder))
    for shard in todo:
        mark = f"{shard:05d}.json"
        if mark in present:
            files.remove(files.join(stage.folder, mark))


def conclude(stage: Stage) -> dict[int, Mark]:
    """Write the manifest of a stage whose shards have all run, remove what no mark names, and return the marks.

    Raises RuntimeError naming the shards that left no up-to-date mark.
    """
    marks = finished(stage)
    missing = sorted(set(stage.inputs) - set(marks))
    if missing:
        raise RuntimeError(f"stage {stage.name}: no finished file for shards {missing[:10]} in {stage.folder}")
    _remove_strays(stage.folder, marks)
    shards = {str(shard): asdict(mark) for shard, mark in sorted(marks.items())}
    manifest = {"format": FORMAT, "stage": stage.name, "settings": stage.settings, "shards": shards}
    files.write_bytes(files.join(stage.folder, MANIFEST), json.dumps(manifest, sort_keys=True, indent=1).encode())
    return marks


def _remove_strays(folder: str, marks: Mapping[int, Mark]) -> None:
    known = {MANIFEST, *(f"{shard:05d}.json" for shard in marks)}
    known.update(f.name for mark in marks.values() for f in mark.files)
    for stray in set(files.names(folder)) - known:
        files.remove(files.join(folder, stray))
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


class RunShard(beam.DoFn):
    """(shard, identity) -> shard, once its files and then its mark are written."""

    def __init__(self, work: ShardWork, folder: str) -> None:
        self.work = work
        self.folder = folder

    def setup(self) -> None:
        self.work.warm_up()

    def process(self, element: tuple[int, str]) -> Iterable[int]:
        shard, made_from = element
        write_mark(self.folder, shard, made_from, self.work.run(shard))
        beam.metrics.Metrics.counter("massivetext", "shards").inc()
        yield shard


class EachShard(beam.PTransform):
    """Run a work on every shard that is not finished. In: (shard, identity), biggest first. Out: shard numbers."""

    def __init__(self, work: ShardWork, folder: str) -> None:
        super().__init__()
        self.work = work
        self.folder = folder

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | "Run" >> beam.ParDo(RunShard(self.work, self.folder)).with_output_types(int)

"""What a finished build keeps of its stages, and which stage can still run on what is kept.

A freed folder keeps its manifest, with the digest of every file that was there: the same command finds each stage as it
was left and does nothing. A stage that would have to run, but reads what was freed, is refused before anything changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massivetext.errors import BuildError
from massivetext.folders import Folders
from massivetext.stages import NAMES
from pipelines import files, identity, skipped, stage
from pipelines.free import FreeDropped
from pipelines.packing import records
from pipelines.stage import Stage

if TYPE_CHECKING:
    from pipelines.engine import Engine

KEEP = ("all", "last", "none")
DROPPED = "dropped"
SIDECARS = ("stages/identify", "stages/decide", "stages/exact", "stages/near", "stages/exclude")
FINAL = ("tokens/encoded", "tokens/model", "stages/cut/final")
# The folders that hold much, by what each is made from, in the order of the stages.
READS: Mapping[str, tuple[str, ...]] = {
    "documents": (),
    "stages/identify": ("documents",),
    "stages/decide": ("documents", "stages/identify"),
    "stages/exact": ("documents", *SIDECARS[:2]),
    "stages/signatures": ("documents", *SIDECARS[:3]),
    "stages/near-rounds": ("stages/signatures",),
    "stages/near": ("stages/near-rounds",),
    "stages/groups": ("stages/exact", "stages/near"),
    "stages/matches": ("stages/exact", "stages/near"),
    "stages/test_sets": (),
    "stages/exclude": ("documents", *SIDECARS[:4], "stages/test_sets"),
    "tokens/kept": ("documents", *SIDECARS),
    "tokens/sample": ("documents", *SIDECARS),
    "tokens/model": ("tokens/sample",),
    "tokens/encoded": ("documents", *SIDECARS, "tokens/model"),
    "stages/cut/anchors": ("tokens/encoded",),
    "stages/cut/live_anchors": ("stages/cut/anchors",),
    "stages/cut/windows": ("tokens/encoded", "stages/cut/live_anchors"),
    "stages/cut/repeats": ("stages/cut/windows",),
    "stages/cut/final": ("tokens/encoded", "tokens/model", "stages/cut/repeats"),
    "stages/mix/keys": FINAL,
    "stages/mix/bins": ("stages/mix/keys",),
    "stages/pack/scatter": FINAL,
    "stages/pack/shards": ("stages/pack/scatter",),
    "text": ("documents", *FINAL),
    "index": ("documents",),
}
# Small, and read by every run: the tokenizer, the plan, the marks of train/.
STAYS = ("tokens/model", "stages/mix/keys", "stages/mix/bins", "stages/pack/shards", "text")
LAST = (*SIDECARS, *FINAL, "stages/signatures", "index", *STAYS)
# These read no text of a document that a sidecar drops.
KEPT_ONLY = ("tokens/kept", "tokens/sample", "tokens/encoded", "text", "index")
BESIDE = ("text", "index")  # made beside the stages; a freed index goes with `documents` alone


def frees(keep: str) -> list[str]:
    """The folders whose files go."""
    stays = {"all": tuple(READS), "last": LAST, "none": STAYS}[keep]
    return [place for place in READS if place not in stays]


def stays(folder: str, keep: str) -> list[str]:
    """The files of a freed folder that stay: why a record is no document, small, as long as the index leads to it."""
    return [name for name in files.names(folder) if name.endswith(skipped.ENDING)] if keep == "last" else []


def _stage_of(place: str) -> str:
    """The stage by name that makes a folder."""
    first = {"documents": "curate", "tokens": "tokenize", "index": "pack", "text": "pack"}
    parts = place.split("/")
    of_stages = {"identify": "identify", "decide": "decide", "cut": "cut", "mix": "mix", "pack": "pack"}
    of_stages |= {"exclude": "exclude", "test_sets": "exclude"}
    return first[parts[0]] if parts[0] in first else of_stages.get(parts[1], "deduplicate")


@dataclass(frozen=True)
class Retention:
    """The build folder and what was freed of it."""

    folders: Folders

    def freed(self) -> dict[str, str]:
        """Folders whose files are gone, and how: `last`, `none`, or `dropped` where only texts of dropped documents."""
        found = {}
        for place in READS:
            manifests = [stage.read_manifest(self.folders.file(folder)) for folder in self._all(place)]
            how = {str(manifest[stage.FREED]) for manifest in manifests if stage.FREED in manifest}
            if how:
                found[place] = min(how)
        return found

    def check(self, todo: Stage) -> None:
        """Raises BuildError, before the stage changes anything, where it reads what was freed."""
        place = todo.folder[len(self.folders.out) + 1 :]
        if place.startswith("stages/near-rounds"):
            place = "stages/near-rounds"
        freed = self.freed()
        gone = [place] if place == "documents" and place in freed else _missing(place, freed)
        if gone:
            raise BuildError(self._refusal(todo.name, gone, freed))

    def check_from(self, first: str) -> None:
        """Raises BuildError where the stages from `first` on read what was freed and will not be made again."""
        freed = self.freed()
        again = set(NAMES[NAMES.index(first) :])
        for place in READS:
            if _stage_of(place) in again and place not in BESIDE:
                gone = [read for read in _missing(place, freed) if _stage_of(read) not in again]
                if gone:
                    raise BuildError(self._refusal(first, gone, freed))

    def _refusal(self, name: str, gone: Sequence[str], freed: Mapping[str, str]) -> str:
        start = min((_restart(place, freed) for place in gone), key=NAMES.index)
        return (
            f"{name} would have to run again, because its input, code or options changed since, but it reads "
            f"{', '.join(gone)} in {self.folders.out}, which --keep or --keep-dropped freed. train/ stays as it is. "
            f"--from {start} makes everything from {start} on again; or build into another folder"
        )

    def apply(self, keep: str) -> dict[str, int]:
        """Free what `keep` says and return the bytes by folder. Raises BuildError where train/ is not finished."""
        self.check_finished()
        found = {}
        for place in frees(keep):
            for folder in self._all(place):
                bytes_ = stage.free(self.folders.file(folder), keep, stays(self.folders.file(folder), keep))
                if bytes_:
                    found[folder] = bytes_
        return found

    def check_finished(self) -> None:
        """Raises BuildError where train/ is not finished: everything may still be needed."""
        if not files.exists(files.join(self.folders.train, records.MANIFEST)):
            raise BuildError(
                f"{self.folders.train} is not finished, so every stage may still be needed: build it first"
            )

    def apply_to_dropped(self, engine: Engine) -> int:
        """Free the texts of documents that a sidecar drops; returns the bytes.

        The manifest says so before a file changes, so that a kill in between reads nothing again.
        """
        self.check_finished()
        documents = self.folders.documents
        manifest = stage.read_manifest(documents)
        if manifest.get(stage.FREED, DROPPED) != DROPPED:
            return 0
        before = sum(files.sizes(documents).values())
        stage.write_manifest(documents, {**manifest, stage.FREED: DROPPED})
        shards = {int(shard): [file["sha256"] for file in mark["files"]] for shard, mark in manifest["shards"].items()}
        drops = tuple(self.folders.file(place) for place in SIDECARS)
        work = FreeDropped(documents, drops)
        sizes = {int(i): sum(f["bytes"] for f in mark["files"]) for i, mark in manifest["shards"].items()}
        todo = Stage("free", self.folders.stage("free"), identity.of_code("pipelines.free"), {}, shards, sizes)
        engine.run_shards(todo, work, 0.02)
        return before - sum(files.sizes(documents).values())

    def _all(self, place: str) -> list[str]:
        if place != "stages/near-rounds":
            return [place]
        found = files.listing(files.join(self.folders.file(place), "*", stage.MANIFEST))
        return [listed.path[len(self.folders.out) + 1 : -len(stage.MANIFEST) - 1] for listed in found]


def _missing(place: str, freed: Mapping[str, str]) -> list[str]:
    """Of what a folder is made from, what is freed."""
    return [
        read for read in READS.get(place, ()) if read in freed and not (freed[read] == DROPPED and place in KEPT_ONLY)
    ]


def _restart(place: str, freed: Mapping[str, str]) -> str:
    """The stage from which a freed folder can be made again."""
    earlier = [_restart(read, freed) for read in READS[place] if read in freed]
    return min([_stage_of(place), *earlier], key=NAMES.index)

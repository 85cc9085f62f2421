"""The stages of duplicate search in a build, and the earlier builds it is done against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from massivetext.errors import BuildError
from massivetext.folders import Folders
from massivetext.mixture import GENERATIONS, Mixture, Subset
from pipelines import identity
from pipelines.duplicates import copies, earlier, groups, matches, rounds, signatures
from pipelines.duplicates.earlier import Earlier, Finished
from pipelines.inputs import Shard
from pipelines.stage import Mark, Stage

if TYPE_CHECKING:
    from pipelines.engine import Engine

# CPU seconds per MB of documents, measured; it only chooses processes.
COST = 0.1
BEFORE = ("curate", "identify", "decide")

Marks = dict[int, Mark]


def signature_settings(mixture: Mixture) -> dict[str, Any]:
    """What makes band keys and shingle hashes of two builds comparable."""
    near = mixture.near
    return {"scheme": signatures.SCHEME, "bands": near.bands, "rows": near.rows, "by": near.scope}


def read_earlier(paths: Sequence[str], mixture: Mixture, shards: int) -> list[Finished]:
    """The finished builds in these folders, as shards after the `shards` of this build.

    Raises BuildError where one is not finished or cannot be compared with this build.
    """
    found: list[Finished] = []
    wanted = {"exact": {"by": mixture.exact_scope}, "signatures": signature_settings(mixture)}
    first = shards
    for path in paths:
        try:
            found.append(earlier.read(Folders(path.rstrip("/")).file("stages"), first, wanted))
        except ValueError as error:
            raise BuildError(f"--against {path}: {error}") from error
        first += found[-1].build.count
    last = max((generation(found, subset) for subset in mixture.subsets), default=0)
    if last >= GENERATIONS:
        raise BuildError(
            f"--against: this build would be generation {last}, the last there can be is {GENERATIONS - 1}"
        )
    return found


def generation(found: Sequence[Finished], subset: Subset) -> int:
    """The subset's generation in this build: after all earlier builds."""
    return max((finished.generation + 1 for finished in found), default=0) + subset.generation


@dataclass
class Search:
    """Exact copies, near-duplicates, the groups they form, and the earlier documents that they match.

    `marks` are those of the build's stages so far; each stage here adds its own. `rounds`: the counts of every round.
    """

    mixture: Mixture
    folders: Folders
    engine: Engine
    shards: Sequence[Shard]
    sizes: Mapping[int, int]
    marks: dict[str, Marks]
    earlier: Sequence[Finished]
    rounds: list[dict[str, int]] = field(default_factory=list)

    def run(self) -> None:
        self._exact()
        self._near()
        exact, near = self.folders.stage("exact"), self.folders.stage("near")
        names = tuple(subset.name for subset in self.mixture.subsets)
        counting = groups.Groups(exact, near, names, self._builds)
        self._exchange("groups", counting, {"subsets": names}, ["exact", "near"])
        if self.earlier:
            naming = matches.Matches((exact, near), self.folders.stage("matches"), self._builds)
            self._exchange("matches", naming, {}, ["exact", "near"])

    def _exact(self) -> None:
        roles = tuple((subset.name, subset.exact) for subset in self.mixture.subsets)
        by = self.mixture.exact_scope
        documents, drops = self.folders.documents, self._drop_folders(*BEFORE[1:])
        work = copies.Exact(documents, drops, self.folders.stage("exact"), roles, by, self._builds)
        self._exchange("exact", work, {"by": by, "roles": roles}, BEFORE)

    def _near(self) -> None:
        how = self.mixture.near
        roles = {subset.name: subset.near for subset in self.mixture.subsets}
        folder, after = self.folders.stage("signatures"), (*BEFORE, "exact")
        last = max(generation(self.earlier, subset) for subset in self.mixture.subsets)
        todo = Stage(
            "signatures",
            folder,
            identity.of_code("pipelines.duplicates.signatures"),
            {**signature_settings(self.mixture), "generation": last},
            {s.number: [self._digests(s.number, after), roles[s.subset]] for s in self.shards},
            self.sizes,
        )
        work = signatures.Signatures(
            self.folders.documents,
            self._drop_folders(*after[1:]),
            folder,
            tuple(roles.items()),
            how.bands * how.rows,
            how.bands,
            by=how.scope,
        )
        marks = self.engine.run_shards(todo, work, COST)
        self.marks["near"], self.rounds = rounds.near_duplicates(
            self.engine, self.folders.stage("near"), folder, marks, how.threshold, self.earlier
        )

    @property
    def _builds(self) -> tuple[Earlier, ...]:
        return tuple(finished.build for finished in self.earlier)

    def _exchange(self, name: str, work: Any, settings: Mapping[str, Any], after: Sequence[str]) -> None:
        """Run an exchange over this build's shards and those of the earlier builds, and keep this build's marks."""
        made_from: dict[int, Any] = {shard.number: self._digests(shard.number, after) for shard in self.shards}
        for finished in self.earlier:
            made_from.update({n: mark.digests for n, mark in finished.numbered("exact").items()})
        code = identity.of_code(type(work).__module__)
        todo = Stage(name, self.folders.stage(name), code, settings, made_from, self.sizes, exchanges=True)
        read = sum(self.marks["curate"][s.number].counts[s.subset]["documents"] for s in self.shards)
        read += sum(finished.documents for finished in self.earlier)
        self.marks[name] = self.engine.run_exchange(todo, work, read * work.rows.itemsize)

    def _digests(self, shard: int, names: Sequence[str]) -> list[list[str]]:
        return [self.marks[name][shard].digests for name in names]

    def _drop_folders(self, *names: str) -> tuple[str, ...]:
        return tuple(self.folders.stage(name) for name in names)

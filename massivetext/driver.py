"""Runs a build: every stage in its order, each made from what the ones before it left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from massivetext import account, duplicates, report
from massivetext.disk import Room, gigabytes
from massivetext.errors import BuildError
from massivetext.folders import Folders
from massivetext.mixture import Mixture
from massivetext.progress import Progress, describe_shards
from massivetext.retention import Retention
from massivetext.stages import DROPPING, NAMES, Stages
from massivetext.table import closing_table
from pipelines import files, inputs
from pipelines.engine import Engine
from pipelines.inputs import Shard
from pipelines.stage import Stage


@dataclass
class Build:
    """A build of `mixture` into `out` from `given` (the input folder) and `sources` (globs for single subsets).

    `against`: finished builds that it is deduplicated against; `accept_loss`: subsets that may lose more than the
    mixture's share to duplicates.
    """

    mixture: Mixture
    out: str
    given: str | None
    sources: Mapping[str, Sequence[str]]
    engine: Engine
    tokens: int | None = None
    text: bool = False
    megatron: bool = False
    against: Sequence[str] = ()
    accept_loss: Collection[str] = ()
    keep: str = "all"
    keep_dropped: str = "all"
    progress: Progress = field(default_factory=Progress)

    def run(self, first: str | None = None, last: str | None = None) -> None:
        """Run the stages, from `first` on even where they are finished, until `last`; then account for everything.

        Raises BuildError for input that is not there or largely unreadable, RuntimeError if the sums do not agree.
        """
        folders = Folders(self.out)
        patterns = {subset.name: self._globs(subset.name, subset.patterns) for subset in self.mixture.subsets}
        shards = self._find(patterns)
        inputs.write_table(folders.stage("shards.json"), shards)
        roots = {name: globs[0][0] for name, globs in patterns.items()}
        retention, room = Retention(folders), Room(self.out)
        if first:
            retention.check_from(first)
            _forget(folders, NAMES[NAMES.index(first) :])
        freed = retention.freed()

        def check(todo: Stage, todo_shards: Sequence[int], row_bytes: int) -> None:
            if freed:
                retention.check(todo)
            room.check(todo, todo_shards, row_bytes)

        engine = replace(self.engine.reporting(self.progress.report), check=check)
        stages = Stages(
            self.mixture,
            folders,
            engine,
            shards,
            roots,
            self.given,
            self.tokens,
            earlier=duplicates.read_earlier(self.against, self.mixture, len(shards)),
            accepted=frozenset(self.accept_loss),
        )
        self.progress.say(f"{self.mixture.name}: {describe_shards(_sizes(shards))}")
        for name in NAMES:
            with self.progress.stage(name):
                stages.run(name)
            if name == last:
                break
        if self.text and stages.manifest is not None:
            with self.progress.stage("text"):
                stages.export()
        if self.megatron and stages.manifest is not None:
            with self.progress.stage("megatron"):
                stages.megatron()
        with self.progress.stage("index"):
            stages.index()
        self._conclude(stages, freed)
        if stages.manifest is not None:
            self._free(retention, engine)

    def _free(self, retention: Retention, engine: Engine) -> None:
        """Free what is not to be kept of a finished build, and say what that costs."""
        if self.keep_dropped == "none" and self.keep == "all":
            bytes_ = retention.apply_to_dropped(engine)
            if bytes_:
                self.progress.say(
                    f"--keep-dropped none freed {gigabytes(bytes_)}: other rules, duplicates or test sets now need the "
                    "sources again, and excerpts of dropped documents are gone"
                )
        freed = retention.apply(self.keep) if self.keep != "all" else {}
        if freed:
            self.progress.say(f"--keep {self.keep} freed {gigabytes(sum(freed.values()))}: {', '.join(freed)}")

    def _find(self, patterns: Mapping[str, Sequence[tuple[str, str]]]) -> list[Shard]:
        own = [subset.name for subset in self.mixture.subsets if subset.reader]
        found = inputs.find(patterns, self.mixture.split_bytes, own)
        missing = sorted(set(patterns) - {shard.subset for shard in found})
        if missing:
            looked = "\n".join(
                f"  {name}: {files.join(*globs[0])} ..." for name, globs in patterns.items() if name in missing
            )
            raise BuildError(
                f"no input for {', '.join(missing)}; looked for\n{looked}\n"
                "give --source SUBSET=GLOB, another --input, or a mixture without the subset"
            )
        return found

    def _globs(self, name: str, patterns: Sequence[str]) -> list[tuple[str, str]]:
        """(root, pattern relative to it) of a subset; the globs of one subset share a root."""
        if name not in self.sources:
            if self.given is None:
                raise BuildError(f"no input for {name}: give --input DIR, or --source {name}=GLOB")
            return [(self.given.rstrip("/"), pattern) for pattern in patterns]
        given = list(self.sources[name])
        root = inputs.common_root(given)
        return [(root, pattern[len(root) + 1 :]) for pattern in given]

    def _conclude(self, stages: Stages, freed: Collection[str]) -> None:
        """Check the sums, write report.json and run.json, print the closing table."""
        made = stages.marks
        drops = [made[name] for name in (*DROPPING[1:], "cut") if name in made]
        order = report.rule_order(self.mixture)
        accounts = account.account(stages.shards, made["curate"], made.get("identify"), drops, order)
        final = None if stages.plan is None else report.final_documents(stages.plan)
        problems = account.problems(accounts, final)
        if problems:
            raise RuntimeError("the build does not add up, which is a defect: " + "; ".join(problems))
        notes = [*stages.notes, *(stages.plan.warnings if stages.plan else [])]
        if freed and stages.manifest is not None and files.exists(stages.folders.file("report.json")):
            notes.append(f"stages are freed ({', '.join(freed)}): train/ is finished, and report.json stays as it was")
        else:
            report.write(stages.folders, self.mixture, accounts, stages.plan, stages.manifest, notes, stages.evidence)
        report.write_run(stages.folders, self.engine, self.progress)
        self.progress.say("")
        print(closing_table(accounts, order, report.sampled(stages.plan)))
        for note in notes:
            print(f"note: {note}")


def _sizes(shards: Sequence[Shard]) -> dict[str, list[int]]:
    sizes: dict[str, list[int]] = {}
    for shard in shards:
        sizes.setdefault(shard.subset, []).append(shard.bytes)
    return sizes


def _forget(folders: Folders, names: Sequence[str]) -> None:
    """Remove what these stages made."""
    stages = folders.stage
    owned = {
        "curate": [folders.documents, folders.index, stages("aside")],
        "deduplicate": [
            stages("exact"),
            stages("signatures"),
            stages("near-rounds"),
            stages("near"),
            stages("groups"),
            stages("matches"),
        ],
        "exclude": [stages("test_sets"), stages("exclude")],
        "tokenize": [folders.tokens],
    }
    for name in names:
        for folder in owned.get(name, [stages(name)]):
            files.remove(folder)

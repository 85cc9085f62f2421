"""The stages of a build: what each is made from, which work it runs, and the marks it leaves for the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from filters import asked
from massivetext import account, duplicates, report
from massivetext.errors import BuildError
from massivetext.evidence import Evidence
from massivetext.folders import Folders
from massivetext.mixture import Mixture
from massivetext.reading import Reading
from pipelines import cut, exclude, export, files, identity, index, mix, pack, tokens
from pipelines.decide import Decide
from pipelines.duplicates.earlier import Finished
from pipelines.identify import Identify
from pipelines.inputs import Shard
from pipelines.mix import FinalTokens
from pipelines.packing import megatron
from pipelines.packing.quotas import Plan
from pipelines.packing.quotas import Subset as Wanted
from pipelines.packing.records import Layout
from pipelines.stage import Mark, Stage
from pipelines.tokenization import tokenizer

if TYPE_CHECKING:
    from pipelines.engine import Engine

NAMES = ("curate", "identify", "decide", "deduplicate", "exclude", "tokenize", "cut", "mix", "pack")
DROPPING = ("identify", "decide", "exact", "near", "exclude")
# CPU seconds per MB of text, measured on two cores; they only order work and choose processes.
DECIDE_COST, EXCLUDE_COST, EXPORT_COST = 0.01, 0.1, 0.05
ROW_BYTES = 32
Marks = dict[int, Mark]


@dataclass
class Stages:
    """One method per stage. `given` is the input folder, `roots` where each subset's sources lie, `budget` in tokens.

    `earlier` are finished builds that this one is deduplicated against, `accepted` the subsets that may lose more than
    the mixture's share to duplicates. `marks` holds what each finished stage left, `evidence` what became of
    duplicates, `notes` what a user should know: rules that are off, the recall of the bands.
    """

    mixture: Mixture
    folders: Folders
    engine: Engine
    shards: list[Shard]
    roots: Mapping[str, str]
    given: str | None
    budget: int | None
    earlier: Sequence[Finished] = ()
    accepted: frozenset[str] = frozenset()
    marks: dict[str, Marks] = field(default_factory=dict)
    evidence: Evidence | None = None
    plan: Plan | None = None
    manifest: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    def run(self, name: str) -> None:
        getattr(self, name)()

    def curate(self) -> None:
        """Read every source; stops where too much of a subset is unreadable."""
        reading = Reading(self.mixture, self.folders, self.engine, self.shards, self.roots, self.given, self.earlier)
        self.marks["curate"] = reading.run()
        self.notes += reading.notes
        accounts = account.account(self.shards, self.marks["curate"], None, [], [])
        found = account.unreadable_problems(accounts, self.mixture.unreadable_share)
        if found:
            raise BuildError("\n".join([*found, "mend or remove these files, or allow more with --unreadable-share"]))

    def identify(self) -> None:
        folder = self.folders.stage("identify")
        self.marks["identify"] = self._exchange(
            "identify", folder, Identify(self.folders.documents, folder), {}, ["curate"]
        )

    def decide(self) -> None:
        folder = self.folders.stage("decide")
        rules = {subset.name: subset.rules for subset in self.mixture.subsets}
        made_from = {
            shard.number: [
                self._digests(shard.number, ["curate", "identify"]),
                [r.as_dict() for r in rules[shard.subset]],
                identity.of_code(*asked.modules(rules[shard.subset])),
            ]
            for shard in self.shards
        }
        todo = Stage("decide", folder, identity.of_code("pipelines.decide"), {}, made_from, self._text_sizes())
        work = Decide(self.folders.documents, (self.folders.stage("identify"),), folder, rules)
        self.marks["decide"] = self.engine.run_shards(todo, work, DECIDE_COST)

    def deduplicate(self) -> None:
        """Exact copies, then near-duplicates; stops where a subset loses too much."""
        search = duplicates.Search(
            self.mixture, self.folders, self.engine, self.shards, self._text_sizes(), self.marks, self.earlier
        )
        search.run()
        near = self.mixture.near
        self.notes.append(
            f"near-duplicates: {near.bands} bands of {near.rows} find {near.recall:.2%} of the pairs at Jaccard "
            f"{near.threshold}, and more above"
        )
        self.evidence = Evidence(search)
        self.evidence.check_losses(self.accepted)

    def exclude(self) -> None:
        folder, sets = self.folders.stage("exclude"), self.folders.stage("test_sets")
        found = self._test_sets()
        named = [[files.name(test_set.path), test_set.bytes, test_set.version] for test_set in found]
        code = identity.of_code("pipelines.exclude")
        of_index = Stage("test_sets", sets, code, {}, {0: named}, {0: sum(test_set.bytes for test_set in found)})
        write = exclude.WriteIndex(tuple(test_set.path for test_set in found), sets)
        (index,) = self.engine.run_shards(of_index, write, EXCLUDE_COST).values()
        scope = tuple(subset.name for subset in self.mixture.subsets if subset.exclude)
        after = ["curate", "identify", "decide", "exact", "near"]
        titled = tuple(subset.name for subset in self.mixture.subsets if subset.exclude_titles)
        made_from = {
            s.number: [self._digests(s.number, after), s.subset in scope, s.subset in titled] for s in self.shards
        }
        todo = Stage("exclude", folder, code, {"test_sets": index.digests}, made_from, self._text_sizes())
        path = files.join(sets, exclude.INDEX_NAME)
        work = exclude.Exclude(self.folders.documents, self._drop_folders(*after[1:]), folder, path, scope, titled)
        self.marks["exclude"] = self.engine.run_shards(todo, work, EXCLUDE_COST)

    def _test_sets(self) -> list[files.Listed]:
        patterns = self.mixture.test_sets if self.given else ()
        found = {listed for pattern in patterns for listed in files.listing(files.join(self.given or "", pattern))}
        if not found:
            self.notes.append("no test sets: the rules test_set and test_set_title are off")
        return sorted(found, key=lambda listed: listed.path)

    def tokenize(self) -> None:
        how = self.mixture.tokenizer
        weights = {subset.name: subset.weight for subset in self.mixture.subsets}
        self.marks["tokenize"] = tokens.tokenize(
            self.engine,
            self.folders.documents,
            list(self._drop_folders(*DROPPING)),
            self.folders.tokens,
            {shard.number: self._digests(shard.number, ["curate", *DROPPING]) for shard in self.shards},
            self._text_sizes(),
            {shard.number: shard.subset for shard in self.shards},
            weights,
            tokens.Tokenization(how.vocabulary, how.normalization, self.mixture.seed, how.model, how.sample_bytes),
        )

    def cut(self) -> None:
        how = self.mixture.cut
        roles = {shard.number: self.mixture.subset(shard.subset).cut for shard in self.shards}
        self.marks["cut"] = cut.cut_substrings(
            self.engine,
            self.folders.tokens,
            self.folders.stage("cut"),
            self.marks["tokenize"],
            roles,
            cut.Cutting(how.window, how.minimum, how.mode),
        )

    def mix(self) -> None:
        members = account.by_subset(self.shards)
        wanted = [Wanted(s.name, s.weight, tuple(members[s.name]), s.max_epochs) for s in self.mixture.subsets]
        self.plan = mix.mix(
            self.engine,
            self._final(),
            self.folders.stage("mix"),
            wanted,
            self.mixture.seed,
            self.mixture.sequence_length,
            self.budget,
            self.mixture.records_per_shard,
        )

    def pack(self) -> None:
        assert self.plan is not None
        model = tokens.model_path(self.folders.tokens)
        encoder = tokenizer.load(model)
        layout = Layout(self.mixture.sequence_length, encoder.vocabulary, encoder.eos)
        self.manifest = pack.pack(
            self.engine,
            self._final(),
            self.plan,
            self.folders.stage("pack"),
            self.folders.train,
            layout,
            model,
            report.about(self.mixture),
        )

    def export(self) -> None:
        folder = self.folders.file("text")
        final = self._final()
        todo = Stage("text", folder, identity.of_code("pipelines.export"), {}, final.inputs, final.sizes)
        work = export.Export(self.folders.documents, final.tokens, final.cut, folder)
        self.engine.run_shards(todo, work, EXPORT_COST)

    def megatron(self) -> None:
        assert self.manifest is not None
        megatron.export(self.engine, self.folders.train, self.manifest, self.folders.file("megatron"))

    def index(self) -> None:
        """The names of all documents, by which `explain` finds one of them."""
        folder, parts = self.folders.index, len(self.shards)
        work = index.WriteIndex(self.folders.documents, folder, parts)
        self._exchange("index", folder, work, index.settings(parts), ["curate"])

    def _final(self) -> FinalTokens:
        made_from = {shard.number: self._digests(shard.number, ["tokenize", "cut"]) for shard in self.shards}
        return FinalTokens(self.folders.tokens, self.folders.stage("cut"), made_from, self._text_sizes())

    # What the stages share.

    def _exchange(self, name: str, folder: str, work: Any, settings: Mapping[str, Any], after: Sequence[str]) -> Marks:
        made_from = {shard.number: self._digests(shard.number, after) for shard in self.shards}
        code = identity.of_code(type(work).__module__)
        todo = Stage(name, folder, code, settings, made_from, self._text_sizes(), exchanges=True)
        read = sum(self.marks["curate"][s.number].counts[s.subset]["documents"] for s in self.shards)
        return self.engine.run_exchange(todo, work, read * ROW_BYTES)

    def _digests(self, shard: int, names: Sequence[str]) -> list[list[str]]:
        return [self.marks[name][shard].digests for name in names]

    def _text_sizes(self) -> dict[int, int]:
        """Bytes of work per shard once texts are read: the size of its documents file."""
        return {shard: sum(f.bytes for f in mark.files) for shard, mark in self.marks["curate"].items()}

    def _drop_folders(self, *names: str) -> tuple[str, ...]:
        return tuple(self.folders.stage(name) for name in names)

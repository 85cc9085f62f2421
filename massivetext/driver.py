"""Runs a build: every stage in its order, each made from what the ones before it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filters import language
from massivetext import account, report
from massivetext.errors import BuildError
from massivetext.folders import Folders
from massivetext.mixture import Mixture
from massivetext.progress import Progress, describe_shards
from massivetext.table import closing_table
from pipelines import curate as curating
from pipelines import (
    cut,
    deduplicate,
    exclude,
    export,
    files,
    identity,
    inputs,
    mix,
    pack,
    signatures,
    tokenizer,
    tokens,
)
from pipelines.decide import Decide
from pipelines.engine import Engine
from pipelines.identify import Identify
from pipelines.inputs import Shard
from pipelines.quotas import Plan
from pipelines.quotas import Subset as Wanted
from pipelines.records import Layout
from pipelines.stage import Mark, Stage

STAGES = ("curate", "identify", "decide", "deduplicate", "exclude", "tokenize", "cut", "mix", "pack")
DROPPING = ("identify", "decide", "exact", "near", "exclude")
# CPU seconds per MB of stored source or of text, measured on two cores; they only order work and choose processes.
CURATE_COST, DECIDE_COST, SIGNATURES_COST, EXCLUDE_COST, EXPORT_COST = 2.0, 0.01, 0.1, 0.1, 0.05
ROW_BYTES = 32

Marks = dict[int, Mark]


@dataclass
class Build:
    """A build of `mixture` into `out` from `given` (the input folder) and `sources` (globs for single subsets)."""

    mixture: Mixture
    out: str
    given: str | None
    sources: Mapping[str, Sequence[str]]
    engine: Engine
    tokens: int | None = None
    text: bool = False
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.folders = Folders(self.out)
        self.engine = self.engine.reporting(self.progress.report)
        self.marks: dict[str, Marks] = {}
        self.plan: Plan | None = None
        self.manifest: dict[str, Any] | None = None
        self.notes: list[str] = []

    def run(self, first: str | None = None, last: str | None = None) -> None:
        """Run the stages, from `first` on even where they are finished, until `last`; then account for everything.

        Raises BuildError for input that is not there or largely unreadable, RuntimeError if the sums do not agree.
        """
        self.shards = self._find()
        if first:
            self._forget(STAGES[STAGES.index(first) :])
        self.progress.say(f"{self.mixture.name}: {describe_shards(self._sizes())}")
        for name in STAGES:
            with self.progress.stage(name):
                getattr(self, f"_{name}")()
            if name == last:
                break
        if self.text and self.manifest is not None:
            with self.progress.stage("text"):
                self._export()
        self._conclude()

    def _find(self) -> list[Shard]:
        patterns = {subset.name: self._globs(subset.name, subset.patterns) for subset in self.mixture.subsets}
        self.roots = {name: globs[0][0] for name, globs in patterns.items()}
        found = inputs.find(patterns)
        missing = sorted(set(patterns) - {shard.subset for shard in found})
        if missing:
            looked = "\n".join(
                f"  {name}: {files.join(*globs[0])} ..." for name, globs in patterns.items() if name in missing
            )
            raise BuildError(
                f"no input for {', '.join(missing)}; looked for\n{looked}\n"
                "give --source SUBSET=GLOB, another --input, or a mixture without the subset"
            )
        inputs.write_table(self.folders.stage("shards.json"), found)
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

    def _sizes(self) -> dict[str, list[int]]:
        sizes: dict[str, list[int]] = {}
        for shard in self.shards:
            sizes.setdefault(shard.subset, []).append(shard.bytes)
        return sizes

    def _forget(self, names: Sequence[str]) -> None:
        stages = self.folders.stage
        owned = {
            "curate": [self.folders.documents],
            "deduplicate": [stages("exact"), stages("signatures"), stages("near-rounds"), stages("near")],
            "exclude": [stages("test_sets"), stages("exclude")],
            "tokenize": [self.folders.tokens],
        }
        for name in names:
            for folder in owned.get(name, [stages(name)]):
                files.remove(folder)

    # The stages. Each leaves its marks, from which the next knows what it is made from.

    def _curate(self) -> None:
        models = {"safety_model": self.mixture.safety_model, "safety_hosts": self._hosts()}
        subsets = {
            s.name: curating.Subset(self.roots[s.name], s.reader, s.extractor, s.priority) for s in self.mixture.subsets
        }
        model = self.mixture.language_model or str(language.default_model())
        settings = {
            "seed": self.mixture.seed,
            "valid_share": self.mixture.valid_share,
            "models": {name: _digest_of(path) for name, path in {**models, "language": model}.items()},
        }
        code = identity.of_code("pipelines.curate")
        made_from = {
            shard.number: [shard.subset, shard.source, shard.bytes, shard.version, _read_how(subsets[shard.subset])]
            for shard in self.shards
        }
        todo = Stage(
            "curate", self.folders.documents, code, settings, made_from, {s.number: s.bytes for s in self.shards}
        )
        work = curating.Curate(
            self.folders.documents,
            self.folders.stage("shards.json"),
            subsets,
            self.mixture.seed,
            self.mixture.valid_share,
            model,
            models["safety_model"],
            models["safety_hosts"],
        )
        self.marks["curate"] = self.engine.run_shards(todo, work, CURATE_COST)
        self._check_readable()

    def _hosts(self) -> str:
        """The host list's path: as given, or relative to the input folder; none where there is no such file."""
        named = self.mixture.safety_hosts
        for path in (named, files.join(self.given, named) if self.given else ""):
            if path and files.exists(path):
                return path
        self.notes.append("no list of unsafe hosts: the rule unsafe_host is off")
        return ""

    def _check_readable(self) -> None:
        accounts = account.account(self.shards, self.marks["curate"], None, [], [])
        found = account.unreadable_problems(accounts, self.mixture.unreadable_share)
        if found:
            raise BuildError("\n".join([*found, "mend or remove these files, or allow more with --unreadable-share"]))

    def _identify(self) -> None:
        folder = self.folders.stage("identify")
        self.marks["identify"] = self._exchange(
            "identify", folder, Identify(self.folders.documents, folder), {}, ["curate"]
        )

    def _decide(self) -> None:
        folder = self.folders.stage("decide")
        rules = {subset.name: subset.rules for subset in self.mixture.subsets}
        made_from = {
            shard.number: [
                self._digests(shard.number, ["curate", "identify"]),
                [r.as_dict() for r in rules[shard.subset]],
            ]
            for shard in self.shards
        }
        todo = Stage("decide", folder, identity.of_code("pipelines.decide"), {}, made_from, self._text_sizes())
        work = Decide(self.folders.documents, (self.folders.stage("identify"),), folder, rules)
        self.marks["decide"] = self.engine.run_shards(todo, work, DECIDE_COST)
        if not self.mixture.safety_model:
            self.notes.append("no safety model: the rule unsafe_probability is off")

    def _deduplicate(self) -> None:
        """Exact copies everywhere, then near-duplicates among the subsets whose role says so."""
        folder = self.folders.stage("exact")
        everywhere = tuple((subset.name, "full") for subset in self.mixture.subsets)
        work = deduplicate.Exact(self.folders.documents, self._drop_folders("identify", "decide"), folder, everywhere)
        after = ["curate", "identify", "decide"]
        self.marks["exact"] = self._exchange("exact", folder, work, {}, after)
        self._near([*after, "exact"])

    def _near(self, after: Sequence[str]) -> None:
        how = self.mixture.near
        roles = {subset.name: subset.near for subset in self.mixture.subsets}
        folder = self.folders.stage("signatures")
        made_from = {s.number: [self._digests(s.number, after), roles[s.subset]] for s in self.shards}
        settings = {"bands": how.bands, "rows": how.rows}
        code = identity.of_code("pipelines.signatures")
        todo = Stage("signatures", folder, code, settings, made_from, self._text_sizes())
        work = signatures.Signatures(
            self.folders.documents,
            self._drop_folders(*after[1:]),
            folder,
            tuple(roles.items()),
            how.bands * how.rows,
            how.bands,
        )
        marks = self.engine.run_shards(todo, work, SIGNATURES_COST)
        self.marks["near"] = deduplicate.near_duplicates(
            self.engine, self.folders.stage("near"), folder, marks, how.threshold
        )

    def _exclude(self) -> None:
        folder, sets = self.folders.stage("exclude"), self.folders.stage("test_sets")
        found = self._test_sets()
        named = [[files.name(test_set.path), test_set.bytes, test_set.version] for test_set in found]
        code = identity.of_code("pipelines.exclude")
        of_index = Stage("test_sets", sets, code, {}, {0: named}, {0: sum(test_set.bytes for test_set in found)})
        write = exclude.WriteIndex(tuple(test_set.path for test_set in found), sets)
        (index,) = self.engine.run_shards(of_index, write, EXCLUDE_COST).values()
        scope = tuple(subset.name for subset in self.mixture.subsets if subset.exclude)
        after = ["curate", "identify", "decide", "exact", "near"]
        made_from = {s.number: [self._digests(s.number, after), s.subset in scope] for s in self.shards}
        todo = Stage("exclude", folder, code, {"test_sets": index.digests}, made_from, self._text_sizes())
        path = files.join(sets, exclude.INDEX_NAME)
        work = exclude.Exclude(self.folders.documents, self._drop_folders(*after[1:]), folder, path, scope)
        self.marks["exclude"] = self.engine.run_shards(todo, work, EXCLUDE_COST)

    def _test_sets(self) -> list[files.Listed]:
        patterns = self.mixture.test_sets if self.given else ()
        found = {listed for pattern in patterns for listed in files.listing(files.join(self.given or "", pattern))}
        if not found:
            self.notes.append("no test sets: the rules test_set and test_set_title are off")
        return sorted(found, key=lambda listed: listed.path)

    def _tokenize(self) -> None:
        how = self.mixture.tokenizer
        weights = {subset.name: subset.weight for subset in self.mixture.subsets}
        available: dict[str, int] = dict.fromkeys(weights, 0)
        sizes = self._text_sizes()
        for shard in self.shards:
            available[shard.subset] += sizes[shard.number]
        rates = tokens.sample_rates(weights, available, how.sample_bytes)
        self.marks["tokenize"] = tokens.tokenize(
            self.engine,
            self.folders.documents,
            list(self._drop_folders(*DROPPING)),
            self.folders.tokens,
            {shard.number: self._digests(shard.number, ["curate", *DROPPING]) for shard in self.shards},
            sizes,
            {shard.number: rates[shard.subset] for shard in self.shards},
            tokens.Tokenization(how.vocabulary, how.normalization, self.mixture.seed, how.model),
        )

    def _cut(self) -> None:
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

    def _mix(self) -> None:
        members = account.by_subset(self.shards)
        wanted = [Wanted(s.name, s.weight, tuple(members[s.name]), s.max_epochs) for s in self.mixture.subsets]
        self.plan = mix.mix(
            self.engine,
            self._final(),
            self.folders.stage("mix"),
            wanted,
            self.mixture.seed,
            self.mixture.sequence_length,
            self.tokens,
            self.mixture.records_per_shard,
        )

    def _pack(self) -> None:
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

    def _export(self) -> None:
        folder = self.folders.file("text")
        final = self._final()
        todo = Stage("text", folder, identity.of_code("pipelines.export"), {}, final.inputs, final.sizes)
        work = export.Export(self.folders.documents, final.tokens, final.cut, folder)
        self.engine.run_shards(todo, work, EXPORT_COST)

    def _final(self) -> mix.FinalTokens:
        made_from = {shard.number: self._digests(shard.number, ["tokenize", "cut"]) for shard in self.shards}
        return mix.FinalTokens(self.folders.tokens, self.folders.stage("cut"), made_from, self._text_sizes())

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

    def _conclude(self) -> None:
        """Check the sums, write report.json and run.json, print the closing table."""
        drops = [self.marks[name] for name in (*DROPPING[1:], "cut") if name in self.marks]
        if "decide" not in self.marks:
            drops = []
        order = report.rule_order(self.mixture)
        accounts = account.account(self.shards, self.marks["curate"], self.marks.get("identify"), drops, order)
        final = None if self.plan is None else report.final_documents(self.plan)
        problems = account.problems(accounts, final)
        if problems:
            raise RuntimeError("the build does not add up, which is a defect: " + "; ".join(problems))
        warnings = self.plan.warnings if self.plan else []
        report.write(self.folders, self.mixture, accounts, self.plan, self.manifest, [*self.notes, *warnings])
        report.write_run(self.folders, self.engine, self.progress)
        self.progress.say("")
        print(closing_table(accounts, order, report.sampled(self.plan)))
        for note in [*self.notes, *warnings]:
            print(f"note: {note}")


def _digest_of(path: str) -> str:
    return identity.digest(files.read_bytes(path).hex()) if path else ""


def _read_how(subset: curating.Subset) -> list[Any]:
    """What of a subset's reading shapes its documents; a user's own reader by its source."""
    module = (subset.reader or "").partition(":")[0]
    return [subset.reader, identity.of_code(module) if module else "", subset.extractor, subset.priority]

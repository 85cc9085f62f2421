"""A mixture: its subsets, their weights, and what every stage does to each of them.

Frozen, checked when made, and printed whole into the manifest. Flags of the command line say where and how big, never
what a mixture is.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from filters.language import HEAD_BYTES
from filters.mask import KINDS
from filters.rule import Rule
from pipelines import files
from pipelines.documents import GENERATION_BITS
from pipelines.duplicates.scope import ALL, check_scope
from pipelines.duplicates.signatures import recall
from pipelines.extract import EXTRACTORS
from pipelines.kernels.near import Threshold
from pipelines.sources.how import check_fields

Role = Literal["full", "reference", "none"]
ROLES: tuple[str, ...] = typing.get_args(Role)
GENERATIONS = 1 << GENERATION_BITS


@dataclass(frozen=True, kw_only=True)
class Subset:
    """One source of documents.

    `weight` is its share of tokens; `patterns` are globs relative to the input folder; `rules` judge its documents in
    this order. A role says what a stage does to it: `full`, `reference` (keeps its own, others lose what it has) or
    `none`. `exclude_titles`: its pages also fall by the title of a test article. Among copies the
    lower `generation` survives (an older crawl), then the lower `priority`. `max_epochs` bounds how often the default
    budget repeats it. `mask` names the personal data that tokens replace in its texts: `email`, `ip`, `phone`.
    `fields` says which field of its JSON lines or Parquet holds the text and so on (`text = "content"`; `pipelines.
    sources.how` has the roles). `licences`: of its source code only files under these stay; `any` keeps all.
    """

    name: str
    weight: float
    patterns: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    reader: str | None = None
    extractor: str = "gopher"
    exact: Role = "full"
    near: Role = "full"
    cut: Role = "full"
    exclude: bool = True
    exclude_titles: bool = False
    priority: int = 0
    generation: int = 0
    max_epochs: float = 1.0
    mask: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    licences: tuple[str, ...] = ("permissive",)

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("_", "").isalnum() or self.name != self.name.lower():
            raise ValueError(f"subset name {self.name!r}: expected lower-case letters, digits and underscores")
        if not 0 < self.weight <= 1:
            raise ValueError(f"subset {self.name}: weight is {self.weight}, expected a share above 0 and at most 1")
        if isinstance(self.patterns, str):
            raise ValueError(f"subset {self.name}: patterns is {self.patterns!r}, expected a list: [{self.patterns!r}]")
        if not self.patterns:
            raise ValueError(f"subset {self.name}: no patterns; give at least one glob relative to the input folder")
        for stage, role in (("exact", self.exact), ("near", self.near), ("cut", self.cut)):
            if role not in ROLES:
                raise ValueError(f"subset {self.name}: {stage} is {role!r}, expected one of {', '.join(ROLES)}")
        if self.extractor not in EXTRACTORS:
            raise ValueError(f"subset {self.name}: extractor {self.extractor!r}, expected one of {EXTRACTORS}")
        if isinstance(self.mask, str) or set(self.mask) - set(KINDS):
            raise ValueError(f"subset {self.name}: mask is {self.mask!r}, expected a list of {', '.join(KINDS)}")
        if not 0 <= self.priority < 256:
            raise ValueError(f"subset {self.name}: priority is {self.priority}, expected 0 to 255")
        if not 0 <= self.generation < GENERATIONS:
            raise ValueError(f"subset {self.name}: generation is {self.generation}, expected 0 to {GENERATIONS - 1}")
        check_fields(self.fields, f"subset {self.name}")
        if isinstance(self.licences, str) or not self.licences:
            raise ValueError(
                f"subset {self.name}: licences is {self.licences!r}, expected a list such as ['permissive'] or ['any']"
            )
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError(f"subset {self.name}: rules named twice: {sorted(n for n in names if names.count(n) > 1)}")


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """SentencePiece BPE with byte fallback (Gopher, section on tokenisation), or a user's own model by path."""

    vocabulary: int = 32_000
    normalization: Literal["nfkc", "none"] = "nfkc"
    sample_bytes: int = 100_000_000
    model: str = ""

    def __post_init__(self) -> None:
        if self.normalization not in ("nfkc", "none"):
            raise ValueError(f"tokenizer normalization is {self.normalization!r}, expected 'nfkc' or 'none'")
        if self.vocabulary < 300:
            raise ValueError(
                f"tokenizer vocabulary is {self.vocabulary}; byte fallback and control pieces alone need 300"
            )


@dataclass(frozen=True, kw_only=True)
class Near:
    """Near-duplicates: 13-word shingles, `bands` x `rows` MinHash permutations, true Jaccard above `threshold`.

    `scope`: among whom they are looked for: `all`, `subset`, or a text column of the documents, perhaps with a regular
    expression for the part of it that counts: `source:CC-MAIN-[0-9]+-[0-9]+` looks inside every crawl dump apart.
    """

    bands: int = 32
    rows: int = 8
    threshold: str = "0.8"
    scope: str = ALL

    def __post_init__(self) -> None:
        if self.bands < 1 or self.rows < 1:
            raise ValueError(f"near has {self.bands} bands of {self.rows} rows, expected at least one of each")
        Threshold.of(self.threshold)
        check_scope(self.scope)

    @property
    def recall(self) -> float:
        """Share of the pairs at the threshold that share a band, so that they are found."""
        return recall(self.bands, self.rows, float(self.threshold))


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Exact substrings of `window` tokens (Lee et al. 2021); documents left with fewer than `minimum` are dropped."""

    window: int = 50
    minimum: int = 10
    mode: Literal["keep_one", "remove_all"] = "keep_one"

    def __post_init__(self) -> None:
        if self.minimum > self.window:
            raise ValueError(
                f"cut minimum is {self.minimum} tokens, more than its window of {self.window}: "
                "a document that holds a first occurrence could be dropped"
            )


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A whole corpus as data. Weights must sum to 1.

    Files above `split_bytes` are read in parts where their format allows it, which numbers shards: another value is
    another build. A build stops where duplicates take more than `loss_share` of a subset's documents. `exact_scope`:
    as `Near.scope`, for exact copies. The language is judged on the first `language_bytes` of a text, 0: on all of it.
    The files of `safety_*` and `quality_model` are looked for as given, then in the input folder.
    `opt_out`: lists of hosts and URLs to leave out, as paths or relative to the input folder. A record that keeps the
    processor for more than `record_seconds` is unreadable.
    """

    name: str
    subsets: tuple[Subset, ...]
    seed: int = 0
    valid_share: float = 0.005
    sequence_length: int = 2048
    records_per_shard: int = 131_072
    split_bytes: int = 256_000_000
    unreadable_share: float = 0.01
    record_seconds: float = 120.0
    opt_out: tuple[str, ...] = ()
    loss_share: float = 0.6
    exact_scope: str = ALL
    test_sets: tuple[str, ...] = ("eval_sets/**/*.jsonl*", "eval_sets/**/*.csv*", "eval_sets/**/*.txt*")
    language_model: str = ""
    language_bytes: int = HEAD_BYTES
    safety_model: str = "safety/model.bin"
    safety_hosts: str = "safety/hosts.txt"
    quality_model: str = "quality/model.bin"
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    near: Near = field(default_factory=Near)
    cut: Cut = field(default_factory=Cut)

    def __post_init__(self) -> None:
        names = [subset.name for subset in self.subsets]
        if len(set(names)) != len(names):
            raise ValueError(f"mixture {self.name}: subsets named twice in {names}")
        weights = {subset.name: subset.weight for subset in self.subsets}
        if not math.isclose(math.fsum(weights.values()), 1.0, abs_tol=1e-9):
            raise ValueError(
                f"mixture {self.name}: weights {weights} sum to {math.fsum(weights.values()):.6g}, expected 1"
            )
        if isinstance(self.test_sets, str):
            raise ValueError(f"mixture {self.name}: test_sets is {self.test_sets!r}, expected a list of globs")
        if isinstance(self.opt_out, str):
            raise ValueError(f"mixture {self.name}: opt_out is {self.opt_out!r}, expected a list of files")
        if not self.record_seconds > 0:
            raise ValueError(f"mixture {self.name}: record_seconds is {self.record_seconds}, expected more than 0")
        if not 0 <= self.valid_share < 1:
            raise ValueError(f"mixture {self.name}: valid_share is {self.valid_share}, expected 0 to below 1")
        if not 0 <= self.loss_share <= 1:
            raise ValueError(f"mixture {self.name}: loss_share is {self.loss_share}, expected 0 to 1")
        check_scope(self.exact_scope)
        if self.language_bytes < 0:
            raise ValueError(f"mixture {self.name}: language_bytes is {self.language_bytes}, expected 0 (all) or more")
        if self.split_bytes < 1_000:
            raise ValueError(f"mixture {self.name}: split_bytes is {self.split_bytes}, expected at least 1000")
        if self.sequence_length < 2:
            raise ValueError(f"mixture {self.name}: sequence_length is {self.sequence_length}, expected at least 2")

    def subset(self, name: str) -> Subset:
        return next(subset for subset in self.subsets if subset.name == name)

    def resolved(self) -> dict[str, Any]:
        """The whole mixture as JSON-able data, for the manifest; files by name, since equal builds give equal bytes."""
        whole = asdict(self)
        whole["tokenizer"]["model"] = files.name(self.tokenizer.model)
        for model in ("language_model", "safety_model", "safety_hosts", "quality_model"):
            whole[model] = files.name(whole[model])
        whole["opt_out"] = [files.name(path) for path in self.opt_out]
        return whole

    def with_extractor(self, extractor: str) -> Mixture:
        return replace(self, subsets=tuple(replace(s, extractor=extractor) for s in self.subsets))

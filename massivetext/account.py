"""Every record accounted for: what was read, skipped, unreadable, dropped by which rule, kept, and sampled.

Three sums must hold (the design's accounting), each taken from counts that different stages made on their own:
records = skipped + unreadable + documents; documents = kept + drops by first failing rule;
tokens after `cut` = sampled at least once + not sampled, and records x length = tokens + separators + fill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines import stage
from pipelines.identify import RULE as SAME_RECORD
from pipelines.inputs import Shard
from pipelines.stage import Mark

Marks = Mapping[int, Mark]


@dataclass
class Account:
    """What became of one subset's records and documents, up to the last stage that ran."""

    files: int
    bytes: int
    records: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    documents: int = 0
    text_bytes: int = 0
    replaced: int = 0
    masked: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    unreadable_at: list[list[Any]] = field(default_factory=list)


def account(
    shards: Sequence[Shard], curated: Marks, identified: Marks | None, drops: Iterable[Marks], order: Sequence[str]
) -> dict[str, Account]:
    """One account per subset. `drops`: marks whose counts hold `dropped` by rule; `order`: rules as they judge."""
    found: dict[str, Account] = {}
    stages = list(drops)
    for name, members in by_subset(shards).items():
        read = stage.total(curated[n] for n in members)[name] if members else {}
        sizes = [shard.bytes for shard in shards if shard.subset == name]
        held = {shard.source for shard in shards if shard.subset == name}
        made = Account(len(held), sum(sizes), **{key: read[key] for key in read if key != "documents"})
        same = sum(identified[n].counts[SAME_RECORD] for n in members) if identified is not None else 0
        if same:
            made.skipped[SAME_RECORD] = same
        made.documents = read.get("documents", 0) - same
        totals = [stage.total(marks[n] for n in members) for marks in stages]
        made.dropped = _ordered(_merged(total.get("dropped", {}) for total in totals), order)
        made.failed = _ordered(_merged(total.get("failed", {}) for total in totals), order)
        made.kept = made.documents - sum(made.dropped.values())
        found[name] = made
    return found


def by_subset(shards: Iterable[Shard]) -> dict[str, list[int]]:
    """Shard numbers of every subset."""
    found: dict[str, list[int]] = {}
    for shard in shards:
        found.setdefault(shard.subset, []).append(shard.number)
    return found


def _merged(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for part in parts:
        for rule, count in part.items():
            merged[rule] = merged.get(rule, 0) + count
    return {rule: count for rule, count in merged.items() if count}


def _ordered(counts: Mapping[str, int], order: Sequence[str]) -> dict[str, int]:
    position = {rule: index for index, rule in enumerate(order)}
    return {rule: counts[rule] for rule in sorted(counts, key=lambda rule: position.get(rule, len(position)))}


def problems(accounts: Mapping[str, Account], final_documents: Mapping[str, int] | None = None) -> list[str]:
    """What does not add up, in words; empty when all is accounted for.

    `final_documents`: per subset how many documents the last stage really holds, counted there.
    """
    found = []
    for name, made in accounts.items():
        parts = sum(made.skipped.values()) + made.unreadable + made.documents
        if made.records != parts:
            found.append(f"{name}: {made.records} records, but {parts} skipped, unreadable or documents")
        if final_documents is not None and made.kept != final_documents.get(name, 0):
            found.append(
                f"{name}: {made.documents} documents less {sum(made.dropped.values())} dropped are {made.kept}, "
                f"but {final_documents.get(name, 0)} were kept"
            )
    return found


def unreadable_problems(accounts: Mapping[str, Account], share: float) -> list[str]:
    """Subsets in which more than `share` of the records are unreadable, with the first of them."""
    found = []
    for name, made in accounts.items():
        if made.unreadable > share * made.records:
            listed = [
                f"    {source}, record {row}, byte {position}: {cause}"
                for source, row, position, cause in made.unreadable_at[:20]
            ]
            found.append(
                "\n".join(
                    [
                        f"{name}: {made.unreadable} of {made.records} records are unreadable, more than {share:.2%}",
                        *listed,
                    ]
                )
            )
    return found

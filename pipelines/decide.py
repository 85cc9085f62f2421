"""decide: rules against signals -> a sidecar of dropped documents per shard.

In: documents/ (signals). Out: drops with the first failing rule, its value and bound; all other failures in `also`.
Counts: judged, dropped by first failing rule, failed by rule (all failures).
New bounds cost only this stage and what follows: nothing is read or measured again, but what a rule of a set beyond
Gopher's asks for (`filters.asked`), for which this stage reads the texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from filters import asked
from filters.rule import Rule, failures
from pipelines import documents
from pipelines.stage import Result

Rules = tuple[Rule, ...]


@dataclass(frozen=True)
class Decide:
    documents: str
    drops: tuple[str, ...]
    out: str
    rules: Mapping[str, Rules]

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        judged = 0
        dropped: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        tables = [documents.DROPS.empty_table()]
        for batch in documents.read_kept(self.documents, self.drops, shard, self._columns()):
            judged += len(batch)
            if len(batch):
                table = decide(batch, self.rules[batch.column("subset")[0].as_py()])
                tables.append(table)
                dropped.update(table.column("rule").to_pylist())
                failed.update(table.column("rule").to_pylist())
                failed.update(name for names in table.column("also").to_pylist() for name in names)
        written = documents.write_drops(self.out, shard, pa.concat_tables(tables))
        counts: dict[str, Any] = {
            "judged": judged,
            "dropped": dict(sorted(dropped.items())),
            "failed": dict(sorted(failed.items())),
        }
        return Result([written], counts)

    def _columns(self) -> list[str]:
        wanted = {"docid", "subset"}
        for rules in self.rules.values():
            for rule in rules:
                wanted.update({"text" if rule.needs_text else rule.signal, rule.label_signal} - {""})
        return sorted(wanted)


def decide(batch: pa.RecordBatch, rules: Rules) -> pa.Table:
    """The batch's failing documents as a drops table; every rule is evaluated for every document."""
    if not rules:
        return documents.DROPS.empty_table()
    table = pa.Table.from_batches([batch])
    if any(rule.needs_text for rule in rules):
        table = asked.with_signals(rules, table, table.column("text"))
    failing, values = failures(rules, table)
    rows = np.flatnonzero(failing.any(axis=1))
    first = failing[rows].argmax(axis=1)
    names = [rule.name for rule in rules]
    bounds = [_bound(rules[rule], values[row, rule]) for row, rule in zip(rows, first, strict=True)]
    also = [
        [names[rule] for rule in np.flatnonzero(failing[row]) if rule != chosen]
        for row, chosen in zip(rows, first, strict=True)
    ]
    docids = batch.column("docid").to_numpy()[rows]
    return pa.table(
        {
            "docid": pa.array(docids, pa.int64()),
            "rule": pa.array([names[rule] for rule in first], pa.string()),
            "value": pa.array(values[rows, first], pa.float64()),
            "bound": pa.array(bounds, pa.float64()),
            "partner": pa.array(np.full(len(rows), -1), pa.int64()),
            "also": pa.array(also, pa.list_(pa.string())),
        },
        schema=documents.DROPS,
    )


def _bound(rule: Rule, value: float) -> float | None:
    return rule.low if rule.low is not None and value < rule.low else rule.high

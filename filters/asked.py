"""Signals that a rule asks for when it judges: words of other languages, C4's and FineWeb's rules, users' own.

What every build needs is measured once, ahead of all rules. These cost nothing until a rule names them, and then the
reading of the text.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa

from filters import quality
from filters.rule import Rule
from filters.rule import suggestion as nearest

Measure = Callable[[pa.Array], pa.Table]


def with_signals(rules: Sequence[Rule], table: pa.Table, texts: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table with a column for each signal that a rule asks for, in place of one of that name.

    Raises ValueError if two rules measure one signal in different ways, or a user's function does not return an Arrow
    table with a row per text and the column.
    """
    asking = [rule for rule in rules if rule.needs_text]
    _require_one_way(asking)
    found = {path: _called(path, texts) for path in dict.fromkeys(rule.measure for rule in asking if rule.measure)}
    for rule in asking:
        column = _column(rule, found[rule.measure]) if rule.measure else quality.count_words(texts, rule.words)
        at = table.schema.get_field_index(rule.signal)
        table = table.append_column(rule.signal, column) if at < 0 else table.set_column(at, rule.signal, column)
    return table


def modules(rules: Iterable[Rule]) -> list[str]:
    """Names of the modules whose functions measure for these rules, sorted."""
    return sorted({rule.measure.partition(":")[0] for rule in rules if rule.measure})


def function(path: str) -> Measure:
    """The function at an import path `package.module:function`; raises ValueError if there is none."""
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ValueError(f"measure {path!r}: cannot import {module} ({error})") from error
    if not callable(found):
        raise ValueError(f"measure {path!r}: there is no function {name} in {module}")
    return found


def _called(path: str, texts: pa.Array | pa.ChunkedArray) -> pa.Table:
    array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    table = function(path)(array)
    if not isinstance(table, pa.Table) or table.num_rows != len(array):
        raise ValueError(f"{path} returned {type(table).__name__}; expected an Arrow table with a row per text")
    return table


def _column(rule: Rule, table: pa.Table) -> pa.ChunkedArray:
    if rule.signal not in table.column_names:
        near = nearest(rule.signal, table.column_names)
        raise ValueError(f"rule {rule.name!r}: {rule.measure} gives no column {rule.signal!r}{near}")
    return table.column(rule.signal).cast(pa.float64())


def _require_one_way(asking: Sequence[Rule]) -> None:
    ways: dict[str, tuple[str, tuple[str, ...]]] = {}
    for rule in asking:
        if ways.setdefault(rule.signal, (rule.measure, rule.words)) != (rule.measure, rule.words):
            raise ValueError(
                f"rule {rule.name!r}: its signal {rule.signal!r} is measured in another way by a rule before"
            )

"""Rules on signals: what a text's measured values must satisfy to be kept.

A signal is a number about a text, a rule its bounds, a verdict what a rule says about one text. Rules are
data: another bound is `dataclasses.replace(rule, high=0.2)`, another set a tuple.

>>> rule = Rule("word_count", low=50, high=100_000, unit="words")
>>> judge([rule], {"word_count": 49})[0].keep
False
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Rule:
    """Keeps a text if low <= value <= high; a bound of None is open, a value nobody measured keeps.

    The value is the column `signal` (by default the rule's name), in `unit`. With `labels`, a text whose
    column `label_signal` is not among them counts with the value 0.0. With `words` the value is how many of
    these occur in the text (as stop words do); with `measure`, an import path `package.module:function`, it is
    the column `signal` of the table which that function makes of the texts. `filters.asked` measures both.
    Raises ValueError if the parts do not fit together.
    """

    name: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    source: str = ""
    signal: str = ""
    labels: tuple[str, ...] = ()
    label_signal: str = ""
    words: tuple[str, ...] = ()
    measure: str = ""

    def __post_init__(self) -> None:
        for name in ("name", "unit", "source", "signal", "label_signal", "measure"):
            _require_text(self.name, name, getattr(self, name))
        if not self.name:
            raise ValueError("a rule needs a name that is not empty")
        for name in ("low", "high"):
            object.__setattr__(self, name, _bound(self.name, name, getattr(self, name)))
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(
                f"rule {self.name!r}: low {self.low:g} is above high {self.high:g}; no value would be kept"
            )
        object.__setattr__(self, "signal", self.signal or self.name)
        for name in ("labels", "words"):
            object.__setattr__(self, name, _strings(self.name, name, getattr(self, name)))
        if bool(self.labels) != bool(self.label_signal):
            raise ValueError(f"rule {self.name!r}: labels and label_signal go together; give both or neither")
        if self.words and self.measure:
            raise ValueError(f"rule {self.name!r}: words are counted by this package; give words or measure, not both")
        if self.measure and not all(self.measure.partition(":")):
            raise ValueError(f"rule {self.name!r}: measure is {self.measure!r}, expected package.module:function")

    @property
    def needs_text(self) -> bool:
        """Whether the value is measured on the text when the rule judges, not before."""
        return bool(self.words or self.measure)

    @property
    def bounds(self) -> str:
        """The keeping range in words: `at least 2`, `at most 0.1`, `3 to 10` or `any`."""
        if self.low is None:
            return "any" if self.high is None else f"at most {_number(self.high)}"
        return f"at least {_number(self.low)}" if self.high is None else f"{_number(self.low)} to {_number(self.high)}"

    def keeps(self, value: float | None) -> bool:
        """Whether a text with this value stays; None and NaN mean not measured and stay."""
        if value is None or math.isnan(value):
            return True
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)

    def as_dict(self) -> dict[str, str | float | list[str]]:
        """The fields that are set, as TOML and JSON know them; `Rule.from_dict` reads them back."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.signal == self.name:
            del values["signal"]
        values["labels"], values["words"] = list(self.labels), list(self.words)
        return {name: value for name, value in values.items() if value not in (None, "", [])}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Rule:
        """The rule that `values` spell out; raises ValueError on an unknown key or a wrong kind."""
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise ValueError(f"a rule has no field {key!r}{suggestion(key, known)}; its fields: {', '.join(known)}")
        if "name" not in values:
            raise ValueError(f"a rule needs a name; given: {', '.join(values) or 'nothing'}")
        return cls(**values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Verdict:
    """What `rule` says about one text: its value in the rule's unit (None if not measured), keep or drop."""

    rule: Rule
    value: float | None
    keep: bool

    @property
    def bound(self) -> float | None:
        """The bound that the value lies beyond, None for a text that is kept."""
        if self.keep or self.value is None:
            return None
        return self.rule.low if self.rule.low is not None and self.value < self.rule.low else self.rule.high

    def __str__(self) -> str:
        value = "not measured" if self.value is None else _number(self.value)
        unit = f" {self.rule.unit}" if self.rule.unit and self.value is not None else ""
        return f"{'keep' if self.keep else 'drop'}  {self.rule.name}: {value}{unit} ({self.rule.bounds})"


def judge(rules: Iterable[Rule], signals: Mapping[str, float | str | None]) -> list[Verdict]:
    """One verdict per rule on a text with these signals; raises ValueError if a signal is missing."""
    verdicts = []
    for rule in rules:
        value = _signal(rule, rule.signal, signals)
        if rule.labels and value is not None:
            label = _signal(rule, rule.label_signal, signals)
            value = None if label is None else value if label in rule.labels else 0.0
        number = None if value is None or math.isnan(float(value)) else float(value)
        verdicts.append(Verdict(rule, number, rule.keeps(number)))
    return verdicts


def failures(rules: Sequence[Rule], table: pa.Table | pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    """Which documents fail which rules, bool [documents, rules], and the values, float64 of the same shape.

    A value that was not measured (null) is NaN and fails nothing. Raises ValueError if a column is missing.
    """
    failed = np.zeros((table.num_rows, len(rules)), bool)
    values = np.full((table.num_rows, len(rules)), np.nan)
    for position, rule in enumerate(rules):
        value = values[:, position]
        value[:] = np.asarray(_column(rule, rule.signal, table).cast(pa.float64()))
        if rule.labels:
            labels = _column(rule, rule.label_signal, table).cast(pa.large_string())
            other = ~np.asarray(pc.is_in(labels, pa.array(rule.labels, pa.large_string())), bool)
            value[other & ~np.isnan(value)] = 0.0
            value[np.asarray(labels.is_null(), bool)] = np.nan
        if rule.low is not None:
            failed[:, position] |= value < rule.low
        if rule.high is not None:
            failed[:, position] |= value > rule.high
    return failed, values


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` if one of the known names is near, else nothing."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _column(rule: Rule, name: str, table: pa.Table | pa.RecordBatch) -> pa.Array | pa.ChunkedArray:
    _require_signal(rule, name, table.schema.names, "column")
    return table.column(name)


def _signal(rule: Rule, name: str, signals: Mapping[str, float | str | None]) -> float | str | None:
    _require_signal(rule, name, signals, "signal")
    return signals[name]


def _require_signal(rule: Rule, name: str, names: Iterable[str], kind: str) -> None:
    known = list(names)
    if name not in known:
        there = ", ".join(known) or "none"
        raise ValueError(f"rule {rule.name!r} needs the {kind} {name!r}{suggestion(name, known)}; there are: {there}")


def _require_text(rule: object, field: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"rule {rule!r}: {field} must be a string, not {value!r}")


def _bound(rule: str, field: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"rule {rule!r}: {field} must be a finite number or None, not {value!r}")
    return float(value)


def _strings(rule: str, field: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"rule {rule!r}: {field} must be a list of strings, not {value!r}")
    return tuple(value)


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"

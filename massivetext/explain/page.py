"""A page or a text that stands in no build: what is extracted from it, measured and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from filters import gopher, language, quality_model, safety
from filters.rule import suggestion
from massivetext import mixtures
from massivetext.errors import BuildError
from massivetext.explain.explained import FAILS, PASSES, Explained, signals
from massivetext.mixture import Mixture, Subset
from massivetext.reading import own_files
from pipelines import extract

PLAIN = (".txt", ".text", ".md")


def judging(mixture: str, subset: str | None, rules: Path | None) -> tuple[Mixture, Subset]:
    """The mixture, and its subset whose rules judge: the one of that name, or the first. Raises BuildError for none."""
    found = mixtures.load(mixture)
    if rules:
        found = mixtures.with_rules(found, rules)
    names = [one.name for one in found.subsets]
    name = subset or names[0]
    if name not in names:
        raise BuildError(f"no subset {name!r}{suggestion(name, names)}; {found.name} has {', '.join(names)}")
    return found, found.subset(name)


def explain_page(
    asked: str,
    raw: bytes,
    mixture: Mixture,
    subset: Subset,
    url: str | None = None,
    wanted: Sequence[str] = (),
    given: str | None = None,
) -> Explained:
    """The verdict of a subset's rules on bytes of HTML or of text; a name in `PLAIN` is not looked at for markup.

    `given` is the input folder, in which the models and lists that the mixture names are looked for as well.
    """
    rules = subset.rules
    own, off = own_files(mixture, [subset], given)
    if asked.lower().endswith(PLAIN):
        text, title = raw.decode("utf-8", "replace"), None
    else:
        text, title = extract.extract(raw, None, url, subset.extractor)
    texts = pa.array([text], pa.large_string())
    values = {"characters": float(len(text))}
    for table in (
        language.measure(texts, mixture.language_model or None, mixture.language_bytes or None),
        safety.measure(texts, [url], own["safety_model"] or None, own["safety_hosts"] or None),
        quality_model.measure(texts, own["quality_model"] or None),
        gopher.measure(texts),
    ):
        values.update(table.to_pylist()[0])
    judged = signals(rules, values, text, wanted)
    outcome = PASSES if all(signal.keep for signal in judged) else FAILS
    spoken = f"{values['language']} {values['language_probability']:.2f}"
    notes = [*([f"title: {title}"] if title else []), *off]
    if own["safety_hosts"] and url is None and any(rule.signal == "unsafe_host" for rule in rules):
        notes.append("the page's address is not known (--url): the rule unsafe_host drops nothing")
    return Explained(asked, outcome, text, spoken, judged, notes=notes)

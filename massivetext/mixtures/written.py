"""A user's own mixture as TOML.

The keys are the fields of `Mixture`, its `[tokenizer]`, `[near]` and `[cut]` tables, and one `[[subsets]]` table per
subset. `rules` names rule sets, in order: `empty`, `english`, `safety`, `quality`, `repetition`, `c4`, `fineweb`,
`quality_model`, or a user's own by import path, `mypkg.rules:RULES`; `[subsets.bounds]` replaces bounds,
`word_count = { low = 20 }`, and the words of `stop_word_count`: `{ low = 2, words = ["der", "die", "und"] }`.

A signal of a user's own that no build measures is measured by the function `measure` in the module of their rules:
texts as an Arrow array in, an Arrow table with a column per signal out.

`--rules FILE.toml` changes the rules of any mixture: `[bounds]` those of every subset that has the rule,
`[subsets.NAME]` one subset's, by `rules` and `[subsets.NAME.bounds]`.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from filters import asked, c4, fineweb, language, quality, quality_model, repetition, safety
from filters.rule import Rule, suggestion
from massivetext.mixture import Cut, Mixture, Near, Subset, Tokenizer
from massivetext.mixtures.gopher import EMPTY
from pipelines import documents

RULE_SETS: dict[str, tuple[Rule, ...]] = {
    "empty": (EMPTY,),
    "english": language.RULES,
    "safety": safety.RULES,
    "quality": quality.RULES,
    "repetition": repetition.RULES,
    "c4": c4.RULES,
    "fineweb": fineweb.RULES,
    "quality_model": quality_model.RULES,
}
PARTS = {"tokenizer": Tokenizer, "near": Near, "cut": Cut}


def read(path: Path) -> Mixture:
    """The mixture a TOML file describes. Raises ValueError naming the file and the key at fault."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        return from_dict({"name": path.stem, **data})
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def from_dict(data: Mapping[str, Any]) -> Mixture:
    values = dict(data)
    for name, kind in PARTS.items():
        if name in values:
            values[name] = _made(kind, values[name], name)
    values["subsets"] = tuple(_subset(subset) for subset in values.get("subsets", ()))
    return _made(Mixture, values, "the mixture")


def _made(kind: type, values: Mapping[str, Any], where: str) -> Any:
    known = [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            raise ValueError(f"{where} has no field {key!r}{suggestion(key, known)}; its fields: {', '.join(known)}")
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return kind(**frozen)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def _subset(data: Mapping[str, Any]) -> Subset:
    values = dict(data)
    bounds = values.pop("bounds", {})
    rules = tuple(rule for name in values.pop("rules", ()) for rule in rule_set(name))
    subset = _made(Subset, {**values, "rules": rules}, f"subset {values.get('name', '?')}")
    return replace(subset, rules=bounded(rules, bounds)) if bounds else subset


def rule_set(name: str) -> tuple[Rule, ...]:
    """A rule set by its name, or a user's own by import path `package.module:NAME`."""
    if name in RULE_SETS:
        return RULE_SETS[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        known = ", ".join(RULE_SETS)
        raise ValueError(
            f"no rule set {name!r}{suggestion(name, RULE_SETS)}; known are {known}, or give package.module:NAME"
        )
    try:
        rules = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"rule set {name}: {error}") from error
    if isinstance(rules, Rule) or not all(isinstance(rule, Rule) for rule in rules):
        raise ValueError(f"{name} is not a tuple of filters.rule.Rule")
    return tuple(_measured(rule, module) for rule in rules)


def _measured(rule: Rule, module: str) -> Rule:
    """A user's rule that knows how its signal is measured: in every build, or by their own function."""
    if not rule.needs_text and rule.signal not in documents.SCHEMA.names:
        rule = replace(rule, measure=f"{module}:measure")
    if rule.measure:
        try:
            asked.function(rule.measure)
        except ValueError as error:
            raise ValueError(f"rule {rule.name!r}: no build measures {rule.signal!r}, and {error}") from error
    return rule


def bounded(rules: tuple[Rule, ...], bounds: Mapping[str, Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The rules with other bounds or words, by rule name."""
    names = [rule.name for rule in rules]
    for name, values in bounds.items():
        if name not in names:
            raise ValueError(f"bounds for a rule {name!r} that is not here{suggestion(name, names)}")
        if not isinstance(values, Mapping) or set(values) - {"low", "high", "words", "labels"}:
            raise ValueError(
                f"bounds of {name!r} are {values!r}, expected low and/or high, and words or labels where it has some"
            )
        if "labels" in values and not rules[names.index(name)].labels:
            raise ValueError(f"bounds of {name!r}: only a rule about labels, as language is, takes labels")
        if "words" in values and name != "stop_word_count":
            raise ValueError(f"bounds of {name!r}: only stop_word_count takes words")
        quality.count_words([], values.get("words", ()))  # refuses what no word can equal, before anything is read
    return tuple(replace(rule, **bounds[rule.name]) if rule.name in bounds else rule for rule in rules)


def with_rules(mixture: Mixture, path: Path) -> Mixture:
    """The mixture with the bounds and rule sets of a rules file. Raises ValueError naming the file and the key."""
    if not path.is_file():
        raise ValueError(f"no rules file {path}; give the path of a TOML file with [bounds] or [subsets.NAME]")
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        _require_known(data, ("bounds", "subsets"), "a rules file")
        return replace(mixture, subsets=_ruled(mixture, data.get("bounds", {}), data.get("subsets", {})))
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _ruled(
    mixture: Mixture, bounds: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Mapping[str, Any]]
) -> tuple[Subset, ...]:
    names = [subset.name for subset in mixture.subsets]
    for name, change in changes.items():
        if name not in names:
            raise ValueError(f"no subset {name!r}{suggestion(name, names)}; there are {', '.join(names)}")
        _require_known(change, ("bounds", "rules"), f"subset {name}")
    found: list[Subset] = []
    bounded_somewhere: set[str] = set()
    for subset in mixture.subsets:
        change = changes.get(subset.name, {})
        rules = subset.rules
        if "rules" in change:
            rules = tuple(rule for name in change["rules"] for rule in rule_set(name))
        here = {name: values for name, values in bounds.items() if name in {rule.name for rule in rules}}
        bounded_somewhere.update(here)
        rules = bounded(bounded(rules, here), change.get("bounds", {}))
        found.append(replace(subset, rules=rules))
    if missing := [name for name in bounds if name not in bounded_somewhere]:
        known = [rule.name for subset in found for rule in subset.rules]
        raise ValueError(f"bounds for a rule {missing[0]!r} that no subset has{suggestion(missing[0], known)}")
    return tuple(found)


def _require_known(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in data:
        if key not in known:
            raise ValueError(f"{where} has no {key!r}{suggestion(key, known)}; expected {' and '.join(known)}")

"""A user's own mixture as TOML.

The keys are the fields of `Mixture`, its `[tokenizer]`, `[near]` and `[cut]` tables, and one `[[subsets]]` table per
subset. `rules` names rule sets, in order: `empty`, `english`, `safety`, `quality`, `repetition`, or a user's own by
import path, `mypkg.rules:RULES`; `[subsets.bounds]` replaces bounds: `word_count = { low = 20 }`.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from filters import language, quality, repetition, safety
from filters.rule import Rule, suggestion
from massivetext.mixture import Cut, Mixture, Near, Subset, Tokenizer
from massivetext.mixtures.gopher import EMPTY

RULE_SETS: dict[str, tuple[Rule, ...]] = {
    "empty": (EMPTY,),
    "english": language.RULES,
    "safety": safety.RULES,
    "quality": quality.RULES,
    "repetition": repetition.RULES,
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
    rules = getattr(importlib.import_module(module), attribute)
    if not all(isinstance(rule, Rule) for rule in rules):
        raise ValueError(f"{name} is not a tuple of filters.rule.Rule")
    return tuple(rules)


def bounded(rules: tuple[Rule, ...], bounds: Mapping[str, Mapping[str, float]]) -> tuple[Rule, ...]:
    """The rules with other bounds, by rule name."""
    names = [rule.name for rule in rules]
    for name, values in bounds.items():
        if name not in names:
            raise ValueError(f"bounds for a rule {name!r} that is not here{suggestion(name, names)}")
        if set(values) - {"low", "high"}:
            raise ValueError(f"bounds of {name!r} are {dict(values)}, expected low and/or high")
    return tuple(
        Rule.from_dict({**rule.as_dict(), **bounds[rule.name]}) if rule.name in bounds else rule for rule in rules
    )

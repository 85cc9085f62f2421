"""Quotas: how many tokens, epochs and documents of every subset a training set takes. Arithmetic only, exact.

Weights are shares of tokens. A subset's quota is some whole epochs and one partial epoch, which takes
documents in the order of a hash of (seed, id, epoch) until the quota is full, and crops the document at the
boundary.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

PLAN = "plan.json"

# Beyond four epochs repeated text is worth clearly less than new text (Muennighoff et al., 2023).
MANY_EPOCHS = 4


@dataclass(frozen=True)
class Subset:
    """What the mixture wants of a subset; `shards` are its source shards, `max_epochs` bounds it."""

    name: str
    weight: float
    shards: tuple[int, ...]
    max_epochs: float = 1.0


@dataclass(frozen=True)
class Available:
    """What a subset holds after `cut`, documents without a token left out."""

    documents: int = 0
    tokens: int = 0
    valid_documents: int = 0
    valid_tokens: int = 0


@dataclass(frozen=True)
class Boundary:
    """A partial epoch's last document: its key and docid, its tokens taken, and the documents up to it."""

    key: int
    docid: int
    crop: int
    documents: int


@dataclass(frozen=True)
class SubsetPlan:
    """A subset's part of the training set.

    `documents` counts a document once per epoch; `quota` tokens are wanted, `reached` are there.
    """

    name: str
    sources: tuple[int, ...]
    weight: float
    wanted_share: float
    max_epochs: float
    available: Available
    quota: int
    reached: int
    whole_epochs: int
    partial_tokens: int
    boundary: Boundary | None = None
    documents: int = 0
    records: int = 0
    shards: int = 0
    valid_shards: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def epochs(self) -> float:
        return self.reached / self.available.tokens if self.available.tokens else 0.0

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> SubsetPlan:
        boundary = Boundary(**data["boundary"]) if data["boundary"] else None
        return SubsetPlan(
            **{
                **data,
                "sources": tuple(data["sources"]),
                "warnings": tuple(data["warnings"]),
                "available": Available(**data["available"]),
                "boundary": boundary,
            }
        )


@dataclass(frozen=True)
class Plan:
    """The training set as it will be. Its `records` are a lower bound: every shard rounds its last one up."""

    seed: int
    sequence_length: int
    budget: int
    subsets: tuple[SubsetPlan, ...]

    @property
    def warnings(self) -> list[str]:
        return [warning for subset in self.subsets for warning in subset.warnings]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @staticmethod
    def from_json(data: bytes) -> Plan:
        raw = json.loads(data)
        return Plan(**{**raw, "subsets": tuple(SubsetPlan.from_json(s) for s in raw["subsets"])})


def quotas(
    subsets: Sequence[Subset],
    available: Mapping[str, Available],
    budget: int | None,
    seed: int,
    sequence_length: int,
) -> Plan:
    """A plan with quotas and epochs, its boundaries not yet found. Without a budget the default one is taken.

    A subset that cannot fill its quota stays short and says so; no other subset fills the gap.
    Raises ValueError for weights that are no shares.
    """
    weights = [Fraction(str(subset.weight)) for subset in subsets]
    if not weights or min(weights) < 0 or sum(weights) == 0:
        raise ValueError(f"weights {[s.weight for s in subsets]}: expected numbers >= 0, one of them above 0")
    if budget is not None and budget < 0:
        raise ValueError(f"a budget of {budget} tokens: expected a number >= 0")
    limits = [int(available[s.name].tokens * Fraction(str(s.max_epochs))) for s in subsets]
    if budget is None:
        budget = default_budget(weights, limits)
    parts = []
    wanted = apportion(budget, weights)
    for subset, weight, limit, quota in zip(subsets, weights, limits, wanted, strict=True):
        have, reached = available[subset.name], min(quota, limit)
        whole, partial = divmod(reached, have.tokens) if have.tokens else (0, 0)
        draft = SubsetPlan(
            subset.name,
            tuple(subset.shards),
            subset.weight,
            float(weight / sum(weights)),
            subset.max_epochs,
            have,
            quota,
            reached,
            whole,
            partial,
        )
        parts.append(replace(draft, warnings=tuple(_warnings(draft))))
    return Plan(seed, sequence_length, budget, tuple(parts))


def default_budget(weights: Sequence[Fraction], limits: Sequence[int]) -> int:
    """The most tokens at which every subset that has any keeps its share within its limit in tokens.

    A subset without tokens does not bind: it would make the budget 0. Its share stays empty, with a warning.
    """
    whole = sum(weights)
    pairs = zip(weights, limits, strict=True)
    return min((int(limit * whole / weight) for weight, limit in pairs if weight and limit), default=0)


def apportion(budget: int, weights: Sequence[Fraction]) -> list[int]:
    """`budget` divided by weight into integers that sum to it (largest remainder, the earlier of equals)."""
    exact = [budget * weight / sum(weights) for weight in weights]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: budget - sum(parts)]:
        parts[i] += 1
    return parts


def _warnings(part: SubsetPlan) -> Iterator[str]:
    have = part.available.tokens
    if part.quota and not have:
        yield f"{part.name}: no training tokens; wanted {part.quota}, reached 0; check its drops"
    elif part.reached < part.quota:
        yield (
            f"{part.name}: wanted {part.quota} tokens, reached {part.reached}: {have} tokens at no more than "
            f"{part.max_epochs:g} epochs. Lower the budget, or raise the subset's max_epochs"
        )
    if part.epochs > MANY_EPOCHS:
        yield f"{part.name}: {part.epochs:.2f} epochs; beyond {MANY_EPOCHS} repeated text teaches little"


def settle(draft: SubsetPlan, boundary: Boundary | None, sequence_length: int, records_per_shard: int) -> SubsetPlan:
    """The subset's plan once its boundary is known, with documents, records and output shards."""
    have = draft.available
    placed = have.documents * draft.whole_epochs + (boundary.documents if boundary else 0)
    records = -(-(draft.reached + placed) // sequence_length)
    valid = -(-(have.valid_tokens + have.valid_documents) // sequence_length)
    return replace(
        draft,
        boundary=boundary,
        documents=placed,
        records=records,
        shards=-(-records // records_per_shard),
        valid_shards=-(-valid // records_per_shard),
    )

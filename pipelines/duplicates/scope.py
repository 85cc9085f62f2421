"""Who is compared with whom in duplicate search, and who comes first.

Survivor order: earlier generations before later ones, because what a finished build kept is decided; in a generation
reference documents before the others; then the rank column (validation first, priority, keyed digest), then docid.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.documents import GENERATION_BITS, PRIORITY_BITS, RANK_DIGEST_BITS, SCHEMA

ROLES = ("full", "reference", "none")
ALL = "all"
FIELDS = tuple(column.name for column in SCHEMA if column.type == pa.string())
_BELOW = PRIORITY_BITS + RANK_DIGEST_BITS
_GENERATIONS = (1 << GENERATION_BITS) - 1
_FULL = _BELOW + 1


@dataclass(frozen=True)
class Standing:
    """Per document: its subset's place among the roles, whether it takes part, whether it is reference, and a 64-bit
    hash of its group (0: all are one).
    """

    subset: np.ndarray
    takes_part: np.ndarray
    reference: np.ndarray
    group: np.ndarray

    def where(self, chosen: np.ndarray) -> Standing:
        return Standing(self.subset[chosen], self.takes_part[chosen], self.reference[chosen], self.group[chosen])


@dataclass(frozen=True)
class Scope:
    """`roles` pairs every subset with `full`, `reference` (always kept, others lose what it has) or `none`.

    Documents meet only inside a group: `by` is `all`, `subset`, or another text column of the documents; after a colon
    a regular expression may follow whose first match counts: `source:CC-MAIN-[0-9]+-[0-9]+` groups by crawl dump.
    """

    roles: tuple[tuple[str, str], ...]
    by: str = ALL

    @property
    def columns(self) -> list[str]:
        """The documents' columns that `standing` reads."""
        field = self.by.partition(":")[0]
        return ["subset"] if field in (ALL, "subset") else ["subset", field]

    def standing(self, batch: pa.RecordBatch) -> Standing:
        """Raises ValueError for a subset without a role, or a role that is none of `ROLES`."""
        known = dict(self.roles)
        names = batch.column("subset").to_pylist()
        for name in sorted(set(names)):
            if known.get(name) not in ROLES:
                raise ValueError(f"subset {name!r} has role {known.get(name)!r}; give it one of {', '.join(ROLES)}")
        found = [known[name] for name in names]
        places = {name: place for place, (name, _) in enumerate(self.roles)}
        return Standing(
            np.array([places[name] for name in names], np.int64),
            np.array([role != "none" for role in found], bool),
            np.array([role == "reference" for role in found], bool),
            self._groups(batch),
        )

    def _groups(self, batch: pa.RecordBatch) -> np.ndarray:
        if self.by == ALL:
            return np.zeros(len(batch), np.uint64)
        field, _, pattern = self.by.partition(":")
        values = [_matched(pattern, value or "") for value in batch.column(field).to_pylist()]
        hashes = {value: _hash(f"{self.by}\0{value}") for value in set(values)}
        return np.array([hashes[value] for value in values], np.uint64)


def check_scope(by: str) -> None:
    """Raises ValueError unless `by` is a scope that `Scope` knows."""
    field, _, pattern = by.partition(":")
    if by != ALL and field not in FIELDS:
        raise ValueError(f"scope {by!r}: expected all, or one of {', '.join(FIELDS)}, then perhaps :REGEX")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"scope {by!r}: {pattern!r} is no regular expression: {error}") from error


def _matched(pattern: str, value: str) -> str:
    if not pattern:
        return value
    found = re.search(pattern, value)
    return found.group() if found else ""


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, person=b"massivetext.grp").digest(), "little")


def survivor_place(rank: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """int64 places in survivor order from the rank column: the generation moves before the split, and a bit that says
    whether the document may fall goes between them.
    """
    rank = np.asarray(rank, np.int64)
    generation = rank >> _BELOW & _GENERATIONS
    rest = (rank >> _BELOW + GENERATION_BITS) << _BELOW | rank & (1 << _BELOW) - 1
    may_fall = (~np.asarray(reference, bool)).astype(np.int64)
    return (generation << _FULL + 1 | may_fall << _FULL | rest) ^ np.iinfo(np.int64).min


def may_fall(place: np.ndarray) -> np.ndarray:
    """Whether the documents at these places can be dropped at all: not if they are reference."""
    return (place >> _FULL & 1).astype(bool)

"""How a file is read: which field of a table holds what, which licences may stay, and which part of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.sources.licences import ANY

# Field by role, in the order in which they are tried; `a.b` is field b of a. `created` and `metadata.url` are dolma's.
FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "url": ("url", "metadata.url"),
    "timestamp": ("timestamp", "created"),
    "id": ("id",),
    "title": ("title",),
    "path": (),
    "repository": (),
    "licence": (),
}
_LISTED = 20  # fields that a message names


@dataclass(frozen=True)
class How:
    """What of a mixture shapes the reading of one file or split.

    `fields`: role (text, url, timestamp, id, title; path, repository, licence of source code) -> name of the field
    that holds it. A table whose rows have a path holds source files. `licences`: names that may stay. `start` and
    `end`: the split in stored bytes; a record belongs to the split that it starts in. `avoid`: numbers of records
    that are known to end the process, and are not looked into.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    licences: tuple[str, ...] = (ANY,)
    start: int = 0
    end: int | None = None
    avoid: frozenset[int] = frozenset()

    def names(self, role: str) -> tuple[str, ...]:
        """Fields that may hold the role, the first one that is there counts."""
        return (self.fields[role],) if role in self.fields else FIELDS[role]

    def has_begun(self, position: int) -> bool:
        """Whether a record that starts at this stored byte belongs to this split or a later one."""
        return position >= self.start

    def is_past(self, position: int) -> bool:
        """Whether a record that starts at this stored byte belongs to a later split."""
        return self.end is not None and position >= self.end


PLAIN = How()
AVOIDED = "not looked into: it ended the process before"


def lookup(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of the fields that is there and not null."""
    for name in names:
        value = row.get(name)
        if value is None and "." in name:
            value = _one(row, name)
        if value is not None:
            return value
    return None


def _one(row: Mapping[str, Any], name: str) -> Any:
    if name in row:
        return row[name]
    head, dot, rest = name.partition(".")
    inner = row.get(head) if dot else None
    return _one(inner, rest) if isinstance(inner, Mapping) else None


def missing(names: tuple[str, ...], there: list[str]) -> str:
    """What to say of a row without its text: which fields it has, and how to name the right one."""
    if names[0] in there:
        return f'"{names[0]}" is no string'
    listed = ", ".join(there[:_LISTED]) + (", ..." if len(there) > _LISTED else "")
    return f'there is no field "{names[0]}"; there are: {listed or "no fields"} (--fields names the text)'


def check_fields(fields: Mapping[str, str], where: str) -> None:
    """Raise ValueError for what names no fields, and for a role that no reader knows."""
    if not isinstance(fields, Mapping):
        raise ValueError(f'{where}: fields is {fields!r}, expected a table such as {{ text = "content" }}')
    for role, name in fields.items():
        if role not in FIELDS or not isinstance(name, str) or not name:
            known = ", ".join(FIELDS)
            raise ValueError(f"{where}: fields has {role} = {name!r}, expected the name of a field for one of {known}")

"""Source files in tables: a row with a path is a source file, kept, left out and named as one of an archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.sources import code, licences
from pipelines.sources.encoding import without_surrogates
from pipelines.sources.how import How
from pipelines.sources.record import Item, Record, Skipped, Unreadable


def code_of(row: int, text: str, row_digest: bytes, values: Mapping[str, Any], how: How) -> Item:
    """The record of a source file in a table. `values`: its path, repository, and licence (a name or a list)."""
    path = values["path"]
    if not isinstance(path, str) or not path:
        return Unreadable(row, 0, "the source file has no path")
    path, repository = without_surrogates(path)[0], values["repository"]
    if reason := code.reason_by_name(path) or code.reason_by_text(path, text):
        return Skipped(row, reason)
    named = values["licence"]
    given = named if isinstance(named, list | tuple) else [named]
    found = licences.in_head(text) or tuple(
        name for value in given if isinstance(value, str) and value for name in licences.expression(value)
    )
    if not licences.may_stay(found, how.licences):
        return Skipped(row, "licence")
    locator = f"{repository}:{path}" if isinstance(repository, str) and repository else path
    return Record(row, without_surrogates(locator)[0], row_digest, text, metadata=code.metadata(path, found))

"""What a reader yields: a record, a record that is no document, or a record that could not be read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

RECORD_LIMIT = 64 << 20  # bytes of one decompressed record; a larger one is unreadable


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a source file, its text or its HTML, and where it came from."""

    row: int  # ordinal in the source file, skipped and unreadable records counted
    locator: str
    digest: bytes  # 16 bytes, of the raw record
    text: str | None = None
    html: bytes | None = None
    url: str | None = None
    timestamp: str | None = None
    title: str | None = None
    encoding: str | None = None
    replaced: int = 0  # lone surrogates and invalid sequences that became U+FFFD
    metadata: Mapping[str, str] | None = None  # what the format tells besides: a book's header, a file's licence

    def __post_init__(self) -> None:
        if (self.text is None) == (self.html is None):
            raise ValueError(f"record {self.row}: exactly one of text and html is expected, give one")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is whole and is no document, with the names that its format gives it. `detail`: more of why."""

    row: int
    reason: str
    detail: str | None = field(default=None, compare=False)
    url: str | None = field(default=None, compare=False)
    locator: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record, or the rest of a file, that could not be read."""

    row: int
    position: int  # bytes from the start of the file as it is stored, best known
    cause: str
    url: str | None = field(default=None, compare=False)
    locator: str | None = field(default=None, compare=False)


Item: TypeAlias = Record | Skipped | Unreadable


def digest(parts: bytes | Iterable[bytes]) -> bytes:
    """16-byte BLAKE2b of the parts, read as one run of bytes."""
    state = hashlib.blake2b(digest_size=16)
    for part in (parts,) if isinstance(parts, bytes) else parts:
        state.update(part)
    return state.digest()


def locate(url: str | None, timestamp: str | None, name: str | None, record_digest: bytes) -> str:
    """Locator of a record that has no number of its own: URL and time, URL, name, or digest in hex."""
    if url:
        return f"{url} {timestamp}" if timestamp else url
    return name or record_digest.hex()

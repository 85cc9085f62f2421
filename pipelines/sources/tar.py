"""Tar archives as a stream of regular files: what tarfile passes over in silence is reported here.

A cut archive, a missing end mark and a broken header each give a `Lost`; after a broken header reading
goes on at the next block that is a header.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.sources.compression import DamageError, Stream

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_CHUNK = 1 << 20
_NAME_LIMIT = 1 << 20
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, b"x", b"g"
_ENTRIES_WITHOUT_DATA = (b"1", b"2", b"3", b"4", b"5", b"6")


@dataclass(frozen=True, slots=True)
class File:
    """A regular file; `data` is None if it was not wanted."""

    name: str
    size: int
    position: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Lost:
    """Something of the archive that could not be read."""

    position: int
    cause: str


class _CutError(Exception):
    """The archive ends too early."""


def members(stream: Stream, is_wanted: Callable[[str, int], bool]) -> Iterator[File | Lost]:
    """The regular files in order, and what was lost; `is_wanted` decides by name and size what is read."""
    reader = _Reader(stream, is_wanted)
    try:
        yield from reader.members()
    except _CutError:
        yield Lost(stream.position, "the archive is cut")
    except DamageError as damage:
        yield Lost(damage.position, damage.cause)


class _Reader:
    def __init__(self, stream: Stream, is_wanted: Callable[[str, int], bool]) -> None:
        self._stream = stream
        self._is_wanted = is_wanted
        self._left = 0  # bytes of the current member and its padding not read yet

    def members(self) -> Iterator[File | Lost]:
        pax: dict[str, str] = {}
        name: str | None = None
        searching = seen = False
        while True:
            position = self._stream.position
            block = self._block(seen)
            if block is None:
                return
            if block == _ZEROS:
                yield from self._rest(position)
                return
            header = _header(block)
            if header is None:
                if not searching:
                    yield Lost(position, "a tar header is broken")
                searching = seen = True
                continue
            searching, seen = False, True
            size = int(pax["size"]) if pax.get("size", "").isdecimal() else max(0, header.size)
            size = 0 if header.type in _ENTRIES_WITHOUT_DATA else size
            self._left = size + -size % _BLOCK
            if header.type in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL):
                extra = self._take(min(size, _NAME_LIMIT))
                self._skip()
                if header.type == _LONG_NAME:
                    name = _text(extra.rstrip(b"\0"))
                elif header.type == _PAX:
                    pax = _pax_fields(extra)
                continue
            if header.type in (b"0", b"\0", b"7"):
                file_name = _clean(pax.get("path") or name or header.name)
                data = self._take(size) if self._is_wanted(file_name, size) else None
                yield File(file_name, size, position, data)
            elif header.type == b"S":
                yield Lost(position, f"{_clean(header.name)} is a sparse file")
            self._skip()
            pax, name = {}, None

    def _block(self, seen: bool) -> bytes | None:
        """The next header block; None where an archive without any member ends."""
        self._left = _BLOCK
        block = self._stream_read(_BLOCK)
        if not block and not seen:
            return None
        if len(block) < _BLOCK:
            raise _CutError
        return block

    def _rest(self, position: int) -> Iterator[Lost]:
        """What follows the end mark must be zeros; reading it also checks the compression's checksum."""
        while data := self._stream.read(_CHUNK):
            if data.strip(b"\0"):
                yield Lost(position, "bytes after the archive's end mark")
                return

    def _take(self, size: int) -> bytes:
        data = self._stream_read(size)
        if len(data) < size:
            raise _CutError
        return data

    def _skip(self) -> None:
        while self._left:
            if not self._stream_read(min(self._left, _CHUNK)):
                raise _CutError

    def _stream_read(self, size: int) -> bytes:
        parts = []
        while size and (data := self._stream.read(size)):
            parts.append(data)
            size -= len(data)
            self._left -= len(data)
        return b"".join(parts)


def _header(block: bytes) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _clean(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _pax_fields(data: bytes) -> dict[str, str]:
    """Extended header fields: each is its own length, a space, name, `=`, value and a line end."""
    fields: dict[str, str] = {}
    at = 0
    while at < len(data):
        length, space, _ = data[at : at + 20].partition(b" ")
        if not space or not length.isdigit() or int(length) < len(length) + 3:
            break
        field = data[at + len(length) + 1 : at + int(length) - 1]
        key, _, value = field.partition(b"=")
        fields[_text(key)] = _text(value)
        at += int(length)
    return fields

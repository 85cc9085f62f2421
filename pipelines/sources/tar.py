"""Tar archives as a stream of regular files: what tarfile passes over in silence is reported here.

A cut archive, a missing end mark and a broken header each give a `Lost`; after a broken header, and after one
that tells more bytes than follow, reading goes on at the next block that is a header.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.sources.compression import DamageError, Stream

BLOCK = 512
_ZEROS = bytes(BLOCK)
_ASCII = bytes(range(128))
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
class _Header:
    name: str
    size: int
    kind: bytes


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
        self._at = 0  # bytes of the archive read so far
        self._end: int | None = None  # bytes of the archive, known once a member was looked for beyond them
        self._pax: dict[str, str] = {}  # what special members tell of the next one
        self._name: str | None = None

    def members(self) -> Iterator[File | Lost]:
        lost: Lost | None = None  # a member that ends beyond the archive, until the next header is found
        searching = seen = False
        while True:
            position = self._stream.position
            block = self._block(seen)
            if block is None:
                return
            header = _header(block)
            if lost is not None:
                if header is None:
                    continue  # what the lost member held, zeros perhaps
                yield lost
                lost = None
            if block == _ZEROS:
                yield from self._rest(position)
                return
            if header is None:
                if not searching:
                    yield Lost(position, "a tar header is broken")
                searching = seen = True
                continue
            searching, seen = False, True
            mark, at = self._stream.mark(), self._at
            try:
                yield from self._member(header, position)
            except _CutError:
                lost = Lost(position, f"{self._file_name(header)} tells more bytes than follow")
                self._end = self._end or self._at
                self._stream.seek_mark(mark)
                self._at, self._pax, self._name = at, {}, None

    def _member(self, header: _Header, position: int) -> Iterator[File | Lost]:
        told = self._pax.get("size", "")
        size = int(told) if told.isdecimal() and len(told) < 20 else max(0, header.size)
        size = 0 if header.kind in _ENTRIES_WITHOUT_DATA else size
        self._left = size + -size % BLOCK
        if self._end is not None and self._at + self._left > self._end:
            raise _CutError
        if header.kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL):
            extra = self._take(min(size, _NAME_LIMIT))
            self._skip()
            if header.kind == _LONG_NAME:
                self._name = _text(extra.rstrip(b"\0"))
            elif header.kind == _PAX:
                self._pax = _pax_fields(extra)
            return
        if header.kind in (b"0", b"\0", b"7"):
            name = self._file_name(header)
            data = self._take(size) if self._is_wanted(name, size) else None
            yield File(name, size, position, data)
        elif header.kind == b"S":
            yield Lost(position, f"{self._file_name(header)} is a sparse file")
        self._skip()
        self._pax, self._name = {}, None

    def _file_name(self, header: _Header) -> str:
        return _clean(self._pax.get("path") or self._name or header.name)

    def _block(self, seen: bool) -> bytes | None:
        """The next header block; None where an archive without any member ends."""
        self._left = BLOCK
        block = self._stream_read(BLOCK)
        if not block and not seen:
            return None
        if len(block) < BLOCK:
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
            self._at += len(data)
        return b"".join(parts)


def _header(block: bytes) -> _Header | None:
    """The header that a block is, None if its checksum does not hold."""
    told, size = _number(block[148:156]), _number(block[124:136])
    rest = block[:148] + b" " * 8 + block[156:]
    checksum = sum(rest)
    # Old writers added signed bytes.
    if size is None or told not in (checksum, checksum - 256 * len(rest.translate(None, _ASCII))):
        return None
    name, prefix, kind = _field(block[:100]), _field(block[345:500]), block[156:157]
    if kind == b"\0" and name.endswith("/"):
        kind = tarfile.DIRTYPE
    return _Header(f"{prefix}/{name}" if prefix and kind not in tarfile.GNU_TYPES else name, size, kind)


def _number(field: bytes) -> int | None:
    """A number as tar writes it: octal digits, or two's complement after a byte that says so."""
    if field[0] in (0o200, 0o377):
        return int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0o377 else 0)
    digits = field.partition(b"\0")[0].strip()
    try:
        return int(digits or b"0", 8) if digits.isascii() else None
    except ValueError:
        return None


def _field(data: bytes) -> str:
    return _text(data.partition(b"\0")[0])


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

"""Archives of records with a header and a length (WARC, ARC): framing, and what follows a broken record."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.sources.compression import PEEK, DamageError, Mark, Stream
from pipelines.sources.record import RECORD_LIMIT

_HEAD_LIMIT = 1 << 20
_CHUNK = 1 << 16


class BrokenError(Exception):
    """A record whose framing does not hold."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How a format's records look.

    `begin` matches their first bytes, `first_line` finds where one begins, `head_end` where its head ends.
    """

    begin: re.Pattern[bytes]
    first_line: re.Pattern[bytes]
    head_end: re.Pattern[bytes]
    closings: tuple[bytes, ...]  # what may stand after a record's last byte


class Window:
    """The current member's next bytes, looked at through a buffer that never reaches into the next member."""

    def __init__(self, stream: Stream, framing: Framing) -> None:
        self._stream = stream
        self._framing = framing
        self._buffer = b""

    def mark(self) -> Mark:
        mark = self._stream.mark()
        return Mark(mark.member, mark.offset - len(self._buffer))

    def stored(self, mark: Mark) -> int:
        """Byte of the stored file: exact if it is plain, else where the member starts."""
        return mark.member + (mark.offset if self._stream.codec is None else 0)

    def go_to_split(self, start: int, end: int) -> bool:
        """Whether a member that begins with a record starts in this part of the stored file; it is now current."""
        return self._stream.find_beginning(start, end, self._framing.begin)

    def go_to_record(self) -> bool:
        """Whether there is a record; the buffer then begins with it."""
        while not self.skip_newlines():
            if not self._stream.next_member():
                return False
            self._peek()
        self.fill(PEEK)
        if not self._framing.begin.match(self._buffer):
            raise BrokenError("bytes that begin no record")
        return True

    def take_head(self) -> bytes:
        more = self.fill(_CHUNK)
        while not (end := self._framing.head_end.search(self._buffer)):
            if not more or len(self._buffer) > _HEAD_LIMIT:
                raise BrokenError("the record's header does not end")
            more = self.fill(len(self._buffer) + _CHUNK)
        if self._framing.first_line.search(self._buffer, 1, end.end()):
            raise BrokenError("another record begins inside the record's header")
        return self._take(end.end())

    def take_body(self, length: str) -> bytes | None:
        """So many bytes, None if they are more than RECORD_LIMIT, which are passed over."""
        if not (length.isascii() and length.isdecimal() and len(length) < 19):
            raise BrokenError(f"Content-Length {length!r} is no number of bytes")
        size, body = int(length), None
        if size > RECORD_LIMIT:
            self._skip(size)
        elif self.fill(size):
            body = self._take(size)
        else:
            raise BrokenError("the record ends before its Content-Length")
        self._check_end()
        return body

    def _check_end(self) -> None:
        """A record ends with its closing, with its member, or at least where another record begins."""
        self.fill(4)
        if self._buffer.startswith(self._framing.closings):
            self.skip_newlines()  # at a member's end this also checks its checksum
            return
        if self.skip_newlines():
            self.fill(PEEK)
            if not self._framing.begin.match(self._buffer):
                raise BrokenError("no record begins where Content-Length ends this one")

    def recover(self, start: Mark) -> bool:
        """Whether reading can go on after the broken record that began at `start`."""
        try:
            self._buffer = b""
            self._stream.seek_mark(start)
            self._skip(1)
            self._find_first_line()
            return True
        except (DamageError, BrokenError):
            return self._stream.codec is not None and self._find_member(start.member + 1)

    def _find_member(self, position: int) -> bool:
        while True:
            self._buffer = b""
            try:
                if not self._stream.find_member(position):
                    return False
                self._peek()
                if self._framing.begin.match(self._buffer):
                    return True
            except DamageError:
                pass  # magic bytes by accident, or the next broken member: search on
            position = self._stream.member + 1

    def _find_first_line(self) -> None:
        """The buffer begins at the next record's first line, or is empty at the member's end."""
        while True:
            more = self.fill(max(_CHUNK, len(self._buffer) + 1))
            if found := self._framing.first_line.search(self._buffer):
                self._take(found.start())
                return
            self._take(len(self._buffer) - PEEK if more else len(self._buffer))
            if not more:
                return

    def skip_newlines(self) -> bool:
        """Whether bytes of this member follow the line ends that stand here."""
        while self.fill(1):
            self._buffer = self._buffer.lstrip(b"\r\n")
            if self._buffer:
                return True
        return False

    def _peek(self) -> None:
        """Fill the buffer from a member's start, in the steps of `Stream.begins`, so that both meet the same damage."""
        while len(self._buffer) < PEEK and (data := self._stream.read_member(PEEK - len(self._buffer))):
            self._buffer += data

    def fill(self, size: int) -> bool:
        """Whether the buffer holds `size` bytes of this member, read on if need be."""
        held = len(self._buffer)
        if held >= size:
            return True
        parts = [self._buffer]
        while held < size and (data := self._stream.read_member(_CHUNK)):
            parts.append(data)
            held += len(data)
        self._buffer = b"".join(parts)
        return held >= size

    def _take(self, size: int) -> bytes:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _skip(self, size: int) -> None:
        while size:
            if not self.fill(1):
                raise BrokenError("the record ends before its Content-Length")
            size -= len(self._take(min(size, _CHUNK)))

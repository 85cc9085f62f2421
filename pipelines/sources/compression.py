"""Compressed files read as a stream that knows where in the stored file it stands.

A file is a run of members (gzip members, bzip2 or xz streams, zstd frames; a plain file is one
member). Damage raises `DamageError` after every byte before it has been delivered. Memory is bounded
whatever the file claims to hold.
"""

from __future__ import annotations

import io
import lzma
import re
import sys
import zipfile
import zlib
from typing import BinaryIO, NamedTuple

import zstandard

from pipelines.files import open_read
from pipelines.sources.decoders import DECODER_ERRORS, DICTIONARY_LIMIT, MAGIC, ZSTD_DICTIONARY, Decoder, dictionary

CODECS: tuple[tuple[str, str], ...] = ((".gz", "gzip"), (".bz2", "bzip2"), (".xz", "xz"), (".zst", "zstd"))
# What zipfile raises on damage; NotImplementedError is its word for a compression it does not know.
BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,  # encrypted
    ValueError,
    OSError,
)
COMPRESSED = tuple(suffix for suffix, _ in CODECS)
_TARS = ((".tgz", "gzip"), (".tbz2", "bzip2"), (".txz", "xz"))
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a zstd frame that holds no data of the file
_ANYTHING = re.compile(b"")
PEEK = 1 << 12  # bytes of a member that tell what it begins with
_CHUNK = 1 << 16


class DamageError(Exception):
    """A file cannot be read on from `position`, in bytes of the stored file."""

    def __init__(self, position: int, cause: str) -> None:
        super().__init__(f"{cause} at byte {position}")
        self.position = position
        self.cause = cause


class Mark(NamedTuple):
    """A place in a stream: where its member starts in the stored file, and bytes into that member."""

    member: int
    offset: int


def codec_of(path: str) -> str | None:
    """Name of the compression that the file name tells, None for a plain file."""
    name = path.lower()
    return next((codec for suffix, codec in CODECS + _TARS if name.endswith(suffix)), None)


class Stream(io.RawIOBase):
    """Decompressed bytes of a stored file, member by member or as one run."""

    def __init__(self, raw: BinaryIO, codec: str | None) -> None:
        super().__init__()
        self._raw = raw
        self.codec = codec
        self._dictionary: zstandard.ZstdCompressionDict | None = None
        self._stop: tuple[int, re.Pattern[bytes]] | None = None
        self.is_stopped = False
        self._restart(0)
        if codec == "zstd":
            self._load_dictionary()

    def _restart(self, position: int) -> None:
        self._raw.seek(position)
        self._input = b""
        self._taken = position  # stored bytes read so far
        self._pending: bytes | memoryview = b""  # decompressed, not yet delivered
        self._decoder: Decoder | None = None
        self.member = position
        self.offset = 0  # bytes of the member delivered

    @property
    def position(self) -> int:
        """Stored bytes used up so far; exact in a plain file, best known in a compressed one."""
        return self._taken - len(self._input) - (len(self._pending) if self.codec is None else 0)

    def mark(self) -> Mark:
        """The place of the next byte."""
        return Mark(self.member, self.offset)

    def seek_mark(self, mark: Mark) -> None:
        """Go back to a place that `mark` gave."""
        if self.codec is None:
            self._restart(mark.member + mark.offset)
            self.member, self.offset = mark
            self._decoder = Decoder(None)
            return
        self._restart(mark.member)
        self.next_member()
        while self.offset < mark.offset:
            if not self.read_member(min(_CHUNK, mark.offset - self.offset)):
                break

    def skip(self, size: int) -> None:
        """Go so many bytes into a plain file."""
        if self.codec is not None:
            raise ValueError(f"a {self.codec} file cannot be read from byte {size} on; give it no splits")
        self._restart(size)
        self.member, self._decoder = 0, Decoder(None)
        self.offset = size

    def stop_at(self, position: int, begin: re.Pattern[bytes]) -> None:
        """Let the run of bytes end before the first member at or after a stored position that begins so."""
        self._stop = position, begin

    def next_member(self) -> bool:
        """Whether there is another member, now the current one; what is left of this one is passed over."""
        while self._decoder is not None and self.read_member(_CHUNK):
            pass
        self._decoder = None
        self._fill(8)
        if self.codec == "gzip":
            self._skip_padding()
        while self.codec == "zstd" and _SKIPPABLE.match(self._input):
            self._skip_frame()
        if not self._input:
            return False
        self.member, self.offset = self._taken - len(self._input), 0
        if self.codec and not self._input.startswith(MAGIC[self.codec]):
            raise DamageError(self.member, f"no {self.codec} member begins here")
        self._decoder = Decoder(self.codec, self._dictionary)
        return True

    def begins(self, begin: re.Pattern[bytes]) -> bool:
        """Whether the current member, of which nothing has been read, begins so."""
        held = b""
        while len(held) < PEEK and (data := self.read_member(PEEK - len(held))):
            held += data
        self._pending = held + self._pending
        self.offset -= len(held)
        return begin.match(held) is not None

    def find_beginning(self, start: int, end: int, begin: re.Pattern[bytes]) -> bool:
        """Whether a member that begins so starts at a stored position from `start` on, before `end`; it is current."""
        position = start
        while position < end:
            try:
                if not self.find_member(position) or self.member >= end:
                    return False
                if self.begins(begin):
                    return True
            except DamageError:
                pass  # magic bytes by accident, or a damaged member: search on
            position = self.member + 1
        return False

    def pass_damage(self, begin: re.Pattern[bytes] = _ANYTHING) -> bool:
        """Whether a member that begins so follows the current, damaged one; it is now current."""
        return self.codec is not None and self.find_beginning(self.member + 1, sys.maxsize, begin)

    def find_member(self, start: int) -> bool:
        """Whether magic bytes of a member stand at or after a stored position; it is now the current one."""
        magic = MAGIC[self.codec] if self.codec else b""
        self._restart(start)
        while self._fill(len(magic)):
            found = self._input.find(magic)
            if found >= 0:
                self._input = self._input[found:]
                return self.next_member()
            self._input = self._input[-len(magic) + 1 :]
            if not self._fill(len(self._input) + 1):
                break
        return False

    def read_member(self, limit: int) -> bytes:
        """Up to `limit` bytes of the current member, none at its end."""
        while not self._pending:
            if self._decoder is None or self._decoder.ended:
                return b""
            self._decode(limit)
            if not self._pending and self.codec is None and not self._input:
                return b""
        if len(self._pending) <= limit:
            data, self._pending = bytes(self._pending), b""
        else:
            held = memoryview(self._pending)
            data, self._pending = bytes(held[:limit]), held[limit:]
        self.offset += len(data)
        return data

    def _decode(self, limit: int) -> None:
        decoder = self._decoder
        assert decoder is not None
        if not self._input and decoder.hungry:
            self._fill(1)
            if not self._input and self.codec:
                raise DamageError(self._taken, f"the file is cut inside a {self.codec} member")
        before = self.position
        try:
            output, self._input = decoder.decode(self._input, limit)
        except DECODER_ERRORS as error:
            raise DamageError(before, f"damaged {self.codec}: {error}") from error
        self._pending = output

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Bytes written into the buffer, across members; 0 at the end of the file."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, across members, none at the end of the file; all that is left without a size."""
        if size < 0:
            return self.readall()
        while True:
            if self._decoder is not None:
                data = self.read_member(size)
                if data or self.codec is None:
                    return data
            if self.is_stopped or not self.next_member():
                return b""
            if self._stop and self.member >= self._stop[0] and self.begins(self._stop[1]):
                self.is_stopped = True
                self._decoder = None
                return b""

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()

    def _fill(self, least: int) -> bool:
        while len(self._input) < least:
            data = self._raw.read(_CHUNK)
            if not data:
                return False
            self._taken += len(data)
            self._input += data
        return True

    def _skip_frame(self) -> None:
        """Pass over a zstd frame that holds no data: its magic number, its length, so many bytes."""
        start = self._taken - len(self._input)
        self._fill(8)
        end = start + 8 + int.from_bytes(self._input[4:8], "little")
        while self._taken < end:
            self._input = b""
            if not self._fill(1):
                raise DamageError(self._taken, "the file is cut inside a zstd frame")
        self._input = self._input[len(self._input) - (self._taken - end) :]
        self._fill(8)

    def _load_dictionary(self) -> None:
        self._fill(8)
        size = int.from_bytes(self._input[4:8], "little")
        if self._input.startswith(ZSTD_DICTIONARY) and size <= DICTIONARY_LIMIT and self._fill(8 + size):
            self._dictionary = dictionary(self._input[8 : 8 + size])
        self._restart(0)

    def _skip_padding(self) -> None:
        """Zero bytes may follow a gzip member; tapes and block devices leave them."""
        while self._input and not self._input.lstrip(b"\0"):
            self._input = b""
            self._fill(1)
        if self._input.startswith(b"\0"):
            self._input = self._input.lstrip(b"\0")
            self._fill(8)


def open_stream(path: str) -> Stream:
    """The file's decompressed bytes; the compression is told by the file name."""
    return Stream(open_read(path), codec_of(path))


def read_bounded(stream: Stream, limit: int) -> bytes | None:
    """All bytes of the stream, or None if they are more than `limit`."""
    parts: list[bytes] = []
    size = 0
    while data := stream.read(_CHUNK):
        size += len(data)
        if size > limit:
            return None
        parts.append(data)
    return b"".join(parts)

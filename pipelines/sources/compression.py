"""Compressed files read as a stream that knows where in the stored file it stands.

A file is a run of members (gzip members, bzip2 or xz streams, zstd frames; a plain file is one
member). Damage raises `DamageError` after every byte before it has been delivered. Memory is bounded
whatever the file claims to hold.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
import zlib
from typing import BinaryIO, NamedTuple

import zstandard

from pipelines.files import open_read

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
_MAGIC = {"gzip": b"\x1f\x8b\x08", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}
_CHUNK = 1 << 16
_ZSTD_CHUNK = 1 << 10  # zstd has no output limit: a KB of input yields at most 32 MB
_ERRORS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError)


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
        self._restart(0)

    def _restart(self, position: int) -> None:
        self._raw.seek(position)
        self._input = b""
        self._taken = position  # stored bytes read so far
        self._pending = memoryview(b"")  # decompressed, not yet delivered
        self._decoder: _Decoder | None = None
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
            self._decoder = _Decoder(None)
            return
        self._restart(mark.member)
        self.next_member()
        while self.offset < mark.offset:
            if not self.read_member(min(_CHUNK, mark.offset - self.offset)):
                break

    def next_member(self) -> bool:
        """Whether there is another member, now the current one; what is left of this one is passed over."""
        while self._decoder is not None and self.read_member(_CHUNK):
            pass
        self._decoder = None
        self._fill(8)
        if self.codec == "gzip":
            self._skip_padding()
        if not self._input:
            return False
        self.member, self.offset = self._taken - len(self._input), 0
        if self.codec and not self._input.startswith(_MAGIC[self.codec]):
            raise DamageError(self.member, f"no {self.codec} member begins here")
        self._decoder = _Decoder(self.codec)
        return True

    def find_member(self, start: int) -> bool:
        """Whether magic bytes of a member stand at or after a stored position; it is now the current one."""
        magic = _MAGIC[self.codec] if self.codec else b""
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
        data, self._pending = self._pending[:limit], self._pending[limit:]
        self.offset += len(data)
        return bytes(data)

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
        except _ERRORS as error:
            raise DamageError(before, f"damaged {self.codec}: {error}") from error
        self._pending = memoryview(output)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Bytes written into the buffer, across members; 0 at the end of the file."""
        while True:
            if self._decoder is not None:
                data = self.read_member(len(buffer))
                if data:
                    buffer[: len(data)] = data
                    return len(data)
                if self.codec is None:
                    return 0
            if not self.next_member():
                return 0

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

    def _skip_padding(self) -> None:
        """Zero bytes may follow a gzip member; tapes and block devices leave them."""
        while self._input and not self._input.lstrip(b"\0"):
            self._input = b""
            self._fill(1)
        if self._input.startswith(b"\0"):
            self._input = self._input.lstrip(b"\0")
            self._fill(8)


class _Decoder:
    """One member's decoder; `decode` gives output and the input it has not used."""

    def __init__(self, codec: str | None) -> None:
        self._codec = codec
        self._state: object = _state(codec)

    @property
    def ended(self) -> bool:
        return self._codec is not None and self._state.eof  # type: ignore[attr-defined]

    @property
    def hungry(self) -> bool:
        return getattr(self._state, "needs_input", True)

    def decode(self, data: bytes, limit: int) -> tuple[bytes, bytes]:
        state = self._state
        if self._codec is None:
            return data[:limit], data[limit:]
        if self._codec == "gzip":
            output = state.decompress(data, limit)  # type: ignore[attr-defined]
            return output, state.unconsumed_tail or state.unused_data  # type: ignore[attr-defined]
        if self._codec == "zstd":
            output = state.decompress(data[:_ZSTD_CHUNK])  # type: ignore[attr-defined]
            return output, state.unused_data + data[_ZSTD_CHUNK:]  # type: ignore[attr-defined]
        taken = data if self.hungry else b""
        output = state.decompress(taken, limit)  # type: ignore[attr-defined]
        return output, state.unused_data if state.eof else data[len(taken) :]  # type: ignore[attr-defined]


def _state(codec: str | None) -> object:
    match codec:
        case "gzip":
            return zlib.decompressobj(wbits=31)
        case "bzip2":
            return bz2.BZ2Decompressor()
        case "xz":
            return lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj()
    return None


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

"""One member of a compressed file at a time: gzip member, bzip2 or xz stream, zstd frame."""

from __future__ import annotations

import bz2
import lzma

import zstandard
from zlib_ng import zlib_ng

MAGIC = {"gzip": b"\x1f\x8b\x08", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}
ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"  # begins the first frame of a .warc.zst file: what all others rest on
DICTIONARY_LIMIT = 16 << 20
DECODER_ERRORS = (zlib_ng.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError)
_CHUNK = 1 << 10  # zstd has no output limit: a KB of input yields at most 32 MB


def dictionary(data: bytes) -> zstandard.ZstdCompressionDict:
    """The dictionary of a zstd file, itself perhaps compressed; a damaged one shows in every frame after it."""
    if data.startswith(MAGIC["zstd"]):
        try:
            data = zstandard.ZstdDecompressor().stream_reader(data).read(DICTIONARY_LIMIT)
        except zstandard.ZstdError:
            data = b""
    return zstandard.ZstdCompressionDict(data)


class Decoder:
    """One member's decoder; `decode` gives output and the input it has not used."""

    def __init__(self, codec: str | None, dictionary: zstandard.ZstdCompressionDict | None = None) -> None:
        self._codec = codec
        self._state: object = _state(codec, dictionary)

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
            output = state.decompress(data[:_CHUNK])  # type: ignore[attr-defined]
            return output, state.unused_data + data[_CHUNK:]  # type: ignore[attr-defined]
        taken = data if self.hungry else b""
        output = state.decompress(taken, limit)  # type: ignore[attr-defined]
        return output, state.unused_data if state.eof else data[len(taken) :]  # type: ignore[attr-defined]


def _state(codec: str | None, dictionary: zstandard.ZstdCompressionDict | None) -> object:
    match codec:
        case "gzip":
            return zlib_ng.decompressobj(wbits=31)
        case "bzip2":
            return bz2.BZ2Decompressor()
        case "xz":
            return lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
        case "zstd":
            return zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
    return None

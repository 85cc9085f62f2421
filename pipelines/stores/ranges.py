"""An object as a seekable file, read by ranges."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

LEAST, MOST = 256 << 10, 16 << 20


class Ranges(io.RawIOBase):
    """A file of `size` bytes over `fetch(start, stop)`.

    Large reads are one request of just these bytes (a column of a Parquet file). Small reads take more than was asked
    for, the more the longer they follow one another (a stream that is decompressed).
    """

    def __init__(self, size: int, fetch: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._size = size
        self._fetch = fetch
        self._position = 0
        self._held, self._from = b"", 0
        self._ahead = LEAST

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Exactly so many bytes, fewer only at the end."""
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        parts = []
        while wanted:
            part = self._held_part(wanted) or self._fetched_part(wanted)
            self._position += len(part)
            wanted -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _held_part(self, wanted: int) -> bytes:
        at = self._position - self._from
        return self._held[at : at + wanted] if 0 <= at < len(self._held) else b""

    def _fetched_part(self, wanted: int) -> bytes:
        follows = self._position == self._from + len(self._held)
        self._ahead = min(2 * self._ahead, MOST) if follows else LEAST
        if wanted >= self._ahead:
            self._held, self._from = b"", self._position + wanted
            return self._whole(self._position, self._position + wanted)
        stop = min(self._position + self._ahead, self._size)
        self._held, self._from = self._whole(self._position, stop), self._position
        return self._held[:wanted]

    def _whole(self, start: int, stop: int) -> bytes:
        data = self._fetch(start, stop)
        if len(data) != stop - start:
            raise OSError(f"asked for bytes {start} to {stop}, got {len(data)}: the object has changed")
        return data

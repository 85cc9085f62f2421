"""Any other scheme that Beam has a filesystem for, as far as that goes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.stores import Listed, StoreError

PLAIN = CompressionTypes.UNCOMPRESSED


class Other:
    """A store through Beam's filesystems. `put_new` is a best effort: Beam knows no condition on writes."""

    def listed(self, prefix: str, deep: bool) -> Iterator[Listed]:
        with _told():
            matched = FileSystems.match([f"{prefix}{'**' if deep else '*'}"])[0].metadata_list
        for found in matched:
            yield Listed(found.path, found.size_in_bytes, str(found.last_updated_in_seconds))

    def read(self, path: str) -> bytes:
        with self.open(path) as file:
            return file.read()

    def open(self, path: str) -> BinaryIO:
        with _told():
            if not FileSystems.exists(path):
                raise FileNotFoundError(f"{path}: there is no such object")
            return cast(BinaryIO, FileSystems.open(path, compression_type=PLAIN))

    def put(self, local: str, path: str) -> None:
        with _told(), open(local, "rb") as source, FileSystems.create(path, compression_type=PLAIN) as sink:
            shutil.copyfileobj(source, sink, 1 << 20)

    def put_new(self, path: str, data: bytes) -> bool:
        with _told():
            if FileSystems.exists(path):
                return False
            with FileSystems.create(path, compression_type=PLAIN) as sink:
                sink.write(data)
        return True

    def delete(self, paths: Iterable[str]) -> None:
        with _told():
            found = [path for path in paths if FileSystems.exists(path)]
            if found:
                FileSystems.delete(found)


@contextmanager
def _told() -> Iterator[None]:
    """Beam's errors under the name that the stages know."""
    try:
        yield
    except BeamIOError as error:
        raise StoreError(str(error)) from error

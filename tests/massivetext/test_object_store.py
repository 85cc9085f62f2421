"""A build whose input and output lie in an object store has the bytes of one on disk."""

from __future__ import annotations

import fnmatch
import io
import re
from collections.abc import Iterator
from pathlib import Path

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata, FileSystem

from massivetext import build

OBJECTS: dict[str, bytes] = {}


class _Upload(io.BytesIO):
    """An object that appears when its upload ends."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            OBJECTS[self._path] = self.getvalue()
        super().close()


class MemoryFiles(FileSystem):
    """An object store in memory under `mem://`: what gs:// and s3:// are to the stages."""

    @classmethod
    def scheme(cls) -> str:
        return "mem"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        """Object stores know no folders."""

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for path in sorted(OBJECTS):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(OBJECTS[path]), 1.0)

    def create(self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.AUTO) -> _Upload:
        return _Upload(path)

    def open(self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.AUTO) -> io.BytesIO:
        if path not in OBJECTS:
            raise BeamIOError("no such object", {path: FileNotFoundError(path)})
        return io.BytesIO(OBJECTS[path])

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            OBJECTS[destination] = OBJECTS[source]

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        self.copy(source_file_names, destination_file_names)
        self.delete(source_file_names)

    def exists(self, path: str) -> bool:
        return path in OBJECTS

    def size(self, path: str) -> int:
        return len(OBJECTS[path])

    def last_updated(self, path: str) -> float:
        return 1.0

    def checksum(self, path: str) -> str:
        return str(len(OBJECTS[path]))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, len(OBJECTS[path]), 1.0)

    def delete(self, paths: list[str]) -> None:
        for pattern in paths:
            expression = re.compile(fnmatch.translate(pattern))
            for path in [path for path in OBJECTS if expression.match(path)]:
                del OBJECTS[path]


def test_a_build_in_an_object_store_has_the_bytes_of_one_on_disk(sample: Path, built: Path) -> None:
    for path in sorted(sample.rglob("*")):
        if path.is_file():
            OBJECTS[f"mem://in/{path.relative_to(sample).as_posix()}"] = path.read_bytes()
    options = ["--input", "mem://in", "--output", "mem://out", "--workers", "1", "--vocabulary", "1024"]
    build.run(options)
    made = {path.rpartition("/")[2]: data for path, data in OBJECTS.items() if path.startswith("mem://out/train/")}
    assert made == {path.name: path.read_bytes() for path in (built / "train").iterdir()}
    assert "mem://out/driver.lock" not in OBJECTS

"""A build whose input and output lie in an object store has the bytes of one on disk."""

from __future__ import annotations

import fnmatch
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata, FileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from massivetext import build, train, verify
from pipelines import files
from pipelines.stores.ranges import MOST, Ranges

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


def test_a_training_set_in_an_object_store_is_verified_there(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((built / "train").iterdir()):
        OBJECTS[f"mem://other/train/{path.name}"] = path.read_bytes()
    assert verify.main(["mem://other", "--deep"]) == 0
    shard = next(path for path in OBJECTS if path.endswith("books-00000-of-00001.array_record") and "other" in path)
    data = OBJECTS[shard]
    OBJECTS[shard] = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    OBJECTS["mem://other/train/stray"] = b""
    assert verify.main(["mem://other", "--deep"]) == 1
    said = capsys.readouterr().err
    assert f"{shard}: has sha256" in said
    assert "mem://other/train/stray: is not in the manifest" in said
    assert verify.main(["mem://nothing"]) == 2


def test_the_trainer_refuses_an_object_store_and_names_the_copy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--data", "s3://bucket/out/train"])
    assert "aws s3 cp --recursive s3://bucket/out/train DIR" in capsys.readouterr().err


def test_a_file_that_fails_on_the_way_leaves_the_object_as_it_was() -> None:
    files.write_bytes("mem://half/name", b"whole")

    def write_half() -> None:
        with files.create("mem://half/name") as sink:
            sink.write(b"half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_half()
    assert files.read_bytes("mem://half/name") == b"whole"


@given(data=st.binary(max_size=4_000_000), reads=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 1 << 21))))
@settings(max_examples=25, deadline=None)
def test_reading_by_ranges_is_reading(data: bytes, reads: list[tuple[int, int]]) -> None:
    asked: list[tuple[int, int]] = []

    def fetch(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return data[start:stop]

    ours, plain = Ranges(len(data), fetch), io.BytesIO(data)
    for tenth, size in reads:
        if tenth < 10:
            assert ours.seek(len(data) * tenth // 10) == plain.seek(len(data) * tenth // 10)
        assert ours.read(size) == plain.read(size)
        assert ours.tell() == plain.tell()
    assert all(0 <= start < stop <= len(data) for start, stop in asked)


def test_a_stream_read_in_small_pieces_takes_few_requests() -> None:
    asked: list[int] = []

    def fetch(start: int, stop: int) -> bytes:
        asked.append(stop - start)
        return bytes(stop - start)

    stream = Ranges(100 << 20, fetch)
    while stream.read(64 << 10):
        pass
    assert len(asked) < 15
    assert max(asked) <= MOST

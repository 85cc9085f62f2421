"""Local paths and object stores (gs://, s3://) behind the few operations the stages need.

A file appears under its final name only when it is whole: locally by a temporary name and a rename, on object stores
because an object exists only once its upload has ended (there a rename would be a copy).
"""

from __future__ import annotations

import atexit
import glob
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

TEMPORARY = ".tmp-"
StoreError = BeamIOError  # what an object store refuses


@dataclass(frozen=True)
class Written:
    """A finished file: its name inside the stage folder, its size in bytes and its sha256."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Listed:
    """A file found by a pattern. `version` changes whenever the content may have changed."""

    path: str
    bytes: int
    version: str


def is_remote(path: str) -> bool:
    return "://" in path


def join(folder: str, *parts: str) -> str:
    return "/".join([folder.rstrip("/"), *parts])


def name(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def open_read(path: str) -> BinaryIO:
    """The file's bytes as stored, never decompressed; seekable."""
    if is_remote(path):
        return cast(BinaryIO, FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED))
    return open(path, "rb")


def read_bytes(path: str) -> bytes:
    with open_read(path) as file:
        return file.read()


@cache
def local_copy(path: str) -> str:
    """A local file with the content of `path`, for readers that know no object stores; '' stays ''."""
    if not is_remote(path):
        return path
    with tempfile.NamedTemporaryFile(prefix="massivetext-", suffix=f"-{name(path)}", delete=False) as file:
        file.write(read_bytes(path))
    atexit.register(os.remove, file.name)
    return file.name


class Sink:
    """A writable file that knows its size and sha256 when closed; what pyarrow and plain writers need."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._bytes = 0

    def write(self, data: Any) -> int:
        self._file.write(data)
        self._digest.update(data)
        size = memoryview(data).nbytes
        self._bytes += size
        return size

    def tell(self) -> int:
        return self._bytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @property
    def closed(self) -> bool:
        return bool(self._file.closed)

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def written(self, path: str) -> Written:
        return Written(name(path), self._bytes, self._digest.hexdigest())


@contextmanager
def create(path: str) -> Iterator[Sink]:
    """A sink whose content stands under `path` once the block ends without an error."""
    if is_remote(path):
        sink = Sink(FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED))
        yield sink
        sink.close()
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    temporary = f"{path}{TEMPORARY}{os.getpid()}-{threading.get_ident()}"
    sink = Sink(open(temporary, "wb"))  # noqa: SIM115 - closed below, before the rename
    try:
        yield sink
        sink.close()
        os.replace(temporary, path)
    finally:
        if not sink.closed:
            sink.close()
        if os.path.exists(temporary):
            os.remove(temporary)


def write_bytes(path: str, data: bytes) -> Written:
    with create(path) as sink:
        sink.write(data)
    return sink.written(path)


@contextmanager
def local_temporary(path: str) -> Iterator[str]:
    """A local file name for what will stand under `path`: beside it, so that publishing is a rename.

    For an object store it is in the machine's temporary folder. What is still there at the end is removed.
    """
    folder = tempfile.gettempdir() if is_remote(path) else os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    ending = f"{TEMPORARY}{os.getpid()}-{threading.get_ident()}"
    temporary = os.path.join(folder, name(path) + ending)
    try:
        yield temporary
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def create_new(path: str, data: bytes) -> bool:
    """Write a small file only if there is none, and tell; atomic on disk, best effort on object stores."""
    if is_remote(path):
        if exists(path):
            return False
        write_bytes(path, data)
        return True
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}{TEMPORARY}{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.remove(temporary)
    return True


def publish(local: str, path: str) -> Written:
    """Move a finished local file to `path` (a rename on disk, an upload to an object store)."""
    digest, size = hashlib.sha256(), 0
    with open(local, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    if is_remote(path):
        with open(local, "rb") as file, create(path) as sink:
            shutil.copyfileobj(file, sink, 1 << 20)
        os.remove(local)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(local, path)
    return Written(name(path), size, digest.hexdigest())


def exists(path: str) -> bool:
    return bool(FileSystems.exists(path)) if is_remote(path) else os.path.exists(path)


def size(path: str) -> int:
    """Bytes of the file, or -1 where there is none."""
    if not is_remote(path):
        return os.path.getsize(path) if os.path.exists(path) else -1
    found = FileSystems.match([path])[0].metadata_list
    return found[0].size_in_bytes if found else -1


def make_folder(path: str) -> None:
    if not is_remote(path):
        os.makedirs(path, exist_ok=True)


def remove(path: str) -> None:
    """Remove a file or a whole folder; nothing happens where there is none."""
    if is_remote(path):
        found = sorted({m.path for match in FileSystems.match([path, join(path, "**")]) for m in match.metadata_list})
        if found:
            FileSystems.delete(found)
    elif os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def names(folder: str) -> list[str]:
    """Names of the files directly in `folder`, sorted; unfinished ones left out."""
    if is_remote(folder):
        found = [name(m.path) for m in FileSystems.match([join(folder, "*")])[0].metadata_list]
    else:
        found = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(n for n in found if TEMPORARY not in n)


def listing(pattern: str) -> list[Listed]:
    """Files that match a glob (`**` crosses folders), sorted by path."""
    if is_remote(pattern):
        # Beam's `**/` wants a folder to cross, where a shell's is content with none.
        matches = FileSystems.match(sorted({pattern, pattern.replace("**/", "")}))
        found = {m.path: m for match in matches for m in match.metadata_list}
        return [Listed(path, m.size_in_bytes, str(m.last_updated_in_seconds)) for path, m in sorted(found.items())]
    paths = sorted(p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p))
    return [Listed(p, os.path.getsize(p), str(os.stat(p).st_mtime_ns)) for p in paths]


def remove_temporary(folder: str) -> None:
    """Remove what killed writers left in a local folder."""
    if not is_remote(folder) and os.path.isdir(folder):
        for found in os.listdir(folder):
            if TEMPORARY in found:
                os.remove(os.path.join(folder, found))

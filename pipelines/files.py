"""Local paths and object stores (gs://, s3://) behind the few operations the stages need.

A file appears under its final name only when it is whole: locally by a temporary name and a rename, on object stores
because it is written to a local temporary file first and uploaded once that is whole.
"""

from __future__ import annotations

import atexit
import fnmatch
import glob
import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

from pipelines import stores
from pipelines.stores import Listed as Listed
from pipelines.stores import StoreError as StoreError

TEMPORARY = ".tmp-"
READS_AT_ONCE = 10  # as many connections as the stores' clients keep


@dataclass(frozen=True)
class Written:
    """A finished file: its name inside the stage folder, its size in bytes and its sha256."""

    name: str
    bytes: int
    sha256: str


def is_remote(path: str) -> bool:
    return "://" in path


def join(folder: str, *parts: str) -> str:
    return "/".join([folder.rstrip("/"), *parts])


def name(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def open_read(path: str) -> BinaryIO:
    """The file's bytes as stored, never decompressed; seekable."""
    if is_remote(path):
        return stores.of(path).open(path)
    return open(path, "rb")


def read_bytes(path: str) -> bytes:
    if is_remote(path):
        return stores.of(path).read(path)
    with open(path, "rb") as file:
        return file.read()


def read_all(paths: Sequence[str]) -> list[bytes]:
    """The files' bytes; those in an object store several at once."""
    if not any(is_remote(path) for path in paths):
        return [read_bytes(path) for path in paths]
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        return list(pool.map(read_bytes, paths))


@cache
def local_copy(path: str) -> str:
    """A local file with the content of `path`, for readers that know no object stores; '' stays ''."""
    if not is_remote(path):
        return path
    with tempfile.NamedTemporaryFile(prefix="massivetext-", suffix=f"-{name(path)}", delete=False) as file:
        file.write(read_bytes(path))
    atexit.register(os.remove, file.name)
    return file.name


@contextmanager
def read_locally(path: str) -> Iterator[str]:
    """The name of a local file with the content of `path`: itself, or a copy that is removed at the end."""
    if not is_remote(path):
        yield path
        return
    with local_temporary(path) as temporary:
        with open_read(path) as source, open(temporary, "wb") as copy:
            shutil.copyfileobj(source, copy, 8 << 20)
        yield temporary


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
    with local_temporary(path) as temporary:
        sink = Sink(open(temporary, "wb"))  # noqa: SIM115 - closed below, before the rename
        try:
            yield sink
        finally:
            sink.close()
        _move(temporary, path)


def _move(local: str, path: str) -> None:
    """Let a whole local file stand under `path`: a rename on disk, an upload to an object store."""
    if is_remote(path):
        stores.of(path).put(local, path)
        os.remove(local)
    else:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        os.replace(local, path)


def write_bytes(path: str, data: bytes) -> Written:
    with create(path) as sink:
        sink.write(data)
    return sink.written(path)


@contextmanager
def local_temporary(path: str) -> Iterator[str]:
    """A local file name for what will stand under `path`: beside it, so that publishing is a rename.

    For an object store it is in the machine's temporary folder. What is still there at the end is removed.
    """
    folder = tempfile.gettempdir() if is_remote(path) else os.path.dirname(path) or "."
    os.makedirs(folder, exist_ok=True)
    ending = f"{TEMPORARY}{os.getpid()}-{threading.get_ident()}"
    temporary = os.path.join(folder, name(path) + ending)
    try:
        yield temporary
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def create_new(path: str, data: bytes) -> bool:
    """Write a small file only if there is none, and tell; atomic on disk, on s3:// and on gs://."""
    if is_remote(path):
        return stores.of(path).put_new(path, data)
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
    _move(local, path)
    return Written(name(path), size, digest.hexdigest())


def exists(path: str) -> bool:
    """Whether there is a file, or anything below a folder of this name."""
    if not is_remote(path):
        return os.path.exists(path)
    found = stores.of(path).listed(path, deep=True)
    return any(listed.path == path or listed.path.startswith(f"{path}/") for listed in found)


def size(path: str) -> int:
    """Bytes of the file, or -1 where there is none."""
    return next((listed.bytes for listed in listing(glob.escape(path)) if listed.path == path), -1)


def make_folder(path: str) -> None:
    if not is_remote(path):
        os.makedirs(path, exist_ok=True)


def remove(path: str) -> None:
    """Remove a file or a whole folder; nothing happens where there is none."""
    if is_remote(path):
        found = [listed.path for listed in stores.of(path).listed(path, deep=True)]
        remove_files(name for name in found if name == path or name.startswith(f"{path.rstrip('/')}/"))
    elif os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def remove_files(paths: Iterable[str]) -> None:
    """Remove files of one folder or store, in few requests; those that are not there are no error."""
    found = sorted(paths)
    if found and is_remote(found[0]):
        stores.of(found[0]).delete(found)
    else:
        for path in found:
            remove(path)


def names(folder: str) -> list[str]:
    """Names of the files directly in `folder`, sorted; unfinished ones left out."""
    if is_remote(folder):
        return sorted(sizes(folder))
    found = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(n for n in found if TEMPORARY not in n)


def sizes(folder: str) -> dict[str, int]:
    """Bytes of the files directly in `folder` by name, in one listing; unfinished ones left out."""
    if is_remote(folder):
        prefix = join(folder, "")
        found = {listed.path[len(prefix) :]: listed.bytes for listed in stores.of(folder).listed(prefix, deep=False)}
    elif os.path.isdir(folder):
        with os.scandir(folder) as entries:
            found = {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    else:
        found = {}
    return {file: count for file, count in found.items() if file and TEMPORARY not in file}


def listing(pattern: str) -> list[Listed]:
    """Files that match a glob (`**` crosses folders), sorted by path."""
    if is_remote(pattern):
        prefix = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        matches = _matcher(pattern)
        found = (listed for listed in stores.of(pattern).listed(prefix, deep=True) if matches(listed.path))
        return sorted(found, key=lambda listed: listed.path)
    paths = sorted(p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p))
    return [Listed(p, os.path.getsize(p), str(os.stat(p).st_mtime_ns)) for p in paths]


def _matcher(pattern: str) -> Callable[[str], object]:
    """Matches paths as a shell's glob does: `**/` also crosses no folder, `*` none."""
    parts = []
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern):
        crossing = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        parts.append(crossing[part] if part in crossing else fnmatch.translate(part)[len("(?s:") : -len(r")\Z")])
    return re.compile("".join(parts) + r"\Z", re.DOTALL).match


def remove_temporary(folder: str) -> None:
    """Remove what killed writers left in a local folder."""
    if not is_remote(folder) and os.path.isdir(folder):
        for found in os.listdir(folder):
            if TEMPORARY in found:
                os.remove(os.path.join(folder, found))

"""Is there room for what a stage will write? Asked before it changes anything."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from massivetext.errors import BuildError
from pipelines import files
from pipelines.stage import Stage

# Bytes written per byte of a shard's size as the stage gives it (a source file, a documents file, a tokens file, the
# tokens of an output shard): rather too much, from the shared pack and the sample corpus. By the folder in a build.
WRITES: Mapping[str, float] = {
    "documents": 1.5,
    "stages/signatures": 2.5,
    "tokens/sample": 0.6,
    "tokens/encoded": 1.5,
    "stages/cut/anchors": 0.5,
    "stages/cut/windows": 0.6,
    "stages/cut/final": 0.3,
    "stages/pack/scatter": 0.5,
    "stages/pack/shards": 1.1,
    "text": 0.8,
    "megatron": 1.1,
}
OTHERS = 0.05
SPILL = 1.1
LEAST = 64 << 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Room:
    """The disk that the build folder `out` lies on; where that is an object store, this machine's temporary folder."""

    out: str

    def check(self, todo: Stage, shards: Sequence[int], row_bytes: int) -> None:
        """Raises BuildError where the disk has less room than the stage is likely to need."""
        needed, where = self.needed(todo, shards, row_bytes), self.place()
        free = shutil.disk_usage(where).free
        if shards and needed > free:
            raise BuildError(
                f"{todo.name} will write about {gigabytes(needed)}, but {where} has {gigabytes(free)} free. "
                f"`python -m massivetext.clean {self.out} --dry-run` lists what can go; run the same command again then"
            )

    def needed(self, todo: Stage, shards: Sequence[int], row_bytes: int) -> int:
        """Bytes that the stage will write here: all its files, or in front of an object store one shard's at a time."""
        place = todo.folder[len(self.out) + 1 :]
        factor = WRITES.get(place, OTHERS)
        sizes = [todo.sizes.get(shard, 0) for shard in shards]
        bulk = max(sizes, default=0) if files.is_remote(self.out) else sum(sizes)
        return int(factor * bulk + SPILL * row_bytes) + LEAST

    def place(self) -> str:
        """The folder whose disk fills up: OUT, or the nearest one above it that is there."""
        if files.is_remote(self.out):
            return tempfile.gettempdir()
        folder = os.path.abspath(self.out)
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        return folder


def is_full(error: BaseException) -> bool:
    """Whether it says that a disk, a quota or a file-size limit is full, also as text from another process."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(f"[Errno {number}]" in str(error) for number in FULL)


def gigabytes(count: int) -> str:
    """`1.5 GB`, below a tenth of it `12.3 MB`."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"

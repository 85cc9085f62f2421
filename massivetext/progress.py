"""What a person at the terminal sees while stages run, and the clock that run.json keeps."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

MEGABYTE = 1e6


@dataclass
class Usage:
    """Wall and CPU seconds and the peak resident memory of the largest process, in bytes."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def _cpu_seconds() -> float:
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def peak_bytes() -> int:
    """Peak resident memory of this process or of its largest finished child, in bytes."""
    parts = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return max(parts) * (1 if sys.platform == "darwin" else 1024)


def terminal() -> TextIO:
    """Standard error under a descriptor of its own, so that it stays while worker output goes elsewhere."""
    return os.fdopen(os.dup(2), "w", buffering=1)


@dataclass
class Progress:
    """Prints one line per stage; on a terminal the line of the running stage is kept up to date."""

    stream: TextIO = field(default_factory=terminal)
    stages: dict[str, Usage] = field(default_factory=dict)

    def report(self, name: str, done: int, of: int, seconds: float) -> None:
        """Called by the engine: `done` of `of` bytes (or shards) after so many seconds."""
        if not self.stream.isatty() or not of:
            return
        left = f", about {seconds / done * (of - done):.0f} s left" if 0 < done < of else ""
        self.stream.write(f"\r\033[K  {name:<18} {100 * done / of:3.0f} %  {seconds:5.0f} s{left}")
        self.stream.flush()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a stage and prints its line when it ends."""
        wall, cpu = time.monotonic(), _cpu_seconds()
        yield
        used = Usage(round(time.monotonic() - wall, 2), round(_cpu_seconds() - cpu, 2), peak_bytes())
        self.stages[name] = used
        self.say(f"  {name:<12} {used.wall_seconds:7.1f} s wall {used.cpu_seconds:8.1f} s CPU")

    def say(self, line: str) -> None:
        clear = "\r\033[K" if self.stream.isatty() else ""
        self.stream.write(f"{clear}{line}\n")
        self.stream.flush()

    def as_json(self) -> dict[str, Any]:
        return {name: vars(used) for name, used in self.stages.items()}


def describe_shards(subsets: dict[str, list[int]]) -> str:
    """`massiveweb 7 files 15.1 MB, ...` from the sizes of each subset's source files."""
    parts = [f"{name} {len(sizes)} files {sum(sizes) / MEGABYTE:.1f} MB" for name, sizes in subsets.items()]
    return ", ".join(parts)

"""One driver holds a build folder at a time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from pipelines import files

NAME = "driver.lock"


class HeldError(RuntimeError):
    """Another driver holds the folder."""


@contextmanager
def hold(folder: str) -> Iterator[None]:
    """Hold `folder` for the block. A lock left by a process of this host that is gone is taken over.

    Raises HeldError naming host and pid of a driver that may still be running.
    """
    path = files.join(folder, NAME)
    mine = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}).encode()
    while not files.create_new(path, mine):
        holder = json.loads(files.read_bytes(path))
        if not _is_gone(holder):
            raise HeldError(
                f"{folder} is held by process {holder['pid']} on {holder['host']}: wait for it, stop it, "
                f"or remove {path} if it no longer runs"
            )
        files.remove(path)
    try:
        yield
    finally:
        files.remove(path)


def _started(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def _is_gone(holder: dict[str, object]) -> bool:
    """A pid may have been given to another process since; its start time tells."""
    if holder["host"] != socket.gethostname():
        return False
    pid = int(str(holder["pid"]))
    return not psutil.pid_exists(pid) or _started(pid) != holder["started"]

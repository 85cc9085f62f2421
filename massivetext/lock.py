"""One driver holds a build folder at a time."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from pipelines import files
from pipelines.runners import jobs

NAME = "driver.lock"


class HeldError(RuntimeError):
    """Another driver holds the folder."""


@dataclass(frozen=True)
class Hold:
    """A lock that is held. `mine` says who holds it: host, process, when it started, the job that runs for it."""

    path: str
    mine: Mapping[str, Any]

    def running(self, job: str) -> None:
        """Note the service's job that works for this driver, '' once it has ended; it would outlive the driver."""
        if job != json.loads(files.read_bytes(self.path)).get("job", ""):
            files.write_bytes(self.path, _content({**self.mine, "job": job}))

    def release(self) -> None:
        """Remove the lock, unless somebody else has taken the folder meanwhile."""
        try:
            holder = json.loads(files.read_bytes(self.path))
        except FileNotFoundError:
            return
        if holder["token"] == self.mine["token"]:
            files.remove(self.path)


@contextmanager
def hold(folder: str, end: Callable[[str], None] = jobs.end) -> Iterator[Hold]:
    """Hold `folder` for the block. A lock left by a process of this host that is gone is taken over.

    A job that such a process left is ended first, by `end`.

    Raises HeldError naming host, process and job of a driver, or of its job, that may still be running.
    """
    path = files.join(folder, NAME)
    mine = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
    held = Hold(path, {**mine, "job": "", "token": uuid.uuid4().hex})
    while not files.create_new(path, _content(held.mine)):
        try:
            data = files.read_bytes(path)
        except FileNotFoundError:
            continue  # released meanwhile
        _refuse_unless_stale(folder, path, data, end)
        if files.read_bytes(path) == data:
            files.remove(path)
    try:
        yield held
    finally:
        held.release()


def _content(holder: Mapping[str, Any]) -> bytes:
    return json.dumps(holder).encode()


def _refuse_unless_stale(folder: str, path: str, data: bytes, end: Callable[[str], None]) -> None:
    try:
        holder = json.loads(data)
        host, pid, started, job = (holder[key] for key in ("host", "pid", "started", "job"))
    except (ValueError, KeyError, TypeError):
        raise HeldError(f"{path} is no lock of this version: if no other driver runs in {folder}, remove it") from None
    if host != socket.gethostname() or not _is_gone(int(pid), float(started)):
        raise HeldError(
            f"{folder} is held by process {pid} on {host}{f', job {job}' if job else ''}: wait for it, stop it, "
            f"or remove {path} if it no longer runs"
        )
    if job:
        try:
            end(job)
        except jobs.NotEndedError as error:
            raise HeldError(
                f"{folder} was held by process {pid} on {host}, which is gone, but its job {job} may still write here "
                f"({error}): wait until it has ended, or cancel it (on Dataflow: gcloud dataflow jobs cancel ID "
                f"--region=REGION), then remove {path}"
            ) from error


def _started(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def _is_gone(pid: int, started: float) -> bool:
    """A pid may have been given to another process since; its start time tells."""
    try:
        return _started(pid) != started
    except psutil.NoSuchProcess:
        return True

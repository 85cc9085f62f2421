"""Processes that a conformance run starts: free ports, waiting, stopping by process id, and what they cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

TICK = 0.5  # seconds between two looks at the processes
GRACE = 10.0  # seconds for a process to end before it is killed


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, process: subprocess.Popen[bytes], seconds: float = 90) -> None:
    """Return once `ready` says so. Raises RuntimeError if the process ends first, or time does."""
    until = time.monotonic() + seconds
    while True:
        with suppress(OSError, ValueError, KeyError):
            if ready():
                return
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{what} did not come up: {' '.join(map(str, process.args))[:200]}")
        time.sleep(0.2)


def listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@contextmanager
def service(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own for the block; at its end the whole session is ended."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True
        )
    try:
        yield process
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: its session, and its descendants that went into others."""
    family = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        _, family = psutil.wait_procs(family, timeout=GRACE if number == signal.SIGTERM else 0)
        for child in family:
            with suppress(psutil.NoSuchProcess):
                child.kill()


class Meter:
    """Processor seconds and peak memory (proportional set size, bytes) of processes and all their descendants."""

    def __init__(self, roots: Sequence[int]) -> None:
        self.roots = roots
        self.peak = 0
        self._seen: dict[tuple[int, float], float] = {}
        self._before: dict[tuple[int, float], float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Meter:
        self._look()
        self._before = dict(self._seen)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    @property
    def cpu(self) -> float:
        """Seconds spent in the block; a process that lives less than a tick may be missed."""
        return sum(seconds - self._before.get(process, 0.0) for process, seconds in self._seen.items())

    def _watch(self) -> None:
        while not self._ended.wait(TICK):
            self._look()

    def _look(self) -> None:
        memory = 0
        for process in self._processes():
            with suppress(psutil.Error, OSError):
                times = process.cpu_times()
                self._seen[process.pid, process.create_time()] = times.user + times.system
                memory += process.memory_full_info().pss
        self.peak = max(self.peak, memory)

    def _processes(self) -> Iterator[psutil.Process]:
        for root in self.roots:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(root)
                yield process
                yield from process.children(recursive=True)

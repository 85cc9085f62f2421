"""Local worker processes that end in the middle of their work, for which Beam's runner would wait for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

# The thread of Beam's local runner that waits for a worker process to end.
WAITS_FOR_WORKER = "run_worker"
# Those that fail with it, and say so.
LISTEN_TO_WORKER = ("beam_control_read", "read_grpc_client_inputs")
PATIENCE = 5.0  # seconds


class WorkerDiedError(RuntimeError):
    """A local worker process ended in the middle of its work."""


@contextmanager
def deaths() -> Iterator[list[str]]:
    """What is said of worker processes that end so, as it happens. At the block's end the others are ended, too."""
    said: list[str] = []
    before = threading.excepthook

    def hook(raised: threading.ExceptHookArgs) -> None:
        if raised.thread is not None and raised.thread.name == WAITS_FOR_WORKER:
            said.append(str(raised.exc_value))
        elif raised.thread is None or raised.thread.name not in LISTEN_TO_WORKER:
            before(raised)

    threading.excepthook = hook
    try:
        yield said
        if said:
            _end_workers()
    finally:
        threading.excepthook = before


def _end_workers() -> None:
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # gone meanwhile
            if any(part.endswith("sdk_worker_main") for part in process.cmdline()):
                process.kill()
    for thread in threading.enumerate():
        if thread.name in (WAITS_FOR_WORKER, *LISTEN_TO_WORKER):
            thread.join(PATIENCE)

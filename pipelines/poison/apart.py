"""A work in a process of its own, which may die without harm: one for as many shards as it survives.

`python -m pipelines.poison.apart` reads a pickled work from its standard input, then orders, and answers each on what
was its standard output. What the work prints goes to standard error.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from pipelines.orphan import end_with_parent
from pipelines.poison.notes import Note, SetAside
from pipelines.poison.watch import watched
from pipelines.stage import Result

if TYPE_CHECKING:
    from pipelines.poison.guard import Guarded

PATIENCE = 10.0  # seconds for a process that closed its end to be gone
_idle: list[tuple[bytes, subprocess.Popen[bytes]]] = []
_lock = threading.Lock()


class DiedError(RuntimeError):
    """The process ended before it answered; `status` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the process ended with status {status}")
        self.status = status


@dataclass(frozen=True)
class Order:
    """A shard to run, where to note the place, and what to leave out."""

    shard: int
    note: str
    aside: SetAside


def run(guarded: Guarded, shard: int, note: str, aside: SetAside) -> Result:
    """The result of the guarded work on a shard, by another process.

    Raises DiedError where that process ended, and what the work raised where it did.
    """
    work = pickle.dumps(guarded)
    process = _take(work)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump(Order(shard, note, aside), process.stdin)
        process.stdin.flush()
        answer = pickle.load(process.stdout)
    except (EOFError, BrokenPipeError, pickle.UnpicklingError):
        raise DiedError(_ended(process)) from None
    with _lock:
        _idle.append((work, process))
    if isinstance(answer, BaseException):
        raise answer
    return cast(Result, answer)


def _take(work: bytes) -> subprocess.Popen[bytes]:
    """A process with this work that has nothing to do: one that is there, else a new one."""
    with _lock:
        for held in _idle:
            if held[0] == work:
                _idle.remove(held)
                return held[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.poison.apart"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert process.stdin is not None
    process.stdin.write(work)
    process.stdin.flush()
    return process


def dismiss() -> None:
    """End the processes of this one that have nothing to do; they also end with it."""
    with _lock:
        ending, _idle[:] = [process for _, process in _idle], []
    for process in ending:
        _ended(process)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a process that is dying, or that has nothing to do and ends with its orders."""
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):  # what was not read of an order went down with the process
            if pipe is not None:
                pipe.close()
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever gave the orders decides
    end_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders = sys.stdin.buffer
    guarded: Guarded = pickle.load(orders)
    guarded.work.warm_up()
    while (order := _next(orders)) is not None:
        pickle.dump(_answer(guarded, order), answers)
        answers.flush()


def _next(orders: BinaryIO) -> Order | None:
    try:
        return cast(Order, pickle.load(orders))
    except EOFError:
        return None


def _answer(guarded: Guarded, order: Order) -> Any:
    name = guarded.work.describe(order.shard)
    try:
        with Note(order.note) as note, watched(note, guarded.seconds, name):
            return guarded.work.run_noting(order.shard, note, order.aside)
    except BaseException as error:  # noqa: BLE001 - raised again in the process that gave the order
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # noqa: BLE001 - whatever an error of others says to that
            return RuntimeError(f"{type(error).__name__}: {error}")
        return error


if __name__ == "__main__":
    main()

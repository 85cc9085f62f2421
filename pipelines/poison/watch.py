"""Ends a process whose work stays too long at one record, whatever native code does there."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.poison.notes import OPEN, Note

TIME_IS_UP = 124  # exit status, as of timeout(1)
PATIENCE = 10  # a record may wait so many times longer than it may compute, and the first one may compute so
TICK = 1.0  # seconds between two looks at the note
_watching: list[threading.Event] = []


@contextmanager
def watched(note: Note, seconds: float, name: str) -> Iterator[None]:
    """End the process if the note stays at one place for `seconds` of this thread's processor time, within the block.

    A thread looks at the note. Native code that does not let go of the interpreter keeps that thread from looking:
    then the kernel's timer of processor time, which it sets anew at every look, runs out and ends the process.
    """
    ended = threading.Event()
    arguments = (note, seconds, name, _clock(threading.get_ident()), ended)
    _set_timer(seconds)
    thread = threading.Thread(target=_watch, args=arguments, name="watch", daemon=True)
    _watching.append(ended)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _watching.remove(ended)
        if not _watching:
            signal.setitimer(signal.ITIMER_PROF, 0)


def _watch(note: Note, seconds: float, name: str, clock: Callable[[], float], ended: threading.Event) -> None:
    tick = min(TICK, seconds / 4)
    seen, computed, waited = -1, 0.0, 0.0
    while not ended.wait(tick):
        limit = seconds * (PATIENCE if note.step == OPEN else 1)
        _set_timer(limit)
        now, here = time.monotonic(), clock()
        if note.count != seen:
            seen, computed, waited = note.count, here, now
        elif here - computed > limit or now - waited > PATIENCE * limit:
            place = note.late()
            print(
                f"{name}, record {place.row}: still not done with after {here - computed:.0f} s of processor time; "
                "this process ends, and the next one that comes to this record sets it aside",
                file=sys.stderr,
                flush=True,
            )
            os._exit(TIME_IS_UP)


def _set_timer(limit: float) -> None:
    """Let the kernel end the process once it has computed for a little longer than a record may."""
    signal.setitimer(signal.ITIMER_PROF, 1.5 * limit + TICK)


def _clock(thread: int) -> Callable[[], float]:
    """Processor time of a thread in seconds; the time of day where the system does not tell it."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic
    of_thread = time.pthread_getcpuclockid(thread)
    return lambda: time.clock_gettime(of_thread)

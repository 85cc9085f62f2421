"""Runs a work on records so that one that crashes the process, or never ends, costs itself alone.

The work runs in this process. What began and did not end runs again in a process of its own, where a second death at
the same record sets it aside, and as often as it takes; so does everything once `apart` is set.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines import identity
from pipelines.poison import apart
from pipelines.poison.notes import CRASHED, OPEN, TIMEOUT, Attempts, Note, Place, SetAside, read_note
from pipelines.poison.watch import TIME_IS_UP, watched
from pipelines.stage import Result


class RecordWork(Protocol):
    """A piece of work that notes the record it is at. `made_from` is what its records depend on, JSON-able."""

    def warm_up(self) -> None: ...

    def made_from(self, shard: int) -> Any: ...

    def describe(self, shard: int) -> str: ...

    def run_noting(self, shard: int, note: Note, aside: SetAside) -> Result: ...


@dataclass(frozen=True)
class Guarded:
    """A ShardWork around `work`. `folder` keeps what was set aside; a record may take `seconds` of processor time."""

    work: RecordWork
    folder: str
    key: str
    seconds: float
    apart: bool = False

    def warm_up(self) -> None:
        if not self.apart:
            self.work.warm_up()

    def run(self, shard: int) -> Result:
        made_from = identity.digest([self.key, self.seconds, self.work.made_from(shard)])
        attempts = Attempts.read(self.folder, shard, made_from)
        if attempts.begun and (place := read_note(attempts.note)):
            attempts.unwitnessed(place)
        run = self._run_apart if self.apart or attempts.begun else self._run_here
        attempts.begin()
        try:
            return run(shard, attempts)
        finally:
            attempts.end()

    def _run_here(self, shard: int, attempts: Attempts) -> Result:
        with Note(attempts.note) as note, watched(note, self.seconds, self.work.describe(shard)):
            return self.work.run_noting(shard, note, attempts.set_aside)

    def _run_apart(self, shard: int, attempts: Attempts) -> Result:
        while True:
            try:
                return apart.run(self, shard, attempts.note, attempts.set_aside)
            except apart.DiedError as death:
                place = read_note(attempts.note) or Place(OPEN, -1)
                late = place.late or death.status in (TIME_IS_UP, -signal.SIGPROF)
                name = self.work.describe(shard)
                try:
                    aside = attempts.witnessed(place, TIMEOUT if late else CRASHED)
                except RuntimeError as error:
                    raise RuntimeError(f"{name}: {error}") from None
                if aside is not None:
                    print(f"{name}, record {place.row}: {aside.cause} twice, set aside", file=sys.stderr, flush=True)
                attempts.begin()

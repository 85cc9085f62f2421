"""Poison records: where a shard's work is, which record killed it before, and what is therefore set aside.

Native code can crash a process or never come back, and no Python code learns of it. So the work notes its place in a
mapped file, which outlives the process, and a small file beside it says that an attempt began. Who finds both knows
which record it was. A record is set aside when it ended a process twice, the second time before witnesses.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

from pipelines import files, identity

FORMAT = 1
CRASHED, TIMEOUT = "crashed", "timeout"
# Steps of the work. `open` with a row goes to the first record, for which some readers look through the whole file.
# `batch` measures many records at once: after a death there they are measured one by one.
OPEN, READ, EXTRACT, BATCH, MEASURE, WRITE = STEPS = ("open", "read", "extract", "batch", "measure", "write")
OF_ONE_RECORD = (OPEN, READ, EXTRACT, MEASURE)
STRIKES = 2
STRAY_DEATHS = 10  # deaths beyond those that set a record aside, before the shard is given up
_LAYOUT = struct.Struct("<4q")  # number of the note, step, row, 1 if the time was up


class Place(NamedTuple):
    """Where a work was: its step, the record, and whether that took too long."""

    step: str
    row: int
    late: bool = False


class Note:
    """The place of a shard's work, in a file that outlives the process, or in memory alone where no path is given."""

    def __init__(self, path: str | None = None) -> None:
        self.count = 0
        self._file = None if path is None else _new_file(path)
        self._bytes: mmap.mmap | bytearray = bytearray(_LAYOUT.size)
        if self._file is not None:
            self._bytes = mmap.mmap(self._file, _LAYOUT.size)
        self.at(OPEN, -1)

    def at(self, step: str, row: int) -> None:
        """Note that `step` begins with record `row`. Costs a fraction of a microsecond, and no write to disk."""
        self.count += 1
        _LAYOUT.pack_into(self._bytes, 0, self.count, STEPS.index(step), row, 0)

    @property
    def step(self) -> str:
        return STEPS[_LAYOUT.unpack_from(self._bytes)[1]]

    def late(self) -> Place:
        """Note that the time was up here, and give the place."""
        count, step, row, _ = _LAYOUT.unpack_from(self._bytes)
        _LAYOUT.pack_into(self._bytes, 0, count, step, row, 1)
        return Place(STEPS[step], row, True)

    def __enter__(self) -> Note:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()
        if self._file is not None:
            os.close(self._file)


def _new_file(path: str) -> int:
    """A new file: a process that is still writing to one of the same name goes on with its own."""
    if os.path.exists(path):
        os.remove(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    os.truncate(file, _LAYOUT.size)
    return file


def read_note(path: str) -> Place | None:
    """Where the work of a process that is gone was; None where it left no note."""
    if not os.path.exists(path) or os.path.getsize(path) != _LAYOUT.size:
        return None
    with open(path, "rb") as file:
        _, step, row, late = _LAYOUT.unpack(file.read())
    return Place(STEPS[step], row, bool(late))


class Aside(NamedTuple):
    """Why a record is set aside: the step that ended the process, and `crashed` or `timeout`."""

    step: str
    cause: str


@dataclass(frozen=True)
class SetAside:
    """What a work leaves out, by record number; and whether it measures records one by one, to find the next."""

    rows: Mapping[int, Aside] = field(default_factory=dict)
    one_by_one: bool = False


@dataclass
class Attempts:
    """What came of earlier attempts at a shard, kept in `path`. It holds for one `made_from` only."""

    path: str
    made_from: str
    begun: bool = False
    deaths: dict[tuple[str, int], int] = field(default_factory=dict)
    aside: dict[int, Aside] = field(default_factory=dict)

    @staticmethod
    def read(folder: str, shard: int, made_from: str) -> Attempts:
        """What is known of a shard; nothing where it was made from something else then."""
        path = files.join(folder, f"{shard:05d}.json")
        empty = Attempts(path, made_from)
        if not files.exists(path):
            return empty
        known = json.loads(files.read_bytes(path))
        if known["format"] != FORMAT or known["made_from"] != made_from:
            return empty
        deaths = {(step, row): number for step, row, number in known["deaths"]}
        return Attempts(
            path, made_from, known["begun"], deaths, {row: Aside(step, cause) for row, step, cause in known["aside"]}
        )

    @property
    def note(self) -> str:
        """Path of the note: beside this file, or on this machine where that is in an object store."""
        if files.is_remote(self.path):
            return os.path.join(tempfile.gettempdir(), f"massivetext-{identity.digest([self.path])[:16]}.at")
        return self.path.removesuffix(".json") + ".at"

    @property
    def set_aside(self) -> SetAside:
        return SetAside(dict(self.aside), any(step == BATCH for step, _ in self.deaths))

    def begin(self) -> None:
        self.begun = True
        self._write()

    def end(self) -> None:
        """The attempt came to its end, with a result or an error: what is left is the list of what was set aside."""
        self.begun = False
        if os.path.exists(self.note):
            os.remove(self.note)
        if self.aside:
            self._write()
        else:
            files.remove(self.path)

    def unwitnessed(self, place: Place) -> None:
        """An earlier attempt ended here. It may have been killed for another reason, so nothing is set aside."""
        self._count(place)

    def witnessed(self, place: Place, cause: str) -> Aside | None:
        """A process ended here: the second time the record is set aside, which is returned.

        Raises RuntimeError where no record can be blamed, or ever others are.
        """
        number = self._count(place)
        blamed = place.row >= 0 and place.step in OF_ONE_RECORD
        if number >= STRIKES and blamed and place.row not in self.aside:
            self.aside[place.row] = Aside(place.step, cause)
            return self.aside[place.row]
        if sum(self.deaths.values()) > STRIKES * len(self.aside) + STRAY_DEATHS:
            raise RuntimeError(
                f"the process that reads it ended {sum(self.deaths.values())} times ({cause}), last at record "
                f"{place.row} in step {place.step!r}, and setting records aside does not help: mend or remove the file"
            )
        return None

    def _count(self, place: Place) -> int:
        key = (place.step, place.row)
        self.deaths[key] = self.deaths.get(key, 0) + 1
        return self.deaths[key]

    def _write(self) -> None:
        known = {
            "format": FORMAT,
            "made_from": self.made_from,
            "begun": self.begun,
            "deaths": [[step, row, number] for (step, row), number in sorted(self.deaths.items())],
            "aside": [[row, *why] for row, why in sorted(self.aside.items())],
        }
        files.write_bytes(self.path, json.dumps(known, sort_keys=True).encode())

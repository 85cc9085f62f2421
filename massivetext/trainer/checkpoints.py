"""Checkpoints by Orbax, and the settings that a run must keep when it goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import orbax.checkpoint as ocp

_NO_SPACE = re.compile(r"No space left on device|File too large|Disk quota exceeded", re.IGNORECASE)


class Checkpoints:
    """The last few states of a run, each with the number of records consumed; use as a context manager."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        options = ocp.CheckpointManagerOptions(max_to_keep=keep)
        self._manager = ocp.CheckpointManager(folder.resolve(), options=options)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._explained():
                self._manager.wait_until_finished()
        finally:
            self._manager.close()

    @property
    def latest(self) -> int | None:
        """The last step saved."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any, records: int) -> None:
        """Write the state after `step`, unless it is saved already; returns before the file is complete."""
        if self.latest == step:
            return
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(state), position=ocp.args.JsonSave({"records": records})
        )
        with self._explained():
            self._manager.save(step, args=arguments)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Orbax and TensorStore raise several kinds for a disk that is full; here it is an OSError that says so."""
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            cause = _NO_SPACE.search(str(error))
            if cause is None:
                raise
            saved = f"the checkpoint of step {self.latest}" if self.latest else "no checkpoint"
            raise OSError(
                f"a checkpoint could not be written in {self._folder}: {cause[0]}. Free some space "
                f"and run the same command: it goes on from {saved}"
            ) from error

    def restore(self, step: int, like: Any) -> tuple[Any, int]:
        """(state, records consumed) saved after `step`, placed as `like` is: its mesh may be another."""
        target = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(target), position=ocp.args.JsonRestore())
        restored = self._manager.restore(step, args=arguments)
        return restored["state"], restored["position"]["records"]


def keep_settings(folder: Path, settings: dict[str, Any], begun: bool, writes: bool = True) -> None:
    """Write `run.json` for a new run; of one already begun, ValueError if its settings were others."""
    path = folder / "run.json"
    if not begun:
        if writes:
            path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [
        f"{name}: {before.get(name)!r} then, {settings.get(name)!r} now"
        for name in sorted({*before, *settings})
        if before.get(name) != settings.get(name)
    ]
    if changed:
        raise ValueError(
            f"{folder} holds a run with other settings ({'; '.join(changed)}); a run can only go on as it began: "
            "repeat its settings, or start a new run with another --out"
        )

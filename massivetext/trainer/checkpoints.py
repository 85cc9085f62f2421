"""Checkpoints by Orbax, and the settings that a run must keep when it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import orbax.checkpoint as ocp


class Checkpoints:
    """The last few states of a run, each with the number of records consumed; use as a context manager."""

    def __init__(self, folder: Path, keep: int) -> None:
        options = ocp.CheckpointManagerOptions(max_to_keep=keep)
        self._manager = ocp.CheckpointManager(folder.resolve(), options=options)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._manager.wait_until_finished()
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
        self._manager.save(step, args=arguments)

    def restore(self, step: int, like: Any) -> tuple[Any, int]:
        """(state, records consumed) saved after `step`, placed as `like` is: its mesh may be another."""
        target = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(target), position=ocp.args.JsonRestore())
        restored = self._manager.restore(step, args=arguments)
        return restored["state"], restored["position"]["records"]


def keep_settings(folder: Path, settings: dict[str, Any], begun: bool) -> None:
    """Write `run.json` for a new run; of one already begun, ValueError if its settings were others."""
    path = folder / "run.json"
    if not begun:
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

"""`metrics.jsonl`, a line per step, without clocks: a resumed run writes the bytes of an unbroken one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict


class StepMetrics(TypedDict):
    """A line: loss in nats per token, tokens read so far, fill included."""

    step: int
    loss: float
    tokens: int
    learning_rate: float
    gradient_norm: float


class MetricsLog:
    """The lines of a run up to `step`, ready for the next; later ones, of steps not saved, are dropped."""

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        self.lines: list[StepMetrics] = []
        kept = path.read_text(encoding="utf-8").splitlines(keepends=True)[:step] if path.is_file() else []
        self.lines = [json.loads(line) for line in kept]
        path.write_text("".join(kept), encoding="utf-8")

    def append(self, line: StepMetrics) -> None:
        self.lines.append(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

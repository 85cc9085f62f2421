"""`metrics.jsonl`, a line per step, without clocks: a resumed run writes the bytes of an unbroken one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NotRequired, TypedDict


class StepMetrics(TypedDict):
    """A line: loss in nats per token, tokens read so far, fill included; validation in bits per byte by subset."""

    step: int
    loss: float
    tokens: int
    learning_rate: float
    gradient_norm: float
    validation: NotRequired[dict[str, float]]


class MetricsLog:
    """The lines of a run up to `step`, ready for the next; later ones, of steps not saved, are dropped.

    A log that does not write only reads the lines there are.
    """

    def __init__(self, path: Path, step: int, writes: bool = True) -> None:
        self._path, self._writes = path, writes
        kept = path.read_text(encoding="utf-8").splitlines(keepends=True)[:step] if step and path.is_file() else []
        self.lines: list[StepMetrics] = [json.loads(line) for line in kept]
        self._kept = kept

    def cut(self) -> None:
        """Drop from the file what lies after the lines read."""
        if self._writes:
            self._path.write_text("".join(self._kept), encoding="utf-8")

    def append(self, line: StepMetrics) -> None:
        self.lines.append(line)
        if self._writes:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

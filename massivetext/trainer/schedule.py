"""How many records each step takes: a function of the records consumed, so that they are the only position."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A run of `steps` updates of `batch` records each; with `doubles`, of twice as many in its second half.

    The halves hold equally many records, so two thirds of the steps, rounded up, come before the doubling.
    """

    steps: int
    batch: int = 1
    doubles: bool = False

    @property
    def doubling_step(self) -> int:
        """Steps taken before the batch doubles; all of them when it does not."""
        return -(-2 * self.steps // 3) if self.doubles else self.steps

    @property
    def batches(self) -> int:
        """The run's length in first batches."""
        return 2 * self.steps - self.doubling_step

    @property
    def records(self) -> int:
        return self.batches * self.batch

    def consumed(self, step: int) -> int:
        """Records consumed after `step` updates."""
        return (step + max(0, step - self.doubling_step)) * self.batch

    def grown(self, position: int) -> int:
        """1 before the batch doubles and 2 after, at a number of records consumed."""
        return 2 if position >= self.doubling_step * self.batch else 1

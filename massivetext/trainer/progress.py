"""What a person at the terminal sees of a run: loss, speed, utilisation, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from massivetext.trainer.schedule import Schedule

_SECONDS_BETWEEN_LINES = 2.0
_MATMUL_SIDES = {"cpu": 1024}
_LARGE_SIDE = 8192


@dataclass
class Progress:
    """Reports a line every few seconds; the first step, which compiles, does not count as speed.

    `flops` are those of a token, `peak` the FLOP/s of all devices together.
    """

    schedule: Schedule
    sequence_length: int
    flops: int
    peak: float
    first: int
    report: Callable[[str], None]
    _started: float = field(default_factory=time.monotonic)
    _shown: float = 0.0

    def show(self, step: int, loss: float) -> None:
        now, last = time.monotonic(), self.schedule.steps
        if step == self.first:
            self.report(f"step {step}/{last}  loss {loss:.4f}  (compiled in {now - self._started:.0f} s)")
            self._started = self._shown = now
        elif now - self._shown >= _SECONDS_BETWEEN_LINES or step == last:
            done, consumed = self.schedule.consumed(self.first), self.schedule.consumed(step)
            rate = (consumed - done) * self.sequence_length / max(now - self._started, 1e-9)
            left = (self.schedule.records - consumed) * self.sequence_length / rate
            used = rate * self.flops / self.peak
            self.report(
                f"step {step}/{last}  loss {loss:.4f}  {rate:,.0f} tokens/s  utilisation {used:.1%}  {clock(left)} left"
            )
            self._shown = now

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time within is not counted as training."""
        begun = time.monotonic()
        yield
        self._started += time.monotonic() - begun


def clock(seconds: float) -> str:
    """The time as 4:05 or 1:04:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def matmul_rate(dtype: str) -> float:
    """FLOP/s of one device in a square product of that type: the best of five, after one that compiles."""
    side = _MATMUL_SIDES.get(jax.default_backend(), _LARGE_SIDE)
    device = jax.local_devices()[0]
    square = jax.device_put(jnp.ones((side, side), dtype), device)
    multiply = jax.jit(jnp.matmul)
    multiply(square, square).block_until_ready()
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        multiply(square, square).block_until_ready()
        best = min(best, time.perf_counter() - begun)
    return float(2 * side**3 / best)


def peak_rate(given: float | None, dtype: str, mesh: Mesh) -> tuple[float, str]:
    """(FLOP/s of all devices of the mesh, where the figure is from); `given` is FLOP/s of one device.

    The simulated devices of a CPU share its cores, so there a process counts as one.
    """
    devices = list(mesh.devices.flat)
    units = len({device.process_index for device in devices}) if jax.default_backend() == "cpu" else len(devices)
    if given:
        return given * units, "as given"
    return matmul_rate(dtype) * units, f"a {dtype} matrix product's, measured"

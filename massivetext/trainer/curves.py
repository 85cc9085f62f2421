"""Loss curves of a run as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from massivetext.trainer.metrics import StepMetrics

FILE = "curves.png"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")
_MARKERS = "osD^vPX"


def draw_curves(path: Path, title: str, lines: Sequence[StepMetrics], entropy: float | None = None) -> None:
    """Write a PNG: the training loss, and beside it the validation loss of each subset where there is one.

    `entropy` is drawn as the level that a model beats only by using context.
    """
    validated = [line for line in lines if line.get("validation")]
    figure = Figure(figsize=(11 if validated else 6.5, 4.2), dpi=150, layout="constrained")
    panels = figure.subplots(1, 2 if validated else 1, squeeze=False)[0]
    unit, name = _unit(lines[-1]["tokens"])
    _training_loss(panels[0], lines, unit, entropy)
    if validated:
        _validation_loss(panels[1], validated, unit)
    for panel in panels:
        panel.set_xlabel(f"tokens read{name}")
        panel.set_xlim(0, lines[-1]["tokens"] / unit)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", alpha=0.25)
    figure.suptitle(title)
    figure.savefig(path, metadata={"Software": None})


def _training_loss(panel: Axes, lines: Sequence[StepMetrics], unit: float, entropy: float | None) -> None:
    tokens = np.array([line["tokens"] for line in lines]) / unit
    losses = np.array([line["loss"] for line in lines])
    window = max(1, len(lines) // 20)
    if window > 1:
        panel.plot(tokens, losses, color=_COLOURS[0], alpha=0.3, linewidth=0.8, label="each step")
    label = f"mean of {window} steps" if window > 1 else "each step"
    panel.plot(tokens, _running_mean(losses, window), color=_COLOURS[0], label=label)
    if entropy is not None:
        panel.axhline(entropy, color="#444444", linewidth=0.8, linestyle="--", label="unigram entropy")
    panel.set_title("training loss, nats per token", fontsize="medium")
    panel.legend(frameon=False)


def _validation_loss(panel: Axes, lines: Sequence[StepMetrics], unit: float) -> None:
    tokens = [line["tokens"] / unit for line in lines]
    names = sorted(lines[-1]["validation"], key=lambda name: -lines[-1]["validation"][name])
    for number, name in enumerate(names):
        values = [line["validation"].get(name, np.nan) for line in lines]
        colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
        label = f"{name} {values[-1]:.2f}"
        panel.plot(tokens, values, color=colour, marker=marker, markersize=4, label=label, clip_on=False)
    panel.set_title("validation loss, bits per byte", fontsize="medium")
    panel.legend(frameon=False)


def _running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The mean of each value and up to `window` - 1 before it."""
    sums = np.cumsum(np.append(0.0, values))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _unit(tokens: int) -> tuple[float, str]:
    for size, name in ((1e9, ", billions"), (1e6, ", millions"), (1e3, ", thousands")):
        if tokens >= size:
            return size, name
    return 1.0, ""

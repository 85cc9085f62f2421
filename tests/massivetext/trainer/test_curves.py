"""The picture of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.image import imread

from massivetext.trainer.curves import draw_curves
from massivetext.trainer.metrics import StepMetrics


def lines(steps: int, validated: bool) -> list[StepMetrics]:
    made: list[StepMetrics] = []
    for step in range(1, steps + 1):
        line: StepMetrics = {
            "step": step,
            "loss": 8 / step**0.2,
            "tokens": 2048 * step,
            "learning_rate": 1e-3,
            "gradient_norm": 1.0,
        }
        if validated and step % 10 == 0:
            line["validation"] = {"books": 3 / step**0.1, "web": 2 / step**0.1}
        made.append(line)
    return made


def blue(picture: np.ndarray) -> np.ndarray:
    """Columns that hold the colour of the training curve."""
    return (np.abs(picture[..., :3] - np.array([0, 0x72, 0xB2]) / 255).max(-1) < 0.02).any(axis=0)


def test_the_curve_spans_the_picture_and_falls(tmp_path: Path) -> None:
    draw_curves(tmp_path / "curves.png", "test", lines(100, validated=False))
    picture = imread(tmp_path / "curves.png")
    columns = np.flatnonzero(blue(picture))
    assert columns[-1] - columns[0] > 0.8 * picture.shape[1]


def test_validation_has_a_panel_of_its_own(tmp_path: Path) -> None:
    for name, validated in (("without.png", False), ("with.png", True)):
        draw_curves(tmp_path / name, "test", lines(100, validated), entropy=4.0)
    without, with_panel = (imread(tmp_path / name) for name in ("without.png", "with.png"))
    assert with_panel.shape[1] > 1.5 * without.shape[1]
    assert blue(with_panel)[with_panel.shape[1] // 2 :].any()


def test_the_same_metrics_give_the_same_bytes_from_the_first_step_on(tmp_path: Path) -> None:
    for name in ("first.png", "second.png"):
        draw_curves(tmp_path / name, "test", lines(1, validated=False))
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()

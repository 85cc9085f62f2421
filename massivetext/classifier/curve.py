"""How well probabilities tell labelled texts apart: the ROC curve, its area, and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Curve:
    """The ROC curve of a set: dropping what is above `thresholds[i]` catches `caught[i]` of the positive texts, and
    wrongly `wrong[i]` of the others. From nothing to everything."""

    thresholds: np.ndarray
    caught: np.ndarray
    wrong: np.ndarray
    positives: int
    negatives: int

    @property
    def area(self) -> float:
        """The share of pairs of a positive and another text in which the positive is more probable, ties half."""
        return float(np.trapezoid(self.caught, self.wrong))

    def at(self, threshold: float) -> tuple[float, float]:
        """(share caught, share wrongly caught) of a rule that keeps up to the threshold."""
        place = int(np.flatnonzero(self.thresholds <= threshold)[0])
        return float(self.caught[place]), float(self.wrong[place])

    def threshold_for(self, wrong: float) -> float:
        """The lowest threshold that wrongly catches at most this share."""
        return float(self.thresholds[np.flatnonzero(self.wrong <= wrong)[-1]])


def curve(probabilities: np.ndarray, positive: np.ndarray) -> Curve:
    """The ROC curve of probabilities in steps of 1e-4. Raises ValueError unless there are texts of both kinds."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        raise ValueError(f"{positives} positive and {negatives} other texts; a curve needs both")
    thresholds = np.array([*np.unique(probabilities)[::-1], -1.0])
    caught = [np.count_nonzero(probabilities[positive] > t) / positives for t in thresholds]
    wrong = [np.count_nonzero(probabilities[~positive] > t) / negatives for t in thresholds]
    return Curve(thresholds, np.array(caught), np.array(wrong), positives, negatives)


def summary(found: Curve, bound: float, wrong_shares: Sequence[float]) -> dict[str, Any]:
    """The figures of a set: its area, what the bound does, and the thresholds for shares wrongly caught."""
    caught, wrong = found.at(bound)
    right = caught * found.positives + (1 - wrong) * found.negatives
    return {
        "positives": found.positives,
        "others": found.negatives,
        "area_under_curve": round(found.area, 4),
        "bound": bound,
        "accuracy": round(right / (found.positives + found.negatives), 4),
        "caught": round(caught, 4),
        "wrongly_caught": round(wrong, 4),
        "thresholds": [
            {"wrongly_caught_at_most": share, "threshold": threshold, "caught": round(found.at(threshold)[0], 4)}
            for share in wrong_shares
            for threshold in (found.threshold_for(share),)
        ],
    }


def draw(curves: Mapping[str, Curve], bound: float, path: Path) -> None:
    """Write the curves as a PNG. Raises ValueError if matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError("matplotlib draws the curve and is not installed; pip install matplotlib") from error
    figure = Figure(figsize=(5.5, 5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, found in curves.items():
        count = found.positives + found.negatives
        (line,) = axes.plot(found.wrong, found.caught, label=f"{name}: area {found.area:.3f}, {count:,} texts")
        caught, wrong = found.at(bound)
        axes.plot([wrong], [caught], "o", color=line.get_color())
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--")
    axes.set(xlabel="wrongly caught, share of the others", ylabel="caught, share of the positive", xlim=(0, 1))
    axes.set(ylim=(0, 1.02), title=f"held-out texts; dots: probability above {bound:g}")
    axes.legend(loc="lower right", frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Software": None})

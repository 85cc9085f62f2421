"""The table every benchmark prints: a line per implementation with its rate and our ratio to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One implementation: MB/s, or why there is no rate. `ours` marks the line the ratios are of."""

    name: str
    rate: float | None
    note: str = ""


def lines(rows: Sequence[Line], ours: Line) -> list[str]:
    """The rows as text, the ratio of `ours` to each as `438x`."""
    assert ours.rate is not None
    width = max(len(row.name) for row in rows)
    return [f"{row.name:<{width}}  {_figures(row, ours.rate)}  {row.note}".rstrip() for row in rows]


def _figures(row: Line, ours: float) -> str:
    if row.rate is None:
        return f"{'unavailable':>12}  {'':>6}"
    ratio = ours / row.rate
    shown = f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x"
    return f"{row.rate:>7.2f} MB/s  {shown:>6}"

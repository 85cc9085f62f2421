"""The closing table: a column per subset, a row per figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from massivetext.account import Account


def closing_table(
    accounts: Mapping[str, Account], order: Sequence[str], sampled: Mapping[str, Mapping[str, float]] | None = None
) -> str:
    """Per subset the records read, dropped by each rule, kept, tokens, and the share reached against the share wanted.

    `order`: rules as they judge. `sampled`: what `report.sampled` gives once the mixture is settled.
    """
    names = list(accounts)
    rows: list[tuple[str, list[str]]] = [("records read", [_number(accounts[n].records) for n in names])]
    rows += _by_reason("  skipped", [accounts[n].skipped for n in names], [])
    rows.append(("  unreadable", [_number(accounts[n].unreadable) for n in names]))
    rows.append(("documents", [_number(accounts[n].documents) for n in names]))
    rows += _by_reason("  dropped", [accounts[n].dropped for n in names], order)
    rows.append(("kept", [_number(accounts[n].kept) for n in names]))
    if sampled is not None:
        figures = [sampled.get(n, {}) for n in names]
        rows.append(("tokens after cut", [_number(int(f.get("available_tokens", 0))) for f in figures]))
        rows.append(("tokens sampled", [_number(int(f.get("tokens", 0))) for f in figures]))
        rows.append(("epochs", [f"{f.get('epochs', 0):.3f}" for f in figures]))
        rows.append(("share wanted", [f"{f.get('wanted_share', 0):.2%}" for f in figures]))
        rows.append(("share reached", [f"{f.get('reached_share', 0):.2%}" for f in figures]))
    return _drawn(names, rows)


def _by_reason(label: str, counts: list[dict[str, int]], order: Sequence[str]) -> list[tuple[str, list[str]]]:
    found = {reason for count in counts for reason, number in count.items() if number}
    known = [reason for reason in order if reason in found]
    reasons = [*known, *sorted(found.difference(known))]
    return [(f"{label}: {reason}", [_number(count.get(reason, 0)) for count in counts]) for reason in reasons]


def _number(value: int) -> str:
    return f"{value:,}" if value else "."


def _drawn(names: list[str], rows: list[tuple[str, list[str]]]) -> str:
    left = max(len(label) for label, _ in rows)
    widths = [max(len(name), *(len(cells[i]) for _, cells in rows)) for i, name in enumerate(names)]
    head = " " * left + "".join(f"  {name:>{width}}" for name, width in zip(names, widths, strict=True))
    lines = [head]
    for label, cells in rows:
        drawn = "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        lines.append(f"{label:<{left}}{drawn}")
    return "\n".join(lines)

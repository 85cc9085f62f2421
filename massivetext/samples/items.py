"""What the corpus is made of, before any file format: a document, and what the build must do with it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Item:
    """A document to be written, with the outcome it is planted for; outcome None promises nothing."""

    paragraphs: tuple[str, ...]
    title: str = ""
    outcome: str | None = "kept"
    rule: str | None = None
    group: str | None = None
    note: str = ""
    passage: str | None = None
    host: str | None = None
    form: str = ""

    @property
    def text(self) -> str:
        return "\n\n".join(self.paragraphs)


@dataclass
class Answers:
    """The lines of `answers.jsonl`: one per promised record, then one per planted passage."""

    records: list[dict[str, object]] = field(default_factory=list)
    passages: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def add(self, subset: str, source: str, row: int, item: Item) -> None:
        """Record what must happen to the item now that its place is known."""
        if item.passage is not None:
            self.passages.setdefault(item.passage, []).append((source, row))
        if item.outcome is not None:
            self.note(subset, source, row, item.outcome, item.rule, item.group, item.note)

    def skip(self, subset: str, source: str, row: int, reason: str, note: str = "") -> None:
        self.note(subset, source, row, "skipped", reason, None, note)

    def note(
        self, subset: str, source: str, row: int, outcome: str, rule: str | None, group: str | None, note: str
    ) -> None:
        self.records.append(
            {
                "source": source,
                "row": row,
                "subset": subset,
                "outcome": outcome,
                "rule": rule,
                "group": group,
                "note": note,
            }
        )

    def lines(self) -> list[dict[str, object]]:
        """Every answer, records first, in the order of their sources."""
        records = sorted(self.records, key=lambda answer: (str(answer["source"]), int(str(answer["row"]))))
        passages = [
            {"passage": text, "sources": [list(place) for place in sorted(places)], "times": 1}
            for text, places in self.passages.items()
        ]
        return records + sorted(passages, key=lambda answer: str(answer["passage"]))

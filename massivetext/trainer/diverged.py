"""A loss that is not finite, and whose text the batch was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from massivetext.trainer.hosts import is_first
from massivetext.trainer.provenance import Document

FILE = "diverged.json"
_NAMED = 8


class DivergedError(FloatingPointError):
    """The loss is not finite; the message names step and documents, `diverged.json` lists all of them."""

    @classmethod
    def at(cls, step: int, loss: float, records: Sequence[tuple[str, Sequence[Document]]], out: Path) -> DivergedError:
        """Of a batch of (place of the record, its documents), listed in the folder `out`."""
        listed = [{"record": place, "documents": [document._asdict() for document in held]} for place, held in records]
        if is_first():
            (out / FILE).write_text(json.dumps({"step": step, "records": listed}, indent=1) + "\n", encoding="utf-8")
        documents = dict.fromkeys(document for _, held in records for document in held)
        named = [f"{document.locator} (id {document.id})" for document in documents]
        named = named or [place for place, _ in records]
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        return cls(
            f"the loss is {loss} at step {step}; its batch of {len(records)} records holds {', '.join(named[:_NAMED])}"
            f"{more}, all listed in {out / FILE}. Lower --learning-rate, or look at these documents; the last "
            "checkpoint is from before this step"
        )

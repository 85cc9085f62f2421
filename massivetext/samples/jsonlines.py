"""C4's and the news subset's files: JSON lines, compressed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from massivetext.samples import warc
from massivetext.samples.draw import Draw, digest
from massivetext.samples.items import Answers, Item
from massivetext.samples.names import town


def packed(rows: Iterable[object]) -> bytes:
    """The rows as JSON lines in one gzip member."""
    return gzip.compress("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(), 6, mtime=0)


def write(folder: Path, subset: str, seed: int, items: Sequence[Item], files: int, answers: Answers) -> None:
    """Write the items to `files` files; an item of form "twice" has its whole line in two of them."""
    (folder / subset).mkdir(parents=True, exist_ok=True)
    names = [_name(subset, number, files) for number in range(files)]
    shards: list[list[object]] = [[] for _ in names]
    for number, item in enumerate(items):
        row = _row(subset, seed, item, number)
        for shard in (number, number + 1) if item.form == "twice" else (number,):
            answers.add(subset, names[shard % files], len(shards[shard % files]), item)
            shards[shard % files].append(row)
    for name, rows in zip(names, shards, strict=True):
        (folder / name).write_bytes(packed(rows))


def _name(subset: str, number: int, files: int) -> str:
    if subset == "c4":
        return f"c4/c4-train.{number:05d}-of-{files:05d}.json.gz"
    return f"{subset}/{subset}-{number:05d}.jsonl.gz"


def _row(subset: str, seed: int, item: Item, number: int) -> dict[str, str]:
    draw = Draw(subset, seed, number)
    url = f"https://{subset}.{town(draw).lower()}.example/{digest(subset, number, item.text).hex()}"
    if subset == "c4":
        return {"text": item.text, "timestamp": warc.date(number), "url": url}
    return {"text": item.text, "title": item.title, "date": warc.date(number)[:10], "url": url}

"""Small broken files, one kind of damage each, with the answers a reader must give; for tests only."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from massivetext.samples import jsonlines, warc
from massivetext.samples.draw import Draw
from massivetext.samples.items import Answers, Item
from massivetext.samples.pages import page
from massivetext.samples.prose import Writer

_CUT = "the file ends inside a gzip member"


def damaged(folder: str | Path) -> Path:
    """The folder, filled with broken files and their `answers.jsonl`."""
    folder = Path(folder)
    for subset in ("massiveweb", "c4", "news", "books", "github", "wikipedia"):
        (folder / subset).mkdir(parents=True, exist_ok=True)
    answers = Answers()
    _jsonl(folder, answers)
    _warc(folder, answers)
    _others(folder, answers)
    lines = "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers.lines())
    (folder / "answers.jsonl").write_text(lines, encoding="utf-8")
    return folder


def _item(number: int) -> Item:
    writer = Writer(Draw("damaged", number))
    return Item(paragraphs=writer.paragraphs(120), title=writer.title(), note="whole")


def _row(number: int) -> dict[str, str]:
    return {
        "text": _item(number).text,
        "url": f"https://damaged.example/{number}",
        "timestamp": warc.date(number),
    }


def _jsonl(folder: Path, answers: Answers) -> None:
    source = "c4/truncated.json.gz"
    second = jsonlines.packed(_row(number) for number in range(3, 9))
    (folder / source).write_bytes(jsonlines.packed(_row(number) for number in range(3)) + second[: len(second) // 2])
    # How many rows of the cut member come out is up to the decompressor; the whole member before it must.
    for row in range(3):
        answers.add("c4", source, row, _item(row))

    source = "c4/lines.jsonl"
    good = [json.dumps(_row(number)).encode() for number in range(10, 14)]
    bad_byte = good[2].replace(b"https", b"http\xff", 1)
    surrogate = good[3].replace(b'"text": "', b'"text": "\\ud800 ', 1)
    rows = [
        (good[0], "kept", "whole"),
        (b'{"text": "cut in the mid', "unreadable", "no JSON"),
        (b"[1, 2, 3]", "unreadable", "JSON, but no object"),
        (b'{"title": "no text"}', "unreadable", "an object without a text"),
        (b'{"text": 7}', "unreadable", "a text that is a number"),
        (good[1], "kept", "whole, after the broken lines"),
        (bad_byte, "kept", "a byte that is no UTF-8 becomes U+FFFD"),
        (surrogate, "kept", "a lone surrogate becomes U+FFFD"),
    ]
    (folder / source).write_bytes(b"".join(line + b"\n\n" for line, _, _ in rows))
    for row, (_, outcome, note) in enumerate(rows):
        answers.note("c4", source, row, outcome, None, None, note)

    (folder / "news/empty.jsonl").write_bytes(b"")
    (folder / "news/blank.jsonl.gz").write_bytes(gzip.compress(b"\n\n", 6, mtime=0))
    (folder / "news/not-gzip.jsonl.gz").write_bytes(b"This was never compressed.\n")
    answers.note("news", "news/not-gzip.jsonl.gz", 0, "unreadable", None, None, "no gzip member")


def _response(number: int) -> bytes:
    item = _item(number)
    payload = page(Draw("damaged page", number), item.title, item.paragraphs, heading=True).encode()
    return warc.response(f"http://damaged.example/{number}.html", payload, warc.date(number))


def _warc(folder: Path, answers: Answers) -> None:
    """A crawl with a record that lies about its length, one with an overwritten member, one that is cut."""
    lie = gzip.decompress(_response(21)).replace(b"Content-Length: ", b"Content-Length: 9", 1)
    broken = bytearray(_response(31))
    broken[len(broken) // 3 : len(broken) // 3 + 40] = b"\xff" * 40
    sources = {
        "lying-length": [_response(20), gzip.compress(lie, 6, mtime=0), _response(22)],
        "broken-member": [_response(30), bytes(broken), _response(32)],
        "truncated": [_response(40), _response(41)[:-200]],
    }
    for name, members in sources.items():
        source = f"massiveweb/{name}.warc.gz"
        (folder / source).write_bytes(b"".join(members))
        answers.note("massiveweb", source, 0, "kept", None, None, "whole")
        answers.note("massiveweb", source, 1, "unreadable", None, None, name)
        if len(members) > 2:
            answers.note("massiveweb", source, 2, "kept", None, None, "whole, after the broken record")


def _others(folder: Path, answers: Answers) -> None:
    """A book, an archive and a dump that end too early; a book without a byte; a ZIP that is none."""
    book = gzip.compress("\n\n".join(_item(50).paragraphs).encode(), 6, mtime=0)
    (folder / "books/truncated.txt.gz").write_bytes(book[: len(book) // 2])
    answers.note("books", "books/truncated.txt.gz", 0, "unreadable", None, None, _CUT)
    (folder / "books/empty.txt").write_bytes(b"")
    (folder / "books/not-a-zip.epub").write_bytes(b"PK\x03\x04 and no more")
    answers.note("books", "books/not-a-zip.epub", 0, "unreadable", None, None, "no ZIP archive")

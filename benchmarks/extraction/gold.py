"""Gold: pages with the main text that a person marked on them, or snippets that it must or must not hold.

Three kinds: `gold.jsonl` of the shared pack, marks of our own on pages of the pack, and folders of pages with a
`*.jsonl` beside them, of which `tests/quality/pages` is one. `tests/quality/README.md` has the rules of marking.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.extraction.blocks import blocks, marked
from benchmarks.extraction.measure import words
from pipelines.sources import Record, read
from pipelines.sources.encoding import choose, declared_in_html, decode, known

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT.parent / "shared" / "data" / "massiveweb"
MARKS = ROOT / "tests" / "quality" / "gold.jsonl"
OWN_PAGES = ROOT / "tests" / "quality" / "pages"


@dataclass(frozen=True, slots=True)
class Page:
    """One gold page; `text` is None where there are only snippets."""

    gold: str  # which gold it belongs to
    name: str
    kind: str
    language: str
    html: bytes
    text: str | None
    kept: tuple[str, ...] = ()  # snippets that must be in the text
    left_out: tuple[str, ...] = ()
    encoding: str | None = None
    url: str | None = None

    def source(self) -> str:
        """The page's characters, decoded as a build decodes them."""
        encoding = known(self.encoding) or choose(self.html, [declared_in_html(self.html)])
        return decode(self.html, encoding)[0]


def at_hand(pack: Path = PACK) -> list[Page]:
    """Every gold page there is: those of the pack only where the pack is."""
    return [*(pages_of_pack(pack) if pack.is_dir() else []), *folder(OWN_PAGES, "own pages")]


def pages_of_pack(pack: Path = PACK) -> list[Page]:
    return [*shared(pack), *marks(pack)]


def shared(pack: Path = PACK) -> list[Page]:
    """The pack's own gold, marked by others on pages of the open web."""
    items = read(str(pack / "open-web.warc.gz"))
    records = {item.url: item for item in items if isinstance(item, Record)}
    return [
        _page(line, "shared gold", line["url"], records[line["url"]], line.get("text"), "open web")
        for _, line in _lines(pack / "gold.jsonl")
    ]


def marks(pack: Path = PACK, file: Path = MARKS) -> list[Page]:
    """Pages of the pack with the blocks that are their main text, by number.

    Raises:
        ValueError: a page is not in its WARC, or its blocks are other ones than those that were marked.
    """
    lines = [line for _, line in _lines(file)]
    records: dict[str, Record] = {}
    for warc in sorted({line["warc"] for line in lines}):
        wanted = {line["digest"] for line in lines if line["warc"] == warc}
        for item in read(str(pack / warc)):
            if isinstance(item, Record) and item.digest.hex() in wanted:
                records[item.digest.hex()] = item
    return [_marked(line, records.get(line["digest"])) for line in lines]


def _marked(line: Mapping[str, Any], record: Record | None) -> Page:
    if record is None:
        raise ValueError(f"{line['url']}: {line['warc']} has no record {line['record']} of digest {line['digest']}")
    page = _page(line, "marked pages", line["record"], record, None, line["kind"])
    text = marked(blocks(page.source()), line["lines"])
    if digest_of(text) != line["words"]:
        raise ValueError(f"{line['url']}: blocks {line['lines']} hold other words than those marked; mark it again")
    return _page(line, "marked pages", line["record"], record, text, line["kind"])


def digest_of(text: str) -> str:
    """Digest of the words of a marked text, in hex."""
    return hashlib.blake2b(" ".join(words(text)).encode(), digest_size=8).hexdigest()


def folder(path: Path, gold: str) -> list[Page]:
    """The pages that the `*.jsonl` files of a folder name: `html`, a path in it, and `text` or `with` / `without`.

    Raises:
        ValueError: there is no such file, or a line lacks these, or its page is not there.
    """
    files = sorted(path.glob("*.jsonl"))
    if not files:
        raise ValueError(f"no gold in {path}: a *.jsonl with `html` and `text` or `with` / `without` is expected there")
    return [_of_folder(path, where, line, gold) for file in files for where, line in _lines(file)]


def _of_folder(path: Path, where: str, line: Mapping[str, Any], gold: str) -> Page:
    if "html" not in line or not {"text", "with", "without"} & set(line):
        raise ValueError(f"{where}: `html` and one of `text`, `with`, `without` are expected, not {sorted(line)}")
    file = path / line["html"]
    if not file.is_file():
        raise ValueError(f"{where}: no page {file}; `html` is a path in the folder of the *.jsonl")
    record = Record(0, line["html"], b"", html=file.read_bytes(), url=line.get("url"), encoding=line.get("encoding"))
    return _page(line, gold, line["html"], record, line.get("text"), "unnamed")


def _page(line: Mapping[str, Any], gold: str, name: str, record: Record, text: str | None, kind: str) -> Page:
    return Page(
        gold=gold,
        name=name,
        kind=line.get("kind", kind),
        language=line.get("language", "?"),
        html=record.html or b"",
        text=text or None,
        kept=tuple(line.get("with") or ()),
        left_out=tuple(line.get("without") or ()),
        encoding=record.encoding,
        url=record.url,
    )


def _lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's place, as `file:7`, and its object."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield f"{file}:{number}", json.loads(line)
                except json.JSONDecodeError as error:
                    raise ValueError(f"{file}:{number}: no JSON object ({error}); write one a line") from error

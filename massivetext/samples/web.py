"""MassiveWeb's files: crawls with requests, pages, errors, images and revisits; a file of plain texts."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

from massivetext.samples import warc
from massivetext.samples.draw import Draw, digest
from massivetext.samples.items import Answers, Item
from massivetext.samples.names import town
from massivetext.samples.pages import page

SUBSET = "massiveweb"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8ffff3f0005fe02fea735815d0000000049454e44ae426082"
)


class _Crawl:
    """One WARC file in the making: it knows the row of the next record."""

    def __init__(self, folder: Path, number: int, answers: Answers) -> None:
        self.source = f"{SUBSET}/crawl-{number:05d}.warc.gz"
        self._path = folder / self.source
        self._answers = answers
        self._members: list[bytes] = []
        self._day = number * 10_000
        self.skip(warc.info(self._path.name), "not_a_response", "warcinfo")

    def day(self) -> str:
        return warc.date(self._day + len(self._members))

    def skip(self, member: bytes, reason: str, note: str) -> None:
        self._answers.skip(SUBSET, self.source, len(self._members), reason, note)
        self._members.append(member)

    def keep(self, member: bytes, item: Item) -> None:
        self._answers.add(SUBSET, self.source, len(self._members), item)
        self._members.append(member)

    def write(self) -> None:
        self._path.write_bytes(b"".join(self._members))


def write(folder: Path, seed: int, items: Sequence[Item], plain: Sequence[Item], files: int, answers: Answers) -> None:
    """Write the items to `files` WARC files, the plain ones to a WET file."""
    (folder / SUBSET).mkdir(parents=True, exist_ok=True)
    crawls = [_Crawl(folder, number, answers) for number in range(files)]
    for number, item in enumerate(items):
        crawl = crawls[number % files]
        draw = Draw("page", seed, digest(item.text, item.group, item.note).hex(), number)
        member = _fetch(crawl, draw, item, number)
        if item.form == "twice":
            crawls[(number + 1) % files].keep(member, item)
        _surroundings(crawl, draw, number)
    for crawl in crawls:
        crawl.write()
    _write_plain(folder, plain, answers)


def _fetch(crawl: _Crawl, draw: Draw, item: Item, number: int) -> bytes:
    host = item.host or f"www.{town(draw).lower()}.example"
    url = f"http://{host}/{digest('path', number, item.text).hex()}.html"
    day = crawl.day()
    crawl.skip(warc.request(url, day), "not_a_response", "request")
    if item.form == "empty":
        html = "<html><head><title></title><script>start()</script></head><body><div></div></body></html>"
    else:
        html = page(draw, item.title, item.paragraphs, heading=item.form == "heading")
    payload, headers = _encoded(html, item.form)
    member = warc.response(url, payload, day, headers=headers)
    crawl.keep(member, item)
    return member


def _encoded(html: str, form: str) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """The page as the item's form has it sent, and the headers that say so."""
    if form == "latin-1":
        html = html.replace('<meta charset="utf-8">', "")
        return html.encode("latin-1"), (("Content-Type", "text/html; charset=ISO-8859-1"),)
    if form == "gzip":
        return gzip.compress(html.encode(), 6, mtime=0), (*warc.HTML, ("Content-Encoding", "gzip"))
    if form == "chunked":
        return warc.chunked(html.encode()), (*warc.HTML, ("Transfer-Encoding", "chunked"))
    return html.encode(), warc.HTML


def _surroundings(crawl: _Crawl, draw: Draw, number: int) -> None:
    """What a crawler meets between pages: errors, images, pages it knows already."""
    url, day = f"http://www.{town(draw).lower()}.example/{number}", crawl.day()
    if number % 9 == 0:
        lost = b"<html><body><h1>404 Not Found</h1><p>There is no such page.</p></body></html>"
        crawl.skip(warc.response(url, lost, day, status="404 Not Found"), "not_success", "404")
    if number % 11 == 1:
        crawl.skip(
            warc.response(url + ".png", PNG, day, headers=(("Content-Type", "image/png"),)),
            "not_text",
            "image",
        )
    if number % 13 == 2:
        crawl.skip(warc.revisit(url, day), "revisit", "revisit")
    if number % 17 == 3:
        crawl.skip(warc.metadata(url, day), "not_a_response", "metadata")


def _write_plain(folder: Path, items: Sequence[Item], answers: Answers) -> None:
    source = f"{SUBSET}/plain-00000.warc.wet.gz"
    members = [warc.info("plain-00000.warc.wet.gz")]
    answers.skip(SUBSET, source, 0, "not_a_response", "warcinfo")
    for number, item in enumerate(items, 1):
        answers.add(SUBSET, source, number, item)
        url = f"http://plain.example/{number}.html"
        members.append(warc.conversion(url, item.text, warc.date(number)))
    (folder / source).write_bytes(b"".join(members))

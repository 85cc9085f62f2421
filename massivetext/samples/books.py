"""Books: wrapped text between a distributor's header and footer, plain or compressed, and an EPUB."""

from __future__ import annotations

import gzip
import io
import textwrap
import zipfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

from massivetext.samples.draw import digest
from massivetext.samples.items import Answers, Item

SUBSET = "books"
CHAPTER = 60  # paragraphs
_HEADER = """A book of the sample corpus of massivetext, distributed in the form of a well-known library.
Anybody may copy it, give it away or change it, since a program has written it.

Title: {title}
Release number: {number}
Language: English

*** START OF THE PROJECT GUTENBERG EBOOK {mark} ***


"""
_FOOTER = """

*** END OF THE PROJECT GUTENBERG EBOOK {mark} ***

What follows the book is about the book: copies numbered {number} may be shared with everybody on any terms.
This part has to be taken away with the header, because it stands in every book of the collection.
"""
_EPUB_DATE = (1980, 1, 1, 0, 0, 0)


def write(folder: Path, items: Sequence[Item], answers: Answers) -> None:
    """One file per item: `.txt`, `.txt.gz` in turn, or `.epub` for items of that form."""
    (folder / SUBSET).mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(items):
        if item.form == "epub":
            name, data = f"{number:03d}.epub", epub(item)
        else:
            line_end = "\r\n" if number % 4 == 1 else "\n"
            data = (b"\xef\xbb\xbf" if number % 4 == 3 else b"") + plain(item, number).replace("\n", line_end).encode()
            name = f"{number:03d}.txt"
            if number % 2:
                name, data = name + ".gz", gzip.compress(data, 6, mtime=0)
        answers.add(SUBSET, f"{SUBSET}/{name}", 0, item)
        (folder / SUBSET / name).write_bytes(data)


def chapters(item: Item) -> list[tuple[str, tuple[str, ...]]]:
    """(heading, paragraphs) of the book's chapters."""
    starts = range(0, len(item.paragraphs), CHAPTER)
    return [(f"CHAPTER {start // CHAPTER + 1}", item.paragraphs[start : start + CHAPTER]) for start in starts]


def plain(item: Item, number: int) -> str:
    """The book as a text file of 72 columns."""
    blocks = [item.title.upper()]
    for heading, paragraphs in chapters(item):
        blocks.append(heading)
        blocks += [textwrap.fill(text, 72, break_long_words=False, break_on_hyphens=False) for text in paragraphs]
    mark = {"title": item.title, "mark": item.title.upper(), "number": number}
    return _HEADER.format(**mark) + "\n\n".join(blocks) + _FOOTER.format(**mark)


def epub(item: Item) -> bytes:
    """The book as an EPUB 3, a file per chapter."""
    files = {"mimetype": "application/epub+zip", "META-INF/container.xml": _CONTAINER}
    manifest, spine, contents = "", "", ""
    for number, (heading, paragraphs) in enumerate(chapters(item)):
        name = f"chapter{number:03d}.xhtml"
        body = "\n".join(f"<p>{escape(text, quote=False)}</p>" for text in paragraphs)
        files[f"OEBPS/{name}"] = _XHTML.format(title=heading, body=f"<h2>{heading}</h2>\n{body}")
        manifest += f'<item id="c{number}" href="{name}" media-type="application/xhtml+xml"/>\n'
        spine += f'<itemref idref="c{number}"/>\n'
        contents += f'<li><a href="{name}">{heading}</a></li>\n'
    navigation = f'<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="toc"><ol>{contents}</ol></nav>'
    files["OEBPS/nav.xhtml"] = _XHTML.format(title="Contents", body=navigation)
    name = digest("epub", item.title, size=8).hex()
    files["OEBPS/content.opf"] = _PACKAGE.format(title=escape(item.title), name=name, manifest=manifest, spine=spine)
    return _zip(files)


def _zip(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            member = zipfile.ZipInfo(name, _EPUB_DATE)
            member.create_system = 3
            # EPUB wants the first member, `mimetype`, uncompressed.
            member.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(member, text.encode())
    return target.getvalue()


_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
_PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:massivetext:{name}</dc:identifier>
<dc:title>{title}</dc:title><dc:language>en</dc:language>
<meta property="dcterms:modified">2021-03-01T00:00:00Z</meta>
</metadata>
<manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
{manifest}</manifest>
<spine>
{spine}</spine>
</package>
"""
_XHTML = """<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title></head><body>
{body}
</body></html>
"""

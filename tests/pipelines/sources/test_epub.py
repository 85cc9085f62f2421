from __future__ import annotations

import io
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from pipelines.sources import Record, Unreadable, epub, read
from pipelines.sources.epub import chapter_text

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
OPF = (
    '<package xmlns="http://www.idpf.org/2007/opf" version="2.0"><metadata>'
    '<dc:title xmlns:dc="http://purl.org/dc/elements/1.1/">A  Tale</dc:title></metadata><manifest>'
    '<item id="two" href="two.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="one" href="text/one%20a.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    '<item id="cover" href="cover.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="ad" href="ad.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="cover"/><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/>'
    '<itemref idref="ad" linear="no"/></spine>'
    '<guide><reference type="cover" href="cover.xhtml"/></guide></package>'
)


def page(body: str) -> str:
    return f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'


FILES = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": OPF,
    "OPS/two.xhtml": page("<h2>Two</h2><p>Second.</p>"),
    "OPS/text/one a.xhtml": page("<h2>One</h2><p>First.</p>"),
    "OPS/nav.xhtml": page("<nav><ol><li>One</li></ol></nav>"),
    "OPS/cover.xhtml": page("<p>Cover</p>"),
    "OPS/ad.xhtml": page("<p>Buy more</p>"),
}


def pack(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def one(folder: Path, data: bytes) -> Record | Unreadable:
    (folder / "a.epub").write_bytes(data)
    (item,) = read(str(folder / "a.epub"))
    assert isinstance(item, Record | Unreadable)
    return item


def test_the_book_comes_in_spine_order_without_cover_navigation_and_what_is_beside_it(tmp_path: Path) -> None:
    item = one(tmp_path, pack(FILES))
    assert isinstance(item, Record)
    assert item.text == "One\n\nFirst.\n\nTwo\n\nSecond."
    assert item.title == "A Tale"
    assert item.locator == item.digest.hex()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>a\n  <i>b</i>c</p><p>d</p>", "a bc\n\nd"),
        ("<p>a<br/>b</p>", "a\nb"),
        ("<ul><li>a</li><li>b <b>c</b></li></ul>", "a\nb c"),
        ("<pre>a\n   b</pre>", "a\n   b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<p>x&nbsp;y &eacute; &amp; &lt;</p>", "x\xa0y é & <"),
        ("<p>a<!-- no --> b<script>no()</script> c</p>", "a b c"),
        ('<p>a<span class="pagenum">12</span>b</p>', "ab"),
        ('<section id="pg-footer"><p>licence</p></section><p>x</p>', "x"),
    ],
)
def test_a_chapter_is_read_as_it_is_shown(body: str, text: str) -> None:
    assert chapter_text(page(body)) == text


def test_a_chapter_that_is_no_xml_is_read_as_html_and_entities_are_not_resolved() -> None:
    assert chapter_text("<html><body><p>a<p>b & c</body>") == "a\n\nb & c"
    attack = (
        '<!DOCTYPE html [<!ENTITY a "' + "x" * 100 + '"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/hosts">]>'
        "<html><body><p>start &b; &f; end</p></body></html>"
    )
    assert "xxx" not in chapter_text(attack)
    assert "localhost" not in chapter_text(attack)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"no archive", "no readable EPUB"),
        (b"", "no readable EPUB"),
        (pack(FILES)[:-40], "no readable EPUB"),
        (pack({"mimetype": "x"}), "container.xml is missing"),
        (pack({**FILES, "META-INF/container.xml": "<container/>"}), "names no package"),
        (pack({**FILES, "OPS/book.opf": "<package"}), "broken XML"),
        (pack({name: data for name, data in FILES.items() if "two" not in name}), "two.xhtml is missing"),
    ],
)
def test_a_broken_book_is_unreadable_with_its_cause(tmp_path: Path, data: bytes, cause: str) -> None:
    item = one(tmp_path, data)
    assert isinstance(item, Unreadable)
    assert cause in item.cause


def test_damaged_chapters_and_bombs_make_the_book_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(pack(FILES))
    at = data.find(b"OPS/two.xhtml") + 20
    data[at : at + 12] = bytes(12)
    assert isinstance(one(tmp_path, bytes(data)), Unreadable)
    monkeypatch.setattr(epub, "RECORD_LIMIT", 100_000)
    item = one(tmp_path, pack({**FILES, "OPS/two.xhtml": page("<p>" + "a" * 1_000_000 + "</p>")}))
    assert isinstance(item, Unreadable)
    assert "larger" in item.cause


def test_the_epub_of_a_book_holds_the_words_of_its_plain_text(shared_data: Path) -> None:
    (text,) = read(str(shared_data / "books" / "pg42.txt"))
    (book,) = read(str(shared_data / "books" / "pg42.epub"))
    assert isinstance(text, Record)
    assert isinstance(book, Record)
    assert text.text is not None
    assert book.text is not None
    words, book_words = Counter(text.text.split()), Counter(book.text.split())
    assert (words & book_words).total() > 0.999 * max(words.total(), book_words.total())
    assert book.title == "Dr. Jekyll and Mr. Hyde"
    (dracula,) = read(str(shared_data / "books" / "pg345.epub"))
    assert isinstance(dracula, Record)
    assert dracula.text is not None
    assert dracula.text.startswith("DRACULA")
    assert "CHAPTER XXVII" in dracula.text

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from xml.sax.saxutils import escape

import mwparserfromhell
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.sources import Record, Skipped, Unreadable, mediawiki, read, wikitext
from pipelines.sources.wikitext import plain_text

HEAD = (
    '<mediawiki xml:lang="bg">\n<siteinfo><sitename>Wiki</sitename><dbname>'
    "bgwiki</dbname><base>https://bg.wikipedia.org/wiki/Main</base><namespaces>"
    '<namespace key="0" case="first-letter" /><namespace key="6" case="first-letter">Файл</namespace>'
    "</namespaces></siteinfo>\n"
)
END = "</mediawiki>\n"


def page(title: str, text: str, number: int = 1, ns: int = 0, more: str = "") -> str:
    return (
        f"<page><title>{escape(title)}</title><ns>{ns}</ns><id>{number}</id>{more}"
        f"<revision><id>{number + 100}</id>"
        f"<timestamp>2013-01-02T03:04:05Z</timestamp><model>wikitext</model>"
        f'<text xml:space="preserve">{escape(text)}</text></revision></page>\n'
    )


def items_of(folder: Path, data: bytes, name: str = "w.xml") -> list[Record | Skipped | Unreadable]:
    (folder / name).write_bytes(data)
    return list(read(str(folder / name)))


def dump(*pages: str) -> bytes:
    return (HEAD + "".join(pages) + END).encode()


def test_an_article_is_its_title_and_its_text_with_page_and_revision(tmp_path: Path) -> None:
    (item,) = items_of(tmp_path, dump(page("A & B c", "'''Bold''' words.\n\n== Part ==\nMore.", 7)))
    assert isinstance(item, Record)
    assert item.text == "A & B c\n\nBold words.\n\nPart\n\nMore."
    assert item.locator == "bgwiki:7:107"
    assert (item.title, item.timestamp) == ("A & B c", "2013-01-02T03:04:05Z")
    assert item.url == "https://bg.wikipedia.org/wiki/A_%26_B_c"


def test_other_namespaces_redirects_and_other_models_are_skipped_and_counted(tmp_path: Path) -> None:
    pages = [
        page("Talk:A", "x", 1, ns=1),
        page("B", "x", 2, more='<redirect title="A" />'),
        page("C", "#REDIRECT [[A]]", 3),
        page("D.json", "{}", 4).replace("wikitext<", "json<"),
        page("E", "text", 5),
    ]
    items = items_of(tmp_path, dump(*pages))
    assert [getattr(item, "reason", "") for item in items] == [
        "namespace",
        "redirect",
        "redirect",
        "not_text",
        "",
    ]
    assert [item.row for item in items] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("title", "text", "is_article"),
    [
        ("A", "A may be\n* [[B]]\n{{disambiguation}}", False),
        ("A", "x {{Disambig|geo|hndis}}", False),
        ("A", "x {{ hndis }}", False),
        ("A", "x __DISAMBIG__", False),
        ("A (disambiguation)", "x", False),
        ("A", "x {{begriffsklärung}}", False),
        ("A", "{{about|a thing||A (disambiguation)}} x", True),
        ("A", "x {{disambiguation needed|date=May}}", True),
        ("Disambiguation", "x", True),
    ],
)
def test_pages_that_tell_meanings_apart_are_no_articles(
    tmp_path: Path, title: str, text: str, is_article: bool
) -> None:
    (item,) = items_of(tmp_path, dump(page(title, text)))
    assert isinstance(item, Record) if is_article else item == Skipped(0, "disambiguation")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("block", [1001, 1 << 18])
def test_every_unicode_form_is_read_with_any_block_size(
    tmp_path: Path, encoding: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mediawiki, "_CHUNK", block)
    data = (HEAD + "".join(page(f"Стр{n}", "Думи и думи. " * 30, n) for n in range(9)) + END).encode(encoding)
    items = items_of(tmp_path, data)
    assert [item.title for item in items if isinstance(item, Record)] == [f"Стр{n}" for n in range(9)]
    assert len(items) == 9


PAGES = [page(f"T{n}", f"Words of page {n}. " * 20, n) for n in range(4)]


@pytest.mark.parametrize(
    "broken",
    [
        PAGES[1].replace("</text>", "</txt>"),
        PAGES[1].replace("</page>", ""),
        PAGES[1].replace("<page>", "<pge>"),
        PAGES[1].replace("Words", "Wor\x03ds"),
        PAGES[1].replace("Words", "&nothing;"),
    ],
)
def test_a_broken_page_loses_itself_alone(tmp_path: Path, broken: str) -> None:
    data = dump(PAGES[0], broken, *PAGES[2:])
    items = items_of(tmp_path, data)
    assert [type(item) for item in items] == [Record, Unreadable, Record, Record]
    assert abs(items[1].position - len((HEAD + PAGES[0]).encode())) <= 1  # type: ignore[union-attr]


def test_a_dump_cut_anywhere_keeps_whole_pages_and_notices_the_cut(tmp_path: Path) -> None:
    data = dump(*PAGES)
    ends = [len((HEAD + "".join(PAGES[: n + 1])).encode()) - 1 for n in range(4)]
    for cut in range(1, len(data) - len("</mediawiki>\n"), 37):
        items = items_of(tmp_path, data[:cut])
        assert len(items) == sum(end <= cut for end in ends) + 1, cut
        assert isinstance(items[-1], Unreadable)


@pytest.mark.parametrize(("pack", "suffix"), [(bz2.compress, ".bz2"), (gzip.compress, ".gz")])
def test_a_cut_or_damaged_compression_is_noticed(tmp_path: Path, pack: object, suffix: str) -> None:
    stored = pack(dump(*PAGES))  # type: ignore[operator]
    assert len(items_of(tmp_path, stored, "w.xml" + suffix)) == 4
    assert isinstance(items_of(tmp_path, stored[:-3], "w.xml" + suffix)[-1], Unreadable)
    damaged = stored[: len(stored) // 2] + b"\xff\xff\xff" + stored[len(stored) // 2 + 3 :]
    assert isinstance(items_of(tmp_path, damaged, "w.xml" + suffix)[-1], Unreadable)


def test_a_page_beyond_the_limit_is_unreadable_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mediawiki, "RECORD_LIMIT", 5000)
    monkeypatch.setattr(mediawiki, "_CHUNK", 1000)
    items = items_of(tmp_path, dump(PAGES[0], page("L", "x" * 20_000), PAGES[2]))
    assert [type(item) for item in items] == [Record, Unreadable, Record]


def test_entities_of_a_document_type_are_not_resolved(tmp_path: Path) -> None:
    attack = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY f SYSTEM "file:///etc/hosts">]>'
    data = (attack + HEAD + PAGES[0].replace("Words", "&f;") + PAGES[1] + END).encode()
    items = items_of(tmp_path, data)
    assert [type(item) for item in items] == [Unreadable, Record]


def test_other_xml_and_empty_files(tmp_path: Path) -> None:
    (item,) = items_of(tmp_path, b"<rss><page>a</page></rss>")
    assert isinstance(item, Unreadable)
    assert "no MediaWiki dump" in item.cause
    assert items_of(tmp_path, b"") == []
    assert items_of(tmp_path, b"", "w.xml.bz2") == []
    assert items_of(tmp_path, dump()) == []


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("a [[b]] [[c|d]] [[:e]]", "a b d e"),
        ("[[File:a.jpg|thumb|The [[b]] caption]]x[[Category:C]]", "x"),
        ("[[Файл:a.jpg|thumb|c]]x", "x"),
        ("[[fr:Titre]]x", "x"),
        ("[http://x y z] [http://x] http://y", "y z http://y"),
        ("a<ref>note</ref> b<ref name=x /><!-- c -->", "a b"),
        ("{{Infobox|a=b}}x{{cite|y}}", "x"),
        ("It was {{convert|5|km|mi}} of {{lang|fr|pain}}.", "It was 5 km of pain."),
        ("{|\n|a||b\n|-\n|c\n|}\nx", "x"),
        ("* a\n** b\n# c\n: d", "- a\n  - b\n- c\nd"),
        ("'''a''' ''b''", "a b"),
        ("a ({{lang-la|x}}; b)", "a (x; b)"),
        ("a ({{ipa|x}}; b) and ({{ipa|y}})", "a (b) and"),
        ("x &ndash; &amp; &#x41;&nbsp;y", "x – & A y"),
        ("<math>a^2</math> <nowiki>[[b]]</nowiki>", "a^2 b"),
        ("a<br />b", "a\nb"),
        ("== A ==\n== B ==\ntext\n=== C ===\n{{d}}", "B\n\ntext"),
        ("__NOTOC__x", "x"),
        ("[[OS&nbsp;X]] [[A&amp;B]] <code>a &lt; b</code>", "OS X A&B a < b"),
        (
            "(born {{birth date|1905|2|2}} – {{death date and age|df=yes|1982|3|6|1905|2|2}})",
            "(born February 2, 1905 – March 6, 1982)",
        ),
        (
            "{{OldStyleDate|February 2|1905|January 20}} {{start date|1999|4}} {{circa|1200}}",
            "February 2 1905 April 1999 c. 1200",
        ),
        ("Algae ({{IPA|x}} singular alga {{IPA|y}}) grow", "Algae (singular alga) grow"),
        ("* {{cite|x}}.\n* {{cite|y}} – a base\n* b", "- a base\n- b"),
        ("x\n== External links ==\n* [http://a b]\n{{c}}\n== Next ==\ny", "x\n\nNext\n\ny"),
        ("x\n== Notes ==\nThese are told in prose.", "x\n\nNotes\n\nThese are told in prose."),
        ("x\n== References ==\n=== Books ===\n* A\n=== More ===", "x\n\nReferences\n\nBooks\n\n- A"),
        ("", ""),
    ],
)
def test_wikitext_becomes_what_a_reader_reads(wikitext: str, text: str) -> None:
    assert plain_text(wikitext, ["файл"]) == text


MARKS = "[[ ]] {{ }} {| |} | == ''' <ref> </ref> <br> * # \n a b File: &amp;"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(MARKS.split(" "))))
def test_any_wikitext_gives_a_text_without_templates_and_links(pieces: list[str]) -> None:
    text = plain_text(" ".join(pieces))
    assert not any(mark in text for mark in ("[[", "{{", "'''", "\x01"))


NODES = """
    {{lang|fr|mot}} {{lang|fr|{{x}}}} {{x|y=1|[[a]]}} {{convert|5|km}} {{ birth_date |1990|1|2}} {{{1|2}}} <!-- c -->
    <ref>note</ref> <ref_name="x"/> <b_{{x}}>bold</b> <div> </div> <math>x</math> <nowiki>'' {{x}}</nowiki> <br> ''i''
    {| |- |} [[a|b_{{x}}]] [[File:x.png|{{x}}]] [http://x.org_y_{{x}}] == <li> &amp; {{ }} [[ ]] </ref> <table> <{{x}}>
"""


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*NODES.replace("\n", " ").split(), "\n", "\n* ", "\n{|\n|-\n| ", "\n|}\n", " a "])))
def test_leaving_out_tokens_early_gives_the_text_of_the_whole_tree(pieces: list[str]) -> None:
    source = "".join(pieces).replace("_", " ")
    whole = mwparserfromhell.parse(source, skip_style_tags=False)
    rendered = "".join(wikitext._Renderer(wikitext._ALWAYS_LEFT_OUT).render(whole))
    assert plain_text(source) == wikitext._drop_empty_sections(wikitext._tidy(rendered))


def test_a_damaged_stream_of_a_dump_loses_its_own_pages(tmp_path: Path) -> None:
    pages = ["".join(page(f"T{n}", f"text {n}", n) for n in range(at, at + 3)) for at in range(0, 12, 3)]
    streams = [bytearray(bz2.compress(part.encode())) for part in (HEAD, *pages, END)]
    streams[2][30:40] = bytes(10)
    items = items_of(tmp_path, b"".join(streams), "w.xml.bz2")
    assert [item.title for item in items if isinstance(item, Record)] == [f"T{n}" for n in (0, 1, 2, *range(6, 12))]
    assert [item.row for item in items if isinstance(item, Unreadable)] == [3]
    assert all(item.locator.startswith("bgwiki:") for item in items if isinstance(item, Record))


def test_the_shared_dumps_are_read_whole(shared_data: Path) -> None:
    def read_dump(name: str) -> list[Record | Skipped | Unreadable]:
        items = list(read(str(shared_data / "wikipedia" / name)))
        assert not any(isinstance(item, Unreadable) for item in items)
        return items

    bulgarian = read_dump("bgwiki-utf16-pages-articles.xml.bz2")
    assert len(bulgarian) == 3
    (article,) = (item for item in bulgarian if isinstance(item, Record))
    assert article.text is not None
    assert sum("а" <= letter <= "я" for letter in article.text) > 0.6 * len(article.text)
    english = read_dump("enwiki-part1-pages-articles.xml.bz2")
    assert sum(isinstance(item, Record) for item in english) == 41
    assert sum(item == Skipped(item.row, "disambiguation") for item in english) == 4
    assert len(english) == 124
    assert len(read_dump("enwiki-table-markup.xml.bz2")) == 5
    assert len(read_dump("ltgwiki-pages-articles.xml.bz2")) == 2004
    for item in english:
        if isinstance(item, Record):
            assert item.text is not None
            assert item.text.startswith(f"{item.title}\n\n")
            assert not any(mark in item.text for mark in ("{{", "}}", "[[", "<ref", "{|"))

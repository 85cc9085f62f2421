from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.extraction.measure import f1
from pipelines import extract as extract_module
from pipelines.extract import EXTRACTORS, extract
from pipelines.sources import Record, read

PARAGRAPH = "The committee met on the second day of the month and heard what the engineers had found in the river. "
PAGE = (
    "<html><head><title> A\n title </title></head><body><nav><a href='/'>Home</a></nav>"
    "<article><h1>Report</h1>"
    f"<p>{PARAGRAPH * 3}</p><p>Second\n   paragraph, {PARAGRAPH}</p>"
    "<ul><li>one</li><li>two</li></ul></article>"
    "<footer>All rights reserved</footer></body></html>"
)


def test_the_main_text_and_the_title_of_a_page() -> None:
    text, title = extract(PAGE.encode(), "utf-8", "http://example.org/")
    assert title == "A title"
    lines = text.split("\n")
    assert (PARAGRAPH * 3).strip() in lines
    assert f"Second paragraph, {PARAGRAPH}".strip() in lines
    assert "- one" in lines
    assert "Home" not in text


def test_line_ends_of_the_html_are_spaces_but_those_of_code_are_kept() -> None:
    code = "for x in y:\n    print(x)\n    stop"
    page = PAGE.replace("<ul>", f"<pre>{code}</pre><ul>").replace(". ", ".\n\n   ")
    text, _ = extract(page.encode(), "utf-8", None)
    assert (PARAGRAPH * 3).strip() in text.split("\n")
    assert "    print(x)\n" in text


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16", "utf-8", None])
def test_the_given_encoding_is_used_and_a_missing_one_is_chosen(encoding: str | None) -> None:
    page = "<html><body><p>" + "Это предложение написано по-русски. " * 9 + "</p></body></html>"
    text, _ = extract(page.encode(encoding or "utf-8"), encoding, None)
    assert text.startswith("Это предложение")


def test_a_body_without_markup_is_its_own_text() -> None:
    assert extract(b"1 < 2 and 3 > 2\n  plain\n", "utf-8", None) == ("1 < 2 and 3 > 2\n  plain", None)


@pytest.mark.parametrize("html", [b"", b"<html></html>", b"<!-- nothing -->", b"<svg/>", b"<p></p>", b"\0\0<p>"])
def test_a_page_without_text_gives_none(html: bytes) -> None:
    assert extract(html, None, None)[0] == ""


@pytest.mark.parametrize(
    "html",
    [
        b"<html><body>" + b"<div>" * 50_000 + b"words",
        b"<html><body>" + b"<table><tr><td>" * 5_000 + b"words",
        b"<html><body><p " + b"a=b " * 100_000 + b">words</p>",
        b"<html>" + bytes(range(256)) * 50,
        b'<?xml version="1.0" encoding="utf-16"?><html><body><p>words</p></body></html>',
    ],
)
def test_absurd_pages_are_survived(html: bytes) -> None:
    text, _ = extract(html, None, None)
    text.encode()


def test_only_the_first_bytes_of_a_giant_page_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_module, "PAGE_LIMIT", 2000)
    page = "<html><body>" + "".join(f"<p>Paragraph {n}. {PARAGRAPH}</p>" for n in range(100)) + "</body></html>"
    text, _ = extract(page.encode(), "utf-8", None)
    assert "Paragraph 5." in text
    assert "Paragraph 50." not in text


def test_an_unknown_extractor_is_refused_with_the_near_and_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no extractor 'trafilatur'; did you mean 'trafilatura'\?"):
        extract(b"<p>x", None, None, "trafilatur")
    assert EXTRACTORS == ("trafilatura", "gopher")


MARKS = "<p> </p> <div> </div> <b> </a> <table> <td> <!-- --> & &amp; &#0; word ] é"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(MARKS.split())))
def test_any_markup_gives_a_text(pieces: list[str]) -> None:
    text, title = extract(" ".join(["<html>", *pieces]).encode(), "utf-8", None)
    assert text == text.strip()
    assert title is None or title.strip()


def _pages(shared_data: Path) -> list[Record]:
    items = read(str(shared_data / "massiveweb" / "open-web.warc.gz"))
    return [item for item in items if isinstance(item, Record)]


def test_shared_pages_give_their_hand_checked_text_in_any_order(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = _pages(shared_data)
    assert len(pages) == 38
    texts = {page.url: extract(page.html or b"", page.encoding, page.url) for page in pages}
    gold = [json.loads(line) for line in (shared_data / "massiveweb" / "gold.jsonl").open(encoding="utf-8")]
    scores = [f1(texts[item["url"]][0], item["text"]) for item in gold if item.get("text")]
    assert len(scores) == 18
    assert sum(scores) / len(scores) > 0.92
    monkeypatch.setattr(extract_module, "_PAGES_PER_CACHE", 7)
    random.Random(3).shuffle(pages)
    for page in pages[:19]:
        assert extract(page.html or b"", page.encoding, page.url) == texts[page.url]

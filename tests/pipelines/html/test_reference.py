"""Scan and tree against their plain-Python definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.html import reference
from pipelines.html.page import parse
from pipelines.sources import Record, read

NAMES = (
    "html head body div p ul ol li dl dt dd table tr td th tbody caption h1 h3 span a b pre br hr script title select "
    "option button svg template article section main nav form noscript x-box"
)
ATTRIBUTES = [
    'class="a-b content"', "class='sidebar'", "class=post", 'id="comments-area"', "hidden",
    'style="color:red; display : none"', "style='visibility:hidden'", 'aria-hidden="true"', "href=x", 'href=""',
    "role=navigation", 'href="x#y"', 'itemprop="articleBody"', "data-x='>'", 'class="siteHeader sr-only"', "= a=b=c",
    '" "odd"', 'id="not-a-nav"', 'class="has-sidebar"', "hidden=until-found", 'class="postsBody Comment1"',
    'style=" display:none"',
]  # fmt: skip
MARKS = (
    "<svg/> <title/> <div/> <!--_x_--> <!--> <!---> <!--_a_--!> <!doctype> <?xml?> </_x> < </ <1 &amp; &notit; &nGt; "
    "&#65 &#x80; &#xD800; &#0; &eacute &nbsp; &; &# word. é 。漢字 ﬁ 😀 x<y </script <p"
)
PIECES = [
    *(f"<{end}{tag}>" for tag in NAMES.split() for end in ("", "/")),
    *(f"<{tag} {said}>" for tag in ("div", "span", "a", "section", "svg", "h1") for said in ATTRIBUTES),
    *(mark.replace("_", " ") for mark in MARKS.split()),
    *("\0", "\n", "\t", " ", "  a b", "\xad", "\u3000"),
]


def check(page: bytes) -> None:
    tokens, nodes, blocks, text = parse(np.frombuffer(page, np.uint8))
    plain = reference.scan(page)
    assert [tuple(row) for row in tokens.tolist()] == plain
    tree = reference.build(page, plain)
    assert [tuple(row) for row in nodes.tolist()] == tree.nodes
    found = [(bytes(text[begin:end]).decode(), *counts) for begin, end, *counts in blocks.tolist()]
    assert found == tree.blocks


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_markup_is_scanned_and_built_as_defined(pieces: list[str]) -> None:
    check("".join(pieces).encode())


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("<>/!-'\"= aApP&#;x1\0\n漢é"), max_size=60))
def test_any_text_is_scanned_and_built_as_defined(source: str) -> None:
    check(source.encode())


@pytest.mark.parametrize("name", ["open-web", "docs-00000-of-00004"])
def test_real_pages_are_scanned_and_built_as_defined(shared_data: Path, name: str) -> None:
    pages = [
        item.html for item in read(str(shared_data / "massiveweb" / f"{name}.warc.gz")) if isinstance(item, Record)
    ]
    for page in pages[::3][:12]:
        check((page or b"").decode("utf-8", "replace").encode())

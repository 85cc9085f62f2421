"""Pages that were made to hang, crash or fill memory."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.extract import extract
from pipelines.html.page import main_text, parse

WORDS = b"The words of a paragraph that is long enough to be kept, with a comma and a full stop. "
SMALL = 3000
HOSTILE = {
    "attributes": lambda n: b"<p " + b"a=b " * n + b">" + WORDS,
    "classes": lambda n: b'<p class="' + b"nav-post " * n + b'">' + WORDS,
    "divs": lambda n: b"<div>" * n + WORDS,
    "end tags": lambda n: b"<section>" + b"<div>" * n + b"</span></section></li>" * n + WORDS,
    "blocked end tags": lambda n: b"<ul><li><table><td>" + b"<div>" * n + b"</li>" * n + WORDS,
    "lists": lambda n: b"<ul><li>word word" * n + WORDS,
    "tables": lambda n: b"<table><tr><td>" * n + WORDS,
    "links": lambda n: b"<a href=x>" * n + WORDS,
    "formatting": lambda n: b"<b><i hidden>" * n + WORDS,
    "unclosed tags": lambda n: b"<p" * n + WORDS,
    "unclosed comments": lambda n: b"<!-- " * n + WORDS,
    "unclosed titles": lambda n: b"<title>" * n + WORDS,
    "almost closed scripts": lambda n: b"<script>" + b"</scrip" * n + WORDS,
    "quotes": lambda n: b"<a b='" * n + WORDS,
    "references": lambda n: b"<p>" + b"&#x" * n + b"&notit" * n + WORDS,
    "less than": lambda n: b"<p>" + b"< " * n + WORDS,
    "NULs": lambda n: b"<p>" + b"\0" * n + WORDS,
    "tail headings": lambda n: b"<div>Tags</div>" * n + b"<p>" + WORDS * (n // 8),
    "headings": lambda n: b"<h2>Related</h2>" * n + b"<p>" + WORDS,
    "article bodies": lambda n: b'<script>"articleBody":"' * n + WORDS,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_work_is_linear_in_the_page_and_a_text_comes_out(name: str) -> None:
    """Of a page twice as long the tables are twice as long, and one of 200,000 parts is read at all."""
    small, large = (sum(map(len, parse(np.frombuffer(HOSTILE[name](n), np.uint8)))) for n in (SMALL, 2 * SMALL))
    assert large <= 2 * small + 200
    text, _ = main_text(HOSTILE[name](200_000))
    text.encode()


def test_a_page_of_fifty_megabytes_is_read_to_its_end() -> None:
    paragraph = b"<p class='text'>" + WORDS + b"</p>\n"
    page = paragraph * (50_000_000 // len(paragraph))
    text, _ = extract(page + b"<p>The last paragraph of the page, which is the end.</p>", "utf-8", None, "gopher")
    assert text.endswith("which is the end.")
    assert text.count("\n\n") == 50_000_000 // len(paragraph)


def test_more_tags_than_are_read_cost_no_more_memory() -> None:
    page = b"<p>" + WORDS + b"<b>" * (1 << 22) + b"<p>left off"
    tokens, *_ = parse(np.frombuffer(page, np.uint8))
    assert len(tokens) <= 1 << 22
    assert main_text(page)[0] == WORDS.decode().strip()


@pytest.mark.parametrize("encoding", [None, "utf-8", "utf-16", "cp1251", "shift_jis", "no-such-charset"])
@pytest.mark.parametrize(
    "page", [b"\xff\xfe<p>" + WORDS, b"<p>\xed\xa0\x80" + WORDS, b"<p>" + WORDS + b"\xe2\x82", bytes(range(256)) * 30]
)
def test_a_wrong_charset_and_surrogates_give_valid_text(page: bytes, encoding: str | None) -> None:
    text, title = extract(b"<html>" + page, encoding, None, "gopher")
    (text + (title or "")).encode()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_text_that_is_the_same_again(page: bytes) -> None:
    first = extract(b"<p>" + page, None, None, "gopher")
    first[0].encode()
    assert extract(b"<p>" + page, None, None, "gopher") == first


FUZZ = """
import random, sys
from pipelines.html.page import main_text
page = open(sys.argv[1], "rb").read()
rng = random.Random(7)
scraps = [b"<", b">", b'"', b"'", b"</p>", b"<pre>", b"<!--", b"-->", b"<script>", b"</", b"<a href=", b"&",
    b"&#", b"\\0",
    b"<li>", b"<td>", b"</table>", b"<svg>", b" class=nav", b"<h2>Related</h2>"]
for _ in range(300):
    cut = page
    for _ in range(rng.randrange(30)):
        at = rng.randrange(len(cut))
        cut = cut[:at] + rng.choice(scraps) * rng.randrange(3) + cut[at + rng.choice([0, 1, 50]) :]
    cut = cut[rng.randrange(500) :][: rng.randrange(3000)]
    main_text(cut.decode("utf-8", "ignore").encode())
print("read")
"""


@pytest.mark.slow
def test_no_kernel_reads_or_writes_out_of_bounds(tmp_path: Path) -> None:
    rng = random.Random(3)
    parts = [HOSTILE[name](3) for name in HOSTILE] + ["<p>été 漢字 😀</p><title>ü</title>".encode()] * 3
    rng.shuffle(parts)
    (tmp_path / "page.html").write_bytes(b"".join(parts))
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", FUZZ, str(tmp_path / "page.html")]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout == "read\n", done.stderr

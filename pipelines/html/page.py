"""A page's bytes to its text and title."""

from __future__ import annotations

import html
import json
import re

import numpy as np

from pipelines.html.render import render
from pipelines.html.scan import COLUMNS, TITLE, TOKEN_LIMIT, scan
from pipelines.html.score import choose
from pipelines.html.tree import BLOCK_COLUMNS, NODE_COLUMNS, build

# A page with less text than this may hold it in a script, as data for search engines.
LITTLE = 200
_BODY = re.compile(rb'"articleBody"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")')
_TAGS = re.compile(r"<[^<>]*>")


def main_text(page: bytes) -> tuple[str, str | None]:
    """Main text, empty if there is none, and title of a page in valid UTF-8."""
    text, title = _read(page, False)
    if len(text) < LITTLE and b"<noscript" in page.lower():
        other, _ = _read(page, True)
        text = other if len(other) > 2 * len(text) else text
    if len(text) < LITTLE:
        other = _from_data(page)
        text = other if len(other) > 2 * len(text) else text
    return text, title


def parse(page: bytes, noscript: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tokens, nodes, blocks and the text that the blocks point into."""
    data = np.frombuffer(page, np.uint8)
    tokens = np.empty((min(2 * page.count(b"<") + 2, TOKEN_LIMIT), COLUMNS), np.int32)
    tokens = tokens[: scan(data, noscript, tokens)]
    nodes = np.empty((len(tokens) + 1, NODE_COLUMNS), np.int32)
    blocks = np.empty((len(tokens) + 1, BLOCK_COLUMNS), np.int32)
    text = np.empty(len(page) + len(page) // 4 + 8, np.uint8)
    made, found, size = build(data, tokens, nodes, blocks, text)
    return tokens, nodes[:made], blocks[:found], text[:size]


def _read(page: bytes, noscript: bool) -> tuple[str, str | None]:
    tokens, nodes, blocks, text = parse(page, noscript)
    keep = choose(nodes, blocks, text)
    titles = np.flatnonzero(tokens[:, 0] == TITLE)
    title = None
    if len(titles):
        _, begin, end, _ = tokens[titles[0]].tolist()
        title = " ".join(html.unescape(page[begin:end].decode()).split()) or None
    return render(nodes, blocks, text, keep), title


def _from_data(page: bytes) -> str:
    """The longest article body that the page gives as data, without its markup."""
    bodies = []
    for found in _BODY.finditer(page):
        try:
            body = json.loads(found[1], strict=False)
        except ValueError:
            continue
        plain = html.unescape(_TAGS.sub(" ", html.unescape(body))).encode("utf-8", "replace").decode()
        bodies.append("\n\n".join(" ".join(line.split()) for line in plain.split("\n") if line.strip()))
    return max(bodies, key=len, default="")


def warm_up() -> None:
    """Compile every kernel, or load it from the cache."""
    main_text(b"<title>a</title><p>b</p>")

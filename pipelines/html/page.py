"""A page's bytes to its text and title."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import html
import json
import re

import numpy as np
from numba import njit

from pipelines.html.names import HIDDEN
from pipelines.html.render import render
from pipelines.html.scan import COLUMNS, TITLE, TOKEN_LIMIT, scan
from pipelines.html.score import choose
from pipelines.html.tree import BLOCK_COLUMNS, NODE_COLUMNS, build

# A page with less text than this may hold it elsewhere, which counts if it is so many times as much.
LITTLE, TIMES = 400, 3
_HIDDEN_PAGE = 1000  # characters of a text that is hidden until a script shows it; less may be any dialogue
_BODY = re.compile(rb'"articleBody"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")')
_TAGS = re.compile(r"<[^<>]*>")


def main_text(page: bytes) -> tuple[str, str | None]:
    """Main text, empty if there is none, and title of a page in valid UTF-8."""
    text, title = _read(page)
    for elsewhere in (_without_scripts, _from_data, _hidden):
        if len(text) >= LITTLE:
            break
        other = elsewhere(page)
        text = other if len(other) > TIMES * len(text) else text
    return text, title


@njit(nogil=True, cache=True)
def parse(page, noscript=False, hidden=False):
    """Tokens, nodes, blocks and the text that the blocks point into, of a page as uint8.

    `noscript`: whether what stands there for browsers without scripts is read; `hidden`: whether what a page hides is.
    """
    size = page.shape[0]
    room = min(size // 2 + 3, TOKEN_LIMIT)  # a tag takes three bytes, a tag and a text four; the last may be cut off
    tokens = np.empty((room, COLUMNS), np.int32)
    tokens = tokens[: scan(page, noscript, tokens)]
    if hidden:
        for t in range(len(tokens)):
            tokens[t, 3] &= ~HIDDEN
    nodes = np.empty((len(tokens) + 1, NODE_COLUMNS), np.int32)
    blocks = np.empty((len(tokens) + 1, BLOCK_COLUMNS), np.int32)
    text = np.empty(size + size // 4 + 8, np.uint8)
    made, found, length = build(page, tokens, nodes, blocks, text)
    return tokens, nodes[:made], blocks[:found], text[:length]


@njit(nogil=True, cache=True)
def read(page, noscript, hidden):
    """Main text of a page, both as uint8, and where its title begins and ends."""
    tokens, nodes, blocks, text = parse(page, noscript, hidden)
    begin, end = 0, 0
    for t in range(len(tokens)):
        if tokens[t, 0] == TITLE:
            begin, end = tokens[t, 1], tokens[t, 2]
            break
    return render(nodes, blocks, text, choose(nodes, blocks, text)), begin, end


def _read(page: bytes, noscript: bool = False, hidden: bool = False) -> tuple[str, str | None]:
    written, begin, end = read(np.frombuffer(page, np.uint8), noscript, hidden)
    title = " ".join(html.unescape(page[begin:end].decode()).split()) or None
    return written.tobytes().decode().strip("\n").rstrip(), title


def _without_scripts(page: bytes) -> str:
    """What stands there for browsers without scripts, with the rest."""
    return _read(page, noscript=True)[0] if b"<noscript" in page.lower() else ""


def _hidden(page: bytes) -> str:
    """The text of a page that is hidden as a whole, until a script shows it."""
    text = _read(page, hidden=True)[0]
    return text if len(text) >= _HIDDEN_PAGE else ""


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

"""HTML around a document: three kinds of site, each with its own navigation and boilerplate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from massivetext.samples.draw import Draw
from massivetext.samples.names import town

_MENU = (
    "Home",
    "About us",
    "Archive",
    "Contact",
    "Search",
    "Shop",
    "Help",
    "News",
    "Events",
    "Join",
    "Sign in",
)


def _links(draw: Draw, count: int) -> str:
    entries = [(name, name.lower().replace(" ", "-")) for name in draw.sample(_MENU, count)]
    return "".join(f'<li><a href="/{path}">{name}</a></li>' for name, path in entries)


def _body(paragraphs: Sequence[str]) -> str:
    return "\n".join(f"<p>{escape(paragraph, quote=False)}</p>" for paragraph in paragraphs)


def _magazine(draw: Draw, title: str, heading: str, paragraphs: Sequence[str]) -> str:
    site = town(draw)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} | The {site} Review</title>
<script>var visits = {draw.below(900)}; if (visits > 10) {{ document.title += "!"; }}</script>
<style>nav li {{ display: inline }}</style></head>
<body><header><nav><ul>{_links(draw, 5)}</ul></nav></header>
<main><article>{heading}
{_body(paragraphs)}
</article></main>
<aside><h3>Most read</h3><ul>{_links(draw, 3)}</ul></aside>
<footer><p>Copyright The {site} Review. All rights reserved. Privacy policy</p></footer></body></html>
"""


def _club(draw: Draw, title: str, heading: str, paragraphs: Sequence[str]) -> str:
    site = town(draw)
    return f"""<html><head><meta charset="utf-8"><title>{escape(title)} - {site} Society</title></head>
<body><div id="header"><a href="/">{site} Society</a></div>
<div class="menu"><ul>{_links(draw, 6)}</ul></div>
<div class="cookie-banner">We use cookies. <a href="/cookies">Accept</a></div>
<div id="content"><article>{heading}
{_body(paragraphs)}
</article></div>
<div class="sidebar"><h4>Newsletter</h4>
<form><input type="text" name="mail"><button>Subscribe</button></form></div>
<div id="footer">Powered by a small machine in {site}</div></body></html>
"""


def _manual(draw: Draw, title: str, heading: str, paragraphs: Sequence[str]) -> str:
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{escape(title)}</title></head><body>
<nav class="breadcrumb"><a href="/">Start</a> &raquo; <a href="/docs">Docs</a></nav>
<main role="main"><article>{heading}
{_body(paragraphs)}
</article></main>
<nav class="pager"><a href="../{draw.below(90)}">previous</a> <a href="../{draw.below(90)}">next</a></nav>
</body></html>
"""


LAYOUTS: tuple[Callable[[Draw, str, str, Sequence[str]], str], ...] = (_magazine, _club, _manual)


def page(draw: Draw, title: str, paragraphs: Sequence[str], *, heading: bool) -> str:
    """An HTML page of some site; without a heading its main text is the paragraphs and nothing else."""
    head = f"<h1>{escape(title, quote=False)}</h1>" if heading else ""
    return draw.pick(LAYOUTS)(draw, title, head, paragraphs)

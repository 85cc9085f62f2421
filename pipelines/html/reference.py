"""What `scan` and `tree` do, said plainly: the definition that tests hold them to."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pipelines.html import names
from pipelines.html.hints import LONGEST
from pipelines.html.names import BLOCK, CELL, DOES, EMPTY, FRAGMENT, HEADING, HIDDEN, LINK, RAW, SKIP, TAGS, VOID
from pipelines.html.reference_text import Block
from pipelines.html.scan import TOKEN_LIMIT

Token = tuple[int, int, int, int]
_BLANK = rb"[\x00\x09-\x0d ]"
_TAG = re.compile(rb"</?([A-Za-z][^\x00\x09-\x0d >/]*)")
_ATTRIBUTE = re.compile(
    rb"([^\x00\x09-\x0d >/][^\x00\x09-\x0d =>/]*)" + _BLANK + rb"*"
    rb"(?:=" + _BLANK + rb"*(?:\"([^\"]*)\"?|'([^']*)'?|([^\x00\x09-\x0d >]*)))?"
)
_COMMENT_END = re.compile(rb"--!?>")
_RUN = re.compile(rb"[A-Za-z0-9]+")
_CAMEL = re.compile(rb"(?<=[a-z])(?=[A-Z])")


def _blank(byte: int) -> bool:
    return byte == 32 or 9 <= byte <= 13 or byte == 0


def _words(name: bytes) -> list[bytes]:
    return [word for run in _RUN.findall(name) for word in _CAMEL.split(run)]


def _meaning(word: bytes) -> int:
    if not 2 <= len(word) <= LONGEST:
        return 0
    key = word.lower().decode("latin-1")
    known = names.WORDS.get(key, 0)
    return known or (names.WORDS.get(key[:-1], 0) if len(word) > 3 and key.endswith("s") else 0)


def class_hints(value: bytes, longest: int = LONGEST) -> int:
    """What class names say; names of more than `longest` words say nothing."""
    whole = part = 0
    for name in re.split(_BLANK + rb"+", value):
        meaning = _meaning(name)
        if meaning:
            whole |= 0 if meaning & names.CANCEL else meaning & ~names.ALONE
            continue
        words = _words(name)
        meanings = [m for m in map(_meaning, words) if not m & names.ALONE]
        said = 0
        for meaning in meanings:
            said |= meaning
        contents = sum(m & names.CONTENT != 0 for m in meanings)
        if said & names.META and contents == 1:
            said &= ~names.CONTENT
        if not said & names.CANCEL and len(words) <= longest:
            part |= said | (names.STRONG if contents > 1 else 0)
    if not whole & (names.KILL | names.COMMENT) and whole & names.CONTENT:
        part &= ~(names.KILL | names.COMMENT)
    return whole | part


def _style_hides(value: bytes) -> bool:
    for declaration in value.split(b";"):
        name, colon, rest = declaration.partition(b":")
        name, rest = (re.sub(rb"^" + _BLANK + rb"+|" + _BLANK + rb"+$", b"", part).lower() for part in (name, rest))
        if colon and (
            (name == b"display" and rest.startswith(b"none")) or (name, rest[:6]) == (b"visibility", b"hidden")
        ):
            return True
    return False


def _attribute_hints(tag: int, name: bytes, value: bytes) -> int:
    kind = names.ATTRIBUTES.get(name.lower().decode("latin-1"), 0)
    key = value.lower().decode("latin-1")
    if kind == names.CLASS:
        return class_hints(value)
    if kind == names.ID:
        hints = class_hints(value, 3)
        return hints & (names.CONTENT | names.STRONG) if tag == TAGS["section"] else hints
    if kind == names.ROLE:
        return names.ROLES.get(key, 0)
    if kind == names.ITEMPROP:
        return names.PROPERTIES.get(key, 0)
    hides = {
        names.STYLE: _style_hides(value),
        names.ARIA_HIDDEN: len(value) == 4 and key.startswith("t"),
        names.HIDES: len(value) != 11,
    }
    if kind == names.HREF:
        return LINK | (FRAGMENT if b"#" in value else 0)
    return HIDDEN if hides.get(kind) else 0


def _attributes(page: bytes, at: int, tag: int) -> tuple[int, int]:
    hints = 0
    while at < len(page):
        if page[at] == ord(">"):
            return at + 1, hints
        if _blank(page[at]) or page[at] == ord("/"):
            at += 1
            continue
        found = _ATTRIBUTE.match(page, at)
        assert found
        value = next((group for group in found.groups()[1:] if group is not None), b"")
        if tag:
            hints |= _attribute_hints(tag, found[1], value)
        at = found.end()
    return len(page), hints


def _after_markup(page: bytes, at: int) -> int:
    """Behind a comment, a declaration or an instruction."""
    if not page.startswith(b"<!--", at):
        return page.find(b">", at + 2) + 1 or len(page)
    if page.startswith(b"<!-->", at):
        return at + 5
    if page.startswith(b"<!--->", at):
        return at + 6
    found = _COMMENT_END.search(page, at + 4)
    return found.end() if found else len(page)


def scan(page: bytes, noscript: bool = False) -> list[Token]:
    """Tokens of a page: tag (negative for its end, 0 for text), begin, end, hints."""
    tokens: list[Token] = []
    at = text = drawings = 0
    while (start := page.find(b"<", at)) >= 0 and len(tokens) + 2 <= TOKEN_LIMIT:
        tag_name = _TAG.match(page, start)
        if tag_name is None:
            following = page[start + 1 : start + 3]
            at = start + 1
            if following[:1] in (b"!", b"?") or (following[:1] == b"/" and len(following) == 2):
                at = _after_markup(page, start)
                tokens += [(0, text, start, 0)] * (start > text)
                text = at
            continue
        name, closing = tag_name[1], page[start + 1] == ord("/")
        key = name.lower().decode("latin-1") if len(name) <= LONGEST else "inline"
        known = key in TAGS
        key = key if known else "custom" if b"-" in name else "inline"
        tag, hints = TAGS[key], class_hints(name) if key == "custom" and not known else 0
        at, found = _attributes(page, tag_name.end(), 0 if closing else tag)
        hints |= found | (EMPTY if page[at - 2 : at] == b"/>" else 0)
        tokens += [(0, text, start, 0)] * (start > text)
        text = at
        if key == "svg" and not hints & EMPTY:
            drawings = max(0, drawings - 1) if closing else drawings + 1
        if DOES[key] & RAW and not (key == "noscript" and noscript):
            if not closing and not (drawings and hints & EMPTY):
                end = re.compile(rb"</" + re.escape(name) + rb"(?=[\x00\x09-\x0d >/]|\Z)", re.IGNORECASE).search(
                    page, at
                )
                at = end.start() if end else len(page)
                tokens += [(tag, text, at, 0)] * (key == "title")
                text = at
            continue
        tokens.append((-tag if closing else tag, start, at, hints))
    if len(page) > text:
        tokens.append((0, text, len(page), 0))
    return tokens


@dataclass
class Tree:
    """Elements as (tag, parent, hints) and blocks as (text, element, weight, linked, stops)."""

    nodes: list[tuple[int, int, int]] = field(default_factory=lambda: [(0, 0, 0)])
    blocks: list[tuple[str, int, int, int, int]] = field(default_factory=list)


NUMBERS = {number: name for name, number in TAGS.items()}


@dataclass
class Builder:
    """The open elements: names of their tags and numbers, the outermost first."""

    tree: Tree = field(default_factory=Tree)
    open: list[tuple[str, int]] = field(default_factory=lambda: [("", 0)])
    dead: list[str] = field(default_factory=lambda: [""])
    block: Block = field(default_factory=Block)
    link: int = -1
    to_come: Counter[str] = field(default_factory=Counter)  # end tags to come, by name

    @property
    def top(self) -> int:
        return len(self.open) - 1

    def nearest(self, *tags: str) -> int:
        return max((depth for depth, (name, _) in enumerate(self.open) if name in tags), default=0)

    def wall(self) -> int:
        return self.nearest("td", "th", "caption", "table", "button")

    def pre(self) -> bool:
        return self.nearest("pre", "listing") > 0

    def flush(self) -> None:
        if self.block.weight:
            text, block = self.block.text.rstrip(" \n"), self.block
            self.tree.blocks.append((text, self.open[-1][1], block.weight, block.linked, block.stops))
        self.block = Block()

    def implied(self, name: str) -> int:
        """Depth that remains once a start tag has closed what it implies the end of."""
        top, wall = self.top, self.wall()
        if self.nearest("p") > wall:
            top = self.nearest("p") - 1
        ends: list[int] = []
        table = self.nearest("table")
        if name == "li" and self.nearest("li") > max(self.nearest("ul", "ol"), wall):
            ends.append(self.nearest("li"))
        elif name in ("dd", "dt") and self.nearest("dd", "dt") > max(self.nearest("dl"), wall):
            ends.append(self.nearest("dd", "dt"))
        elif name in ("td", "th", "tr", "tbody", "thead", "tfoot"):
            ends.append(self.nearest("td", "th"))
            ends += [self.nearest("tr")] * (name not in ("td", "th"))
            ends += [self.nearest("tbody", "thead", "tfoot")] * (name in ("tbody", "thead", "tfoot"))
            ends = [depth for depth in ends if depth > table]
        top = min([top, *(depth - 1 for depth in ends)])
        return top - 1 if DOES[name] & HEADING and top > 0 and DOES[self.open[top][0]] & HEADING else top

    def remains(self, name: str) -> int | None:
        """Depth that remains once an end tag has closed its element; None if it closes none."""
        depth = self.nearest(name)
        if not depth and DOES[name] & HEADING and self.top and DOES[self.open[-1][0]] & HEADING:
            depth = self.top
        tabular = DOES[name] & CELL or name in names.TABULAR
        if not depth or (depth < self.wall() and not tabular):
            return None
        if not DOES[name] & BLOCK and any(
            DOES[other] & BLOCK for other, _ in self.open[max(depth, self.top - 8) + 1 :]
        ):
            return None
        return depth - 1

    def tag(self, name: str, closing: bool, hints: int) -> None:
        flags, dead = DOES[name], self.dead[-1]
        hidden = hints & HIDDEN != 0 and not closing
        if name == "br":
            if not dead:
                self.block.line(self.pre())
            return
        if name == "a" and dead != "a" and (closing or not hidden):
            anchor = hints & FRAGMENT and self.top and DOES[self.open[-1][0]] & HEADING
            self.link = self.top if hints & LINK and not closing and not anchor else -1
            return
        above = self.open[-1][0]
        if name == "button" and not dead and self.top and (DOES[above] & HEADING or above in ("summary", "dt")):
            return
        if flags & BLOCK:
            self.flush()
        elif not (flags & SKIP or hidden or dead == name or (closing and self.nearest(name))):
            return
        endless = flags & SKIP and not closing and (hints & EMPTY or not self.to_come[name])
        if flags & (VOID | RAW) or endless or name in ("html", "body", "head"):
            return
        remains = self.remains(name) if closing else self.implied(name) if flags & BLOCK and not dead else self.top
        if remains is None:
            return
        if name == dead == "button" and not closing:
            remains = self.nearest("button") - 1
        del self.open[remains + 1 :], self.dead[remains + 1 :]
        self.link = -1 if self.link > self.top else self.link
        if not closing:
            self.tree.nodes.append((TAGS[name], self.open[-1][1], hints))
            self.open.append((name, len(self.tree.nodes) - 1))
            self.dead.append(self.dead[-1] or (name if hidden or flags & SKIP else ""))


def build(page: bytes, tokens: list[Token]) -> Tree:
    """The tree of a page's tokens."""
    builder = Builder(to_come=Counter(NUMBERS[-tag] for tag, *_ in tokens if tag < 0))
    for tag, begin, end, hints in tokens:
        if tag:
            builder.to_come[NUMBERS[abs(tag)]] -= tag < 0
            builder.tag(NUMBERS[abs(tag)], tag < 0, hints)
        elif not builder.dead[-1]:
            builder.block.add(page[begin:end].decode(), builder.pre(), builder.link >= 0)
    builder.flush()
    return builder.tree

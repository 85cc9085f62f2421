"""Wikitext to plain text: prose, headings and lists stay; templates, tables, notes, files, categories go."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from mwparserfromhell import nodes, parser
from mwparserfromhell.parser import tokens
from mwparserfromhell.parser.builder import Builder
from mwparserfromhell.parser.tokenizer import Tokenizer
from mwparserfromhell.wikicode import Wikicode

_LEFT_OUT_NAMES = """
    ref references table gallery timeline imagemap templatestyles includeonly score graph mapframe maplink
    hiero section categorytree inputbox charinsert indicator th td tr caption
"""
_LEFT_OUT_TAGS = frozenset(_LEFT_OUT_NAMES.split())
_VERBATIM_TAGS = frozenset(("nowiki", "pre", "math", "chem", "ce", "syntaxhighlight", "source", "code", "tt"))
_BLOCK_TAGS = frozenset(
    ("blockquote", "p", "div", "center", "poem", "pre", "syntaxhighlight", "source", "ol", "ul", "dl")
)
_ALWAYS_LEFT_OUT = frozenset(("file", "image", "category", "media"))
_LANGUAGE_LINK = re.compile(r"(?:[a-z]{2,3}|simple|[a-z]{2,3}-[a-z-]{2,10})$")
_BULLETS = {"*": "- ", "#": "- ", ";": "", ":": ""}
_SWITCHES = re.compile(r"__[A-Z]{3,}__")
_TABLE_REST = re.compile(r"^[ \t]*(?:\{\||\|\}|\|-|!\s|\|).*$", re.MULTILINE)
_MARKUP_REST = re.compile(r"'{2,5}|\[\[|\]\]|\{\{|\}\}|</?(?:ref|br|small|span|div)\b[^<>]*>")
_EMPTY_BRACKETS = re.compile(r" ?\((?:[\s,;:.–—-]|&nbsp;)*\)|\[\s*\]")
_BRACKET_HEAD = re.compile(r"\(\s*(?:[,;:]\s*)+")
_BRACKET_TAIL = re.compile(r"(?:\s*[,;:])+\s*\)")
_BEFORE_POINT = re.compile(r"(?<=\w) +(?=[,.;:!?](?:\s|$))")
_SPACES = re.compile(r"[ \t\xa0]{2,}")
_LINE_EDGES = re.compile(r"[ \t\xa0]+$", re.MULTILINE)
_EMPTY_ITEMS = re.compile(r"^(?:-[ \t]*)+[^\w\n]*$", re.MULTILINE)
_ITEM_HEAD = re.compile(r"^((?:- )+)(?:[–—,;:.]+[ \t]+)+", re.MULTILINE)
_INSIDE_BRACKETS = re.compile(r"(?<=\S)[ \t]+(?=\))|(?<=\()[ \t]+(?=\S)")
# Sections that are lists of links and notes once references and citations are gone.
_LINK_SECTIONS = frozenset(
    ("external links", "references", "notes", "footnotes", "citations", "notes and references", "sources", "weblinks")
)
_NESTED_ITEM = re.compile(r"^((?:- )+)- ", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")
_HEADING = "\x01"  # marks a heading until empty sections are dropped; XML cannot hold it
_DRESSED_BY_FIRST = "nowrap nobold small smaller big quote cquote blockquote nihongo iast unicode abbr"
# Templates that only dress a text, and the parameter that holds it.
_DRESSING = {"lang": "2", "transl": "2"} | dict.fromkeys(_DRESSED_BY_FIRST.split(), "1")
# Dates: year, month and day, or what is to be read, in parameters of their own.
_DATE = re.compile(r"(?:birth|death|start|end|film|bda|dda)[- ]?(?:date)?(?: and age| and years ago)?(?: df)?$|d[ob]a$")
_DATE_WORDS = {"oldstyledate": ("1", "2"), "oldstyledatedy": ("1", "2"), "circa": ("1",), "c.": ("1",)}
_MONTH_NAMES = "January February March April May June July August September October November December"
_MONTHS = tuple(_MONTH_NAMES.split())
_CONVERSIONS = frozenset(("convert", "cvt"))
# What a node begins with and ends with; what is not here stands for itself, or its content is looked through.
_ENDS: dict[type[tokens.Token], tuple[type[tokens.Token], ...]] = {
    tokens.TemplateOpen: (tokens.TemplateClose,),
    tokens.ArgumentOpen: (tokens.ArgumentClose,),
    tokens.CommentStart: (tokens.CommentEnd,),
    tokens.WikilinkOpen: (tokens.WikilinkClose,),
    tokens.ExternalLinkOpen: (tokens.ExternalLinkClose,),
    tokens.TagOpenOpen: (tokens.TagCloseClose, tokens.TagCloseSelfclose),
}
_AFTER_NAME = (
    tokens.TemplateParamSeparator,
    tokens.TemplateClose,
    tokens.TagAttrStart,
    tokens.TagCloseOpen,
    tokens.TagCloseSelfclose,
)


def plain_text(wikitext: str, left_out: Iterable[str] = ()) -> str:
    """The text a reader would read aloud. `left_out`: the wiki's own names for File, Category and Media."""
    tokenizer = parser.CTokenizer() if parser.use_c else Tokenizer()
    code = Builder().build(_without_left_out(tokenizer.tokenize(wikitext, 0, False)))
    text = "".join(_Renderer(_ALWAYS_LEFT_OUT.union(left_out)).render(code))
    return _drop_empty_sections(_tidy(text))


def _without_left_out(given: list[tokens.Token]) -> list[tokens.Token]:
    """The tokens less templates, notes and tables that leave no text: to build nodes of them takes the most time."""
    kept: list[tokens.Token] = []
    at = 0
    while at < len(given):
        kind = type(given[at])
        name = _name(given, at) if kind in (tokens.TemplateOpen, tokens.TagOpenOpen) else None
        is_tag_of_text = kind is tokens.TagOpenOpen and name not in (None, *_LEFT_OUT_TAGS, *_VERBATIM_TAGS)
        if kind not in _ENDS or is_tag_of_text:
            kept.append(given[at])
            at += 1
            continue
        end = _end(given, at)
        if not _leaves_no_text(kind, name):
            kept += given[at:end]
        at = end
    return kept


def _name(given: list[tokens.Token], at: int) -> str | None:
    """Name of the template or tag that begins here, None if it is more than a word."""
    is_word = type(given[at + 1]) is tokens.Text and type(given[at + 2]) in _AFTER_NAME
    return str(given[at + 1].text).strip().lower() if is_word else None


def _end(given: list[tokens.Token], at: int) -> int:
    """Where the node that begins here has ended."""
    begin, ends = type(given[at]), _ENDS[type(given[at])]
    depth = 0
    while True:
        kind = type(given[at])
        at += 1
        depth += (kind is begin) - (kind in ends)
        if not depth:
            return at


def _leaves_no_text(kind: type[tokens.Token], name: str | None) -> bool:
    if kind is tokens.TemplateOpen:
        return name is not None and not _has_text(name.replace("_", " "))
    return kind in (tokens.ArgumentOpen, tokens.CommentStart) or name in _LEFT_OUT_TAGS


def _has_text(template: str) -> bool:
    is_date = template in _DATE_WORDS or _DATE.match(template) is not None
    return is_date or template in _DRESSING or template in _CONVERSIONS or template.startswith("lang-")


class _Renderer:
    def __init__(self, left_out: frozenset[str]) -> None:
        self._left_out = left_out

    def render(self, code: Wikicode | None) -> list[str]:
        parts: list[str] = []
        for node in code.nodes if code is not None else ():
            parts.extend(self._node(node))
        return parts

    def _node(self, node: nodes.Node) -> list[str]:
        match node:
            case nodes.Text():
                return [str(node.value)]
            case nodes.Wikilink():
                return self._link(node)
            case nodes.ExternalLink():
                return self._external(node)
            case nodes.Heading():
                title = "".join(self.render(node.title)).strip()
                return [f"\n\n{_HEADING}{node.level}{title}\n\n"]
            case nodes.HTMLEntity():
                return [_entity(node)]
            case nodes.Tag():
                return self._tag(node)
            case nodes.Template():
                return self._template(node)
        return []

    def _link(self, link: nodes.Wikilink) -> list[str]:
        title = str(link.title).strip()
        space, colon, _ = title.partition(":")
        if colon and space:
            name = space.strip().lower()
            if name in self._left_out or (_LANGUAGE_LINK.match(space.strip()) and link.text is None):
                return []
        if link.text is not None:
            return self.render(link.text)
        shown = title.removeprefix(":").partition("#")[0] if "&" not in title else html.unescape(title.lstrip(":"))
        return [shown.replace("\xa0", " ") or title.lstrip("#")]

    def _external(self, link: nodes.ExternalLink) -> list[str]:
        if link.title is not None:
            return self.render(link.title)
        return [] if link.brackets else [str(link.url)]

    def _tag(self, tag: nodes.Tag) -> list[str]:
        name = str(tag.tag).strip().lower()
        if name in _LEFT_OUT_TAGS:
            return []
        if name == "br":
            return ["\n"]
        if name == "hr":
            return ["\n\n"]
        if name in ("li", "dt", "dd") and tag.wiki_markup:
            return [_BULLETS.get(str(tag.wiki_markup), "")]
        content = [html.unescape(str(tag.contents))] if name in _VERBATIM_TAGS else self.render(tag.contents)
        if name == "li":
            return ["\n- ", *content]
        return ["\n", *content, "\n"] if name in _BLOCK_TAGS else content

    def _template(self, template: nodes.Template) -> list[str]:
        """The text of templates that only dress it; all others are left out."""
        name = str(template.name).strip().lower().replace("_", " ")
        position = _DRESSING.get(name) or ("1" if name.startswith("lang-") else None)
        if name in _CONVERSIONS:
            return [" ".join(str(template.get(key).value).strip() for key in ("1", "2") if template.has(key))]
        if (date := _date(name, template)) is not None:
            return [date]
        if position and template.has(position):
            return self.render(template.get(position).value)
        return []


def _date(name: str, template: nodes.Template) -> str | None:
    """The date that a template shows, None if it is another template."""
    if name in _DATE_WORDS:
        words = [str(template.get(key).value).strip() for key in _DATE_WORDS[name] if template.has(key)]
        return ("c. " if name in ("circa", "c.") else "") + " ".join(words)
    if not _DATE.match(name):
        return None
    values = [str(template.get(key).value).strip() for key in ("1", "2", "3") if template.has(key)]
    if not all(value.isdecimal() for value in values) or not values:
        return " ".join(values)
    year, *rest = (int(value) for value in values)
    month = f"{_MONTHS[rest[0] - 1]} " if rest and 1 <= rest[0] <= 12 else ""
    return f"{month}{rest[1]}, {year}" if month and len(rest) > 1 else f"{month}{year}"


def _entity(entity: nodes.HTMLEntity) -> str:
    try:
        character = entity.normalize()
    except (ValueError, OverflowError):
        return "\ufffd"
    return "\ufffd" if "\ud800" <= character <= "\udfff" else " " if character == "\xa0" else character


def _tidy(text: str) -> str:
    """The text without what templates and broken markup left behind."""
    for pattern, replacement in (
        (_SWITCHES, ""),
        (_TABLE_REST, ""),
        (_MARKUP_REST, ""),
        (_BRACKET_HEAD, "("),
        (_BRACKET_TAIL, ")"),
        (_EMPTY_BRACKETS, ""),
        (_SPACES, " "),
        (_BEFORE_POINT, ""),
        (_LINE_EDGES, ""),
        (_EMPTY_ITEMS, ""),
        (_ITEM_HEAD, r"\1"),
        (_INSIDE_BRACKETS, ""),
        (_BLANK_LINES, "\n\n"),
    ):
        text = pattern.sub(replacement, text)
    text = "\n".join(line.lstrip(" \t") for line in text.strip().split("\n"))
    return _NESTED_ITEM.sub(lambda found: "  " * (len(found.group(1)) // 2) + "- ", text)


def _drop_empty_sections(text: str) -> str:
    """The text with its headings as lines; headings with nothing below them and lists of links are left out."""
    kept: list[str] = []
    section: list[str] = []  # read from the end, up to its heading
    level_with_text = 0  # the deepest level that a heading above may claim as its content
    for line in reversed(text.split("\n")):
        if not line.startswith(_HEADING):
            section.append(line)
            continue
        level, title = int(line[1]), line[2:]
        if not _is_links(title, section):
            kept += section
            level_with_text = 7 if any(section) else level_with_text
        section = []
        if level_with_text > level:
            kept.append(title)
            level_with_text = level
    return _BLANK_LINES.sub("\n\n", "\n".join(reversed(kept + section))).strip()


def _is_links(title: str, section: list[str]) -> bool:
    items = [line for line in section if line]
    all_links = bool(items) and all(line.lstrip().startswith("- ") for line in items)
    return all_links and title.strip().lower() in _LINK_SECTIONS

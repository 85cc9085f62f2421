"""Books as plain text: Project Gutenberg's header and licence taken off and kept aside, wrapped lines joined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.sources.compression import DamageError, open_stream, read_bounded
from pipelines.sources.encoding import choose, decode
from pipelines.sources.how import PLAIN, How
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Skipped, Unreadable, digest
from pipelines.sources.reflow import reflow

_HEADER_END = re.compile(
    r"^[ \t]*(?:\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)[^*]{0,400}\*\*\*"
    r"|\*END[ *]+THE SMALL PRINT![^\n]*)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_BOOK_END = re.compile(
    r"^[ \t]*(?:\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)|(?:\*\*\* ?)?START: FULL LICENSE"
    r"|End of (?:the |this )?Project Gutenberg\b)",
    re.MULTILINE | re.IGNORECASE,
)
_DECLARED = re.compile(rb"^Character set encoding:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
_TITLE = re.compile(r"^Title:[ \t]*(\S.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
# Who typed the book in: paragraphs at its head that are the distributor's, not the author's.
_CREDIT = re.compile(
    r"(?:this )?(?:HTML version|e-?text|e-?book|file)?[ ]?(?:was )?"
    r"(?:produced|prepared|transcribed|scanned|revised)(?: and \w+)?\b.{0,60}?\b(?:by|from)\b"
    r"|\[?(?:original )?transcriber['’]s notes?\b|updated editions? by\b"
    r"|note: images of the original pages|.{0,400}\bproject gutenberg\b",
    re.IGNORECASE | re.DOTALL,
)
_CREDIT_PARAGRAPHS = 4
# What they say further on: paragraphs near the title, and lists of corrections that end the book.
_OPENING_NOTE = re.compile(
    r"^[ \t]*\[?(?:(?:original )?transcriber['’]?s?['’]? notes?|project gutenberg editor['’]?s['’]? note)\b"
    r"(?:[^\n]+\n)+\n*",
    re.MULTILINE | re.IGNORECASE,
)
_CLOSING_NOTES = re.compile(
    r"^[ \t]*\[?(?:(?:original )?transcriber['’]?s?['’]? (?:end ?)?notes?\b"
    r"|typographical errors (?:have been )?corrected\b|corrections made by the (?:e-?text )?transcriber\b)",
    re.MULTILINE | re.IGNORECASE,
)
_HEAD = 6000  # characters in which a note may stand near the title
_NOTES_FROM = 95  # hundredths of the book after which notes end it
# "[Picture: The Meeting of Eustacia and Clym]", "[Illustration]": a paragraph of the transcriber's.
_PICTURE = re.compile(
    r"^[ \t]*\[(?:picture|illustration|image|plate|frontispiece|decoration|publisher['’]s (?:mark|logo|device))\b"
    r"(?:[^\[\]]|\[[^\[\]]{0,200}\]){0,2000}\][ \t]*$\n?",
    re.MULTILINE | re.IGNORECASE,
)
_BLANK_HEAD = re.compile(r"\A(?:[ \t]*\n)+")


def read(path: str, how: How = PLAIN) -> Iterator[Item]:
    """One record, the whole book; nothing for an empty file."""
    with open_stream(path) as stream:
        try:
            data = read_bounded(stream, RECORD_LIMIT)
        except DamageError as damage:
            yield Unreadable(0, damage.position, damage.cause)
            return
    if data is None:
        yield Unreadable(0, 0, f"the book is larger than {RECORD_LIMIT} bytes")
    elif data:
        yield _item(data)


def _item(data: bytes) -> Item:
    encoding = _encoding(data)
    if b"\0" in data and not encoding.startswith(("utf-16", "utf-32")):
        return Skipped(0, "not_text")
    source, replaced = decode(data, encoding)
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    book_digest = digest(data)
    book = opened(source)
    return Record(
        0,
        book_digest.hex(),
        book_digest,
        reflow(without_pictures(book.text)),
        title=_title(source),
        encoding=encoding,
        replaced=replaced,
        metadata=book.aside(),
    )


def _encoding(data: bytes) -> str:
    declared = _DECLARED.search(data, 0, 8192)
    label = declared.group(1).decode("ascii", "replace") if declared else None
    return choose(data, [label], default="cp1252")


def _title(source: str) -> str | None:
    header = _HEADER_END.search(source)
    found = _TITLE.search(source, 0, header.start()) if header else None
    return " ".join(found.group(1).split()) if found else None


@dataclass(frozen=True, slots=True)
class Book:
    """A book, and what its distributor put before and after it."""

    text: str
    header: str = ""
    licence: str = ""

    def aside(self) -> dict[str, str] | None:
        """Header and licence for the record's metadata, None if there are none."""
        parts = {"header": self.header.strip(), "licence": self.licence.strip()}
        return {name: part for name, part in parts.items() if part} or None


def opened(source: str) -> Book:
    """The book between Project Gutenberg's header and licence; notes of those who typed it in go to the header."""
    header = _HEADER_END.search(source)
    start = header.end() if header else 0
    end = _BOOK_END.search(source, start)
    stop = end.start() if end else len(source)
    whole = source[start:stop]
    if not (header or end):
        return Book(whole, source[:start], source[stop:])
    book = _without_credits(whole)
    credits = whole[: len(whole) - len(book)]
    notes = _CLOSING_NOTES.search(book, len(book) * _NOTES_FROM // 100)
    closing = book[notes.start() :] if notes else ""
    head, text = book[:_HEAD], book[_HEAD : len(book) - len(closing)]
    opening = _OPENING_NOTE.findall(head)
    return Book(
        _OPENING_NOTE.sub("", head) + text,
        source[:start] + credits + "".join(opening),
        closing + source[stop:],
    )


def without_pictures(book: str) -> str:
    """The book without the lines that stand where a transcriber left out a picture."""
    return _PICTURE.sub("", book)


def _without_credits(book: str) -> str:
    for _ in range(_CREDIT_PARAGRAPHS):
        book = _BLANK_HEAD.sub("", book)
        paragraph, _, rest = book.partition("\n\n")
        if not _CREDIT.match(paragraph.strip()):
            break
        book = rest
    return book

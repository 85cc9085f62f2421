"""Bytes to text: which encoding, and how many sequences had to be replaced."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pyarrow as pa
from charset_normalizer import from_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What pages declare and what they hold: browsers read the label on the left as the superset on the right.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_NO_TEXT = {"utf-7", "idna", "punycode", "undefined", "mbcs", "oem", "unicode_escape", "raw_unicode_escape"}
_ASCII_ALIKE = ("utf-8", "cp1252")
_META = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_HIGH = re.compile(rb"[\x80-\xff]")
_LABEL_LIMIT = 100  # characters of the name of an encoding
_SAMPLE = 1 << 16  # bytes that the detection looks at
_WRONG_SHARE = 0.01  # invalid sequences per byte up to which a declared encoding is believed


def known(label: str | None) -> str | None:
    """The Python codec for a declared charset label, None if there is none for text."""
    name = (label or "").strip().strip("\"'")
    return _codec(name) if 0 < len(name) <= _LABEL_LIMIT else None


@lru_cache(1024)
def _codec(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
        b"a".decode(name)
    except (LookupError, ValueError) as error:
        if not isinstance(error, UnicodeError):
            return None  # unknown, or a codec that does not make text of bytes, as rot13
    return None if name in _NO_TEXT else _SUPERSETS.get(name, name)


def decode(data: bytes, encoding: str) -> tuple[str, int]:
    """The text, and the number of U+FFFD put for invalid sequences."""
    try:
        text = data.decode(encoding)
        return (text, 0) if encoding == "utf-8" else without_surrogates(text)
    except UnicodeError:
        text = data.decode(encoding, "replace")
        return text, text.count("\ufffd") - data.decode(encoding, "ignore").count("\ufffd")


def without_surrogates(text: str) -> tuple[str, int]:
    """The text with U+FFFD for each lone surrogate, and their number."""
    if text.isascii():
        return text, 0
    try:
        text.encode("utf-8")  # several times as fast as looking for them
    except UnicodeEncodeError:
        return _SURROGATE.subn("\ufffd", text)
    return text, 0


def declared_in_html(data: bytes) -> str | None:
    """The charset label in a page's XML declaration or meta elements."""
    head = data[:4096]
    found = _XML.search(head) or _META.search(head)
    return found.group(1).decode("ascii") if found else None


def choose(data: bytes, declared: Iterable[str | None] = (), default: str | None = None) -> str:
    """The encoding to decode with: byte order mark, valid UTF-8, a declaration that fits, `default`, a guess."""
    return chosen(data, declared, default)[0]


def chosen(data: bytes, declared: Iterable[str | None] = (), default: str | None = None) -> tuple[str, bool]:
    """What `choose` gives, and whether it is known that all of the bytes are valid in it.

    Valid UTF-8 with bytes above 127 is UTF-8 whatever is declared: servers that send ISO-8859-1 with
    every page are common, other encodings that are valid UTF-8 by accident are not.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name, False
    high = not data.isascii()
    if high and _valid(data, "utf-8"):
        return "utf-8", True
    names = [name for name in map(known, declared) if name]
    for name in names:
        # A UTF-16 declared inside bytes that read as ASCII is not true: the declaration could be read.
        if name.startswith(("utf-16", "utf-32")) and b"\0" not in data[:64]:
            continue
        if (not high and name in _ASCII_ALIKE) or _valid(data, name):
            return ("utf-8" if name == "cp1252" and not high else name), True
    if not high:
        return "utf-8", True
    for name in ("utf-8", *names):
        if decode(data, name)[1] <= _WRONG_SHARE * len(_HIGH.findall(data)):
            return name, False
    return default or _detect(data), False


def is_utf8(data: bytes) -> bool:
    """Whether bytes are valid UTF-8, told three times as fast as by making a string of them."""
    if data.isascii():
        return True
    ends = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_utf8(), 1, [None, ends, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _valid(data: bytes, encoding: str) -> bool:
    if encoding == "utf-8":
        return is_utf8(data)
    try:
        data.decode(encoding)
    except UnicodeError:
        return False
    return True


def _detect(data: bytes) -> str:
    start = _HIGH.search(data)
    begin = max(0, start.start() - 1024) if start else 0
    best = from_bytes(data[begin : begin + _SAMPLE]).best()
    name = known(best.encoding) if best else None
    return name if name and _valid(data, name) else "cp1252"

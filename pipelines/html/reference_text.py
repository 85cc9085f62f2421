"""The text of a block, said plainly: what `reference.build` holds `tree` to between two tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.entities import html5

_NAMED = re.compile(r"&([A-Za-z0-9]{1,31})(;?)")
_NUMBERED = re.compile(r"&#(?:[xX]([0-9A-Fa-f]+)|([0-9]+));?")
_STOPS = set(".,!?;。！？।؟۔，、،；")
_CLOSED_NAMES = {name[:-1]: text for name, text in html5.items() if name.endswith(";")}
_OPEN_NAMES = {name: text for name, text in html5.items() if not name.endswith(";")}


def characters(source: str) -> list[str]:
    """The characters of a text, each reference as what it stands for: most are one, some names stand for two."""
    found: list[str] = []
    at = 0
    while at < len(source):
        named, numbered = _NAMED.match(source, at), _NUMBERED.match(source, at)
        text, width = source[at], 1
        if numbered:
            point, width = int(numbered[1] or numbered[2], 16 if numbered[1] else 10), len(numbered[0])
            wrong = point == 0 or point > 0x10FFFF or 0xD800 <= point < 0xE000
            text = "\ufffd" if wrong else chr(point)
            if 0x80 <= point < 0xA0:
                text = bytes([point]).decode("cp1252", "replace")
        elif named and named[2] and named[1] in _CLOSED_NAMES:
            text, width = _CLOSED_NAMES[named[1]], len(named[0])
        elif named:
            name = next((named[1][:n] for n in range(6, 1, -1) if named[1][:n] in _OPEN_NAMES), "")
            text, width = (_OPEN_NAMES[name], len(name) + 1) if name else (text, 1)
        found.append(text)
        at += width
    return found


@dataclass
class Block:
    """A block while it is read: its text so far and its counts."""

    text: str = ""
    weight: int = 0
    linked: int = 0
    stops: int = 0

    def add(self, source: str, pre: bool, link: bool) -> None:
        for character in characters(source):
            point = ord(character[0])
            blank = point in (9, 10, 12, 13, 32, 0xA0, 0x3000)
            if blank and pre:
                if point != 13 and not (point == 10 and not self.text):
                    self.text += character if point in (9, 10) else " "
            elif blank:
                self.text += " " * (self.text != "" and self.text[-1] not in " \n")
            elif point > 32 and not 127 <= point < 0xA0 and point not in (0xAD, 0x200B, 0xFEFF):
                self.text += character
                ideograph = 0x3041 <= point <= 0xD7A3 or 0x20000 <= point <= 0x3FFFF
                more = 3 if ideograph and len(character) == 1 else 1
                self.weight += more
                self.linked += more * link
                self.stops += character in _STOPS

    def line(self, pre: bool) -> None:
        if self.text.endswith(" ") and not pre:
            self.text = self.text[:-1]
        self.text += "\n" * (self.text != "")

"""Personal data in a text, replaced by tokens: e-mail addresses, IP addresses, telephone numbers.

The tokens are those of dolma. What counts, exactly:

- `email`: 1 to 64 letters, digits or `. _ % + -`, an `@`, and a domain name of 2 to 9 labels, the last of them of
  letters alone. A full stop that ends the sentence stays outside.
- `ip`: an IPv4 address of four decimal numbers without leading zeros, or an IPv6 address, that is public (private,
  loopback, reserved and multicast ones stay; of IPv6 only 2000::/3 is public). An IPv4 address stands between
  characters that are no letters, digits or further dotted numbers, and not after a word that announces a version.
- `phone`: a number of 8 to 15 digits after a `+`, alone or in groups joined by blanks and hyphens or by full stops;
  and, of the North American plan, `(212) 555-0123`, `212-555-0123`, `212.555.0123`, each also after `1` and a
  separator. There area and exchange begin with 2 to 9 and do not end in 11. What stands in a longer run of digits,
  letters and `/ . -` is none, so dates, ISBNs, decimals and version numbers stay.

All patterns take time that grows with the text's length alone, whatever the text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence

EMAIL, IP, PHONE = "|||EMAIL_ADDRESS|||", "|||IP_ADDRESS|||", "|||PHONE_NUMBER|||"

_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,63}(?![\w-])")
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}(?:(?<=:)(?:[0-9]{1,3}\.){3}[0-9]{1,3})?(?![\w:])")
_VERSION = re.compile(
    r"(?:\b(?:version|release|firmware|build|section|chapter|ver\.?|v\.?)|§)[ \t:]{0,3}$", re.IGNORECASE
)
_BEFORE_VERSION = 16
_INTERNATIONAL = re.compile(
    r"(?<![\w+.])\+(?:"
    r"[1-9][0-9]{7,14}"
    r"|[1-9][0-9]{0,2}(?:[ -]?\([0-9]{1,4}\)(?:[ -]?[0-9]{2,8})?|[ -][0-9]{1,8})(?:[ -][0-9]{2,8}){0,5}"
    r"|[1-9][0-9]{0,2}\.[0-9]{1,5}(?:\.[0-9]{2,5}){1,5}"
    r")(?!\w|[-./][0-9])"
)
_AREA = r"[2-9](?!11)[0-9]{2}"
_AMERICAN = re.compile(
    rf"(?<![\w+/])(?<![\w+)][-.])(?:1[-. ])?"
    rf"(?:\({_AREA}\) ?{_AREA}[-. ]|{_AREA}-{_AREA}-|{_AREA}\.{_AREA}\.)[0-9]{{4}}(?!\w|[-./][0-9])"
)


def mask(text: str, kinds: Sequence[str]) -> tuple[str, dict[str, int]]:
    """The text with a token for every find, and how many there were of each kind of `kinds`.

    Raises ValueError for a kind that is not `email`, `ip` or `phone`.
    """
    found: dict[str, int] = {}
    for kind in KINDS:
        if kind in kinds:
            text, count = KINDS[kind](text)
            if count:
                found[kind] = count
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise ValueError(f"cannot mask {unknown[0]!r}; known are {', '.join(KINDS)}")
    return text, found


def _emails(text: str) -> tuple[str, int]:
    return _EMAIL.subn(EMAIL, text) if "@" in text else (text, 0)


def _addresses(text: str) -> tuple[str, int]:
    text, of_four = _replaced(_IPV4, IP, text, _is_public_ipv4)
    text, of_six = _replaced(_IPV6, IP, text, _is_ipv6) if "::" in text or text.count(":") > 6 else (text, 0)
    return text, of_four + of_six


def _phones(text: str) -> tuple[str, int]:
    text, abroad = _replaced(_INTERNATIONAL, PHONE, text, _has_digits) if "+" in text else (text, 0)
    text, american = _AMERICAN.subn(PHONE, text)
    return text, abroad + american


KINDS: dict[str, Callable[[str], tuple[str, int]]] = {"email": _emails, "ip": _addresses, "phone": _phones}


def _replaced(
    pattern: re.Pattern[str], token: str, text: str, is_meant: Callable[[re.Match[str]], bool]
) -> tuple[str, int]:
    count = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal count
        if not is_meant(found):
            return found.group()
        count += 1
        return token

    return pattern.sub(replace, text), count


def _is_public_ipv4(found: re.Match[str]) -> bool:
    try:
        address = ipaddress.IPv4Address(found.group())
    except ValueError:
        return False
    start = found.start()
    announced = _VERSION.search(found.string[max(0, start - _BEFORE_VERSION) : start])
    return address.is_global and not address.is_multicast and announced is None


def _is_ipv6(found: re.Match[str]) -> bool:
    try:
        return ipaddress.IPv6Address(found.group()).is_global
    except ValueError:
        return False


def _has_digits(found: re.Match[str]) -> bool:
    return 8 <= sum(character.isdigit() for character in found.group()) <= 15

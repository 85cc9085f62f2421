"""Personal data becomes tokens; what only looks like it stays; hostile text costs no more than other text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.mask import EMAIL, IP, KINDS, PHONE, mask

ALL = tuple(KINDS)


@pytest.mark.parametrize(
    ("text", "kind", "masked"),
    [
        ("Write to jane.doe+news@mail.example.co.uk today", "email", f"Write to {EMAIL} today"),
        ("mail me at me@example.com", "email", f"mail me at {EMAIL}"),
        ("It is me@example.com.", "email", f"It is {EMAIL}."),
        ("<a_b%c@x-y.org>,MAILTO:Q@EXAMPLE.NET", "email", f"<{EMAIL}>,MAILTO:{EMAIL}"),
        ("grüße@müller.de", "email", EMAIL),
        ("from 8.8.8.8, then 203.0.114.9:8080.", "ip", f"from {IP}, then {IP}:8080."),
        ("end 93.184.216.34", "ip", f"end {IP}"),
        ("http://93.184.216.34/x and 93.184.216.34.", "ip", f"http://{IP}/x and {IP}."),
        ("via 2001:4860:4860::8888 to [2606:4700:4700:0:0:0:0:1111]:443", "ip", f"via {IP} to [{IP}]:443"),
        ("call (212) 555-0123 or 212-555-0123", "phone", f"call {PHONE} or {PHONE}"),
        ("1-800-555-0199, 646.555.0123; (646)555-0100", "phone", f"{PHONE}, {PHONE}; {PHONE}"),
        ("Tel.: +1 (650) 253-0000.", "phone", f"Tel.: {PHONE}."),
        ("+44 20 7946 0958 and +49 30 1234567, +33.1.42.68.53.00", "phone", f"{PHONE} and {PHONE}, {PHONE}"),
        ("+4915112345678 +33 1 42 68 53 00", "phone", f"{PHONE} {PHONE}"),
        ("+44 (0)20 7946 0958", "phone", PHONE),
    ],
)
def test_what_is_meant_becomes_a_token(text: str, kind: str, masked: str) -> None:
    found, counts = mask(text, [kind])
    assert found == masked
    assert counts == {kind: masked.count("|||") // 2}


@pytest.mark.parametrize(
    "text",
    [
        "a@b and @jane and jane@ and x @ y.com, user@localhost, 3@2.1",
        "192.168.0.1 127.0.0.1 10.1.2.3 172.16.0.9 224.0.0.1 0.0.0.0 255.255.255.255 192.0.2.7",
        "version 4.18.2.1, v2.11.3.4, Release: 12.4.5.6, 1.2.3.4.5, x8.8.8.8 8.8.8.8a 300.8.8.8 08.8.8.8",
        "std::vector a::b abc::def 12:30:45 fe80::1 ::1 2001:db8::1 2000:1 20:30:40:50 3d::",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2, 2021-03-14, 14.03.2021, 2021-03-14 15:09:26",
        "3.14159265358979, 212.555, 1,234,567,890, 12345678901234, 4111-1111-1111-1111, 1999-2001",
        "+3.14159265, +1.5-2.5, +12.50 13.75, -212-555-0123456, 212-555-01234, 911-555-0123, 212-911-0123",
        "112-555-0123, 212-155-0123, A212-555-0123, 212-555-0123B, /212-555-0123, 1.212.555.0123.4",
        "x = a + 20 - 30; see 10.1038/nphys1170; 234 567 8901",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert mask(text, ALL) == (text, {})


def test_only_the_kinds_that_are_asked_for_are_masked_and_counted() -> None:
    text = "me@example.com 8.8.8.8 +4915112345678 you@example.com"
    assert mask(text, ()) == (text, {})
    assert mask(text, ["ip"]) == (f"me@example.com {IP} +4915112345678 you@example.com", {"ip": 1})
    assert mask(text, ALL) == (f"{EMAIL} {IP} {PHONE} {EMAIL}", {"email": 2, "ip": 1, "phone": 1})


def test_an_unknown_kind_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="cannot mask 'name'; known are email, ip, phone"):
        mask("", ["name"])


@given(st.text(alphabet=st.sampled_from("ab1.2@:-+() f|"), max_size=60))
def test_a_masked_text_is_masked_no_further_by_the_same_kind(text: str) -> None:
    for kind in ALL:
        once, _ = mask(text, [kind])
        assert mask(once, [kind]) == (once, {})


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a.",
        "a@",
        "@a.",
        "a@a.",
        "1.",
        "1:",
        "2001:",
        "f",
        "+1",
        "+1 ",
        "(2",
        "212-",
        "212-555-",
        "1-",
        " -.",
        "((",
        "é@é.",
    ],
)
def test_hostile_text_takes_time_that_grows_with_its_length_alone(unit: str) -> None:
    """A quadratic pattern would need hours for this million characters, and the test would not end."""
    text = unit * (1_000_000 // len(unit))
    assert len(mask(text, ALL)[0]) > 0

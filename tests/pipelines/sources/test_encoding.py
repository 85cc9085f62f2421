"""Which bytes are valid UTF-8."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.encoding import is_utf8

PIECES = [
    b"a", "é".encode(), "漢".encode(), "😀".encode(), "\ufeff".encode(), b"\0", b"\x80", b"\xc0\x80", b"\xed\xa0\x80",
    b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf5", b"\xe6\xbc", b"x" * 40,
]  # fmt: skip


@given(st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)))
def test_bytes_are_utf8_if_and_only_if_python_decodes_them(data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        assert not is_utf8(data)
    else:
        assert is_utf8(data)

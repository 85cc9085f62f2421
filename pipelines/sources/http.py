"""HTTP responses as archives hold them: status, headers, and the body freed of its codings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import brotli  # type: ignore[import-untyped]
import zstandard
from zlib_ng import zlib_ng

from pipelines.sources.record import RECORD_LIMIT

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t][^\n]*)?\r?\n?")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.IGNORECASE)
_FEED = 1 << 10  # coded bytes at a time where the decoder has no output limit


class HttpError(Exception):
    """An HTTP message that cannot be read."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; header names in lower case, repeated headers joined by a comma."""

    status: int
    headers: dict[str, str]
    body: bytes


def parse_fields(lines: bytes) -> dict[str, str]:
    """Header fields by lower-case name; continuation lines joined, lines without a colon left out."""
    fields: dict[str, str] = {}
    last = None
    for line in lines.decode("utf-8", "replace").split("\n"):
        name, colon, value = line.partition(":")
        if line.startswith((" ", "\t")) and last:
            fields[last] += " " + line.strip()
        elif colon:
            last = name.strip().lower()
            fields[last] = f"{fields[last]}, {value.strip()}" if last in fields else value.strip()
    return fields


def parse(message: bytes) -> Response:
    """The response, its body as sent.

    Raises:
        HttpError: there is no status line.
    """
    status = _STATUS.match(message)
    if not status:
        raise HttpError("no HTTP status line")
    end = _HEAD_END.search(message, status.end() - 2)
    head, body = (message[: end.start()], message[end.end() :]) if end else (message, b"")
    return Response(int(status.group(1)), parse_fields(head[status.end() :]), body)


def media_type(response: Response) -> str:
    """The declared media type in lower case, without parameters; empty if none is declared."""
    return response.headers.get("content-type", "").split(";")[0].split(",")[0].strip().lower()


def charset(response: Response) -> str | None:
    """The charset parameter of the Content-Type header."""
    found = _CHARSET.search(response.headers.get("content-type", ""))
    return found.group(1) if found else None


def payload(response: Response, truncated: bool = False) -> bytes:
    """The body without chunks and compression; of a body known to be truncated, what can be read.

    Archives often store decoded bodies under the headers they came with, so a coding is undone only if
    the bytes show it.

    Raises:
        HttpError: a coding is there and broken, or the body is larger than RECORD_LIMIT.
    """
    body = response.body
    if "chunked" in response.headers.get("transfer-encoding", "").lower():
        body = _join_chunks(body, truncated)
    codings = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",")]
    for coding in reversed([name for name in codings if name not in ("", "identity")]):
        body = _undo(coding, body, truncated)
    return body


def _join_chunks(body: bytes, truncated: bool) -> bytes:
    parts: list[bytes] = []
    at = 0
    while True:
        size = _CHUNK_SIZE.match(body, at)
        length = int(size.group(1), 16) if size else -1
        end = size.end() + length if size else at
        whole = size is not None and (length == 0 or body[end : end + 1] in (b"\r", b"\n"))
        if size is None or not whole:
            if not parts and not (truncated and size):
                return body  # a stale header: the chunks were joined before
            if truncated:
                return b"".join([*parts, body[size.end() :] if size else b""])
            raise HttpError("broken chunk")
        if length == 0:
            return b"".join(parts)
        parts.append(body[size.end() : end])
        at = end + (2 if body[end : end + 2] == b"\r\n" else 1)


def _undo(coding: str, body: bytes, truncated: bool) -> bytes:
    if coding in ("gzip", "x-gzip"):
        return _inflate(body, 31, truncated) if body.startswith(b"\x1f\x8b") else body
    if coding == "deflate":
        wbits = 15 if _has_zlib_header(body) else -15
        return body if _is_markup(body) else _inflate(body, wbits, truncated)
    if coding == "zstd":
        if not body.startswith(b"\x28\xb5\x2f\xfd"):
            return body
        state = zstandard.ZstdDecompressor().decompressobj()
        return _collect(body, state.decompress, lambda: state.eof, zstandard.ZstdError, truncated)
    if coding == "br":
        return _unbrotli(body, truncated)
    return body


def _has_zlib_header(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _is_markup(body: bytes) -> bool:
    return body[:256].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or not body


def _inflate(body: bytes, wbits: int, truncated: bool) -> bytes:
    state = zlib_ng.decompressobj(wbits)
    try:
        data = state.decompress(body, RECORD_LIMIT + 1)
    except zlib_ng.error as error:
        if wbits == -15:
            return body  # raw deflate has no mark: the header was stale
        raise HttpError(f"broken compression: {error}") from error
    return _checked(data, state.eof or truncated)


def _unbrotli(body: bytes, truncated: bool) -> bytes:
    if _is_markup(body):
        return body
    state = brotli.Decompressor()
    try:
        data = state.process(body, output_buffer_limit=RECORD_LIMIT + 1)
    except brotli.error:
        return body  # brotli has no mark: the header was stale
    return _checked(data, state.is_finished() or truncated)


def _collect(
    body: bytes,
    decompress: Callable[[bytes], bytes],
    ended: Callable[[], bool],
    broken: type[Exception],
    truncated: bool,
) -> bytes:
    parts: list[bytes] = []
    size = 0
    for at in range(0, len(body), _FEED):
        if ended() or size > RECORD_LIMIT:
            break
        try:
            parts.append(decompress(body[at : at + _FEED]))
        except broken as error:
            raise HttpError(f"broken compression: {error}") from error
        size += len(parts[-1])
    return _checked(b"".join(parts), ended() or truncated)


def _checked(data: bytes, whole: bool) -> bytes:
    if len(data) > RECORD_LIMIT:
        raise HttpError(f"the body is larger than {RECORD_LIMIT} bytes when decompressed")
    if not whole:
        raise HttpError("the compressed body is cut")
    return data

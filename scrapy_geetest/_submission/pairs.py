"""Names and values as a form sends them, in the character set of its page."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def with_pairs(encoded: bytes, fields: Mapping[str, str]) -> bytes:
    """Set *fields* in a urlencoded text and leave every other byte of it as it is, whatever its character set."""
    kept = [pair for pair in encoded.split(b"&") if pair and _pair_name(pair) not in fields]
    added = [f"{quote_plus(name)}={quote_plus(value)}".encode() for name, value in fields.items()]
    return b"&".join(kept + added)


def urlencoded(pairs: Iterable[tuple[str, str]], charset: str) -> bytes:
    """As a browser encodes a form; what the character set lacks becomes a numeric reference (the HTML standard)."""
    return "&".join(
        f"{quote_plus(_bytes(name, charset))}={quote_plus(_bytes(value, charset))}" for name, value in pairs
    ).encode("ascii")


def multipart(pairs: Iterable[tuple[str, str]], charset: str) -> tuple[bytes, bytes]:
    """The content type and the body of a ``multipart/form-data`` form."""
    boundary = b"----geetest" + token_hex(16).encode()
    parts = []
    for name, value in pairs:
        quoted = name.replace('"', "%22").replace("\r\n", "%0D%0A")
        head = b'Content-Disposition: form-data; name="' + _bytes(quoted, charset) + b'"'
        parts.append(b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + _bytes(value, charset) + b"\r\n")
    return b"multipart/form-data; boundary=" + boundary, b"".join(parts) + b"--" + boundary + b"--\r\n"


def _bytes(text: str, charset: str) -> bytes:
    return text.encode(charset, "xmlcharrefreplace")


def _pair_name(pair: bytes) -> str:
    return unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode("utf-8", "replace")

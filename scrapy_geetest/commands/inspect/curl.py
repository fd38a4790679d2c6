"""A ``curl`` command, as browsers copy it, into the arguments of a request."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from scrapy.utils.curl import curl_to_request_kwargs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ANSI_QUOTED = re.compile(
    r"""(?P<ansi>\$'(?:[^'\\]|\\.)*') | '[^']*' | "(?:[^"\\]|\\.)*" | (?P<next>\\\r?\n) | \\. | [^'"\\$]+ | .""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_CMD = re.compile(r"\^(?:[\"']|\r?\n)")

# What says nothing of the request itself.
_WITHOUT_VALUE = frozenset(
    [
        "-k",
        "--insecure",
        "-L",
        "--location",
        "--http1.0",
        "--http1.1",
        "--http2",
        "--http2-prior-knowledge",
        "--http3",
        "--globoff",
        "-g",
        "-i",
        "--include",
        "--path-as-is",
        "--no-keepalive",
        "-N",
        "--no-buffer",
        "-f",
        "--fail",
        "-S",
        "--show-error",
        "--tcp-nodelay",
        "--tr-encoding",
        "-4",
        "-6",
    ]
)
_WITH_VALUE = frozenset(
    [
        "-o",
        "--output",
        "-m",
        "--max-time",
        "--connect-timeout",
        "-x",
        "--proxy",
        "--max-redirs",
        "--resolve",
        "--retry",
        "-w",
    ]
)
_AS_HEADER = {"-A": "User-Agent", "--user-agent": "User-Agent", "-e": "Referer", "--referer": "Referer"}
_KNOWN = {  # to Scrapy
    **dict.fromkeys(("-X", "--request"), "--request"),
    **dict.fromkeys(("-u", "--user"), "--user"),
    **dict.fromkeys(("-d", "--data", "--data-raw", "--data-binary", "--data-ascii"), "--data"),
}
_SAFE = frozenset({"--compressed", "-s", "--silent", "-v", "--verbose", "-#", "--progress-bar"})
_CLUSTER = re.compile(r"-[sSvkLfgiN#]{2,}")  # of flags that change nothing of the request
_COOKIES = frozenset({"-b", "--cookie"})
_JOINED = re.compile(r"-([XHbduAe])(.+)", re.DOTALL)

# A downloader sets these by itself, or they would bring an answer without a body.
_OWN = frozenset(
    [
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "if-modified-since",
        "if-none-match",
        "te",
        "transfer-encoding",
    ]
)


def request_arguments(command: str) -> dict[str, Any]:
    """The keyword arguments of the request that a ``curl`` command makes.

    Args:
        command: As Chromium (*Copy as cURL*, bash) and Firefox copy it.

    Raises:
        ValueError: It is none, or has what cannot be replayed; no value of it is in the message.
    """
    if _CMD.search(command):
        raise ValueError("this curl command is for cmd.exe; copy it as cURL (bash)")
    try:
        words = shlex.split(_plain(command.strip()))
    except ValueError as error:
        raise ValueError(f"the curl command cannot be read: {error}") from None
    if not words or words[0] != "curl":
        raise ValueError('a curl command begins with "curl"')
    cookies: dict[str, str] = {}
    plain = list(_usual(words[1:], cookies))
    is_query = "-G" in plain
    try:
        arguments = curl_to_request_kwargs(
            shlex.join(["curl", *(word for word in plain if word != "-G")]), ignore_unknown_options=False
        )
    except ValueError:  # which may quote a value
        raise ValueError("the curl command cannot be read: is there an address in it?") from None
    if cookies:
        arguments["cookies"] = cookies
    return _as_query(arguments) if is_query else arguments


def without_own(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """*headers* without those that a downloader sets by itself."""
    return [(name, value) for name, value in headers if name.lower() not in _OWN]


def cookie_pairs(text: str) -> dict[str, str]:
    """The cookies of a header, whatever characters are in them."""
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {name: value for name, equals, value in pairs if name and equals}


def _plain(command: str) -> str:
    """The command without line continuations and without ``$'...'``, which :mod:`shlex` does not know."""
    parts = []
    for match in _ANSI_QUOTED.finditer(command):
        if match["ansi"]:
            parts.append(shlex.quote(_ESCAPE.sub(_unescaped, match["ansi"][2:-1])))
        else:
            parts.append(" " if match["next"] else match[0])
    return "".join(parts)


def _unescaped(match: re.Match[str]) -> str:
    if code := match[1] or match[2] or match[3]:
        return chr(min(int(code, 16), 0x10FFFF))
    return chr(int(match[4], 8)) if match[4] else _LETTERS.get(match[5], match[5])


def _usual(words: Sequence[str], cookies: dict[str, str]) -> Iterator[str]:
    """The same in the options that Scrapy knows; cookies are put aside, since it drops some."""
    waiting = list(reversed(words))
    while waiting:
        word = waiting.pop()
        if joined := _JOINED.fullmatch(word):
            word = f"-{joined[1]}"
            waiting.append(joined[2])
        elif word.startswith("--") and "=" in word:
            word, _, value = word.partition("=")
            waiting.append(value)
        if word in _WITHOUT_VALUE:
            continue
        if word in {"-G", "--get"}:
            yield "-G"
        elif word in _SAFE or _CLUSTER.fullmatch(word):
            continue
        elif word.startswith("-"):
            if not waiting:
                raise _unknown(word)
            yield from _option(word, waiting.pop(), cookies)
        else:
            yield word


def _option(word: str, value: str, cookies: dict[str, str]) -> Iterator[str]:
    if word in _WITH_VALUE:
        return
    if word in {"-F", "--form", "-T", "--upload-file"}:
        raise ValueError("the curl command sends a file or a multipart form, which cannot be replayed")
    if word in _COOKIES:
        cookies.update(cookie_pairs(value))
    elif word in {"-H", "--header"}:
        yield from _header(value, cookies)
    elif word in _AS_HEADER:
        yield from ("-H", f"{_AS_HEADER[word]}: {value}")
    elif word == "--url":
        yield value
    elif word == "--json":
        yield from (f"--data={value}", "-H", "Content-Type: application/json", "-H", "Accept: application/json")
    elif word == "--data-urlencode":
        name, equals, text = value.partition("=")
        yield f"--data={f'{name}={quote_plus(text)}' if equals and name else quote_plus(text or name)}"
    elif word in _KNOWN:
        yield f"{_KNOWN[word]}={value}"  # joined: a value may begin with a dash
    else:
        raise _unknown(word)


def _unknown(option: str) -> ValueError:
    return ValueError(f"the curl command cannot be read: it has unknown options ({option})")


def _header(value: str, cookies: dict[str, str]) -> Iterator[str]:
    name, colon, text = value.partition(":")
    if name.strip().lower() == "cookie":
        cookies.update(cookie_pairs(text))
    elif colon and name.strip().lower() not in _OWN:
        yield from ("-H", value)
    elif value.endswith(";"):  # curl's way to send an empty one
        yield from ("-H", f"{value[:-1]}:")


def _as_query(arguments: dict[str, Any]) -> dict[str, Any]:
    """``--get``: what would be the body goes into the address."""
    url, data = arguments["url"].partition("#")[0], arguments.pop("body", "")
    joint = "&" if "?" in url else "?"
    return {**arguments, "method": "GET", "url": f"{url}{joint}{data}" if data else url}

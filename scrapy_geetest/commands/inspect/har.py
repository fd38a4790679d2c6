"""HAR files: the network log of a browser, as Chromium, Firefox and other tools save it, read into plain data."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from attrs import evolve, frozen

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE = 256 * 1024 * 1024
MAX_EXCHANGES = 20_000
MAX_TEXT = 2 * 1024 * 1024
"""Characters of one body that are kept."""

_READABLE = re.compile(r"text/|json|javascript|xml|html|x-unknown|^$", re.IGNORECASE)
_HEAD = 4096
_WORKERS = 5  # seconds within which a service worker asks what a page asked it
_HOST = re.compile(r"[\w.:-]+")
_SIGN = re.compile(rb'"log"\s*:\s*\{')
# Firefox begins the body of a form with the headers that describe it.
_DESCRIBED = re.compile(r"(?:content-(?:type|length): [^\r\n]*\r?\n)+\r?\n", re.IGNORECASE)
# Safari joins several cookies in one header; the comma in a date is followed by a space and a number.
_NEXT_COOKIE = re.compile(r"\n|, ?(?=[^\s;,=]+=)")
_USUAL_PORTS = {"http": 80, "https": 443}

Pairs = tuple[tuple[str, str], ...]


@frozen(kw_only=True)
class Exchange:
    """One request and its answer.

    Attributes:
        number: Its place in the log, from 0 on.
        method: In upper case.
        url: Without a fragment, a user and a password.
        headers: Of the request, without HTTP/2's pseudo headers.
        cookies: That the request sent.
        body: Of the request; empty if there is none, or if it is not text.
        body_type: Its media type, in lower case.
        params: The fields of the body, where the log names them apart.
        lacks_body: Whether the request had a body that the log lacks.
        status: Of the answer; 0 if there was none.
        answer_headers: Of the answer.
        set_cookies: That the answer set.
        text: Of the answer; empty if the log lacks it, or if it is not text.
        lacks_text: Whether the answer had a text that the log lacks.
        media_type: Of the answer, in lower case.
        kind: What the browser wanted it for, as Chromium says it: ``"document"``, ``"xhr"``; empty if unknown.
        location: Where a redirect leads, as an absolute URL or as it was sent.
        seconds: When it began, since the epoch; 0 if unknown.
        by_worker: Whether a service worker answered the page's request; Chromium logs what the worker asked, too.
    """

    number: int
    method: str
    url: str
    headers: Pairs = ()
    cookies: Pairs = ()
    body: str = ""
    body_type: str = ""
    params: Pairs = ()
    lacks_body: bool = False
    status: int = 0
    answer_headers: Pairs = ()
    set_cookies: Pairs = ()
    text: str = ""
    lacks_text: bool = False
    media_type: str = ""
    kind: str = ""
    location: str = ""
    seconds: float = 0.0
    by_worker: bool = False

    def header(self, name: str) -> str:
        """A header of the request; empty if there is none."""
        return _header(self.headers, name)

    @property
    def is_redirect(self) -> bool:
        """Whether the answer leads elsewhere by its status."""
        return self.status in {301, 302, 303, 307, 308}

    @property
    def leads_to(self) -> str:
        """Where a redirect leads, as an absolute URL; empty where it leads nowhere that HTTP does."""
        try:
            return http_url(urljoin(self.url, self.location)) if self.location else ""
        except ValueError:  # "http://[": browsers stay where they are
            return ""

    @property
    def is_page(self) -> bool:
        """Whether the answer is an HTML document, however it is served."""
        return "html" in self.media_type and self.text.lstrip("\ufeff \t\r\n").startswith("<")


@frozen
class Recording:
    """A log.

    Attributes:
        exchanges: In the order in which they began.
        titles: Of its pages; Chromium writes their URLs there.
    """

    exchanges: tuple[Exchange, ...]
    titles: tuple[str, ...] = ()


def looks_like_har(head: bytes) -> bool:
    """Whether a file that begins with *head* is a HAR file."""
    return head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and bool(_SIGN.search(head[:_HEAD]))


def load_har(path: Path) -> Recording | None:
    """Read the file at *path*; ``None``: it is no HAR file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is called a HAR file but is none, or it is too large; the message says which.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        is_called_one = path.suffix.lower() == ".har"
        if not (is_called_one or looks_like_har(head)):
            return None
        data = head + file.read(MAX_FILE + 1 - len(head))
    if len(data) > MAX_FILE:
        raise ValueError(f"the file is larger than {MAX_FILE // 1024 // 1024} MiB; save a shorter visit")
    try:
        return read_har(data)
    except ValueError:
        if is_called_one:
            raise
        return None


def read_har(data: bytes) -> Recording:
    """Read a log out of the bytes of a file. What an entry lacks or has wrong is left out; the rest is kept.

    Raises:
        ValueError: It is no log.
    """
    try:
        log = _mapping(json.loads(data.decode(json.detect_encoding(data), "replace"))).get("log")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no HAR file: {error}") from error
    if not isinstance(log, Mapping) or not isinstance(log.get("entries"), list):
        raise ValueError("this is no HAR file: it has no log with entries")
    read = [one for entry in log["entries"][:MAX_EXCHANGES] if (one := _exchange(_mapping(entry)))]
    if all(one.seconds for one in read):
        read.sort(key=lambda one: one.seconds)
    read = _without_copies(read)
    titles = tuple(_text(page.get("title")) for page in _mappings(log.get("pages")))
    return Recording(tuple(evolve(one, number=number) for number, one in enumerate(read)), titles)


def _without_copies(read: Sequence[Exchange]) -> list[Exchange]:
    """Without the requests of a page that a service worker made for it: those of the worker have the cookies."""
    made: dict[tuple[str, str, str], list[float]] = {}
    for one in read:
        if not one.by_worker:
            made.setdefault((one.method, one.url, one.body), []).append(one.seconds)
    return [
        one
        for one in read
        if not one.by_worker
        or not any(0 <= at - one.seconds <= _WORKERS for at in made.get((one.method, one.url, one.body), ()))
    ]


def _exchange(entry: Mapping[str, Any]) -> Exchange | None:
    """``None``: it is no HTTP request (a WebSocket, an extension's, a ``data:`` URL)."""
    request, answer = _mapping(entry.get("request")), _mapping(entry.get("response"))
    url = http_url(_text(request.get("url")))
    if not url:
        return None
    posted, content = _mapping(request.get("postData")), _mapping(answer.get("content"))
    headers, answer_headers = _pairs(request.get("headers")), _pairs(answer.get("headers"))
    media_type = _text(content.get("mimeType")) or _header(answer_headers, "content-type")
    text, body, params = _content(content, media_type), _body(posted)[:MAX_TEXT], _pairs(posted.get("params"))
    return Exchange(
        number=0,
        method=_method(_text(request.get("method"))),
        url=url,
        headers=headers,
        cookies=_pairs(request.get("cookies")) or _sent_cookies(headers),
        body=body,
        body_type=(_text(posted.get("mimeType")) or _header(headers, "content-type")).lower(),
        params=params,
        lacks_body=not (body or params) and _had_body(request, _header(headers, "content-length")),
        status=_number(answer.get("status")),
        answer_headers=answer_headers,
        set_cookies=_pairs(answer.get("cookies")) or _cookies_that_are_set(answer_headers),
        text=text,
        lacks_text=not text and _had_text(answer, content, media_type, _header(answer_headers, "content-length")),
        media_type=media_type.lower(),
        kind=_text(entry.get("_resourceType")).lower(),
        location=_text(answer.get("redirectURL")) or _header(answer_headers, "location"),
        seconds=_seconds(_text(entry.get("startedDateTime"))),
        by_worker=answer.get("_fetchedViaServiceWorker") is True,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _pairs(value: Any) -> Pairs:
    pairs = ((_text(one.get("name")), _text(one.get("value"))) for one in _mappings(value))
    return tuple((name, text) for name, text in pairs if name and not name.startswith(":"))


def _header(headers: Sequence[tuple[str, str]], name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def http_url(url: str) -> str:
    """*url* without a fragment, a user, a password and the usual port; empty if it is no http or https URL."""
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.hostname or "") and parts.port != 0
        if not is_sound:
            return ""
    except ValueError:
        return ""
    netloc = parts.netloc.rpartition("@")[2].lower()
    netloc = netloc.removesuffix(f":{parts.port}") if parts.port == _USUAL_PORTS[parts.scheme] else netloc
    return parts._replace(netloc=netloc, fragment="", path=parts.path or "/").geturl()


def _method(text: str) -> str:
    return text.upper() if re.fullmatch(r"[A-Za-z]{1,16}", text) else "GET"


def _sent_cookies(headers: Pairs) -> Pairs:
    pairs = (part.strip().partition("=") for part in _header(headers, "cookie").split(";"))
    return tuple((name, value) for name, _, value in pairs if name)


def _cookies_that_are_set(headers: Pairs) -> Pairs:
    # Firefox writes several in one header, a line each.
    lines = (line for name, value in headers if name.lower() == "set-cookie" for line in _NEXT_COOKIE.split(value))
    pairs = (line.partition(";")[0].strip().partition("=") for line in lines)
    return tuple((name, value) for name, _, value in pairs if name)


def _body(posted: Mapping[str, Any]) -> str:
    text = _text(posted.get("text"))
    if _text(posted.get("encoding")) == "base64" or _text(posted.get("_encoding")) == "base64":
        text = _decoded(text)
    described = _DESCRIBED.match(text)
    return text[described.end() :] if described else text


def _content(content: Mapping[str, Any], media_type: str) -> str:
    text = _text(content.get("text"))
    if not _READABLE.search(media_type):
        return ""
    return (_decoded(text) if _text(content.get("encoding")) == "base64" else text)[:MAX_TEXT]


def _had_text(answer: Mapping[str, Any], content: Mapping[str, Any], media_type: str, length: str) -> bool:
    """Whether an answer without text had one: browsers drop it when the next page comes at once, or to save room."""
    return bool(media_type and _READABLE.search(media_type)) and (
        _had_body(answer, length) or _number(content.get("size")) > 0
    )


def _had_body(message: Mapping[str, Any], length: str) -> bool:
    return _number(message.get("bodySize")) > 0 or (length.isdecimal() and set(length) != {"0"})


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return ""


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(.{10}T\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?", text)
    if not match:
        return 0.0
    zone = (match[3] or "Z").replace("Z", "+00:00")
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        return datetime.fromisoformat(match[1] + zone).timestamp() + float(match[2] or 0)
    except (ValueError, OverflowError):
        return 0.0

"""The requests that a page's script sends: where to, by which method, and with what."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from attrs import define, evolve, field, frozen

from scrapy_geetest._pages.expressions import Evaluator
from scrapy_geetest._pages.script_values import (
    UNKNOWN,
    V3_KEYS,
    V4_KEYS,
    Clock,
    Fields,
    Joined,
    Json,
    Key,
    PageForm,
    Result,
    Text,
    Value,
    named_entries,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scrapy_geetest._pages.javascript import Code, Span

_SENDS = re.compile(
    rb"(?<![\w$])(?:[\w$]*(?:ajax|fetch|request|axios|http|api|service|post|submit|login)[\w$]*"
    rb"|get|put|patch|getJSON|jsonp|open|send)\s*(?:<[\w.,\s\[\]|]{1,60}>\s*)?(\()",
    re.IGNORECASE,
)
_NAVIGATES = re.compile(
    rb"(?<![\w$])location(?:\s*\.\s*href)?\s*=(?![=>])|(?<![\w$])location\s*\.\s*(?:assign|replace)\s*\("
)
_OWNER = re.compile(rb"([\w$.\])?]*?)\s*\??\.\s*$")
_JQUERY = re.compile(r"(?:window\.)?(?:\$|jQuery|jq|layui\.\$|[a-z]\.\$)")
_LIBRARIES = re.compile(
    r"(?:.*\.)?(?:axios|\$?http|\$axios|request|ajax|api|service|uni|wx|Vue\.http|superagent|ky|got|instance)"
)
_WITH_OPTIONS = re.compile(r"ky|got")
_WAYS_OF_OPTIONS = {"json": "json", "form": "form", "searchParams": "query"}
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_URL = re.compile(r"[^\s\"'<>\\^`|{}$@*]{1,2048}")
_URL_CHARACTERS = re.compile(r"[/?]|\.(?:php|aspx?|jsp|do|action|html?|json|cgi)\b")
_CLOCK_BEHIND = re.compile(r"[=/_-]$")
_PARAMETER = re.compile(r"(?:^|[?&])([^?&=]{1,64})=$")
_MAX_REQUESTS = 300
_FORM_KINDS = ("form", "multipart")


@frozen
class ScriptRequest:
    """A request that a script sends.

    Attributes:
        position: Where it is in the script.
        end: Where its call ends.
        url: Where to, as it stands in the script, with ``{timestamp}`` for the clock; ``None``: unknown, or in part.
        method: In upper case; ``None``: unknown.
        data: What is sent.
        way: ``"form"``, ``"json"``, ``"query"``, ``"multipart"``; ``None``: unknown.
        library: ``"jquery"``, ``"fetch"``, ``"xhr"``, or ``""``.
        callback: The parameter that names the function which a JSONP answer calls; empty: it is no JSONP.
    """

    position: int
    end: int
    url: str | None
    method: str | None
    data: Value = UNKNOWN
    way: str | None = None
    library: str = ""
    callback: str = ""


@define(eq=False)
class ReadScript:
    """A script of a page, evaluated once that is asked for."""

    code: Code
    _evaluator: Evaluator | None = field(default=None, init=False)
    _requests: tuple[ScriptRequest, ...] | None = field(default=None, init=False)

    @property
    def evaluator(self) -> Evaluator:
        """Reads its expressions."""
        if self._evaluator is None:
            self._evaluator = Evaluator(self.code)
        return self._evaluator

    @property
    def requests(self) -> tuple[ScriptRequest, ...]:
        """What it sends."""
        if self._requests is None:
            self._requests = tuple(script_requests(self.evaluator))
        return self._requests


def _navigations(evaluator: Evaluator) -> Iterator[ScriptRequest]:
    """Addresses with the answer in them that the browser is sent to."""
    for match in islice(_NAVIGATES.finditer(evaluator.code.masked), _MAX_REQUESTS):
        is_call = match[0].endswith(b"(")
        arguments = evaluator.syntax.arguments(match.end() - 1) if is_call else ()
        span = arguments[0] if arguments else evaluator.syntax.expression(match.end())
        url, in_url = read_url(evaluator.value(span), is_known=True)
        if in_url:
            yield ScriptRequest(match.start(), span[1], url, "GET", Fields(tuple(in_url), "form"), "query")


def script_requests(evaluator: Evaluator) -> Iterator[ScriptRequest]:
    """The requests of a script, in its order; what is no more than a call of that name is left out."""
    yield from _navigations(evaluator)
    masked = evaluator.code.masked
    for count, match in enumerate(_SENDS.finditer(masked)):
        if count == _MAX_REQUESTS:
            return
        opening = match.start(1)
        close = evaluator.syntax.closes.get(opening)
        if close is None or masked[close + 1 : close + 40].lstrip().startswith((b"{", b"=>")):
            continue
        name = re.sub(rb"\s|<.*", b"", masked[match.start() : opening]).decode()
        owner = _OWNER.search(masked, max(0, match.start() - 80), match.start())
        call = _Call(evaluator, name, owner[1].decode().replace("?", "") if owner else "", opening, close)
        if found := call.request(match.start()):
            yield found


@frozen
class _Call:
    evaluator: Evaluator
    name: str
    owner: str
    opening: int
    close: int

    def request(self, position: int) -> ScriptRequest | None:
        arguments = self.evaluator.syntax.arguments(self.opening)
        if not arguments or self.name == "send":
            return None
        if self.name == "open":
            found = self._xhr(arguments)
        elif isinstance(options := self._options(arguments[0]), Fields):
            found = self._by_options(options, arguments)
        elif self.name.lower().lstrip("$") in _METHODS or self.name == "getJSON":
            found = self._by_method(arguments)
        else:
            found = self._by_url(arguments)
        if found is None:
            return None
        return evolve(found, position=position, end=self.close)

    @property
    def _is_jquery(self) -> bool:
        return bool(_JQUERY.fullmatch(self.owner)) or (self.name == "ajax" and "$" in self.owner)

    @property
    def _is_known(self) -> bool:
        """Whether its first argument is an address for sure; there are other things that are got and posted."""
        return self._is_jquery or self.name in {"fetch", "axios", "ajax"} or bool(_LIBRARIES.fullmatch(self.owner))

    @property
    def _library(self) -> str:
        return "jquery" if self._is_jquery else self.name if self.name == "fetch" else ""

    def _options(self, span: Span) -> Value:
        value = self.evaluator.value(span)
        return value if isinstance(value, Fields) and named_entries(value.entries).get("url") is not None else UNKNOWN

    def _by_options(self, options: Fields, arguments: Sequence[Span]) -> ScriptRequest | None:
        entries = named_entries(options.entries)
        if len(arguments) > 1 and self.name not in {"ajax", "axios", "request"} and not self._is_known:
            return None
        url, in_url = read_url(entries["url"], is_known=True)
        method = self._method(entries, "POST" if self.name == "post" else "GET")
        data = next((entries[key] for key in ("data", "body", "form", "params", "query") if key in entries), UNKNOWN)
        if has_answer(headers := entries.get("headers", UNKNOWN)):
            return ScriptRequest(0, 0, url, method, headers, "headers", self._library)
        content_type = str(entries.get("contentType", "")) + str(entries.get("headers", ""))
        way = self._way(data, method, content_type, is_query="params" in entries and "data" not in entries)
        sent = ScriptRequest(0, 0, url, method, data, way, self._library, _callback(entries))
        return _completed(sent, in_url)

    def _by_method(self, arguments: Sequence[Span]) -> ScriptRequest | None:
        url, in_url = read_url(self.evaluator.value(arguments[0]), is_known=self._is_known)
        if url is None and not self._is_known and not in_url and not self._may_send(arguments):
            return None
        name = self.name.lower().lstrip("$")
        method = "GET" if name in {"getjson", "get"} else name.upper()
        data = self.evaluator.value(arguments[1]) if len(arguments) > 1 else UNKNOWN
        headers = ""
        if method == "GET" and isinstance(data, Fields) and "params" in (entries := named_entries(data.entries)):
            data = entries["params"]
        if _WITH_OPTIONS.fullmatch(self.owner) and isinstance(data, Fields):
            entries = named_entries(data.entries)
            way = next((key for key in ("json", "form", "body", "searchParams") if key in entries), None)
            data = entries[way] if way else UNKNOWN
            return _completed(ScriptRequest(0, 0, url, method, data, _WAYS_OF_OPTIONS.get(way or ""), ""), in_url)
        if len(arguments) > 2 and isinstance(options := self.evaluator.value(arguments[2]), Fields):  # noqa: PLR2004  # url, data, options
            entries = named_entries(options.entries)
            headers = str(entries.get("headers", ""))
            if has_answer(entries.get("params", UNKNOWN)):
                return ScriptRequest(0, 0, url, method, entries["params"], "query", "")
        way = self._way(data, method, headers)
        return _completed(ScriptRequest(0, 0, url, method, data, way, self._library), in_url)

    def _may_send(self, arguments: Sequence[Span]) -> bool:
        return len(arguments) > 1

    def _by_url(self, arguments: Sequence[Span]) -> ScriptRequest | None:
        """``fetch(url, options)``, or a function of the site's own that is called likewise."""
        is_fetch = self._is_known
        url, in_url = read_url(self.evaluator.value(arguments[0]), is_known=is_fetch)
        options = self.evaluator.value(arguments[1]) if len(arguments) > 1 else Fields()
        entries = named_entries(options.entries) if isinstance(options, Fields) else {}
        if not is_fetch and not (url and entries.keys() & {"method", "type", "body", "data"}):
            return None
        method = self._method(entries, "GET") if isinstance(options, Fields) else None
        if has_answer(headers := entries.get("headers", UNKNOWN)):
            return ScriptRequest(0, 0, url, method, headers, "headers", self._library)
        data = next((entries[key] for key in ("body", "data", "params") if key in entries), UNKNOWN)
        way = self._way(data, method, str(entries.get("headers", "")))
        return _completed(ScriptRequest(0, 0, url, method, data, way, self._library, _callback(entries)), in_url)

    def _xhr(self, arguments: Sequence[Span]) -> ScriptRequest | None:
        method = self.evaluator.text(arguments[0]) if len(arguments) > 1 else None
        if method is None or method.lower() not in _METHODS:
            return None
        url, in_url = read_url(self.evaluator.value(arguments[1]), is_known=True)
        data: Value = UNKNOWN
        sends = re.compile(rb"(?<![\w$.])" + re.escape(self.owner.encode()) + rb"\s*\.\s*send\s*(\()")
        if self.owner and (sent := sends.search(self.evaluator.code.masked, self.close, self.close + 8_000)):
            handed = self.evaluator.syntax.arguments(sent.start(1))
            data = self.evaluator.value(handed[0]) if handed else UNKNOWN
        way = self._way(data, method.upper(), "")
        return _completed(ScriptRequest(0, 0, url, method.upper(), data, way, "xhr"), in_url)

    def _method(self, entries: object, default: str) -> str | None:
        given = next((entries[key] for key in ("method", "type") if key in entries), Text(default))  # type: ignore[index,operator]  # a mapping
        return given.text.upper() if isinstance(given, Text) and given.text.lower() in _METHODS else None

    def _way(self, data: Value, method: str | None, content_type: str, *, is_query: bool = False) -> str | None:
        if method == "GET" or is_query:
            return "query"
        if isinstance(data, Json) or "json" in content_type.lower():
            return "json"
        if isinstance(data, Fields | PageForm) and data.kind in _FORM_KINDS:
            return data.kind
        if isinstance(data, Text | Joined) or self._is_jquery or "urlencoded" in content_type:
            return "form"
        if self.name == "fetch":
            return None  # an object is no body
        return "json" if isinstance(data, Fields | Result) else None


def _callback(entries: Mapping[str, Value]) -> str:
    """The parameter that jQuery names the callback in, with ``dataType: "jsonp"``."""
    given = entries.get("jsonp")
    is_jsonp = entries.get("dataType") == Text("jsonp")
    return (given.text if isinstance(given, Text) else "callback") if is_jsonp else ""


def _completed(request: ScriptRequest, in_url: Sequence[tuple[str, Value]]) -> ScriptRequest:
    """With the fields that the address has, where the answer is among them."""
    if not in_url:
        return request
    return evolve(request, data=Fields(tuple(in_url), "form"), way="query")


def read_url(value: Value, *, is_known: bool) -> tuple[str | None, list[tuple[str, Value]]]:
    """An address, and what of the widget's answer is put into its query.

    Args:
        value: What is given for an address.
        is_known: Whether it is one, whatever it looks like.
    """
    parts = value.parts if isinstance(value, Joined) else (value,)
    in_url = _fields_of_text(parts)
    if in_url:
        path, _, query = parts[0].text.partition("?") if isinstance(parts[0], Text) else ("", "", "")
        constants = [(name, Text(value)) for name, value in parse_qsl(query)]
        return (_checked(path, is_known=is_known) if path else None), [*constants, *in_url]
    url = ""
    for place, part in enumerate(parts):
        if isinstance(part, Text):
            url += part.text
        elif isinstance(part, Clock) and place and _CLOCK_BEHIND.search(url):
            url += "{timestamp}"
        else:
            return None, []
    checked = _checked(url.replace("{timestamp}", "0"), is_known=is_known)
    return (url if checked is not None else None), []


def _checked(url: str, *, is_known: bool) -> str | None:
    if not _URL.fullmatch(url) or url.startswith(("#", "javascript:", "data:", "blob:")) or url.endswith("="):
        return None
    return url if is_known or ("/" in url and _URL_CHARACTERS.search(url)) else None


def _fields_of_text(parts: Sequence[Value]) -> list[tuple[str, Value]]:
    """``"challenge=" + r.geetest_challenge + "&validate=" + …``, and an address with ``"?" + $.param(r)``."""
    found: list[tuple[str, Value]] = []
    before = ""
    for part in parts:
        if isinstance(part, Text):
            before = part.text
            continue
        if has_answer(part):
            name = _PARAMETER.search(before)
            if name is None and not isinstance(part, Fields | Result):
                return []
            found.append((name[1] if name else "", part))
        before = ""
    return found


def has_answer(value: Value) -> bool:
    """Whether the widget's answer, or a part of it, is in *value*."""
    if isinstance(value, Result | Key):
        return True
    if isinstance(value, Fields):
        return any(has_answer(inner) for _, inner in value.entries)
    if isinstance(value, Json):
        return has_answer(value.value)
    return isinstance(value, Joined) and any(has_answer(part) for part in value.parts)


def field_names(data: Value, way: str | None, version: int | None) -> tuple[tuple[str, str], ...] | None:
    """The names that the answer's values are sent under, each with its key in the answer; ``None``: unknown.

    Nested ones have a dot in JSON, brackets in a form. The key is empty where a name gets all of the answer as JSON.
    """
    fields = _as_fields(data)
    if fields is None or version is None:
        return None
    keys = V3_KEYS if version == 3 else V4_KEYS  # noqa: PLR2004  # the versions of GeeTest
    found: dict[str, str] = {}
    for name, value in _leaves(fields, ""):
        if isinstance(value, Result):
            found.update((_nested(f"{name}\0{key}" if name else key, way), key) for key in keys)
        elif not name:
            return None
        else:
            found[_nested(name, way)] = value.name if isinstance(value, Key) else ""
    found.update(_untold_challenge(fields, "", found, way))
    return tuple(sorted(found.items(), key=lambda item: keys.index(item[1]) if item[1] in keys else -1)) or None


def _as_fields(data: Value) -> Fields | None:
    value = data.value if isinstance(data, Json) else data
    if isinstance(value, Joined):
        return Fields(tuple(_fields_of_text(value.parts)), "form")
    if isinstance(value, Result):
        return Fields((("", value),))
    return value if isinstance(value, Fields) else None


def _leaves(fields: Fields, prefix: str) -> Iterator[tuple[str, Value]]:
    for name, value in fields.entries:
        path = f"{prefix}\0{name}" if prefix and name else name or prefix
        if isinstance(value, Fields):
            yield from _leaves(value, path)
        elif has_answer(value):
            yield path, value


def _untold_challenge(
    fields: Fields, prefix: str, found: Mapping[str, str], way: str | None
) -> Iterator[tuple[str, str]]:
    """The challenge of v3, where the script takes it from elsewhere: it is sent beside the other two."""
    if V3_KEYS[0] in found.values():
        return
    for name, value in fields.entries:
        path = f"{prefix}\0{name}" if prefix and name else name or prefix
        if isinstance(value, Fields):
            yield from _untold_challenge(value, path, found, way)
        elif name.lower().endswith("challenge") and any(
            isinstance(beside, Key) and beside.name in V3_KEYS for _, beside in fields.entries
        ):
            yield _nested(path, way), V3_KEYS[0]


def _nested(path: str, way: str | None) -> str:
    first, *rest = path.split("\0")
    if way in {"form", "query", "multipart"}:
        return first + "".join(f"[{name}]" for name in rest)
    return ".".join((first, *rest))

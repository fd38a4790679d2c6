"""Where a value of a recorded request came from: an earlier answer of the site, and the place in it."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from attrs import define, evolve, frozen
from attrs import field as define_field
from parsel import Selector

from scrapy_geetest._redaction import is_telling, shown_url
from scrapy_geetest.commands.inspect.paths import jmespath_of
from scrapy_geetest.commands.inspect.recording.answers import json_of
from scrapy_geetest.commands.inspect.recording.fields import ORDINARY, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange
    from scrapy_geetest.commands.inspect.recording.fields import Field

_SHORTEST_BEHIND = 8  # of a value behind a word ("Bearer ...")
_MAX_LITERALS = 5_000
_MAX_ATTRIBUTES = 2_000
_LITERAL = re.compile(r"""(?<!\\)(["'`])((?:(?!\1)[^\\\r\n]){4,4096})\1""")
_CONTEXT = 24
_LAST_WORD = re.compile(r"[^\s=,;:]+$")
_CLOCK_NAMES = frozenset(["t", "_", "ts", "time", "timestamp", "r", "rand", "v", "now", "date", "nonce_time"])
_CLOCK = re.compile(r"1[0-9]{9}(?:[0-9]{3})?(?:\.\d+)?")
_SECONDS = 10  # digits of a clock that counts seconds
_SHORTEST_NAMESAKE = 4  # characters: no "1", no "yes"
_CLOSE = 400 * 86_400  # seconds within which a number is taken for the clock
_SECRET = re.compile(
    r"token|auth|key|secret|session|sign|csrf|xsrf|passw|passcode|pwd|sid\b|jwt|credential"
    r"|(?:^|[_-])(?:pin|otp|totp|mfa|cvv|cvc)(?:$|[_-])",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"[A-Za-z]+[ :]*")  # "Bearer "
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[0-9A-Za-z+/=_.:-]{12,}")


@frozen(kw_only=True)
class Origin:
    """A place in an earlier answer.

    Attributes:
        exchange: Whose answer it is.
        kind: ``"hidden"``, ``"json"``, ``"meta"``, ``"attribute"``, ``"cookie"``, ``"header"``, ``"address"`` or ``"script"``.
        path: Where in it: a name, a JMESPath expression, a CSS selector, or a regular expression.
        keys: Of JSON: keys and indexes.
        before: What the request has before the value: ``"Bearer "``.
        is_quoted: Whether the answer has the value percent-encoded.
    """

    exchange: Exchange
    kind: str
    path: str
    keys: tuple[str | int, ...] = ()
    before: str = ""
    is_quoted: bool = False

    def describe(self, page: Exchange | None) -> str:
        """In words."""
        of_page = page is not None and self.exchange.url == page.url
        answer = "the page" if of_page else f"the answer to {self.exchange.method} {without_clock(self.exchange.url)}"
        behind = f", behind {self.before!r}" if self.before.strip() else ""
        if self.kind == "hidden":
            return f"hidden input of {'the page' if of_page else answer}'s form{behind}"
        kinds = {
            "json": self.path,
            "meta": self.path.partition("::")[0],
            "attribute": self.path,
            "cookie": f"the cookie {self.path}, set by",
            "header": f"the header {self.path} of",
            "address": f"{self.path} in the address of",
            "script": "a script of",
        }
        link = " " if self.kind in {"cookie", "header", "address", "script"} else " of "
        return f"{kinds[self.kind]}{link}{answer}{behind}"


def is_clock(field: Field, exchange: Exchange) -> bool:
    """Whether a value is the time at which the request was made."""
    return _is_time(field.text, exchange.seconds) or (
        str(field.keys[-1]).lower() in _CLOCK_NAMES and bool(_CLOCK.fullmatch(field.text))
    )


def _is_time(text: str, seconds: float) -> bool:
    if not _CLOCK.fullmatch(text) or not seconds:
        return False
    value = float(text)
    return abs((value / 1000 if len(text.partition(".")[0]) > _SECONDS else value) - seconds) < _CLOSE


def may_be_shown(name: str, value: str) -> bool:
    """Whether a constant can be printed: it does not look like a secret, by its name or itself."""
    return not _SECRET.search(name) and not _RANDOM.fullmatch(value)


def with_timestamp(url: str) -> str:
    """*url* with ``{timestamp}`` where the clock is in its query, and without values that are secret by their names."""
    return _clocked(shown_url(url), "{timestamp}")


def without_clock(url: str) -> str:
    """*url* without the clock in its query, and without values that are secret by their names."""
    return _clocked(shown_url(url), None)


def is_scheme(before: str) -> bool:
    """Whether what stands before a value is a word like ``"Bearer "``, or nothing: more may be a secret of its own."""
    return not before or bool(_SCHEME.fullmatch(before))


def _clocked(url: str, stand_in: str | None) -> str:
    address, mark, query = url.partition("?")
    kept = []
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        bare = pair if not equals else value
        is_long = not equals or len(bare) > _SECONDS
        is_the_clock = bool(_CLOCK.fullmatch(bare)) and (is_long or name.lower() in _CLOCK_NAMES)
        if not is_the_clock:
            kept.append(pair)
        elif stand_in:
            kept.append(f"{name}={stand_in}" if equals else stand_in)
    return address + (mark + "&".join(kept) if kept and mark else "")


@define
class Origins:
    """Finds where values came from.

    Attributes:
        exchanges: Of the site; what their answers hold is read when a value is looked for that may be among it.
    """

    exchanges: Sequence[Exchange]
    _read: dict[int, Mapping[str, Sequence[Origin]]] = define_field(factory=dict, init=False)

    def _answers(self, field: Field, before: int) -> Iterator[Mapping[str, Sequence[Origin]]]:
        """The values of the answers that may hold that of *field*, or one that it ends with."""
        for exchange in self.exchanges:
            if exchange.number >= before or not field.text or not _may_hold(exchange, field):
                continue
            if exchange.number not in self._read:
                self._read[exchange.number] = _index(exchange)
            yield self._read[exchange.number]

    def find(self, field: Field, before: int) -> Origin | None:
        """Where the value of *field* stood in an answer before the exchange numbered *before*.

        Of several places, the one of the most telling kind counts, then the latest.
        """
        exact = list(self._places(field, before))
        if not exact and field.place == "headers":
            exact = list(self._behind_a_word(field, before))
        order = ("hidden", "json", "meta", "header", "attribute", "cookie", "address", "script")
        return min(exact, key=lambda origin: (order.index(origin.kind), -origin.exchange.number), default=None)

    def _places(self, field: Field, before: int) -> Iterator[Origin]:
        value, name = field.text, str(field.keys[-1])
        for values in self._answers(field, before):
            for origin in values.get(value, ()):
                is_namesake = _plain(origin.path.rpartition(".")[2]) == _plain(name)
                is_word = origin.kind == "hidden" or (origin.kind != "script" and len(value) >= _SHORTEST_NAMESAKE)
                if is_telling(value) or (is_namesake and is_word):
                    yield origin

    def _behind_a_word(self, field: Field, before: int) -> Iterator[Origin]:
        for values in self._answers(field, before):
            for value, origins in values.items():
                if len(value) >= _SHORTEST_BEHIND and is_telling(value) and field.text.endswith(value):
                    word = field.text[: -len(value)]
                    yield from (evolve(one, before=word) for one in origins if is_scheme(word))


def _may_hold(exchange: Exchange, field: Field) -> bool:
    """Whether an answer has the value of *field* in it somewhere; a cheap look, before the whole answer is read."""
    text = field.text
    if not is_telling(text) and str(field.keys[-1]) not in exchange.text:
        return False
    if any(text in {value, unquote(value)} or text.endswith(value) for _, value in exchange.set_cookies if value):
        return True
    if any(value and text.endswith(value) for _, value in exchange.answer_headers) or text in unquote_plus(
        exchange.url
    ):
        return True
    last = _LAST_WORD.search(text)
    needles = {text, last[0] if last and is_telling(last[0]) else text}
    written = {form for one in needles for form in (one, one.replace("/", "\\/"), escape(one), json.dumps(one)[1:-1])}
    return any(one in exchange.text for one in written)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _index(exchange: Exchange) -> Mapping[str, list[Origin]]:
    found: dict[str, list[Origin]] = {}
    for value, origin in _values(exchange):
        if value:
            found.setdefault(value, []).append(origin)
    return found


def _values(exchange: Exchange) -> Iterator[tuple[str, Origin]]:
    for name, value in exchange.set_cookies:
        origin = Origin(exchange=exchange, kind="cookie", path=name)
        yield value, origin
        if unquote(value) != value:
            yield unquote(value), evolve(origin, is_quoted=True)
    for name, value in exchange.answer_headers:
        if name.lower() not in {*ORDINARY, "set-cookie", "date", "server", "location", "etag", "last-modified"}:
            yield value, Origin(exchange=exchange, kind="header", path=name)
    if exchange.is_page:
        for name, value in parse_qsl(urlsplit(exchange.url).query):
            yield value, Origin(exchange=exchange, kind="address", path=name)
        yield from _of_page(exchange)
        return
    data = json_of(exchange)
    for keys, value in leaves(data) if data is not None else ():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield str(value), Origin(exchange=exchange, kind="json", path=jmespath_of(keys), keys=keys)
    if data is None and "script" in exchange.media_type:
        yield from _of_script(exchange.text, exchange)


def _of_page(exchange: Exchange) -> Iterator[tuple[str, Origin]]:
    page = Selector(text=exchange.text, type="html")
    for one in page.xpath("//input[@type='hidden'][@name]")[:_MAX_ATTRIBUTES]:
        yield one.attrib.get("value", ""), Origin(exchange=exchange, kind="hidden", path=one.attrib["name"])
    for one in page.xpath("//meta[@content][@name or @property]")[:_MAX_ATTRIBUTES]:
        key = "name" if "name" in one.attrib else "property"
        css = f"meta[{key}={css_word(one.attrib[key])}]::attr(content)"
        yield one.attrib["content"], Origin(exchange=exchange, kind="meta", path=css)
    data_attributes = "//*[@*[starts-with(name(), 'data-')]]"
    for one in page.xpath(data_attributes)[:_MAX_ATTRIBUTES]:
        for name, value in one.attrib.items():
            if name.startswith("data-"):
                yield value, Origin(exchange=exchange, kind="attribute", path=f"[{name}]::attr({name})")
    yield from _of_script("\n".join(page.xpath("//script[not(@src)]/text()").getall()), exchange)


def css_word(text: str) -> str:
    """A name as CSS writes it in an attribute selector."""
    if re.fullmatch(r"-?[A-Za-z_][A-Za-z0-9_-]*", text):
        return text
    mark = "'" if "'" not in text else '"'
    return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark


def _of_script(code: str, exchange: Exchange) -> Iterator[tuple[str, Origin]]:
    for count, literal in enumerate(_LITERAL.finditer(code)):
        if count == _MAX_LITERALS:
            return
        context = re.search(r"[\w$.\"'\[\]]+\s*[:=(,]\s*$", code[max(0, literal.start() - _CONTEXT) : literal.start()])
        lead = re.escape(context[0]) if context else ""
        yield literal[2], Origin(exchange=exchange, kind="script", path=f"{lead}{literal[1]}([^{literal[1]}]+)")

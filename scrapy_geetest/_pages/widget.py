"""What a page says of the GeeTest widgets that it carries."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from scrapy_geetest._pages.calls import (
    MAX_CALLS,
    Call,
    Loader,
    brand_of,
    find_calls,
    find_definition,
    find_loaded,
    linked_loader,
    speaks_of_geetest,
)
from scrapy_geetest._pages.hints import register_hints, register_request
from scrapy_geetest._pages.javascript import Budget, Code, Span
from scrapy_geetest._pages.markup import Markup, Script, read_markup
from scrapy_geetest._pages.names import Names
from scrapy_geetest._pages.prefilter import excerpt, may_be_live
from scrapy_geetest._pages.requests import ReadScript
from scrapy_geetest._pages.shown_values import shown_values
from scrapy_geetest._pages.values import host, is_challenge, is_site_id, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Signs", "Widget", "find_widgets", "may_carry", "register_hints"]

# A page that carries a widget holds one of these (the second: a v4 loader of another brand); hardly any other does.
_NAME_NEEDLE, _LOADER_NEEDLE, _ALICOM_NEEDLE = b"eetest", b".com/v4/", b"initAlicom4"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF16_MARKUP = (*_UTF16, b"<\x00", b"\x00<")
_LIST = re.compile(rb"\s*\[(\s*[\"'`]\x01*[\"'`]\s*)(?:,[^\[\]()]*)?\]\s*")
_LONGEST_EXCERPT = 60
_NAME = re.compile(rb"geetest", re.IGNORECASE)
_WRITTEN_CALL = re.compile(rb"(?<![\w$])init(?:Geetest4?|Alicom4)\s{0,40}\(")
_SITE_ID_KEYS = {3: ("gt",), 4: ("captchaId", "captcha_id", "gt")}
_V3_KEYS = {"challenge", "offline", "product", "new_captcha"}
_MAX_LOOKED_AT = 64  # calls of one script
_HOST_KEYS = ("api_server", "apiServer", "apiServers", "apiservers", "api_servers")


@frozen(kw_only=True)
class Widget:
    """A GeeTest widget as a page shows it. What the page's scripts compute or fetch is not in the page: ``None``.

    Attributes:
        version: 3 or 4.
        brand: ``"GeeTest"``, or the name under which its v4 is sold: ``"Geelab"``, ``"Alibaba Cloud"``, ``"EngageLab"``.
        gt: The site's public id for v3.
        captcha_id: The site's public id for v4.
        challenge: The v3 challenge, where it is in the page.
        api_server: Host of the widget's API server, where the page names one.
        risk_type: v4: ``slide``, ``word``, ``ai``, ….
        product: How the widget is shown: ``float``, ``popup``, ``bind``, ….
        new_captcha: v3: as the page has it literally.
        offline: v3: whether GeeTest could not be reached when the page was made; its challenge is then worthless.
        register_url: What the page's script asks for the challenge, as it stands there.
        evidence: What shows that there is a widget, in words.
        is_called: Whether a script makes it, rather than that its loader is there.
        unread: Parameters that are expressions in the page's script, as ``name: expression``.
    """

    version: int
    brand: str = "GeeTest"
    gt: str | None = None
    captcha_id: str | None = None
    challenge: str | None = None
    api_server: str | None = None
    risk_type: str | None = None
    product: str | None = None
    new_captcha: bool | None = None
    offline: bool | None = None
    register_url: str | None = None
    evidence: str = ""
    is_called: bool = False
    unread: tuple[str, ...] = ()


@frozen
class Signs:
    """What of GeeTest there is in a page, whether it counts or not.

    Attributes:
        named: How often its name occurs, in whatever place.
        calls: The initialisation functions that live scripts call, in their order.
        idle: Calls that do not count: in comments, strings, text.
        loaders: Scripts of GeeTest's that the page links, loads or contains, in words.
        namesakes: Linked scripts that are called like GeeTest's loader, on a page that speaks of GeeTest nowhere else.
    """

    named: int = 0
    calls: tuple[str, ...] = ()
    idle: int = 0
    loaders: tuple[str, ...] = ()
    namesakes: tuple[str, ...] = ()


def may_carry(body: bytes) -> bool:
    """Whether it is worth looking for a widget in *body*: a few searches for fixed bytes, no more."""
    # From the end or from the start: whichever CPython does faster on ordinary pages.
    return (
        body.rfind(_NAME_NEEDLE) >= 0
        or body.find(_ALICOM_NEEDLE) >= 0
        or body.rfind(_LOADER_NEEDLE) >= 0
        or body.startswith(_UTF16_MARKUP)
    )


def find_widgets(body: bytes | str, *, is_script: bool = False) -> tuple[Widget, ...]:
    """The widgets of a page, in the order of their scripts; at most 16.

    A call of ``initGeetest(…)``, ``initGeetest4(…)`` or ``initAlicom4(…)`` in a script is a widget each; comments,
    strings, ``pre`` and the like do not count. A page without such a call has one widget for each version whose loader
    it links, loads or contains. *body* may be anything: the time is linear in its length and bounded. Of a long page its beginning is read, and the
    scripts behind that which name one of these functions.

    Args:
        body: The page. Bytes are read as an extension of ASCII, or by their UTF-16 byte order mark.
        is_script: Whether it is no page, but a script, as pages link them.
    """
    body = ascii_compatible(body)
    if not may_carry(body):
        return ()
    if is_script:
        return PageReading(Markup.of_script(body)).widgets()
    body = excerpt(body)
    return PageReading(read_markup(body)).widgets() if may_be_live(body) else ()


def ascii_compatible(body: bytes | str) -> bytes:
    if isinstance(body, bytes) and not body.startswith(_UTF16):
        return body
    text = body.decode("utf-16", "replace") if isinstance(body, bytes) else body
    return text.encode("utf-8", "replace")


class PageReading:
    """A page, or a script, as it is read once; its scripts are evaluated when something is asked of them."""

    def __init__(self, markup: Markup) -> None:
        self.markup = markup
        budget = Budget()
        self.scripts = [Code.of(script.code, budget) for script in markup.scripts if script.code and not script.is_json]
        self._read_scripts = {id(code): ReadScript(code) for code in self.scripts}
        self.names = Names(self.scripts, budget)
        self.sources = [script.src for script in markup.scripts if script.src] + list(markup.preloads)
        # What the scripts say of GeeTest matters only where a linked one has a name that others have, too.
        self.is_about_geetest = markup.mentions or (
            any(linked_loader(src, is_about_geetest=True) for src in self.sources)
            and any(speaks_of_geetest(code) for code in self.scripts)
        )
        self.loaders = self._loaders()

    def widgets(self) -> tuple[Widget, ...]:
        calls = self.calls()
        if calls:
            widgets = tuple(self._called(call) for call in calls)
        else:
            by_version = {loader.version: loader for loader in reversed(self.loaders)}
            widgets = tuple(self._loaded(loader) for _, loader in sorted(by_version.items()))
        return self._with_shown_values(widgets)

    @classmethod
    def of(cls, body: bytes | str, *, is_script: bool = False, linked: Sequence[bytes] = ()) -> PageReading:
        """Read *body*, with the scripts that it links, where they were fetched."""
        body = ascii_compatible(body)
        markup = Markup.of_script(body) if is_script else read_markup(excerpt(body))
        return cls(evolve(markup, scripts=(*markup.scripts, *map(Script, linked))))

    @property
    def read_scripts(self) -> Sequence[ReadScript]:
        """Its scripts, in their order."""
        return tuple(self._read_scripts.values())

    def signs(self, body: bytes) -> Signs:
        """Signs of GeeTest in it, and in *body*, of which it was read."""
        calls = tuple(call.function for call in self.calls())
        written = sum(1 for _ in _WRITTEN_CALL.finditer(body))
        return Signs(
            named=sum(1 for _ in _NAME.finditer(body)),
            calls=calls,
            idle=max(0, written - len(calls)) if len(calls) < MAX_CALLS else 0,
            loaders=tuple(dict.fromkeys(loader.where for loader in self.loaders)),
            namesakes=self.namesakes(),
        )

    def namesakes(self) -> tuple[str, ...]:
        sources = [script.src[:200] for script in self.markup.scripts if script.src]
        alike = [src for src in sources if linked_loader(src, is_about_geetest=True)]
        return (
            ()
            if self.is_about_geetest
            else tuple(src for src in alike if not linked_loader(src, is_about_geetest=False))
        )

    def calls(self) -> list[Call]:
        found = []
        for code in self.scripts:
            for call in islice(find_calls(code), _MAX_LOOKED_AT):
                if call.is_sure or self._takes(call):
                    found.append(call)
                if len(found) == MAX_CALLS:
                    return found
        return found

    def _takes(self, call: Call) -> bool:
        """Whether GeeTest takes such an argument: its id, beside something else of v3's."""
        keys = set(_Reader(call.code, self.names, call.argument).keys)
        return bool(keys & {"captchaId", "captcha_id"} or ("gt" in keys and keys & _V3_KEYS))

    def _loaders(self) -> list[Loader]:
        linked = (linked_loader(src, is_about_geetest=self.is_about_geetest) for src in self.sources)
        inside = (find(code) for code in self.scripts for find in (find_loaded, find_definition))
        return [loader for loader in (*linked, *inside) if loader]

    def _called(self, call: Call) -> Widget:
        reader = _Reader(call.code, self.names, call.argument)
        version = self._version(call, reader.keys)
        site_id = reader.text(_SITE_ID_KEYS[version], is_site_id)
        api_server = host(reader.text(_HOST_KEYS, lambda value: host(value) is not None))
        register = register_request(call, self._read_scripts[id(call.code)]) if site_id is None else None
        return Widget(
            version=version,
            brand=self._brand(call, api_server),
            gt=site_id if version == 3 else None,  # noqa: PLR2004  # the versions of GeeTest
            captcha_id=site_id if version == 4 else None,  # noqa: PLR2004  # the versions of GeeTest
            challenge=reader.text(("challenge",), is_challenge),
            api_server=api_server,
            risk_type=reader.text(("riskType", "risk_type"), word),
            product=reader.text(("product",), word),
            new_captcha=reader.flag("new_captcha"),
            offline=reader.flag("offline"),
            register_url=register,
            evidence=f"a call of {call.function} in a script",
            is_called=True,
            unread=reader.unread(),
        )

    def _loaded(self, loader: Loader) -> Widget:
        return Widget(version=loader.version, brand=loader.brand or self._page_brand(), evidence=loader.where)

    def _version(self, call: Call, keys: Iterable[str]) -> int:
        """The function's name tells; ``initGeetest`` is also what some v4 loaders define."""
        if call.function.endswith("4") or {"captchaId", "captcha_id"} & set(keys):
            return 4
        versions = {loader.version for loader in self.loaders}
        return 4 if versions == {4} and not {"gt", "challenge", "offline"} & set(keys) else 3

    def _brand(self, call: Call, api_server: str | None) -> str:
        if call.function == "initAlicom4":
            return "Alibaba Cloud"
        return brand_of(api_server) or self._page_brand()

    def _page_brand(self) -> str:
        return next((loader.brand for loader in self.loaders if loader.brand), "GeeTest")

    def _with_shown_values(self, widgets: tuple[Widget, ...]) -> tuple[Widget, ...]:
        """Fill a widget's ids from the rest of the page, where it has none and the page shows one that is unambiguous."""
        if not widgets or any(widget.gt or widget.captcha_id or widget.challenge for widget in widgets):
            return widgets
        shown = shown_values(self.markup, self.scripts, self.names.budget)
        site_id, gt = shown.get("captcha_id"), shown.get("gt")
        return tuple(
            evolve(widget, gt=gt or site_id, challenge=shown.get("challenge"))
            if widget.version == 3  # noqa: PLR2004  # the versions of GeeTest
            else evolve(widget, captcha_id=site_id or gt, risk_type=widget.risk_type or word(shown.get("risk_type")))
            for widget in widgets
        )


class _Reader:
    """The first argument of a call: an object literal, or a name of one."""

    def __init__(self, code: Code, names: Names, argument: Span) -> None:
        self.names = names
        self.code = code
        self.keys: dict[str, Span] = {}
        start: int | None = argument[0]
        if code.masked[argument[0] : argument[0] + 1] != b"{":
            path = code.path(argument)
            place = names.object(path) if path else None
            self.code, start = place or (code, None)
        if start is not None:
            self.keys = self.code.entries(start)[0]
        self._expressions: dict[str, str] = {}

    def text(self, keys: Sequence[str], is_valid: object) -> str | None:
        for key in keys:
            span = self.keys.get(key)
            if span is None:
                continue
            value = self._literal(span)
            if value is not None and callable(is_valid) and is_valid(value):
                return value
            self._expressions[key] = _excerpt(self.code, span)
        return None

    def flag(self, key: str) -> bool | None:
        span = self.keys.get(key)
        return self.code.word(span) if span else None

    def unread(self) -> tuple[str, ...]:
        return tuple(f"{key}: {excerpt}" for key, excerpt in self._expressions.items())

    def _literal(self, span: Span) -> str | None:
        value = self.code.literal(self._first_of_list(span))
        if value is None and (path := self.code.path(span)) and (place := self.names.value(path)):
            value = place[0].literal(place[1])
        return value

    def _first_of_list(self, span: Span) -> Span:
        listed = _LIST.fullmatch(self.code.masked, *span)
        return listed.span(1) if listed else span


def _excerpt(code: Code, span: Span) -> str:
    text = " ".join(
        code.text[span[0] : min(span[1], span[0] + 4 * _LONGEST_EXCERPT)].decode("utf-8", "replace").split()
    )
    return text if len(text) <= _LONGEST_EXCERPT else text[: _LONGEST_EXCERPT - 1] + "…"

"""Calls of GeeTest's initialisation functions in scripts, and what else shows that a page loads a widget."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import frozen

from scrapy_geetest._pages.javascript import SPACE, TEXT, Code, Span
from scrapy_geetest._pages.spellings import NAME, OPEN, OPEN_INDIRECT, aliases, argument_at, argument_behind, uses

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CALLS = 16  # of one page: more are no page for a visitor
_NAMED_AT_ALL = re.compile(rb"initGeetest|initAlicom4")
_MAX_NAMES = 500  # of one script that are looked at
_MAX_ALIASES = 8
_OPEN_IN_PARENTHESES = re.compile(rb"\)\s{0,8}(?:\?\.)?\(\s*")
# Before a name: (0, sdk.initGeetest)(…, and (initGeetest)(…, but not f(initGeetest)(…
_SEQUENCE = re.compile(rb"\(\s{0,8}0\s{0,8},\s{0,8}[\w$.]{0,40}$")
_IN_PARENTHESES = re.compile(rb"(?:^|[^\w$)\]\s])\s{0,8}\((?:[\w$]{1,40}\??\.)?$")
_OWNER = re.compile(rb"([\w$]*|[)\]])\s{0,8}!?\s{0,8}(?:\?\.|\.|\[)$")
# (window as any)., (<any>window)., (typeof window !== "undefined" ? window : global).
_GLOBAL_IN_PARENTHESES = re.compile(
    rb"\((?:[^();]{0,80}[^\w$.;()])?(?:window|globalThis|self|global)(?:[^\w$();][^();]{0,60})?\)\s{0,8}!?\s{0,8}(?:\?\.|\.|\[)$"
)
_GLOBALS = frozenset({b"window", b"self", b"globalThis", b"top", b"parent", b"contentWindow", b"unsafeWindow"})
_METHOD = re.compile(rb"\s{0,8}\([^(){}\"'`]{0,120}\)\s{0,40}\{")
_DEFINITION = re.compile(
    rb"\s{0,8}(?:\]\s{0,8})?=\s{0,8}(?:async\s{1,8})?"
    rb"(?:function\b|\([^()]{0,120}\)\s{0,8}=>|[A-Za-z_$][\w$]{0,40}\s{0,8}=>)"
)
_NO_CALL_BEFORE = (b"function", b"function*", b"new")
_LOADER_URL = re.compile(rb"(?:https?:)?(?:\\?/){2}[\w.-]{1,80}(?:\\?/[\w.-]{0,60}){1,8}\.js")
_LOADER_FILE = re.compile(rb"/(?:gt4?|gcaptcha4|ct4|fullpage|geetest)(?:[._-][\w.-]{0,60})?$", re.IGNORECASE)
_LONGEST_URL = 400
_SCRIPT_TAG = re.compile(rb"[\"'`]\s{0,8}<script[^<>]{0,80}src=\\?[\"']?$")
_LOADER = re.compile(r"(gt4|gcaptcha4|ct4|gt|fullpage|geetest)(?:[._-][\w.-]{0,60})?\.js")
_OWN_LOADER = re.compile(r"(gt4|gt)(?:\.\d[\d.]{0,12})?(?:[.-](?:min|prod|[0-9a-f]{6,40}))?\.js")

_MENTION = re.compile(rb"eetest")
_NAME_IN_STRING = re.compile(rb"^[\"'`][^\s\"'`<>()]*[\"'`]")
_LONGEST_NAME = 120  # bytes of a string around a mention that are looked at
_MAX_MENTIONS = 1_000

BRANDS = {
    "geetest.com": "GeeTest",
    "geevisit.com": "GeeTest",
    "gsensebot.com": "GeeTest",
    "geelabapi.com": "Geelab",
    "geelab.tech": "Geelab",
    "alicaptcha.com": "Alibaba Cloud",
    "engagelab.com": "EngageLab",
}
"""Domains of GeeTest's loaders and API servers, and of those who sell its v4 under names of their own."""


@frozen
class Call:
    """A call of an initialisation function.

    Attributes:
        code: The script that it is in.
        position: Where its name begins.
        function: The name.
        argument: Where its first argument is.
        is_sure: Whether it is one whatever its argument is; any other counts if that is one that GeeTest takes.
    """

    code: Code
    position: int
    function: str
    argument: Span
    is_sure: bool = True


@frozen
class Loader:
    """A script that defines an initialisation function: linked, loaded by a script, or in the page itself."""

    version: int
    where: str
    brand: str | None = None


def brand_of(host: str | None) -> str | None:
    """Whose domain *host* belongs to, or ``None``."""
    labels = (host or "").lower().rstrip(".").split(".")
    return BRANDS.get(".".join(labels[-2:]))


def find_calls(code: Code) -> Iterator[Call]:
    """The calls in a script: neither definitions nor mere mentions.

    ``w.initGeetest(…)`` is sure to be one, because one letter may stand for ``window``; ``that.initGeetest(…)`` is not.
    """
    if not _NAMED_AT_ALL.search(code.text):
        return
    names: dict[str, str] = {}
    read: set[int] = set()  # arguments: one may belong to two names, in (a ? b.initGeetest : b.initGeetest4)(…
    for match in islice(NAME.finditer(code.masked), _MAX_NAMES):
        if call := _call(code, match):
            if call.argument[0] not in read:
                yield call
            read.add(call.argument[0])
            continue
        for alias in aliases(code, *match.span()):
            function = match[0].decode()
            names[alias] = function if names.setdefault(alias, function) == function else "initGeetest"
    for alias, function in islice(names.items(), _MAX_ALIASES):
        if not NAME.fullmatch(alias.encode()):
            for position, argument in uses(code, alias):
                yield Call(code, position, function, argument_at(code, argument), is_sure=False)


def _call(code: Code, name: re.Match[bytes]) -> Call | None:
    start, end = name.span()
    before = code.masked[max(0, start - 160) : start].rstrip()
    opening, is_sequence = _opening(code, end, before)
    if opening is None:
        argument = argument_behind(code, start, end)
        if argument is None:
            return None
        # Handed on with options of whatever kind: a method of that name would be called, not handed on.
        is_sure = _is_global(before) and code.masked[argument : argument + 1] == b"{"
        return Call(code, start, name[0].decode(), argument_at(code, argument), is_sure)
    if before.endswith(_NO_CALL_BEFORE) or code.masked[opening.end() : opening.end() + 1] == b")":
        return None
    is_sure = True
    if _is_member(code, start, before):
        is_sure = is_sequence or _is_global(before)
    elif _METHOD.match(code.masked, end):
        return None
    return Call(code, start, name[0].decode(), argument_at(code, opening.end()), is_sure)


def _opening(code: Code, end: int, before: bytes) -> tuple[re.Match[bytes] | None, bool]:
    """What stands between a name and its first argument, if it is called; and whether it is the last of a sequence."""
    if opening := OPEN.match(code.masked, end) or OPEN_INDIRECT.match(code.masked, end):
        return opening, False
    is_sequence = _SEQUENCE.search(before) is not None
    if is_sequence or _IN_PARENTHESES.search(before):
        return _OPEN_IN_PARENTHESES.match(code.masked, end), is_sequence
    return None, False


def _is_member(code: Code, start: int, before: bytes) -> bool:
    """Whether a name is a member of an object: ``object.name``, or ``object["name"]``, whose quotes are masked."""
    return before.endswith(b".") or (before.endswith(b"[") and code.text[start - 1 : start] in {b"'", b'"'})


def _is_global(before: bytes) -> bool:
    """Whether the object whose member a name is may be the global one."""
    owner = _OWNER.search(before)
    if owner is not None and (owner[1] in _GLOBALS or (len(owner[1]) == 1 and owner[1].isalpha())):
        return True
    return _GLOBAL_IN_PARENTHESES.search(before) is not None


def find_definition(code: Code) -> Loader | None:
    """The loader itself, where it was put into the page: ``window.initGeetest = function …``."""
    if not _NAMED_AT_ALL.search(code.text):
        return None
    for match in islice(NAME.finditer(code.masked), _MAX_NAMES):
        before = code.masked[max(0, match.start() - 8) : match.start()].rstrip()
        if before.endswith((b".", b"[")) and _DEFINITION.match(code.masked, match.end()):
            version = 4 if match[0].endswith(b"4") else 3
            return Loader(version, f"the loader of {match[0].decode()} inside the page", _brand_in(code.text))
    return None


def _brand_in(text: bytes) -> str | None:
    return next((brand for domain, brand in BRANDS.items() if domain.encode() in text and brand != "GeeTest"), None)


def find_loaded(code: Code) -> Loader | None:
    """A loader that a script loads: the whole of a string is its address, or it stands in a script tag to be written."""
    for match in _loader_urls(code.text):
        at = match.start()
        if not at or code.masked[at] != TEXT:
            continue
        whole = code.masked[at - 1] != TEXT
        if whole or _SCRIPT_TAG.search(code.text, max(0, at - 140), at):
            loader = linked_loader(match[0].decode().replace("\\", ""), is_about_geetest=False)
            if loader:
                return loader
    return None


def _loader_urls(text: bytes) -> Iterator[re.Match[bytes]]:
    end = text.find(b".js")
    for _ in range(_MAX_NAMES):
        if end < 0:
            return
        if _LOADER_FILE.search(text, max(0, end - _LONGEST_NAME), end):
            start = max(0, end - _LONGEST_URL)
            yield from (match for match in _LOADER_URL.finditer(text, start, end + 3) if match.end() == end + 3)
        end = text.find(b".js", end + 3)


def linked_loader(src: str, *, is_about_geetest: bool) -> Loader | None:
    """The loader that a script's address names.

    Args:
        src: The address.
        is_about_geetest: Whether the page speaks of GeeTest elsewhere: there are unrelated scripts called ``gt.js``,
            so that a loader on a host of the site's own counts only then.
    """
    try:
        parts = urlsplit(src)
        brand = brand_of(parts.hostname)
    except ValueError:
        return None
    file = parts.path.rpartition("/")[2].lower()
    match = _LOADER.fullmatch(file) if brand else _OWN_LOADER.fullmatch(file) if is_about_geetest else None
    if match is None:
        return None
    version = 4 if match[1].endswith("4") or "/v4/" in parts.path else 3
    return Loader(version, f"the linked script {src[:200]}", brand)


def speaks_of_geetest(code: Code) -> bool:
    """Whether a script has GeeTest in a name or in a string that is no prose; comments do not count."""
    for match in islice(_MENTION.finditer(code.text), _MAX_MENTIONS):
        filling = code.masked[match.start()]
        if filling not in {SPACE, TEXT}:
            return True
        if filling == TEXT and _NAME_IN_STRING.search(_string_around(code, match.start())):
            return True
    return False


def _string_around(code: Code, position: int) -> bytes:
    start = max(0, position - _LONGEST_NAME)
    begin = max(code.masked.rfind(quote, start, position) for quote in (b'"', b"'", b"`"))
    return code.text[max(begin, start) : position + _LONGEST_NAME]

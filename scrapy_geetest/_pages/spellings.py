"""The ways in which scripts spell a call of GeeTest's initialisation functions, beside the plain one.

An object's own method may have the same name, an alias may be any name: what is found here counts only where its
argument is one that GeeTest takes.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest._pages.javascript import Code, Span

NAME = re.compile(rb"(?<![\w$])init(?:Geetest4?|Alicom4)(?![\w$])")
# initGeetest!(…, initGeetest?.(…, initGeetest<Options>(…, object["initGeetest"](…
OPEN = re.compile(rb"\s{0,40}(?:\]\s{0,8})?!?\s{0,8}(?:<[\w.,\s|\[\]]{1,60}>\s{0,8})?(?:\?\.\s{0,8})?\(\s*")
# initGeetest.call(window, …; initGeetest.apply(window, […
OPEN_INDIRECT = re.compile(
    rb"\s{0,40}(?:\]\s{0,8})?\.\s{0,8}(?:call\(\s{0,8}[\w$.]{1,40}\s{0,8},|apply\(\s{0,8}[\w$.]{1,40}\s{0,8},\s{0,8}\[)\s*"
)
# (window.initGeetest)(…, (a ? b.initGeetest : b.initGeetest4)(…, (window.initGeetest as any)(…, promisify(initGeetest)(…
_OPEN_BEHIND = re.compile(rb"[^(){};\n=]{0,120}\)\s{0,8}!?\s{0,8}(?:\?\.)?\(\s*")
# mount(window.initGeetest, {…
_NEXT_ARGUMENT = re.compile(rb"\s{0,8}\]?\s{0,8}(?:as\s{1,4}[\w.]{1,40}\s{0,8})?!?\s{0,8},\s*(?=[\w${])")
_AS_ARGUMENT = re.compile(
    rb"[(,]\s{0,8}(?:[\w$]{1,40}\s{0,8}!?\s{0,8}(?:\??\.|(?=\[))\s{0,8}|\(\s{0,8}[\w$]{1,40}\s{1,4}as\s[\w.\s]{1,40}\)\s{0,8}\.)?\[?\s{0,8}$"
)
_ASSIGNED = re.compile(
    rb"(?<![\w$.])([A-Za-z_$][\w$]{0,63})\s{0,8}(?::\s{0,8}[\w.<>\[\]| ]{1,60})?=(?![=>])(?:[^=;(){}\n]|[=!]==?){0,100}"
    rb"(?:\(\s{0,8}(?:<\w{1,20}>)?\s{0,8}[\w$]{1,40}(?:\s{1,4}as\s[\w.\s]{1,40})?\)[^=;(){}\n]{0,20})?$"
)
_IS_VALUE = re.compile(
    rb"\s{0,8}\]?(?:\.bind\s{0,8}\(\s{0,8}[\w$.]{0,40}\s{0,8}\))?\s{0,8}(?:as\s[^;,\n]{1,60})?!?\s{0,8}(?:[;,)\n]|$|:|\|\||\?\?|\})"
)
_RENAMED = re.compile(rb"\s{0,8}(?::|as\s)\s{0,8}([A-Za-z_$][\w$]{0,63})\s{0,8}[,}=]")
_PATTERN_END = re.compile(rb"[^{}();]{0,200}\}\s{0,8}(?:=(?![=>])|from\b)")
_PATTERN_START = re.compile(rb"\{[^{}();]{0,200}$")
_GIVEN = re.compile(rb"\s{0,8}\]?\s{0,8}=(?![=>])\s{0,8}([A-Za-z_$][\w$]{0,63})\s{0,8}(?:[;,)}\n]|$)")
_MAX_USES = 200  # of an alias that are looked at
_KEYWORDS = frozenset({b"function", b"async", b"null", b"undefined", b"void", b"this", b"return", b"new"})


def argument_behind(code: Code, start: int, end: int) -> int | None:
    """Where the first argument begins of a call that is not right behind the name at *start* to *end*."""
    before = code.masked[max(0, start - 120) : start]
    if _AS_ARGUMENT.search(before) and (following := _NEXT_ARGUMENT.match(code.masked, end)):
        return following.end()
    behind = _OPEN_BEHIND.match(code.masked, end)
    return behind.end() if behind and b"(" in before else None


def aliases(code: Code, start: int, end: int) -> Iterator[str]:
    """Names that stand for the function at *start* to *end*: it is assigned to one, or renamed, or given by one."""
    before = code.masked[max(0, start - 160) : start]
    if (
        (renamed := _RENAMED.match(code.masked, end))
        and _PATTERN_START.search(before)
        and _PATTERN_END.match(code.masked, end)
    ):
        yield renamed[1].decode()
    elif (given := _GIVEN.match(code.masked, end)) and given[1] not in _KEYWORDS:
        yield given[1].decode()
    elif (assigned := _ASSIGNED.search(before)) and _IS_VALUE.match(code.masked, end):
        yield assigned[1].decode()


def uses(code: Code, alias: str) -> Iterator[tuple[int, int]]:
    """Where *alias* is called: where its name begins, and where its first argument does."""
    pattern = re.compile(rb"(?<![\w$.])" + re.escape(alias.encode()) + rb"(?![\w$])")
    for match in islice(pattern.finditer(code.masked), _MAX_USES):
        opening = OPEN.match(code.masked, match.end())
        if opening and not code.masked[: match.start()].rstrip().endswith(b"function"):
            yield match.start(), opening.end()


def argument_at(code: Code, start: int) -> Span:
    """The argument that begins at *start*."""
    if code.masked[start : start + 1] == b"{":
        return start, code.entries(start)[1] or len(code.masked)
    end = _ARGUMENT_END.search(code.masked, start, start + 400)
    return start, end.start() if end else start


_ARGUMENT_END = re.compile(rb"[,()]")

"""Brackets, functions and the extent of expressions in a script: what an evaluation of its literals needs, no more."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scrapy_geetest._pages.javascript import Code, Span

_BRACKET = re.compile(rb"[(){}\[\]]")
_STOP = re.compile(rb"[(\[{)\]},;\n]")
_SPLITTER = re.compile(rb"[(\[{]|[)\]}]|,")
_CONTINUES = re.compile(rb"\s*(?:[.?:+*/%&|^<>=,)\]}]|-(?!-)|(?:instanceof|in|as)\b)")
_IS_CONTINUED = re.compile(rb"(?:[.?:+*/%&|^<>=,(\[{!~-]|\b(?:await|return|typeof|new|in|of|instanceof))\s*$")
_MAX_BRACKETS = 30_000
_MAX_NAMED = 500
_FUNCTION = re.compile(rb"(?:function\s{0,8}\*?\s{0,8}([\w$]*)|(?<![\w$.])([\w$]{1,64}))\s{0,8}$")
_NO_FUNCTIONS = frozenset({b"if", b"for", b"while", b"switch", b"catch", b"with", b"return", b"await"})
_NAMED = re.compile(rb"([\w$]{1,64})\s{0,8}(?::\s{0,8}[\w.<>]{1,40}\s{0,8})?[=:]\s{0,8}(?:async\s{0,8})?$")
_ARROW = re.compile(rb"=>\s{0,8}$")
_ARROW_PARAMETER = re.compile(rb"(?:async\s{1,8})?([\w$]{1,64})\s{0,8}=>\s{0,8}$")
_TYPE = re.compile(rb"\s{0,8}[?]?:\s{0,8}[\w.<>\[\]| ]{1,60}")


@frozen
class Function:
    """A function whose body is a block.

    Attributes:
        name: Its own name, or that of what it is assigned to; may be empty.
        parameters: Where each of its parameters is.
        body: Where the ``{`` of its body is.
        is_argument: Whether it is handed to a call, so that its parameters hold what that gives it.
    """

    name: str
    parameters: tuple[Span, ...]
    body: int


@define(eq=False)
class Syntax:
    """Looks at the masked code of one script."""

    code: Code
    closes: Mapping[int, int] = field(init=False, factory=dict)
    opens: Mapping[int, int] = field(init=False, factory=dict)
    _starts: list[int] = field(init=False, factory=list)
    _around: list[int] = field(init=False, factory=list)
    _functions: dict[int, Function | None] = field(init=False, factory=dict)
    _by_name: dict[str, list[Function]] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        closes: dict[int, int] = {}
        opens: dict[int, int] = {}
        stack: list[int] = []
        for count, match in enumerate(_BRACKET.finditer(self.code.masked)):
            if count == _MAX_BRACKETS:
                break
            at = match.start()
            if match[0] in b"({[":
                self._around.append(stack[-1] if stack else -1)
                self._starts.append(at)
                stack.append(len(self._starts) - 1)
            elif stack:
                start = self._starts[stack.pop()]
                closes[start], opens[at] = at, start
        self.closes, self.opens = closes, opens

    def around(self, position: int) -> Iterator[int]:
        """The opening brackets that *position* is inside of, the innermost first."""
        place = bisect_right(self._starts, position - 1) - 1
        while place >= 0:
            start = self._starts[place]
            if self.closes.get(start, len(self.code.masked)) >= position:
                yield start
            place = self._around[place]

    def arguments(self, opening: int) -> list[Span]:
        """Where the parts are that commas separate between the bracket at *opening* and its end."""
        end = self.closes.get(opening)
        return [] if end is None else self.parts((opening + 1, end))

    def parts(self, span: Span) -> list[Span]:
        """Where the parts of *span* are that commas outside of brackets separate."""
        found, begin, position = [], span[0], span[0]
        while stop := _SPLITTER.search(self.code.masked, position, span[1]):
            position = stop.end()
            if stop[0] in b"([{":
                position = self.closes.get(stop.start(), span[1] - 1) + 1
            elif stop[0] == b",":
                found.append((begin, stop.start()))
                begin = stop.end()
        found.append((begin, span[1]))
        return [part for part in found if self.code.masked[slice(*part)].strip()]

    def expression(self, start: int) -> Span:
        """The expression that begins at *start*: up to a comma, the end of the statement, or of what is around it."""
        masked, position = self.code.masked, start
        while stop := _STOP.search(masked, position):
            token, at = stop[0], stop.start()
            if token in b"([{":
                position = self.closes.get(at, len(masked) - 1) + 1
            elif token != b"\n" or (
                masked[start:at].strip()
                and not _CONTINUES.match(masked, at)
                and not _IS_CONTINUED.search(masked, max(start, at - 40), at)
            ):
                return start, at
            else:
                position = at + 1
        return start, len(masked)

    def function(self, body: int) -> Function | None:
        """The function whose body the block at *body* is, if it is one's."""
        if body not in self._functions:
            self._functions[body] = self._read_function(body)
        return self._functions[body]

    def _read_function(self, body: int) -> Function | None:
        masked = self.code.masked
        if masked[body : body + 1] != b"{":
            return None
        before = masked[max(0, body - 200) : body]
        arrow = _ARROW.search(before)
        if single := _ARROW_PARAMETER.search(before):
            start = body - len(before) + single.start(1)
            return Function(self._assigned(start), ((start, start + len(single[1])),), body)
        head = before[: arrow.start()] if arrow else before
        head = _without_type(head.rstrip())
        end = body - len(before) + len(head)
        if not head.endswith(b")") or (opening := self.opens.get(end - 1)) is None:
            return None
        name = b"" if arrow else self._own_name(opening)
        if name is None:
            return None
        return Function(name.decode() or self._assigned(opening), tuple(self.arguments(opening)), body)

    def _own_name(self, opening: int) -> bytes | None:
        named = _FUNCTION.search(self.code.masked, max(0, opening - 120), opening)
        if named is None or named[2] in _NO_FUNCTIONS:
            return None
        return named[1] if named[1] is not None else b"" if named[2] == b"function" else named[2] or b""

    def _assigned(self, start: int) -> str:
        """The name that the function which begins before *start* is assigned to."""
        before = self.code.masked[max(0, start - 160) : start]
        before = re.sub(rb"(?:async\s{0,8})?(?:function\s{0,8}\*?\s{0,8}[\w$]*\s{0,8})?$", b"", before)
        named = _NAMED.search(before)
        return named[1].decode() if named else ""

    def functions_around(self, position: int) -> Iterator[Function]:
        """The functions that *position* is inside of, the innermost first."""
        for start in self.around(position):
            if found := self.function(start):
                yield found

    def functions(self) -> Iterator[Function]:
        """All functions with blocks."""
        for start in self._starts:
            if found := self.function(start):
                yield found

    def named(self, name: str) -> Sequence[Function]:
        """The functions with blocks that are called *name*, among the first of the script."""
        if self._by_name is None:
            self._by_name = {}
            for function in islice(self.functions(), _MAX_NAMED):
                self._by_name.setdefault(function.name, []).append(function)
        return self._by_name.get(name, ())

    def name(self, span: Span) -> str:
        """The name of a parameter, without its type and default."""
        text = self.code.masked[slice(*span)].partition(b"=")[0]
        return re.split(rb"\??:", text)[0].strip().decode("utf-8", "replace")


def _without_type(head: bytes) -> bytes:
    """``(a): Promise<void>`` without the type that a function returns."""
    if head.endswith(b")"):
        return head
    closing = head.rfind(b")")
    return head[: closing + 1] if closing >= 0 and _TYPE.fullmatch(head, closing + 1) else head

"""What an expression of a page's script holds, as far as literals tell: a text, an object, the widget's answer in parts.

Nothing is run. A name stands for what every assignment to it that can be meant gives it; a parameter for what every
call of its function hands over. Whatever else there is, is unknown.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import define, field

from scrapy_geetest._pages.javascript import TEXT
from scrapy_geetest._pages.script_values import (
    KEYS,
    UNKNOWN,
    Clock,
    Fields,
    Json,
    Key,
    Number,
    PageForm,
    Result,
    Text,
    Unknown,
    Unread,
    Value,
    as_form,
    joined,
    member_of,
)
from scrapy_geetest._pages.syntax import Syntax
from scrapy_geetest._pages.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest._pages.javascript import Code, Span

_TOP_LEVEL = re.compile(rb"[(\[{]|\+\+|\+|\?\.|\?\?|\|\||&&|\?|:|=>|=")
_STRING = re.compile(rb"([\"'`])(\x01*)[\"'`]")
_HOLE = re.compile(rb"\$\{")
_CAST = re.compile(rb"\s+as\s+[\w.<>\[\]| ]{1,60}$|!$")
_PREFIX = re.compile(rb"\s*(?:await\b|\+(?!\+)|<[\w.]{1,40}>(?=\s*[\w(]))\s*")
_PATH = re.compile(rb"(?:[A-Za-z_$][\w$]*)(?:\s*\??\.\s*[A-Za-z_$][\w$]*)*")
_GET_VALIDATE = re.compile(rb"[\s\S]{0,200}\.\s*getValidate\s*\(\s*\)")
_VALIDATED_MEMBER = re.compile(rb"[\s\S]{0,200}\.\s*getValidate\s*\(\s*\)\s*!?\s*\??\.\s*([A-Za-z_$][\w$]{0,40})")
_INDEXED = re.compile(rb"([A-Za-z_$][\w$.]{0,80})\s*\[\s*([\"']\x01{1,64}[\"'])\s*\]")
_CLOCK = re.compile(
    rb"(?:Date\.now\(\)|\(?\s*new\s+Date(?:\(\))?\s*\)?(?:\.(?:getTime|valueOf)\(\))?|Math\.random\(\)|performance\.now\(\)"
    rb"|(?:moment|dayjs)\(\)\.\w+\(\)|Math\.\w+\([\w\s.*()+]{0,60}\))"
)
_CALL = re.compile(rb"(?:new\s+)?((?:[A-Za-z_$][\w$]*\s*\??\.\s*)*[A-Za-z_$][\w$]*)\s*(?:\?\.)?\(")
_ELEMENT_VALUE = re.compile(
    rb"(?:\$|jQuery|document\.(?:querySelector|getElementById|getElementsByName|getElementsByClassName))"
    rb"\s*\([^()]*[\"']\x01+[\"'][^()]*\)(?:\[0\])?\s*!?(?:\.val\(\)|\??\.value)"
)
_NULLISH = frozenset({b"null", b"undefined", b"''", b'""', b"{}", b"[]", b"false", b"void 0", b"``", b"0"})
_MERGES = re.compile(r"Object\.assign|(?:\$|jQuery|_|lodash|angular)\.(?:extend|assign|merge)")
_FORMS = re.compile(r"URLSearchParams|(?:qs|Qs|QS|querystring)\.stringify|(?:\$|jQuery)\.param|stringify")
_TRANSPARENT = frozenset({"encodeURIComponent", "encodeURI", "String", "escape", "toRaw", "unref"})
_ORIGIN = re.compile(rb"(?:(?:window|self|document|top)\s*\.\s*)?location\s*\.\s*origin")
_SERIALIZED = re.compile(rb"\.serialize(?:Array|Object|JSON)?\s*\(\s*\)$")
_SELECTOR = re.compile(
    rb"(?:\$|jQuery|querySelector|getElementById|forms)\s*[(\[]\s*(?:[\"'](\x01+)[\"']|this|e\.target|event\.target|form)"
)
_ENTRY = re.compile(rb"\s*(?:([A-Za-z_$][\w$]{0,63})|([\"']\x01{1,100}[\"']))\s*(?:(:)|$)")
_RETURNS = re.compile(rb"(?<![\w$.])return(?![\w$])")
_MAX_DEPTH = 14
_MAX_STEPS = 20_000


@define(eq=False)
class Evaluator:
    """Reads the expressions of one script."""

    code: Code
    syntax: Syntax = field(init=False)
    variables: Variables = field(init=False)
    steps: int = field(init=False, default=_MAX_STEPS)
    _known: dict[tuple[str, int], Value] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.syntax = Syntax(self.code)
        self.variables = Variables(self)

    def value(self, span: Span, depth: int = 0) -> Value:
        """What the expression at *span* holds."""
        span = self._stripped(span)
        self.steps -= 1
        if depth > _MAX_DEPTH or self.steps < 0 or span[0] >= span[1]:
            return UNKNOWN
        for read in (self._operators, self._literal, self._answer, self._object, self._call, self._name):
            if (found := read(span, depth + 1)) is not None:
                return found
        return UNKNOWN

    def text(self, span: Span) -> str | None:
        """The text that it is, or ``None``."""
        found = self.value(span)
        return found.text if isinstance(found, Text) else None

    def _stripped(self, span: Span) -> Span:
        """Without blanks, casts, ``await`` and brackets around it."""
        masked = self.code.masked
        start, end = span
        for _ in range(8):
            before = start, end
            part = masked[start:end]
            start, end = start + len(part) - len(part.lstrip()), start + len(part.rstrip())
            if cast := _CAST.search(masked, start, end):
                end = cast.start()
            if prefix := _PREFIX.match(masked, start, end):
                start = prefix.end()
            if masked[start : start + 1] == b"(" and self.syntax.closes.get(start) == end - 1:
                start, end = start + 1, end - 1
            if before == (start, end):
                break
        return start, end

    def _operators(self, span: Span, depth: int) -> Value | None:
        marks = list(self._marks(span))
        tokens = {token for token, _ in marks}
        if b"=>" in tokens or b"=" in tokens:
            return UNKNOWN
        if b"?" in tokens and b":" in tokens:
            question = next(at for token, at in marks if token == b"?")
            colon = next((at for token, at in marks if token == b":" and at > question), span[1])
            return self._same(((question + 1, colon), (colon + 1, span[1])), depth)
        for operator in (b"||", b"??", b"&&"):
            if operator in tokens:
                at = next(at for token, at in marks if token == operator)
                if operator == b"&&":
                    return self.value((at + 2, span[1]), depth)
                return self._same(((span[0], at), (at + 2, span[1])), depth)
        if b"+" in tokens:
            places = [at for token, at in marks if token == b"+"]
            bounds = [span[0] - 1, *places, span[1]]
            parts = tuple(self.value((begin + 1, end), depth) for begin, end in pairwise(bounds))
            return joined(parts)
        return None

    def _marks(self, span: Span) -> Iterator[tuple[bytes, int]]:
        position = span[0]
        while stop := _TOP_LEVEL.search(self.code.masked, position, span[1]):
            position = stop.end()
            if stop[0] in b"([{":
                position = self.syntax.closes.get(stop.start(), span[1] - 1) + 1
            else:
                yield stop[0], stop.start()

    def _same(self, spans: Sequence[Span], depth: int) -> Value:
        """The one value that all *spans* have that are not empty."""
        found = [self.value(span, depth) for span in spans if not self.is_nullish(span)]
        return found[0] if found and all(one == found[0] for one in found) else UNKNOWN

    def is_nullish(self, span: Span) -> bool:
        """Whether it is an empty value, which a name is given before its own."""
        return self.code.masked[slice(*self._stripped(span))] in _NULLISH

    def _literal(self, span: Span, depth: int) -> Value | None:
        masked = self.code.masked
        if _STRING.fullmatch(masked, *span):
            return Text(self.code.literal(span) or "")
        if masked[span[0] : span[0] + 1] == b"`" and masked[span[1] - 1 : span[1]] == b"`":
            return self._template(span, depth)
        if masked[slice(*span)].isdigit():
            return Number(masked[slice(*span)].decode())
        return None

    def _template(self, span: Span, depth: int) -> Value:
        parts: list[Value] = []
        position, end = span[0] + 1, span[1] - 1
        while hole := _HOLE.search(self.code.masked, position, end):
            close = self.syntax.closes.get(hole.start() + 1)
            if close is None or close > end:
                return UNKNOWN
            parts += [self._plain(position, hole.start()), self.value((hole.end(), close), depth)]
            position = close + 1
        return joined((*parts, self._plain(position, end)))

    def _plain(self, start: int, end: int) -> Value:
        if self.code.masked[start:end].strip(bytes([TEXT])):
            return UNKNOWN
        return Text(self.code.text[start:end].decode("utf-8", "replace"))

    def _answer(self, span: Span, depth: int) -> Value | None:
        masked = self.code.masked
        if _CLOCK.fullmatch(masked, *span):
            return Clock()
        if _ORIGIN.fullmatch(masked, *span):
            return Text("")  # what comes behind is on the page's own host
        if _GET_VALIDATE.fullmatch(masked, *span):
            return Result()
        if direct := _VALIDATED_MEMBER.fullmatch(masked, *span):
            return Key(direct[1].decode())
        if indexed := _INDEXED.fullmatch(masked, *span):
            key = self.code.literal(indexed.span(2)) or ""
            found = member_of(self.value(indexed.span(1), depth), key)
            return Key(key) if isinstance(found, Unknown) and key in KEYS else found
        if _ELEMENT_VALUE.fullmatch(masked, *span):
            named = [
                key
                for key in KEYS
                if re.search(rb"(?<![\w-])" + key.encode() + rb"(?![\w-])", self.code.text[slice(*span)])
            ]
            return Key(named[0]) if len(named) == 1 else UNKNOWN
        return None

    def _object(self, span: Span, depth: int) -> Value | None:
        masked = self.code.masked
        if masked[span[0] : span[0] + 1] != b"{" or self.syntax.closes.get(span[0]) != span[1] - 1:
            return None
        entries: list[tuple[str, Value]] = []
        for part in self.syntax.parts((span[0] + 1, span[1] - 1)):
            start = part[0] + len(masked[slice(*part)]) - len(masked[slice(*part)].lstrip())
            if masked.startswith(b"...", start):
                entries.append(("", self.value((start + 3, part[1]), depth)))
                continue
            named = _ENTRY.match(masked, *part)
            if named is None:
                continue
            key = named[1].decode() if named[1] else (self.code.literal(named.span(2)) or "")
            inner = (named.end(), part[1]) if named[3] else named.span(1)
            entries.append((key, self._named_value(inner, depth)))
        return Fields(tuple(entries))

    def _named_value(self, span: Span, depth: int) -> Value:
        value = self.value(span, depth)
        path = self.code.path(self._stripped(span)) if value == UNKNOWN else None
        return Unread(path) if path else value

    def _call(self, span: Span, depth: int) -> Value | None:
        masked = self.code.masked
        if _SERIALIZED.search(masked, *span):
            return PageForm(self.selector(span))
        called = _CALL.match(masked, *span)
        if called is None or self.syntax.closes.get(called.end() - 1) != span[1] - 1:
            return None
        name = re.sub(r"\s|\?", "", called[1].decode())
        return self._called(name, self.syntax.arguments(called.end() - 1), masked.startswith(b"new", span[0]), depth)

    def _called(self, name: str, arguments: Sequence[Span], is_new: bool, depth: int) -> Value:  # noqa: FBT001  # of the call
        if is_new and name.endswith("FormData"):
            return self._form_data(arguments, depth)
        if _FORMS.fullmatch(name) and (is_new or name != "URLSearchParams"):
            return as_form(self.value(arguments[0], depth)) if arguments else Fields((), "form")
        if not arguments:
            return UNKNOWN
        if name.endswith("JSON.stringify"):
            return Json(self.value(arguments[0], depth))
        if _MERGES.fullmatch(name):
            return Fields(tuple(("", self.value(argument, depth)) for argument in arguments))
        if name in _TRANSPARENT:
            return self.value(arguments[0], depth)
        return self._returned(name.removeprefix("window."), depth)

    def _returned(self, name: str, depth: int) -> Value:
        """What the one function of that name returns at its one end."""
        bodies = [function.body for function in self.syntax.named(name)]
        if len(bodies) != 1 or depth > _MAX_DEPTH:
            return UNKNOWN
        end = self.syntax.closes.get(bodies[0], bodies[0])
        found: list[Span] = []
        for match in _RETURNS.finditer(self.code.masked, bodies[0], end):
            self.steps -= 1
            function = next(self.syntax.functions_around(match.start()), None)
            if self.steps < 0 or len(found) > 1:
                return UNKNOWN
            if function and function.body == bodies[0]:
                found.append(self.syntax.expression(match.end()))
        return self.value(found[0], depth) if len(found) == 1 else UNKNOWN

    def _form_data(self, arguments: Sequence[Span], depth: int) -> Value:
        if not arguments:
            return Fields((), "multipart")
        return PageForm(self.selector(arguments[0], depth), "multipart")

    def selector(self, span: Span, depth: int = 0) -> str:
        """The selector of the element that the expression at *span* is, or an empty text."""
        found = _SELECTOR.search(self.code.masked, *span)
        if found and found[1]:
            selector = self.code.text[slice(*found.span(1))].decode("utf-8", "replace")
            return f"#{selector}" if b"getElementById" in found[0] else selector
        if depth < _MAX_DEPTH and (path := self.code.path(self._stripped(span))):
            for assigned in self.variables.assigned_spans(path, span[0]):
                return self.selector(assigned, depth + 4)
        return ""

    def _name(self, span: Span, depth: int) -> Value | None:
        masked = self.code.masked
        if not _PATH.fullmatch(masked, *span):
            return None
        path = re.sub(r"[\s?]", "", masked[slice(*span)].decode("utf-8", "replace"))
        path = path.removeprefix("window.")
        found = self._looked_up(path, span[0], depth)
        if not isinstance(found, Unknown):
            return found
        last = path.rpartition(".")[2]
        return Key(last) if last in KEYS else found

    def _looked_up(self, path: str, position: int, depth: int) -> Value:
        scope = next(self.syntax.around(position), -1)
        if (path, scope) in self._known:
            return self._known[path, scope]
        self._known[path, scope] = UNKNOWN  # for names that are given themselves
        found = self.variables.value(path, position, depth)
        base, dot, member = path.rpartition(".")
        if dot and isinstance(found, Unknown):
            found = member_of(self._looked_up(base, position, depth + 1), member)
        self._known[path, scope] = found
        return found

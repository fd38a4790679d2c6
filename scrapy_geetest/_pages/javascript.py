"""Just enough of JavaScript to tell code from comments and strings, and a literal from an expression.

Nothing is parsed and nothing is run. :func:`mask` blanks out comments, strings and regular expressions in one pass, the
positions being kept, so that everything after it works with bounded looks at the masked code.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEXT = 0x01  # stands in the masked code for each byte inside a string or a regular expression
SPACE = 0x20  # stands there for each byte of a comment
_TEXT, _SPACE = bytes([TEXT]), bytes([SPACE])
_QUOTES, _SLASH = b"\"'", 0x2F
_COMMENTS = (b"//", b"/*", b"<!--")

# A string is one token, however many escapes it has, so that most tokens cost one step; an unclosed one ends with its
# line. The number of repetitions is bounded because each takes memory.
_INSIDE = {
    quote: rb"[^%b\\\n\r]*(?:\\(?:\r\n|[\s\S])[^%b\\\n\r]*){0,500}(%b?)" % (quote, quote, quote)
    for quote in (b'"', b"'")
}
_MORE_OF_STRING = {ord(quote): re.compile(inside.replace(b"{0,", b"{1,")) for quote, inside in _INSIDE.items()}
_STRINGS = b"|".join(quote + inside for quote, inside in _INSIDE.items())
_TOKEN = re.compile(_STRINGS + rb"|`|/[/*]?|<!--")
_TOKEN_IN_TEMPLATE = re.compile(_STRINGS + rb"|[`{}]|/[/*]?|<!--")
_LINE_END = re.compile(rb"[\n\r]")
_TEMPLATE_STOP = re.compile(rb"[\\`]|\$\{")
_REGEX_STOP = re.compile(rb"[\\/\[\]\n\r]")
_BEFORE_REGEX = re.compile(
    rb"(?:[(,=:\[!&|?{};+*%<>~^-]|\b(?:return|typeof|case|in|of|void|delete|throw|else|do))\s*$|^\s*$"
)
_BEHIND_CONDITION = re.compile(rb"\)\s*$")
# What a division can hardly look like: / ["'] /.test(c)
_TESTED_REGEX = re.compile(
    rb"/((?:[^\\/\[\r\n]|\\[^\r\n]|\[(?:[^\\\]\r\n]|\\[^\r\n])*\])+)/[a-z]{0,4}\.(?:test|exec)\("
)
_TESTS = (b".test(", b".exec(")
_LONGEST_TESTED_REGEX = 128
_BY_NAME = re.compile(rb"\[[\"'](init(?:Geetest4?|Alicom4))[\"']\]")
# {if $a}, {/if} of Smarty, {% if a %} of Jinja: in templates that were saved before they were filled in.
_TEMPLATE_TAG = re.compile(
    rb"\{(?:/(?:if|foreach|literal|block|section)|else|(?:if|elseif|foreach)\s[^{}\n]{0,120}\$[^{}\n]{0,200}|%[^{}\n]{0,200}%)\}"
)
_PUNCTUATION = re.compile(rb"[{}\[\](),:;]")
_KEY = re.compile(rb"\s*(?:([\w$]{1,64})|[\"']\x01{1,64}[\"'])\s*")
_LITERAL = re.compile(rb"\s*[\"'`](\x01*)[\"'`]\s*")
_PATH = re.compile(rb"\s*([A-Za-z_$][\w$]{0,63}(?:\s{0,8}\??\.\s{0,8}[A-Za-z_$][\w$]{0,63}){0,5})\s*")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_WORDS: Mapping[bytes, bool] = {b"true": True, b"false": False, b"!0": True, b"!1": False, b"1": True, b"0": False}
_MAX_SCAN = 65_536  # bytes of one object or one call that are looked at
_MAX_MARKS = 2_500  # of punctuation in it
_MAX_ENTRIES = 256
MAX_STEPS = 16_000  # of one page: tokens whose ends are looked for one by one

Span: TypeAlias = tuple[int, int]


@define
class Budget:
    """The steps that may still be taken for a page: nothing that it holds can take long."""

    left: int = MAX_STEPS


@define(eq=False)
class Code:
    """A script, and the same with comments, strings and regular expressions blanked out, once that is asked for."""

    text: bytes
    _budget: Budget = field(factory=Budget, repr=False)
    _masked: bytes | None = field(default=None, init=False, repr=False)

    @classmethod
    def of(cls, text: bytes, budget: Budget | None = None) -> Code:
        return cls(text, budget or Budget())

    @property
    def masked(self) -> bytes:
        """The script with its positions kept; what the budget does not suffice for is blank."""
        if self._masked is None:
            self._masked = mask(self.text, self._budget)
        return self._masked

    def literal(self, span: Span) -> str | None:
        """The text of the string literal that fills *span*, or ``None``: an expression is no value."""
        match = _LITERAL.fullmatch(self.masked, *span)
        if match is None:
            return None
        return _ESCAPE.sub(_unescape, self.text[slice(*match.span(1))].decode("utf-8", "replace"))

    def word(self, span: Span) -> bool | None:
        """``true`` or ``false``, also as minifiers write them, or ``None``."""
        return _WORDS.get(self.masked[slice(*span)].strip())

    def path(self, span: Span) -> str | None:
        """The dotted name that fills *span*, without ``window.`` before it, or ``None``."""
        match = _PATH.fullmatch(self.masked, *span)
        if match is None:
            return None
        parts = [part.strip(" \t\r\n?") for part in match[1].decode().split(".")]
        return ".".join(parts[1:] if parts[0] in {"window", "self", "globalThis"} and len(parts) > 1 else parts)

    def entries(self, start: int, reach: int = _MAX_SCAN) -> tuple[dict[str, Span], int]:
        """The entries of the object literal whose ``{`` is at *start*: where each value is, and where it all ends.

        Entries that are no ``key: value`` and no shorthand (methods, spreads) are left out; of an object that does not
        end within reach, what was read of it counts, and the end is 0.
        """
        found: dict[str, Span] = {}
        key: str | None = None
        begin, depth, end = start + 1, 1, 0
        for mark in islice(_PUNCTUATION.finditer(self.masked, start + 1, start + reach), _MAX_MARKS):
            depth += {0x7B: 1, 0x5B: 1, 0x28: 1, 0x7D: -1, 0x5D: -1, 0x29: -1}.get(mark[0][0], 0)
            at = mark.start()
            if depth == 0 or (depth == 1 and mark[0] == b","):
                name = key or self._key((begin, at))
                if name and len(found) < _MAX_ENTRIES:
                    found[name] = (begin, at)
                key, begin = None, at + 1
            elif depth == 1 and mark[0] == b":" and key is None:
                key, begin = self._key((begin, at)) or "", at + 1
            if depth == 0:
                end = at + 1
                break
        return found, end

    def _key(self, span: Span) -> str | None:
        match = _KEY.fullmatch(self.masked, *span)
        if match is None:
            return None
        return match[1].decode() if match[1] else self.literal(span)


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else match[3]


def mask(text: bytes, budget: Budget) -> bytes:
    """Blank out comments, strings and regular expressions of *text*, keeping every position. Linear in its length.

    ``window["initGeetest4"]`` is the same as ``window.initGeetest4``: this name stays legible.
    """
    masked = bytearray(text)
    for start, end, filling in _blanks(text, budget):
        if end > start:
            masked[start:end] = filling * (end - start)
    if b"{/" in text or b"{%" in text:
        for match in _TEMPLATE_TAG.finditer(text):
            masked[slice(*match.span())] = _SPACE * len(match[0])
    for match in _BY_NAME.finditer(text):
        opening = match.start(1) - 1
        if (
            masked[opening] == text[opening]
            and masked[opening - 1] == text[opening - 1]
            and masked[match.start(1)] == TEXT
        ):
            masked[opening : match.end(1) + 1] = b" " + match[1] + b" "
    return bytes(masked)


def _blanks(text: bytes, budget: Budget) -> Iterator[tuple[int, int, bytes]]:
    """Where what is no code begins and ends, and what stands there in the masked code."""
    position = 0
    no_regex_before = 0  # a slash up to here is known to begin no regular expression
    depths: list[int] = []  # of the braces, in each "${" that is open
    while match := (_TOKEN_IN_TEMPLATE if depths else _TOKEN).search(text, position):
        at, position = match.span()
        token = text[at]
        budget.left -= 1
        if budget.left < 0:
            yield at, len(text), _SPACE
            return
        if token in _QUOTES:
            closing = match[1] or match[2] or b""
            while not closing and text[position : position + 1] == b"\\":
                more = _MORE_OF_STRING[token].match(text, position)
                budget.left -= 20  # of the five hundred escapes that were looked at
                closing, position = (more[1], more.end()) if more else (b"", len(text))
            yield at + 1, position - len(closing), _TEXT
        elif match[0] in _COMMENTS:
            position = _comment_end(text, match[0], position)
            yield at, position, _SPACE
        elif token == _SLASH:
            budget.left -= 1
            end_of_regex = _regex_end(text, at, budget) if at >= no_regex_before else 0
            no_regex_before = max(no_regex_before, -end_of_regex)
            if end_of_regex > 0:
                yield at + 1, end_of_regex - 1, _TEXT
                position = end_of_regex
        elif end := _template(text, match[0], position, depths, budget):
            yield at + 1, end[0], _TEXT
            position = end[1]


def _comment_end(text: bytes, token: bytes, position: int) -> int:
    if token == b"/*":
        end = text.find(b"*/", position)
        return end + 2 if end >= 0 else len(text)
    line_end = _LINE_END.search(text, position)
    return line_end.start() if line_end else len(text)


def _template(text: bytes, token: bytes, position: int, depths: list[int], budget: Budget) -> tuple[int, int] | None:
    """Where the text that a backquote or a brace begins ends, and where to go on; ``None``: it begins none."""
    if token == b"{":
        depths[-1] += 1
        return None
    if token == b"}" and depths[-1]:
        depths[-1] -= 1
        return None
    if token == b"}":
        depths.pop()
    elif text.find(b"`", position) < 0:  # the last one: a mistake of this reading, or of the page
        return None
    while stop := _TEMPLATE_STOP.search(text, position):
        position = stop.end()
        if stop[0] == b"`":
            return position - 1, position
        if stop[0] == b"${":
            depths.append(0)
            return position - 2, position
        position += 1
        budget.left -= 1
        if budget.left < 0:
            break
    return len(text), len(text)


def _regex_end(text: bytes, at: int, budget: Budget) -> int:
    """Behind the regular expression that begins at *at*; negative: there is none, nor up to that position."""
    before = max(0, at - 32)
    if not _BEFORE_REGEX.search(text, before, at):
        if not _BEHIND_CONDITION.search(text, before, at):
            return -at
        budget.left -= 1
        return _tested_regex_end(text, at)
    position, in_class = at + 1, False
    while stop := _REGEX_STOP.search(text, position):
        token = stop[0]
        position = stop.end() + (token == b"\\")
        budget.left -= 1
        if budget.left < 0:
            break
        if token in b"\n\r":
            return -stop.start()
        if token in b"[]":
            in_class = token == b"["
        elif token == b"/" and not in_class:
            return position
    return -len(text)


def _tested_regex_end(text: bytes, at: int) -> int:
    """The same behind a ``)``, which is mostly a division: ``if (a) /b/.test(c)`` is what tells the one from the other."""
    end = at + _LONGEST_TESTED_REGEX
    if text.find(_TESTS[0], at, end) < 0 and text.find(_TESTS[1], at, end) < 0:
        return -at
    tested = _TESTED_REGEX.match(text, at, end)
    return tested.end(1) + 1 if tested else -at

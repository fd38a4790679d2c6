"""Just enough of JavaScript to tell code from comments and strings, and a literal from an expression.

Nothing is parsed and nothing is run. :func:`mask` blanks out comments, strings and regular expressions in one pass, the
positions being kept, so that everything after it works with bounded looks at the masked code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEXT = 0x01  # stands in the masked code for each byte inside a string or a regular expression
SPACE = 0x20  # stands there for each byte of a comment

_TOKEN = re.compile(rb"[\"'`]|/[/*]?|<!--")
_TOKEN_IN_TEMPLATE = re.compile(rb"[\"'`{}]|/[/*]?|<!--")
_LINE_END = re.compile(rb"[\n\r]")
_STRING_STOPS = {quote: re.compile(rb"[\\\n\r" + bytes([quote]) + b"]") for quote in b"\"'"}
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
_PUNCTUATION = re.compile(rb"[{}\[\](),:;]")
_KEY = re.compile(rb"\s*(?:([\w$]{1,64})|[\"']\x01{1,64}[\"'])\s*")
_LITERAL = re.compile(rb"\s*[\"'`](\x01*)[\"'`]\s*")
_PATH = re.compile(rb"\s*([A-Za-z_$][\w$]{0,63}(?:\s{0,8}\??\.\s{0,8}[A-Za-z_$][\w$]{0,63}){0,5})\s*")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_WORDS: Mapping[bytes, bool] = {b"true": True, b"false": False, b"!0": True, b"!1": False, b"1": True, b"0": False}
_MAX_SCAN = 65_536  # bytes of one object or one call that are looked at
_MAX_ENTRIES = 256

Span: TypeAlias = tuple[int, int]


@frozen
class Code:
    """A script, and the same with comments, strings and regular expressions blanked out."""

    text: bytes
    masked: bytes = field(repr=False)

    @classmethod
    def of(cls, text: bytes) -> Code:
        return cls(text, mask(text))

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
        for mark in _PUNCTUATION.finditer(self.masked, start + 1, start + reach):
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


def mask(text: bytes) -> bytes:
    """Blank out comments, strings and regular expressions of *text*, keeping every position. Linear in its length.

    ``window["initGeetest4"]`` is the same as ``window.initGeetest4``: this name stays legible.
    """
    masked = bytearray(text)
    for start, end, filling in _blanks(text):
        if end > start:
            masked[start:end] = bytes([filling]) * (end - start)
    for match in _BY_NAME.finditer(text):
        opening = match.start(1) - 1
        if (
            masked[opening] == text[opening]
            and masked[opening - 1] == text[opening - 1]
            and masked[match.start(1)] == TEXT
        ):
            masked[opening : match.end(1) + 1] = b" " + match[1] + b" "
    return bytes(masked)


def _blanks(text: bytes) -> Iterator[tuple[int, int, int]]:
    """Where what is no code begins and ends, and what stands there in the masked code."""
    position = 0
    no_regex_before = 0  # a slash up to here is known to begin no regular expression
    depths: list[int] = []  # of the braces, in each "${" that is open
    while match := (_TOKEN_IN_TEMPLATE if depths else _TOKEN).search(text, position):
        token, at, position = match[0], match.start(), match.end()
        if token in {b"//", b"<!--", b"/*"}:
            position = _comment_end(text, token, position)
            yield at, position, SPACE
        elif token == b"/":
            end_of_regex = _regex_end(text, at) if at >= no_regex_before else 0
            no_regex_before = max(no_regex_before, -end_of_regex)
            if end_of_regex > 0:
                yield at + 1, end_of_regex - 1, TEXT
                position = end_of_regex
        elif token in b"\"'":
            position = _string_end(text, position, token[0])
            yield at + 1, position - (text[position - 1 : position] == token), TEXT
        elif end := _template(text, token, position, depths):
            yield at + 1, end[0], TEXT
            position = end[1]


def _comment_end(text: bytes, token: bytes, position: int) -> int:
    if token == b"/*":
        end = text.find(b"*/", position)
        return end + 2 if end >= 0 else len(text)
    line_end = _LINE_END.search(text, position)
    return line_end.start() if line_end else len(text)


def _template(text: bytes, token: bytes, position: int, depths: list[int]) -> tuple[int, int] | None:
    """Where the text that a backquote or a brace begins ends, and where to go on; ``None``: it begins none."""
    if token == b"{":
        depths[-1] += 1
        return None
    if token == b"}" and depths[-1]:
        depths[-1] -= 1
        return None
    if token == b"}":
        depths.pop()
    elif text.find(b"`", position) < 0:  # the last one: a slip of this reading, or of the page
        return None
    while stop := _TEMPLATE_STOP.search(text, position):
        position = stop.end()
        if stop[0] == b"`":
            return position - 1, position
        if stop[0] == b"${":
            depths.append(0)
            return position - 2, position
        position += 1
    return len(text), len(text)


def _string_end(text: bytes, position: int, quote: int) -> int:
    while stop := _STRING_STOPS[quote].search(text, position):
        if stop[0] != b"\\":
            return stop.end() if stop[0][0] == quote else stop.start()
        position = stop.end() + 1
    return len(text)


def _regex_end(text: bytes, at: int) -> int:
    """Behind the regular expression that begins at *at*; negative: there is none, nor up to that position."""
    before = max(0, at - 32)
    if not _BEFORE_REGEX.search(text, before, at):
        return _tested_regex_end(text, at) if _BEHIND_CONDITION.search(text, before, at) else -at
    position, in_class = at + 1, False
    while stop := _REGEX_STOP.search(text, position):
        token = stop[0]
        position = stop.end() + (token == b"\\")
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

"""What a name in a script holds: what every assignment to it that can be meant gives it, and what is added to it."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from attrs import define, evolve

from scrapy_geetest._pages.script_values import KEYS, UNKNOWN, Fields, PageForm, Unknown, member_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scrapy_geetest._pages.expressions import Evaluator
    from scrapy_geetest._pages.javascript import Code, Span
    from scrapy_geetest._pages.script_values import Value
    from scrapy_geetest._pages.syntax import Syntax

_MAX_DEPTH = 14
_MAX_ASSIGNMENTS = 24
_BYTES_A_STEP = 512  # that are searched in the time that another step takes
_ASSIGNS = re.compile(rb"\s*=(?![=>])")
_DECLARATION = re.compile(rb"(?:const|let|var)\s[^;{}()]{0,300},\s*$")


@define(eq=False)
class Variables:
    """Looks up the names of one script."""

    evaluator: Evaluator

    @property
    def code(self) -> Code:
        """The script."""
        return self.evaluator.code

    @property
    def syntax(self) -> Syntax:
        """Its brackets and functions."""
        return self.evaluator.syntax

    def value(self, path: str, position: int, depth: int) -> Value:
        if depth > _MAX_DEPTH or self.evaluator.steps < 0:
            return UNKNOWN
        spans = list(self.assigned_spans(path, position))
        if len(spans) >= _MAX_ASSIGNMENTS:
            return UNKNOWN
        readers: list[Callable[[], Value]] = [
            partial(self.evaluator.value, span, depth) for span in spans if not self.evaluator.is_nullish(span)
        ]
        readers += [partial(self._unpacked, path, opening, depth) for opening in self._patterns(path, position)]
        if not spans and not readers:
            found = self._parameter(path, position, depth)
        else:
            values = [read() for read in readers]
            empty = Fields() if spans and not values else UNKNOWN
            found = values[0] if values and all(value == values[0] for value in values) else empty
        return self._changed(path, found, position, depth)

    def assigned_spans(self, path: str, position: int) -> Iterator[Span]:
        """The expressions that are assigned to *path*, as far as they can be meant at *position*."""
        masked = self.code.masked
        pattern = re.compile(
            rb"(?<![\w$.])(?:(const|let|var)\s+|window\s*\.\s*)?"
            + _path_pattern(path)
            + rb"(?:\s*:\s*[\w.<>\[\]| ]{1,60})?\s*=(?![=>])"
        )
        self.evaluator.steps -= len(masked) // _BYTES_A_STEP
        around = {*self.syntax.around(position), -1}
        found: list[tuple[int, bool, Span]] = []
        for match in pattern.finditer(masked):
            self.evaluator.steps -= 1
            if self.evaluator.steps < 0 or len(found) >= _MAX_ASSIGNMENTS:
                break
            block = next(self.syntax.around(match.start()), -1)
            is_declared = bool(match[1]) or _is_in_declaration(masked, match.start())
            if not is_declared or block in around:
                found.append((block, is_declared, self.syntax.expression(match.end())))
        declared = max((block for block, is_declared, _ in found if is_declared), default=-1)
        yield from (
            span
            for block, is_declared, span in found
            if (block == declared if is_declared else self._is_within(span[0], declared))
        )

    def _is_within(self, position: int, block: int) -> bool:
        return block < 0 or block < position <= self.syntax.closes.get(block, position)

    def _patterns(self, name: str, position: int) -> Iterator[tuple[str, Span]]:
        """Where *name* is unpacked from an object: the key that it has there, and the object."""
        if "." in name:
            return
        masked, escaped = self.code.masked, re.escape(name.encode())
        pattern = re.compile(rb"[{,]\s*(?:([\w$]+)\s*:\s*)?" + escaped + rb"\s*(?:=[^,{}]{0,40})?(?=[,}])")
        self.evaluator.steps -= len(masked) // _BYTES_A_STEP
        around = {*self.syntax.around(position), -1}
        for match in pattern.finditer(masked):
            self.evaluator.steps -= 1
            if self.evaluator.steps < 0:
                return
            brace = next(self.syntax.around(match.end()), -1)
            close = self.syntax.closes.get(brace)
            if close is None or masked[brace : brace + 1] != b"{":
                continue
            assigns = _ASSIGNS.match(masked, close + 1)
            if assigns and next(self.syntax.around(brace), -1) in around:
                yield (match[1] or name.encode()).decode(), self.syntax.expression(assigns.end())

    def _unpacked(self, name: str, place: tuple[str, Span], depth: int) -> Value:
        del name
        return member_of(self.evaluator.value(place[1], depth), place[0])

    def _parameter(self, path: str, position: int, depth: int) -> Value:
        """What every call of the function hands over whose parameter *path* is."""
        for function in self.syntax.functions_around(position):
            for place, span in enumerate(function.parameters):
                if self.syntax.name(span) == path:
                    return self._handed_over(function.name, place, function.body, depth)
        return UNKNOWN

    def _handed_over(self, name: str, place: int, body: int, depth: int) -> Value:
        if not name:
            return UNKNOWN
        masked, found = self.code.masked, []
        self.evaluator.steps -= len(masked) // _BYTES_A_STEP
        for match in re.finditer(rb"(?<![\w$])" + re.escape(name.encode()) + rb"\s*\(", masked):
            self.evaluator.steps -= 1
            close = self.syntax.closes.get(match.end() - 1)
            is_definition = close is None or masked[close + 1 : body + 1].strip() in {b"{", b"=> {", b"=>{"}
            is_definition = is_definition or masked.startswith(b"function ", max(0, match.start() - 9))
            if is_definition or self.evaluator.steps < 0:
                continue
            arguments = self.syntax.arguments(match.end() - 1)
            found.append(self.evaluator.value(arguments[place], depth + 1) if place < len(arguments) else UNKNOWN)
            if len(found) > _MAX_ASSIGNMENTS:
                return UNKNOWN
        return found[0] if found and all(value == found[0] for value in found) else UNKNOWN

    def _changed(self, path: str, value: Value, position: int, depth: int) -> Value:
        """What the object that *path* holds is after entries were added to it."""
        if not isinstance(value, Fields | Unknown | PageForm) or path.rpartition(".")[2] in KEYS:
            return value
        added = tuple(self._additions(path, position, depth))
        if not added:
            return value
        if isinstance(value, Fields):
            return evolve(value, entries=value.entries + added)
        kind = value.kind if isinstance(value, PageForm) else "multipart" if self._appends(path) else "object"
        return Fields((("", value), *added), kind)

    def _appends(self, path: str) -> bool:
        return re.search(rb"(?<![\w$.])" + _path_pattern(path) + rb"\s*\.\s*append\s*\(", self.code.masked) is not None

    def _additions(self, path: str, position: int, depth: int) -> Iterator[tuple[str, Value]]:
        masked, block = self.code.masked, self._own_block(position)
        self.evaluator.steps -= 3 * len(masked) // _BYTES_A_STEP
        if self.evaluator.steps < 0:
            return
        name = rb"(?<![\w$.])" + _path_pattern(path)
        for match in re.finditer(name + rb"\s*\.\s*(?:append|set)\s*\(", masked):
            arguments = self.syntax.arguments(match.end() - 1)
            if (
                len(arguments) > 1
                and self._is_within(match.start(), block)
                and (key := self.evaluator.text(arguments[0]))
            ):
                yield key, self.evaluator.value(arguments[1], depth)
        for match in re.finditer(
            name + rb"(?:\s*\.\s*([\w$]{1,64})|\s*\[\s*([\"']\x01+[\"'])\s*\])\s*=(?![=>])", masked
        ):
            if self._is_within(match.start(), block):
                key = match[1].decode() if match[1] else self.code.literal(match.span(2)) or ""
                yield key, self.evaluator.value(self.syntax.expression(match.end()), depth)
        merges = rb"(?:Object\s*\.\s*assign|(?:\$|jQuery|_)\s*\.\s*(?:extend|assign|merge))\s*\(\s*" + name + rb"\s*,"
        for match in re.finditer(merges, masked):
            opening = masked.index(b"(", match.start())
            if self._is_within(match.start(), block):
                yield from (
                    ("", self.evaluator.value(argument, depth)) for argument in self.syntax.arguments(opening)[1:]
                )

    def _own_block(self, position: int) -> int:
        function = next(self.syntax.functions_around(position), None)
        return function.body if function else -1


def _is_in_declaration(masked: bytes, position: int) -> bool:
    return _DECLARATION.search(masked, max(0, position - 320), position) is not None


def _path_pattern(path: str) -> bytes:
    return rb"\s*\??\.\s*".join(re.escape(part.encode()) for part in path.split("."))

"""What a name in a page's scripts stands for, where every assignment to it is one and the same literal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest._pages.javascript import Budget, Code, Span

_ASSIGNS = re.compile(rb"\s{0,40}=(?![=>])\s*")
_GLOBAL = re.compile(rb"(?<![\w$.])(?:window|self|globalThis)\s{0,8}\.\s{0,8}$")
_NAME_CHARACTER = re.compile(rb"[\w$]$")
_STRING = re.compile(rb"[\"'`]\x01*[\"'`]")
ENDS = re.compile(rb"\s*(?:[;,)}]|$)|[ \t]*[\r\n]\s*(?![\s+?.|&*(\[`])")
"""What is behind a literal that is the whole of a value."""
_PARAMETERS = re.compile(
    rb"function[\s\w$*]{0,64}\(([^()]{0,200})\)|\(([^()]{0,200})\)\s{0,8}=>|(?<![\w$])([\w$]{1,64})\s{0,8}=>"
    rb"|\{([^(){}]{1,200})\}\s{0,8}=(?!=)"
)
_MAX_LOOK_UPS = 48  # of one page
_MAX_ASSIGNMENTS = 64  # to one name
_MAX_PARAMETERS = 20_000
BYTES_A_STEP = 256  # that are searched in the time that another step takes


@define
class Names:
    """Looks names up in all scripts of a page.

    There are no scopes here: a name that is also a parameter of some function, or that is assigned anything but one
    literal, stands for nothing, because what it holds cannot be told without running the page.
    """

    scripts: Sequence[Code]
    budget: Budget
    _look_ups: int = 0
    _parameters: frozenset[str] | None = field(default=None, init=False)

    def value(self, path: str) -> tuple[Code, Span] | None:
        """The one string literal that the dotted name *path* is given, or ``None``."""
        if path.partition(".")[0] in self._all_parameters():
            return None
        found = list(self._values(path))
        if not found or None in found or self.budget.left < 0:
            return None
        literals = {text: place for place in found if place and (text := place[0].literal(place[1]))}
        return next(iter(literals.values())) if len(literals) == 1 else None

    def object(self, path: str) -> tuple[Code, int] | None:
        """The one object literal that *path* is given: its script, and where its ``{`` is."""
        if path.partition(".")[0] in self._all_parameters():
            return None
        found = [(code, at) for code, at in self._assignments(path)]
        if self.budget.left < 0 or len(found) != 1 or found[0][0].masked[found[0][1] : found[0][1] + 1] != b"{":
            return None
        return found[0]

    def _values(self, path: str) -> Iterator[tuple[Code, Span] | None]:
        for code, at in self._assignments(path):
            literal = _STRING.match(code.masked, at)
            whole = literal is not None and ENDS.match(code.masked, literal.end())
            yield (code, literal.span()) if literal and whole else None
        base, dot, member = path.rpartition(".")
        if dot and (place := self._member_object(base)):
            code, at = place
            entries, _ = code.entries(at)
            if member in entries:
                span = entries[member]
                yield (code, span) if code.literal(span) is not None else None

    def _member_object(self, path: str) -> tuple[Code, int] | None:
        if place := self.object(path):
            return place
        base, dot, member = path.rpartition(".")
        if not dot or not (place := self._member_object(base)):
            return None
        code, at = place
        span = code.entries(at)[0].get(member)
        if span is None:
            return None
        start = span[0] + len(code.masked[slice(*span)]) - len(code.masked[slice(*span)].lstrip())
        return (code, start) if code.masked[start : start + 1] == b"{" else None

    def _assignments(self, path: str) -> Iterator[tuple[Code, int]]:
        if self._look_ups >= _MAX_LOOK_UPS:
            return
        self._look_ups += 1
        pattern = re.compile(rb"\s{0,8}\.\s{0,8}".join(re.escape(part.encode()) for part in path.split(".")))
        count = 0
        for code in self.scripts:
            self.budget.left -= len(code.text) // BYTES_A_STEP
            for match in pattern.finditer(code.masked):
                self.budget.left -= 1
                if self.budget.left < 0:
                    return
                assigns = _ASSIGNS.match(code.masked, match.end())
                if assigns is None or not _is_whole(code.masked, match.start()):
                    continue
                count += 1
                yield code, assigns.end()
                if count >= _MAX_ASSIGNMENTS:
                    return

    def _all_parameters(self) -> frozenset[str]:
        if self._parameters is None:
            names: set[str] = set()
            for code in self.scripts:
                self.budget.left -= len(code.text) // BYTES_A_STEP
                for match in _PARAMETERS.finditer(code.masked):
                    self.budget.left -= 1
                    names.update(
                        re.findall(r"[\w$]+", next(filter(None, match.groups()), b"").decode("utf-8", "replace"))
                    )
                    if len(names) > _MAX_PARAMETERS or self.budget.left < 0:
                        break
            self._parameters = frozenset(names)
        return self._parameters


def _is_whole(masked: bytes, start: int) -> bool:
    """Whether a name begins at *start*: no longer name, no member of anything but the global object."""
    before = masked[max(0, start - 40) : start]
    if before.rstrip().endswith(b"."):
        return bool(_GLOBAL.search(before))
    return not _NAME_CHARACTER.search(before)

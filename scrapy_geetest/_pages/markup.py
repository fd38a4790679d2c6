"""The live scripts and attributes of a page, read in one pass without parsing it.

Every byte is looked at a bounded number of times, whatever the markup is like. Left out is what a browser does not
run: HTML comments, the text of elements such as ``pre`` and ``template``, and what merely stands in an attribute.
"""

from __future__ import annotations

import re
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAG = re.compile(rb"<(?:!--|[a-zA-Z]|/[a-zA-Z]|[!?])")
_NAMES = (
    "[sS](?:[cC][rR][iI][pP][tT]|[tT][yY][lL][eE]|[aA][mM][pP])|[lL][iI][nN][kK]|[bB][aA][sS][eE]"
    "|[iI](?:[nN][pP][uU][tT]|[fF][rR][aA][mM][eE])|[mM][eE][tT][aA]|[pP][rR][eE]|[cC][oO][dD][eE]"
    "|[tT](?:[eE][xX][tT][aA][rR][eE][aA]|[iI][tT][lL][eE]|[eE][mM][pP][lL][aA][tT][eE])|[xX][mM][pP]"
    "|[nN][oO](?:[sS][cC][rR][iI][pP][tT]|[eE][mM][bB][eE][dD]|[fF][rR][aA][mM][eE][sS])"
)
# Runs of tags whose attributes are of no interest. Their quotes pair, so that a tag inside of them is none. No flag
# IGNORECASE, and the letters that begin no such name first: each is worth a third of the time on ordinary pages.
_PLAIN_TAGS = re.compile(
    rb"(?:[^<]*<(?:[/adefghjkoqruvwyzADEFGHJKOQRUVWYZ]|(?!(?:" + _NAMES.encode() + rb")[\s/>])[a-zA-Z])"
    rb"(?:[^<>\"'=]*(?:>|=[^<>\"'=]*>|(?:=(?:[^<>\"'=]+|\s*\"[^\"]*\"[^<>\"'=]*|\s*'[^']*'[^<>\"'=]*)?){1,64}>)))"
    rb"{1,1000}"
)
_REST_OF_TAG = re.compile(rb"[^>=]*(?:=(?:\s*\"[^\"]*\"|\s*'[^']*'|(?!\s*[\"']))[^>=]*){0,200}>")
_NAME = re.compile(rb"[^\s/>]{1,32}")
_STOP = re.compile(rb">|=\s*[\"']")
_ATTRIBUTE = re.compile(rb"(?<![^\s\"'/])([^\s\"'<>/=]{1,64})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_COMMENT_END = re.compile(rb"--!?>")
_RUNNABLE = re.compile(
    r"(?:.*(?:java|ecma|live)script(?:;.*)?|module|text/babel|.*/jsx|.*/typescript|rocketlazyloadscript)?"
)
_CONSENT = re.compile(r"data-.*(?:cookie|consent).*")  # a script with such an attribute is run once cookies are allowed
_INERT = (
    "style",
    "pre",
    "code",
    "samp",
    "textarea",
    "title",
    "xmp",
    "template",
    "noscript",
    "iframe",
    "noembed",
    "noframes",
)
_ENDS = {
    name.encode(): re.compile(b"</" + name.encode() + rb"(?=[\s/>])", re.IGNORECASE) for name in ("script", *_INERT)
}
_ALWAYS_READ = frozenset({b"script", b"link", b"base", b"input", b"meta"})
_MARK = re.compile(rb"eetest|aptcha|data-gt|initAlicom4")
_NAMING = frozenset({"id", "class", "name", "src", "for", "action"})  # attributes that hold names, not prose
# Of one page: while they are looked at, one by one, the crawl stands still.
_MAX_TAGS = 8_000
_LONGEST_SCRIPT = 1_048_576
_MAX_READ_TAGS = 3_000
_MAX_ATTRIBUTES = 64  # of one tag
_MAX_HANDLERS = 500  # onclick and the like: none is read where so many scripts stand before it


@frozen
class Script:
    """A script that a browser runs, or a block of JSON: where it is from, what is in it."""

    code: bytes
    src: str = ""
    is_json: bool = False


@frozen
class Markup:
    """What was found in a page.

    Attributes:
        scripts: Live scripts, inline and linked, and blocks of JSON, in the order of the page.
        preloads: Addresses of scripts that the page has fetched beforehand.
        attributes: Attributes of tags that speak of a captcha, and the inputs: name and value.
        base: The ``href`` of ``<base>``, or nothing.
        mentions: Whether a live tag has GeeTest in its names.
    """

    scripts: tuple[Script, ...] = ()
    preloads: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    base: str = ""
    mentions: bool = False

    @classmethod
    def of_script(cls, code: bytes) -> Markup:
        """A script that is read without the page that links it."""
        return cls((Script(code[:_LONGEST_SCRIPT]),))


@frozen
class _Tag:
    name: bytes
    raw: bytes
    is_closed: bool

    def attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if not self.is_closed:  # its quotes do not pair, so that matching them would not be linear
            return found
        for match in _ATTRIBUTE.finditer(self.raw):
            value = next((group for group in match.groups()[1:] if group is not None), b"")
            found.setdefault(match[1].decode("utf-8", "replace").lower(), unescape(value.decode("utf-8", "replace")))
            if len(found) >= _MAX_ATTRIBUTES:
                break
        return found

    @property
    def is_worth_reading(self) -> bool:
        return self.name in _ALWAYS_READ or _MARK.search(self.raw) is not None


@frozen
class _Reading:
    scripts: list[Script] = field(factory=list)
    preloads: list[str] = field(factory=list)
    attributes: list[tuple[str, str]] = field(factory=list)
    bases: list[str] = field(factory=list)
    mentions: list[bool] = field(factory=list)

    def tag(self, tag: _Tag, content: bytes) -> None:
        values = tag.attributes()
        if any("eetest" in name or ("eetest" in value and name in _NAMING) for name, value in values.items()):
            self.mentions.append(True)
        if tag.name == b"script":
            self._script(values, content)
        elif tag.name == b"base":
            self.bases.append(values.get("href", ""))
        elif tag.name == b"link":
            if values.get("rel", "").lower() in {"preload", "modulepreload"} and values.get("href"):
                self.preloads.append(values["href"])
        else:
            self._named_value(values)
            self.attributes.extend(values.items())
        for name, value in values.items():
            if name.startswith("on") and len(self.scripts) < _MAX_HANDLERS:
                self.scripts.append(Script(value.encode()))

    def _script(self, values: dict[str, str], content: bytes) -> None:
        kind = values.get("type", "").strip().lower()
        if "json" in kind:
            self.scripts.append(Script(content, is_json=True))
        elif _RUNNABLE.fullmatch(kind) or (kind == "text/plain" and any(map(_CONSENT.fullmatch, values))):
            self.scripts.append(Script(b"" if values.get("src") else content, src=values.get("src", "").strip()))
        self.attributes.extend(item for item in values.items() if item[0].startswith("data-"))

    def _named_value(self, values: dict[str, str]) -> None:
        value = values.get("value") or values.get("content")
        if value:
            self.attributes.extend((values[key], value) for key in ("name", "id", "property") if values.get(key))


def read_markup(body: bytes) -> Markup:
    """Read *body* in time linear in its length; it may be anything."""
    reading = _Reading()
    for tag, content in islice((one for one in _tags(body) if one[0].is_worth_reading), _MAX_READ_TAGS):
        reading.tag(tag, content)
    return Markup(
        tuple(reading.scripts),
        tuple(reading.preloads),
        tuple(reading.attributes),
        next(iter(reading.bases), ""),
        bool(reading.mentions),
    )


def _tags(body: bytes) -> Iterator[tuple[_Tag, bytes]]:
    unclosed: set[bytes] = set()  # an element is looked for no second time where its end was not found
    marks = (match.start() for match in _MARK.finditer(body))
    position, mark = 0, -1
    for _ in range(_MAX_TAGS):
        while mark < position:
            mark = next(marks, len(body))
        # A tag with a mark in it does not end before the mark, so that it is no part of the run.
        plain = _PLAIN_TAGS.match(body, position, mark)
        match = _TAG.search(body, plain.end() if plain else position)
        if match is None:
            return
        start = match.start()
        if match[0][1:2] in b"/!?":
            position = _comment_end(body, start) if match[0] == b"<!--" else body.find(b">", start) + 1 or len(body)
            continue
        tag, position = _read_tag(body, start)
        content = b""
        if (end := _ENDS.get(tag.name)) and tag.name not in unclosed:
            if closing := end.search(body, position):
                content, position = body[position : closing.start()], closing.start()
            elif tag.name == b"script":
                content, position = body[position:], len(body)
            else:
                unclosed.add(tag.name)
        yield tag, content


def _comment_end(body: bytes, start: int) -> int:
    # "<!-->" and "<!--->" are whole comments.
    end = _COMMENT_END.search(body, start + 2)
    return end.end() if end else len(body)


def _read_tag(body: bytes, start: int) -> tuple[_Tag, int]:
    name = _NAME.match(body, start + 1)
    lower = name[0].lower() if name else b""
    if rest := _REST_OF_TAG.match(body, start + 1):
        return _Tag(lower, body[start : rest.end()], is_closed=True), rest.end()
    position = start + 1
    while stop := _STOP.search(body, position):
        if stop[0] == b">":
            return _Tag(lower, body[start : stop.end()], is_closed=True), stop.end()
        closing = body.find(stop[0][-1:], stop.end())
        if closing < 0:
            break
        position = closing + 1
    return _Tag(lower, body[start:], is_closed=False), len(body)

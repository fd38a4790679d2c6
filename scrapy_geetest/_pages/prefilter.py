"""Is it worth reading a page that names GeeTest? Prose, links and comments name it, too: they are told at little cost."""

from __future__ import annotations

import re
from bisect import bisect_right

from scrapy_geetest._pages.javascript import SPACE, Budget, Code

_CALLS = (b"initGeetest", b"initAlicom4")
_LOADER = re.compile(rb"(?:^|[^\w])(?:gt4?|gcaptcha4|ct4|fullpage|geetest)(?:[._-][\w.-]{0,60})?$", re.IGNORECASE)
_MARK = re.compile(rb"<!--|--!?>|</?[sS][cC][rR][iI][pP][tT](?=[\s/>])")
_ENDS = {True: re.compile(rb"</script", re.IGNORECASE), False: re.compile(rb"--!?>")}
_HANDLER = re.compile(rb"[\s\"'/]on[a-zA-Z]{3,20}\s*=", re.IGNORECASE)
_LONGEST_LOADER = 80
_LONGEST_HANDLER = 2_000
MAX_READ = 524_288  # bytes of a page
MAX_HEAD = 262_144  # of a longer one
_BEFORE, _BEHIND = 131_072, 65_536  # bytes around a name that are read of a script
_LONGEST_TAG = 2_000
_MAX_NEEDLES = 1_000
_MAX_MARKS = 6_000


def may_be_live(body: bytes) -> bool:
    """Whether the name of one of GeeTest's functions or loaders stands where a browser might run it.

    That is in a script, or in a tag. Nothing is missed, but more than what is run counts.
    """
    needles = _needles(body)
    if len(needles) >= _MAX_NEEDLES:
        return True
    parts = _parts(body, max(needles)) if needles else []
    starts = [part[0] for part in parts]
    codes: dict[int, Code] = {}
    budget = Budget()
    for at in needles:
        place = bisect_right(starts, at) - 1
        if place >= 0 and at < parts[place][1]:
            start, end, is_script = parts[place]
            begin = body.find(b">", start, end) + 1 or end
            code = codes.setdefault(place, Code(body[begin:end], budget))
            if is_script and (at < begin or code.masked[at - begin] != SPACE):  # a space: in a comment
                return True
        elif _is_in_tag(body, at):
            return True
    return False


def excerpt(body: bytes) -> bytes:
    """What of a page is read, so that reading takes little time.

    Of a long one its beginning, and the scripts behind that which name GeeTest's functions or loaders.
    """
    if len(body) <= MAX_READ:
        return body
    lower = body.lower()
    end = body.rfind(b">", 0, MAX_HEAD) + 1 or MAX_HEAD  # in no tag, whose quotes would not pair
    taken, size = [body[:end]], end
    for at in sorted(_needles(body)):
        if at < end:
            continue
        start, end = lower.rfind(b"<script", 0, at), lower.find(b"</script", at)
        end = len(body) if end < 0 else end
        is_comment = lower.rfind(b"<!--", 0, at) > lower.rfind(b"-->", 0, at)
        if is_comment or start < lower.rfind(b"</script", 0, at):
            continue
        opening = body[start : body.find(b">", start, start + _LONGEST_TAG) + 1]
        code = body[max(start + len(opening), at - _BEFORE) : min(end, at + _BEHIND)]
        if size + len(code) > MAX_READ:
            break
        size += len(code)
        taken.append(b"</script>" + opening + code + b"</script>")
    return b"".join(taken)


def _needles(body: bytes) -> list[int]:
    found: list[int] = []
    for call in _CALLS:
        at = body.find(call)
        while at >= 0 and len(found) < _MAX_NEEDLES:
            found.append(at)
            at = body.find(call, at + len(call))
    at = body.find(b".js")
    for _ in range(_MAX_NEEDLES):
        if at < 0:
            return found
        if _LOADER.search(body, max(0, at - _LONGEST_LOADER), at):
            found.append(at)
        at = body.find(b".js", at + 3)
    return found + [at] * _MAX_NEEDLES


def _parts(body: bytes, last: int) -> list[tuple[int, int, bool]]:
    """Where scripts and comments up to *last* begin and end, and whether it is a script."""
    found: list[tuple[int, int, bool]] = []
    start, inside = 0, b""
    for count, match in enumerate(_MARK.finditer(body, 0, last)):
        mark = match[0]
        if count == _MAX_MARKS:
            return [(0, len(body), True)]
        if inside:
            is_end = mark.endswith(b">") if inside == b"<!--" else mark.startswith(b"</")
            if is_end:
                found.append((start, match.start(), inside != b"<!--"))
                inside = b""
        elif mark == b"<!--":
            is_none = _is_in_tag(body, match.start()) or body.startswith((b">", b"->"), match.end())
            start, inside = match.start(), b"" if is_none else mark
        elif mark[:1] == b"<" and mark[:2] != b"</":
            start, inside = match.start(), mark
    if inside:
        end = _ENDS[inside != b"<!--"].search(body, last)
        found.append((start, end.start() if end else len(body), inside != b"<!--"))
    return found


def _is_in_tag(body: bytes, at: int) -> bool:
    """Whether *at* is inside a tag, as it seems, or in what one does on an event."""
    if body.rfind(b"<", 0, at) > body.rfind(b">", 0, at):
        return True
    return _HANDLER.search(body, max(0, at - _LONGEST_HANDLER), at) is not None

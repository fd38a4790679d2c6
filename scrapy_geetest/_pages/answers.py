"""What a page's scripts say of the widget's answer: where it is sent, as what, and which reply means success."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from attrs import frozen

from scrapy_geetest._pages.requests import ReadScript, ScriptRequest, field_names, has_answer
from scrapy_geetest._pages.script_values import UNKNOWN, V3_KEYS, V4_KEYS, PageForm, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scrapy_geetest._pages.javascript import Code

_COMPARES = re.compile(
    rb"\bif\s*\(\s*(!?)\s*([A-Za-z_$][\w$]{0,40}(?:\??\.[A-Za-z_$][\w$]{0,40}){1,4})\s*"
    rb"(?:(===?|!==?)\s*([\"']\x01{0,40}[\"']|-?\d{1,6}|true|false)\s*)?(?:\)|&&)"
)
_GOOD = frozenset(
    {"success", "ok", "succeed", "succ", "true", "pass", "passed", "done", "yes", "y", "0", "200", "1", "0000"}
)
_BAD = frozenset(
    {"fail", "failed", "failure", "error", "err", "false", "forbidden", "no", "n", "invalid", "-1", "500", "403", "401"}
)
_SPEAKS_OF_SUCCESS = frozenset({"success", "ok", "succeed", "passed", "valid", "verified", "result", "status"})
_REACH = 1_500  # bytes behind a request in which its reply is looked at


@frozen
class ScriptAnswer:
    """How a script sends the widget's answer.

    Attributes:
        url: Where to, as it stands in the script; ``None``: not to be known from the page.
        method: ``"POST"``, …; ``None``: not to be known.
        fields: Names that the values get, each with its key in the answer; ``None``: not to be known.
        way: ``"form"``, ``"json"``, ``"query"``, ``"multipart"``; ``None``: not to be known.
        form: Selector of the page's form that the script sends, ``""`` where it is the one at hand; ``None``: none is sent.
        accepted: JMESPath of a reply that means success, where the script asks for it.
        refused: The same of failure.
        data: All that is sent.
    """

    url: str | None = None
    method: str | None = None
    fields: tuple[tuple[str, str], ...] | None = None
    way: str | None = None
    form: str | None = None
    accepted: str | None = None
    refused: str | None = None
    data: Value = UNKNOWN


def script_answers(scripts: Iterable[ReadScript], version: int | None) -> tuple[ScriptAnswer, ...]:
    """All requests of the page's scripts that carry the answer, as far as it can be told, each once.

    Args:
        scripts: Of the page, and those that it links.
        version: Of the widget; ``None``: several.
    """
    found: dict[ScriptAnswer, None] = {}
    for script in scripts:
        if not _may_answer(script.code):
            continue
        for request in script.requests:
            if answer := _answer(script.code, request, version):
                found[answer] = None
    return tuple(found)


def _may_answer(code: Code) -> bool:
    return any(name.encode() in code.text for name in ("getValidate", "serialize", "FormData", *V3_KEYS, *V4_KEYS))


def _answer(code: Code, request: ScriptRequest, version: int | None) -> ScriptAnswer | None:
    forms = [value for value in _parts(request.data) if isinstance(value, PageForm)]
    if not has_answer(request.data) and not forms:
        return None
    fields = field_names(request.data, request.way, version)
    accepted, refused = _verdicts(code, request)
    return ScriptAnswer(
        url=request.url,
        method=request.method,
        fields=fields,
        way=request.way,
        form=forms[0].selector if forms and not has_answer(request.data) else None,
        accepted=accepted,
        refused=refused,
        data=request.data,
    )


def _parts(value: object) -> Iterator[object]:
    yield value
    for _, inner in getattr(value, "entries", ()):
        yield inner


def _verdicts(code: Code, request: ScriptRequest) -> tuple[str | None, str | None]:
    """Which replies the script takes for success and for failure: the first that it asks for."""
    for match in _COMPARES.finditer(code.masked, request.position, request.end + _REACH):
        path = _reply_path(match[2].decode().replace("?", ""), code, request)
        if path is None:
            continue
        if match[3] is None:
            last = path.rpartition(".")[2].lower()
            return (path, None) if last in _SPEAKS_OF_SUCCESS else (None, None)
        text = _literal(code, match)
        query = f"{path} == {_jmespath_literal(text, match[4])}"
        if text.lower() in _BAD:
            return None, query
        return (query, None) if text.lower() in _GOOD else (None, None)
    return None, None


def _literal(code: Code, match: re.Match[bytes]) -> str:
    start, end = match.span(4)
    return (code.literal((start, end)) or "") if code.masked[start : start + 1] in b"\"'" else match[4].decode()


def _jmespath_literal(text: str, raw: bytes) -> str:
    if raw[:1] in b"\"'":
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"`{json.dumps(json.loads(text))}`"


def _reply_path(path: str, code: Code, request: ScriptRequest) -> str | None:
    """The path in the reply, where its first name is a parameter of what the reply is handed to."""
    root, _, rest = path.partition(".")
    if not rest:
        return None
    name = re.escape(root.encode())
    reach = (request.position, request.end + _REACH)
    handed = re.compile(
        rb"(?:function\s*[\w$]*\s*\(\s*|\(\s*|[,(=]\s*|then\s*\(\s*(?:async\s*)?)"
        + name
        + rb"\b[\w\s,$:]*\)?\s*(?:=>|\{)"
    )
    awaited = re.compile(rb"\b" + name + rb"\s*=\s*(?:await|JSON)\b")
    if not handed.search(code.masked, *reach) and not awaited.search(code.masked, *reach):
        return None
    is_whole_response = request.library not in {"jquery", "fetch", "xhr"}
    if is_whole_response and rest.startswith("data."):
        return rest.removeprefix("data.")
    return None if is_whole_response and rest in {"data", "status"} else rest


def one_answer(answers: Sequence[ScriptAnswer]) -> ScriptAnswer | None:
    """The one among *answers* that counts; ``None``: there is none, or which one cannot be known."""
    carried = [answer for answer in answers if answer.form is None] or list(answers)
    places = {(answer.url, answer.method, answer.fields) for answer in carried}
    return carried[0] if len(places) == 1 else None

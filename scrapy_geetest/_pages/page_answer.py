"""Where a page sends the widget's answer, and as what: by its script, or by the form that its widget belongs to.

What cannot be known is said to be unknown: a wrong address, or a wrong name of a field, is worse than none.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from attrs import evolve, frozen

from scrapy_geetest._pages.answers import ScriptAnswer, one_answer, script_answers
from scrapy_geetest._pages.forms import typed_controls
from scrapy_geetest._pages.script_values import V3_KEYS, V4_KEYS, Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest._pages.requests import ReadScript

UNTOLD = "neither a form nor a script of the page tells where its answer goes"
_PLACES = re.compile(rb"\.\s*(appendTo|bindForm)\s*\(")
_SETS = re.compile(rb"\.\s*val\s*\(|\.\s*value\s*=(?![=>])")
_TARGET = re.compile(rb"(?:\$|jQuery|getElementById|querySelector)\s*\(\s*[\"'](\x01+)[\"'][^()]*\)(?:\[0\])?\s*$")
_TAKEN = re.compile(rb"(?<![\w$.])([A-Za-z_$][\w$]{0,40})\s*=\s*[\w$.]{1,60}\.\s*getValidate\s*\(")
_HANDED_OVER = re.compile(rb"([\w$.]{1,60})\s*\(\s*[\w$.]{1,60}\.\s*getValidate\s*\(\s*\)\s*[,)]")
_ONLY_LOOKS = re.compile(
    rb"(?:\b(?:if|while|Boolean|alert|typeof|log|info|debug|isEmpty)\s*\(?\s*|!\s*|(?:&&|\|\|)\s*)(?:[\w$.]*\s*\(\s*)?$|(?:^|[^\w$])(?:if|while|Boolean|[\w$]+\.log|alert)$"
)
_INTO_INPUT = re.compile(rb"\.\s*(?:val\s*\(|value\s*=)\s*$")
_MARKS = ("geetest", "captcha", "gt-box", "gtbox")
_PLACEHOLDER = re.compile(r"\{\{|\{%|<%|<\?|\$\{|@\{|^@|\{\$|\{[a-zA-Z_$][\w$.>-]*\}")
_MAX_FORMS, _MAX_ELEMENTS, _MAX_MATCHES = 50, 5_000, 100
_NAMES = ("name", "asp-for", "th:field", "formcontrolname")


@frozen(kw_only=True)
class PageAnswer:
    """What a page says of the answer.

    Attributes:
        by: ``"form"`` or ``"script"``; ``None``: it cannot be known from the page.
        method: Of the request.
        url: Where it goes: absolute.
        fields: Names that the values get, each with its key in the answer (empty: all of it as JSON).
        way: ``"form"``, ``"json"``, ``"query"`` or ``"multipart"``; ``None``: not to be known.
        form: The lxml element of the form that is sent, whoever sends it.
        accepted: JMESPath of a reply that the script takes for success.
        refused: The same of failure.
        problem: Why it cannot be known.
        others: Addresses that carry the answer, where there are several.
    """

    by: str | None = None
    method: str = ""
    url: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    way: str | None = None
    form: Any = None
    accepted: str | None = None
    refused: str | None = None
    problem: str = ""
    others: tuple[str, ...] = ()


def page_answer(
    scripts: Sequence[ReadScript], root: Any, base_url: str, page_url: str, version: int | None
) -> PageAnswer:
    """Find out where a page sends the answer.

    Args:
        scripts: Of the page, and those that it links.
        root: Of its tree, as lxml has it; ``None`` where it is no page.
        base_url: What its addresses are relative to.
        page_url: Where it is from.
        version: Of its widget; ``None``: several.
    """
    answers = script_answers(scripts, version)
    form = None if root is None else _own_form(scripts, root)
    carried = [answer for answer in answers if answer.form is None]
    sent_forms = [answer for answer in answers if answer.form is not None and _is_of(answer.form, root, form)]
    if carried or sent_forms:
        return _by_script(carried or sent_forms, form, base_url, version, is_form=not carried)
    if form is None:
        return PageAnswer(problem=UNTOLD)
    if _is_sent_unseen(scripts):
        return PageAnswer(
            problem="a script of the page takes the answer, but what it sends cannot be told from the page"
        )
    return _by_form(scripts, root, form, base_url, page_url, version)


def _by_script(
    answers: Sequence[ScriptAnswer], form: Any, base_url: str, version: int | None, *, is_form: bool
) -> PageAnswer:
    urls = [absolute for answer in answers if answer.url and (absolute := _absolute(answer.url, base_url))]
    answer = one_answer(answers)
    if version is None and urls:
        return PageAnswer(problem="the page carries widgets of both versions", others=tuple(dict.fromkeys(urls)))
    if answer is None:
        places = tuple(dict.fromkeys(urls))
        return PageAnswer(problem="several requests of the page's scripts carry an answer", others=places)
    names = ", ".join(name for name, _ in answer.fields or ())
    told = f" (as {names})" if names else ""
    if answer.url is None or not urls:
        return PageAnswer(
            problem=f"a script of the page sends the answer{told}, but where to cannot be told from the page"
        )
    if answer.method is None:
        return PageAnswer(problem=f"a script of the page sends the answer{told} to {urls[0]}, but by an unknown method")
    fields = answer.fields or ()
    if is_form:
        fields = tuple((key, key) for key in _keys(version))
    return PageAnswer(
        by="script",
        method=answer.method,
        url=urls[0],
        fields=fields,
        way=answer.way,
        form=form if is_form else None,
        accepted=answer.accepted,
        refused=answer.refused,
        problem="" if fields else "the names of its fields cannot be told from the page",
    )


def _by_form(
    scripts: Sequence[ReadScript], root: Any, form: Any, base_url: str, page_url: str, version: int | None
) -> PageAnswer:
    action, method = form.get("action"), (form.get("method") or "get").strip().upper()
    if method not in {"GET", "POST"}:
        return PageAnswer(problem=f"the widget's form has the method {method}, which sends nothing")
    if action is not None and _PLACEHOLDER.search(action):
        return PageAnswer(problem="the widget's form leads to an address that is not in the page")
    url = _absolute(action.strip(), base_url) if action and action.strip() else page_url
    if url is None:
        return PageAnswer(problem=UNTOLD)
    renamed = tuple(_renamed(scripts, root, form))
    fields = renamed or tuple((key, key) for key in _keys(version))
    is_multipart = (form.get("enctype") or "").strip().lower() == "multipart/form-data"
    way = "query" if method == "GET" else "multipart" if is_multipart else "form"
    return PageAnswer(by="form", method=method, url=url, fields=fields, way=way, form=form)


def _keys(version: int | None) -> tuple[str, ...]:
    return {3: V3_KEYS, 4: V4_KEYS}.get(version or 0, ())


def _absolute(url: str, base_url: str) -> str | None:
    """The address that a browser would go to; ``None``: it is no address of the web."""
    if _PLACEHOLDER.search(url.replace("{timestamp}", "")):
        return None
    try:
        joined = urljoin(base_url, url)
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in {"http", "https"} and parts.hostname else None


def _is_sent_unseen(scripts: Sequence[ReadScript]) -> bool:
    """Whether a script does more with the answer than to look whether there is one: what, cannot be told."""
    return any(_does_more(script) for script in scripts if b"getValidate" in script.code.text)


def _does_more(script: ReadScript) -> bool:
    masked = script.code.masked
    for match in islice(_HANDED_OVER.finditer(masked), _MAX_MATCHES):
        if not _ONLY_LOOKS.search(masked, max(0, match.start() - 40), match.end(1)):
            return True
    names = {match[1] for match in islice(_TAKEN.finditer(masked), _MAX_MATCHES)}
    for name in names:
        uses = re.compile(rb"(?<![\w$.])" + re.escape(name) + rb"\s*(?:\??\.\s*[\w$]+|\[|(?=[,)}\]]))")
        for use in islice(uses.finditer(masked), _MAX_MATCHES):
            before = masked[max(0, use.start() - 60) : use.start()]
            if not _ONLY_LOOKS.search(before) and not _INTO_INPUT.search(before):
                return True
    return False


def _is_of(selector: str, root: Any, form: Any) -> bool:
    """Whether the form that a script sends is the widget's."""
    if form is None:
        return False
    return not selector or any(one is form for one in _selected(root, selector))


def _own_form(scripts: Sequence[ReadScript], root: Any) -> Any:
    """The form that the widget belongs to: what the script puts it into, or binds; else one that is marked as such."""
    forms = [form for form in islice(root.iter("form"), _MAX_FORMS) if _may_send(form)]
    places = [element for selector in _places(scripts) for element in _selected(root, selector)]
    named = [form for form in forms if any(place is form or _is_inside(place, form) for place in places)]
    marked = named or ([] if places else [form for form in forms if _is_marked(form)])
    if not (marked or places) and len(forms) == 1 and not typed_controls(forms[0]):
        return forms[0]  # there is nothing else to do on the page
    return marked[0] if len(marked) == 1 else None


def _may_send(form: Any) -> bool:
    return not re.match(r"\s*javascript:|\s*#\s*$", form.get("action") or "", re.IGNORECASE)


def _places(scripts: Sequence[ReadScript]) -> Iterator[str]:
    """Selectors of what the widget is put into, or is bound to."""
    for script in scripts:
        if not re.search(rb"appendTo|bindForm", script.code.text):
            continue
        for match in islice(_PLACES.finditer(script.code.masked), _MAX_MATCHES):
            arguments = script.evaluator.syntax.arguments(match.end() - 1)
            if not arguments:
                continue
            text = script.evaluator.text(arguments[0])
            if selector := text or script.evaluator.selector(arguments[0]):
                yield selector


def _is_marked(form: Any) -> bool:
    for element in islice(form.iter(), _MAX_ELEMENTS):
        if isinstance(element.tag, str):
            told = " ".join(element.get(name) or "" for name in ("id", "class")).lower()
            if any(mark in told for mark in _MARKS):
                return True
    return False


def _renamed(scripts: Sequence[ReadScript], root: Any, form: Any) -> Iterator[tuple[str, str]]:
    """The inputs of the form that a script puts values of the answer into: their names, and the values' keys."""
    for script in scripts:
        masked = script.code.masked if b"getValidate" in script.code.text else b""
        for match in islice(_SETS.finditer(masked), _MAX_MATCHES):
            is_call = match[0].endswith(b"(")
            arguments = script.evaluator.syntax.arguments(match.end() - 1) if is_call else ()
            span = arguments[0] if arguments else script.evaluator.syntax.expression(match.end())
            value = script.evaluator.value(span)
            if not isinstance(value, Key) or (is_call and not arguments):
                continue
            for element in _selected(root, _set_selector(script, match.start())):
                name = next((element.get(key) for key in _NAMES if element.get(key)), None)
                if name and _is_inside(element, form):
                    yield name, value.name


def _set_selector(script: ReadScript, end: int) -> str:
    masked = script.code.masked
    if target := _TARGET.search(masked, max(0, end - 200), end):
        text = script.code.literal((target.start(1) - 1, target.end(1) + 1)) or ""
        return f"#{text}" if b"getElementById" in target[0] else text
    named = re.search(rb"[A-Za-z_$][\w$.]*$", masked[max(0, end - 80) : end])
    return script.evaluator.selector((end - len(named[0]), end)) if named else ""


def _selected(root: Any, selector: str) -> Sequence[Any]:
    if not selector or len(selector) > 200:  # noqa: PLR2004  # characters: longer ones are no selectors
        return ()
    try:
        return list(root.cssselect(selector))
    except (SyntaxError, RuntimeError, ValueError, TypeError):  # as cssselect's errors are
        return ()


def _is_inside(element: Any, form: Any) -> bool:
    return any(parent is form for parent in element.iterancestors())


def without_credentials(answer: PageAnswer) -> PageAnswer:
    """*answer* without a user and a password in its address."""
    parts = urlsplit(answer.url)
    return evolve(answer, url=parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())

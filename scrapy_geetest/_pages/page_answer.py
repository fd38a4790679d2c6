"""Where a page sends the widget's answer, and as what: by its script, or by the form that its widget belongs to.

What cannot be known is said to be unknown: a wrong address, or a wrong name of a field, is worse than none.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from attrs import evolve, field, frozen

from scrapy_geetest._pages.added_inputs import added_inputs, is_inside, selected, submitted_form
from scrapy_geetest._pages.answers import ScriptAnswer, one_answer, script_answers
from scrapy_geetest._pages.forms import typed_controls
from scrapy_geetest._pages.other_fields import OtherFields, other_fields, register_names
from scrapy_geetest._pages.script_values import V3_KEYS, V4_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest._pages.requests import ReadScript
    from scrapy_geetest._pages.widget import Widget

UNTOLD = "neither a form nor a script of the page tells where its answer goes"
_PLACES = re.compile(rb"\.\s*(appendTo|bindForm)\s*\(")
_TAKEN = re.compile(rb"(?<![\w$.])([A-Za-z_$][\w$]{0,40})\s*=\s*[\w$.]{1,60}\.\s*getValidate\s*\(")
_HANDED_OVER = re.compile(rb"([\w$.]{1,60})\s*\(\s*[\w$.]{1,60}\.\s*getValidate\s*\(\s*\)\s*[,)]")
_ONLY_LOOKS = re.compile(
    rb"(?:\b(?:if|while|Boolean|alert|typeof|log|info|debug|isEmpty)\s*\(?\s*|!\s*|(?:&&|\|\|)\s*)(?:[\w$.]*\s*\(\s*)?$|(?:^|[^\w$])(?:if|while|Boolean|[\w$]+\.log|alert)$"
)
_INTO_INPUT = re.compile(rb"\.\s*(?:val\s*\(|value\s*=)\s*$")
_MARKS = ("geetest", "captcha", "gt-box", "gtbox")
_PLACEHOLDER = re.compile(r"\{\{|\{%|<%|<\?|\$\{|@\{|^@|\{\$|\{[a-zA-Z_$][\w$.>-]*\}")
_MAX_FORMS, _MAX_ELEMENTS, _MAX_MATCHES = 50, 5_000, 100


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
        beside: What is sent beside it by a script.
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
    beside: OtherFields = field(factory=OtherFields)
    others: tuple[str, ...] = ()


def page_answer(
    scripts: Sequence[ReadScript], root: Any, base_url: str, page_url: str, widgets: Sequence[Widget]
) -> PageAnswer:
    """Find out where a page sends the answer.

    Args:
        scripts: Of the page, and those that it links.
        root: Of its tree, as lxml has it; ``None`` where it is no page.
        base_url: What its addresses are relative to.
        page_url: Where it is from.
        widgets: Those that it carries.
    """
    versions = {widget.version for widget in widgets}
    version = versions.pop() if len(versions) == 1 else None
    answers = script_answers(scripts, version)
    form = None if root is None else _own_form(scripts, root)
    carried = [answer for answer in answers if answer.form is None]
    sent_forms = [answer for answer in answers if answer.form is not None and _is_of(answer.form, root, form)]
    if carried or sent_forms:
        found = _by_script(carried or sent_forms, form, base_url, version, is_form=not carried)
        sent = one_answer(carried)
        beside = other_fields(sent.data, register_names(widgets)) if sent and found.by else OtherFields()
        return evolve(found, beside=beside)
    submitted = None if root is None else submitted_form(scripts, root)
    form = form if submitted is None else submitted
    if form is None or not _may_send(form):
        return PageAnswer(problem=UNTOLD)
    if submitted is None and _is_sent_unseen(scripts):
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
    keys = _keys(version)
    added = dict(added_inputs(scripts, root, form, keys))
    fields = tuple(sorted(added.items(), key=lambda item: _place(item[1], keys))) or tuple((key, key) for key in keys)
    is_multipart = (form.get("enctype") or "").strip().lower() == "multipart/form-data"
    way = "query" if method == "GET" else "multipart" if is_multipart else "form"
    return PageAnswer(by="form", method=method, url=url, fields=fields, way=way, form=form)


def _place(key: str, keys: Sequence[str]) -> int:
    return keys.index(key) if key in keys else len(keys)


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
    return not selector or any(one is form for one in selected(root, selector))


def _own_form(scripts: Sequence[ReadScript], root: Any) -> Any:
    """The form that the widget belongs to: what the script puts it into, or binds; else one that is marked as such."""
    forms = [form for form in islice(root.iter("form"), _MAX_FORMS) if _may_send(form)]
    places = [element for selector in _places(scripts) for element in selected(root, selector)]
    named = [form for form in forms if any(place is form or is_inside(place, form) for place in places)]
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

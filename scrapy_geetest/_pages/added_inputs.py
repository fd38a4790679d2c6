"""Inputs that a page's script puts the widget's answer into, before it has the form sent."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from scrapy_geetest._pages.script_values import Joined, Key, Result, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest._pages.requests import ReadScript

_SETS = re.compile(rb"\.\s*val\s*\(|\.\s*value\s*=(?![=>])")
_TARGET = re.compile(rb"(?:\$|jQuery|getElementById|querySelector)\s*\(\s*[\"'](\x01+)[\"'][^()]*\)(?:\[0\])?\s*$")
_NAMED_BEFORE = re.compile(
    rb"\.\s*(?:attr|prop|setAttribute)\s*\(\s*([\"']\x01+[\"'])\s*,\s*([\"']\x01+[\"'])\s*\)[^;{}]{0,80}$"
)
_SUBMITS = re.compile(rb"\.\s*(?:submit|requestSubmit)\s*\(\s*\)|\.\s*trigger\s*\(\s*[\"']\x01{6}[\"']\s*\)")
_LOOPS = re.compile(
    rb"(?:each|keys|entries)\s*\(\s*([A-Za-z_$][\w$.]{0,60}(?:\s*\(\s*\))?)\s*[,)]"
    rb"|\bfor\s*\(\s*(?:const|let|var)\s+[\w$]+\s+in\s+([A-Za-z_$][\w$.]{0,60})\s*\)"
)
_ADDS = re.compile(rb"\.\s*(?:append|prepend|html|after|before|insertAdjacentHTML|appendTo)\s*\(|\.\s*innerHTML\s*\+?=")
_HTML_NAME = re.compile(r"name=[\"']?([\w.\[\]-]{1,80})[\"']?[^<>]*value=[\"']?$")
_NAMES = ("name", "asp-for", "th:field", "formcontrolname")
_MAX_MATCHES = 100


def submitted_form(scripts: Sequence[ReadScript], root: Any) -> Any:
    """The form that a script which takes the answer sends; ``None``: none, or which one cannot be known."""
    found = [
        element
        for script in scripts
        if b"getValidate" in script.code.text
        for match in islice(_SUBMITS.finditer(script.code.masked), _MAX_MATCHES)
        for element in selected(root, target_selector(script, match.start()))
        if element.tag == "form"
    ]
    return found[0] if found and all(element is found[0] for element in found) else None


def added_inputs(scripts: Sequence[ReadScript], root: Any, form: Any, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The names of the inputs that get values of the answer, each with the value's key.

    Args:
        scripts: Of the page.
        root: Of its tree.
        form: The form that is sent.
        keys: Of the answer.
    """
    for script in scripts:
        if b"getValidate" not in script.code.text:
            continue
        yield from _set_values(script, root, form)
        yield from _in_markup(script)
        if _adds_all(script):
            yield from ((key, key) for key in keys)


def _set_values(script: ReadScript, root: Any, form: Any) -> Iterator[tuple[str, str]]:
    masked = script.code.masked
    for match in islice(_SETS.finditer(masked), _MAX_MATCHES):
        is_call = match[0].endswith(b"(")
        arguments = script.evaluator.syntax.arguments(match.end() - 1) if is_call else ()
        if is_call and not arguments:
            continue
        value = script.evaluator.value(arguments[0] if arguments else script.evaluator.syntax.expression(match.end()))
        if not isinstance(value, Key):
            continue
        if named := _NAMED_BEFORE.search(masked, max(0, match.start() - 240), match.start()):
            if script.code.literal(named.span(1)) == "name":
                yield script.code.literal(named.span(2)) or "", value.name
            continue
        for element in selected(root, target_selector(script, match.start())):
            name = next((element.get(key) for key in _NAMES if element.get(key)), None)
            if name and is_inside(element, form):
                yield name, value.name


def _in_markup(script: ReadScript) -> Iterator[tuple[str, str]]:
    """``form.append('<input type="hidden" name="x" value="' + result.lot_number + '">')``."""
    for match in islice(_ADDS.finditer(script.code.masked), _MAX_MATCHES):
        is_call = match[0].endswith(b"(")
        spans = (
            script.evaluator.syntax.arguments(match.end() - 1)
            if is_call
            else [script.evaluator.syntax.expression(match.end())]
        )
        for value in map(script.evaluator.value, spans):
            before = ""
            for part in value.parts if isinstance(value, Joined) else ():
                if isinstance(part, Key) and (named := _HTML_NAME.search(before)):
                    yield named[1], part.name
                before = part.text if isinstance(part, Text) else ""


def _adds_all(script: ReadScript) -> bool:
    """Whether a loop over all values of the answer makes inputs."""
    for match in islice(_LOOPS.finditer(script.code.masked), _MAX_MATCHES):
        span = match.span(1) if match[1] else match.span(2)
        if isinstance(script.evaluator.value(span), Result):
            return True
    return False


def target_selector(script: ReadScript, end: int) -> str:
    """The selector of the element whose member begins at *end*, or an empty text."""
    masked = script.code.masked
    if target := _TARGET.search(masked, max(0, end - 200), end):
        text = script.code.literal((target.start(1) - 1, target.end(1) + 1)) or ""
        return f"#{text}" if b"getElementById" in target[0] else text
    named = re.search(rb"[A-Za-z_$][\w$.]*$", masked[max(0, end - 80) : end])
    return script.evaluator.selector((end - len(named[0]), end)) if named else ""


def selected(root: Any, selector: str) -> Sequence[Any]:
    """The elements that *selector* selects; none where it is none."""
    if not selector or len(selector) > 200:  # noqa: PLR2004  # characters: longer ones are no selectors
        return ()
    try:
        return list(root.cssselect(selector))
    except (SyntaxError, RuntimeError, ValueError, TypeError):  # as cssselect's errors are
        return ()


def is_inside(element: Any, form: Any) -> bool:
    """Whether an element is inside of another."""
    return any(parent is form for parent in element.iterancestors())

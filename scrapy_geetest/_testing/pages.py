"""Saved pages as sites of the sandbox: what ``scrapy geetest inspect`` reads in them is what the sandbox serves."""

from __future__ import annotations

import json
import re
from hashlib import md5
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urljoin

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scrapy.http import Response

    from scrapy_geetest._pages.page_answer import PageAnswer
    from scrapy_geetest._pages.widget import Widget
    from scrapy_geetest.commands.inspect.reading import Reading

_V3, _V4 = 3, 4
_DEFAULT_KEYS = {
    _V3: ("geetest_challenge", "geetest_validate", "geetest_seccode"),
    _V4: ("lot_number", "captcha_output", "pass_token", "gen_time"),
}
_HTML, _JSON, _TEXT = "text/html; charset=utf-8", "application/json; charset=utf-8", "text/plain; charset=utf-8"
_COMPARED = re.compile(r"([\w.]+) == (.+)")
_MEMBER = re.compile(r"challenge: (?!this\b|window\b)[A-Za-z_$][\w$]*((?:\.[A-Za-z_$][\w$]*)+)\.\w+")
_PASSED = "<!DOCTYPE html><html><head><title>Passed</title></head><body><p class='passed'>The check was passed.</p></body></html>"


@frozen(kw_only=True)
class SavedCheck:
    """A saved challenge page, and what its file does not tell.

    Attributes:
        file: The challenge page, as Scrapy got it.
        then: The page that a right answer leads to; ``None``: one that says no more than that.
        refused: The page that a wrong answer gets; ``None``: the challenge page again.
        status: HTTP status of the challenge page.
        version: 3 or 4; ``None``: as its widget has it.
        captcha_id: The ``gt`` or ``captcha_id``; ``None``: that of the page, or one made up.
        register: Where a v3 page asks for a challenge; ``None``: as its script has it.
        submit: Where the answer goes; ``None``: where its form or its script sends it.
        fields: Field name -> key of the solution; ``None``: as its form or its script has them.
        gate: Whether one answer opens all pages of the host that are gates.
    """

    file: str | Path
    then: str | Path | None = None
    refused: str | Path | None = None
    status: int = 200
    version: int | None = None
    captcha_id: str | None = None
    register: str | None = None
    submit: str | None = None
    fields: Mapping[str, str] | None = None
    gate: bool = False


Pages: TypeAlias = "Mapping[str, str | Path | SavedCheck]"


def saved_page(file: str | Path, **told: Any) -> SavedCheck:
    """A saved challenge page, for ``pages`` of the marker ``geetest_sandbox``.

    Args:
        file: Its path, relative to the test's file.
        told: What the file does not tell: ``then``, ``refused``, ``status``, ``version``, ``captcha_id``, ``register``,
            ``submit``, ``fields``, ``gate``.
    """
    return SavedCheck(file=file, **told)


def pages_of(pages: Pages, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Saved pages by their addresses, as the sandbox takes them.

    Args:
        pages: Address -> file.
        folders: Where files may be, the first in which one is.

    Raises:
        ValueError: A file is nowhere, or does not tell enough.
    """
    return [_Reader(url, folders).page(page) for url, page in pages.items()]


@frozen
class _Reader:
    url: str
    folders: Sequence[Path]
    address: str = field(init=False)

    @address.default
    def _without_pattern(self) -> str:
        url = self.url if "://" in self.url else f"http://sandbox.test{self.url}"
        return url.replace("*", "any")

    def page(self, page: str | Path | SavedCheck) -> dict[str, Any]:
        told = page if isinstance(page, SavedCheck) else SavedCheck(file=page)
        path = self._find(told.file)
        response, found = self._read(path)
        if not found.widgets and told.version is None:
            if isinstance(page, SavedCheck):
                raise ValueError(f"{path}: there is no GeeTest widget in it; say which version it has: version=3 or 4")
            return self._content(path, response.status)
        body = {} if told.then is None else self._content(self._find(told.then), 200)
        check = self._check(path, found, told)
        if told.refused is not None:
            refused = self._content(self._find(told.refused), 200)
            check["refused_page"] = [refused["content_type"], refused["body"]]
        if not body and check["accepted"] is None:
            body = {"body": _PASSED}
        return {**body, "url": self.url, "check": check}

    def _find(self, file: str | Path) -> Path:
        places = [folder / file for folder in self.folders]
        for place in places:
            if place.is_file():
                return place
        raise ValueError(f"there is no saved page {file}; looked for {', '.join(map(str, places))}")

    def _read(self, path: Path) -> tuple[Response, Reading]:
        from scrapy_geetest.commands.inspect.reading import read, response_of_file, scripts_beside

        response = response_of_file(path.name, self.address, path.read_bytes())
        return response, read(response, scripts_beside(path, response))

    def _content(self, path: Path, status: int) -> dict[str, Any]:
        from scrapy.http import HtmlResponse, TextResponse

        response, _ = self._read(path)
        if not isinstance(response, TextResponse):
            raise ValueError(f"{path}: a saved page is HTML, JSON or text")
        is_page = isinstance(response, HtmlResponse)
        kind = _HTML if is_page else _JSON if path.suffix == ".json" else _TEXT
        return {"url": self.url, "body": response.text, "content_type": kind, "status": status}

    def _check(self, path: Path, found: Reading, told: SavedCheck) -> dict[str, Any]:
        widget = found.widgets[0] if found.widgets else None
        version = told.version or (widget.version if widget else _V3)
        challenge = (widget.challenge if widget else None) or ""
        register = told.register or (found.register_urls[0] if found.register_urls else "")
        captcha_id = told.captcha_id or (widget and (widget.gt or widget.captcha_id))
        if version == _V3 and not challenge and not register:
            raise ValueError(f'{path}: the page does not tell where its challenge comes from; say it: register="/path"')
        if version == _V4 and not captcha_id and not register:
            raise ValueError(f'{path}: the page does not tell its captcha_id; say it: captcha_id="..."')
        page = self._content(path, told.status)
        return {
            "html": page["body"],
            "content_type": page["content_type"],
            "status": told.status,
            "version": version,
            "captcha_id": captcha_id or md5(self.url.encode(), usedforsecurity=False).hexdigest(),
            "challenge": challenge if challenge in page["body"] else "",
            "register_url": "" if challenge and not told.register else self._absolute(register.partition("?")[0]),
            "register_path": _register_path(widget),
            "register_callback": found.jsonp,
            "is_gate": told.gate,
            **self._answer(found.answer, version, told),
        }

    def _answer(self, answer: PageAnswer, version: int, told: SavedCheck) -> dict[str, Any]:
        names = told.fields or dict(answer.fields) or {key: key for key in _DEFAULT_KEYS[version]}
        own = told.submit or (answer.url if answer.by else "") or self.url
        is_script = answer.by == "script" and told.then is None
        hidden = [] if answer.form is None else answer.form.xpath(".//input[@type='hidden'][@name]")
        return {
            "names": dict(names),
            "submit_url": self._absolute(own) if own != self.url else own,
            "hidden": {one.get("name"): one.get("value", "") for one in hidden},
            "accepted": _said(answer.accepted, {"success": True}) if is_script else None,
            "refused": _said(answer.refused, _opposite(answer.accepted)) if is_script else None,
        }

    def _absolute(self, url: str) -> str:
        return urljoin(self.address, url) if url else ""


def _register_path(widget: Widget | None) -> list[str]:
    """Keys between the register answer and its challenge, as the script of the page goes."""
    for expression in widget.unread if widget else ():
        if found := _MEMBER.fullmatch(expression):
            return found[1].strip(".").split(".")
    return []


def _said(condition: str | None, default: Any) -> Any:
    """A reply for which *condition*, a comparison of the page's script, holds."""
    found = _COMPARED.fullmatch(condition or "")
    if found is None:
        return default
    said: Any = _literal(found[2])
    for name in reversed(found[1].split(".")):
        said = {name: said}
    return said


def _opposite(condition: str | None) -> Any:
    found = _COMPARED.fullmatch(condition or "")
    if found is None:
        return {"success": False}
    value = _literal(found[2])
    other = "fail" if isinstance(value, str) else not value if isinstance(value, bool) else -1
    return _said(f"{found[1]} == `{json.dumps(other)}`", None)


def _literal(text: str) -> Any:
    """A literal of JMESPath: a raw string or JSON."""
    if text.startswith("'"):
        return text.strip("'")
    try:
        return json.loads(text.strip("`"))
    except ValueError:
        return text

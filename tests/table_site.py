"""A small website of the test process: a path for each case, behind a widget, that reads the answer as the case says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import requests
from attrs import define, field, frozen
from twisted.web.resource import Resource
from twisted.web.server import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Self

    from scrapy_geetest.sandbox import Sandbox

PAGES = Path(__file__).parent / "pages"
ID, CHALLENGE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7"
"""What stands in the stored pages for the real ones."""

_CONTENT = '<html><body><p class="content">{}</p></body></html>'


@frozen
class Sent:
    """A request as the site sees it."""

    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    json: Any
    headers: Mapping[str, str]


@frozen(kw_only=True)
class Case:
    """What a case is to the site.

    Attributes:
        name: The first part of its paths.
        version: Of the widget.
        page: A file of ``tests/pages``; empty: a JSON answer.
        answer: How the solution comes back: its values by the names of the service, whatever the site calls them.
        status: Of the page.
        register: From ``gt`` and ``challenge`` to what the endpoint ``…/register`` answers: content type and text.
    """

    name: str
    version: int
    page: str = ""
    status: int = 403
    answer: Callable[[Sent], Mapping[str, Any]]
    register: Callable[[str, str], tuple[str, str]] | None = None

    def values(self, sent: Sent) -> dict[str, str] | None:
        """The solution in a request, if it is complete."""
        keys = {3: ("challenge", "validate", "seccode"), 4: ("lot_number", "captcha_output", "pass_token", "gen_time")}
        try:
            found = self.answer(sent)
            return {key: found[key] for key in keys[self.version]}
        except (KeyError, TypeError, ValueError):
            return None


@define
class TableSite:
    """The site; ``received`` holds the solutions that it was sent, by case."""

    sandbox: Sandbox
    cases: Mapping[str, Case]
    received: dict[str, list[dict[str, str]]] = field(factory=dict)
    url: str = ""
    _port: Any = None

    @classmethod
    def of(cls, sandbox: Sandbox, cases: Iterable[Case]) -> TableSite:
        return cls(sandbox, {case.name: case for case in cases})

    def __enter__(self) -> Self:
        from twisted.internet import reactor

        factory: Any = Site(_Pages(self))  # type: ignore[no-untyped-call]  # Twisted's
        listen: Any = reactor
        self._port = listen.listenTCP(0, factory, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"
        return self

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def __exit__(self, *_: object) -> None:
        self._port.stopListening()

    def answer(self, sent: Sent, name: str, rest: str) -> tuple[int, str, str]:
        """Status, content type, text."""
        case = self.cases[name]
        if rest == "register" and case.register is not None:
            return (200, *case.register(*self._fresh(case)))
        if (values := case.values(sent)) is not None:
            self.received.setdefault(name, []).append(values)
            return 200, "text/html", _CONTENT.format(name)
        if not case.page:
            return 403, "application/json", json.dumps({"need_captcha": True, "captcha_id": self._fresh(case)[0]})
        gt, challenge = self._fresh(case)
        page = (PAGES / case.page).read_text(encoding="utf-8")
        return case.status, "text/html", page.replace(ID, gt).replace(CHALLENGE, challenge)

    def _fresh(self, case: Case) -> tuple[str, str]:
        """An id that the solving service knows, and for v3 a challenge that was never shown."""
        if case.version == 4:
            return self.sandbox.captchas["v4-form"], ""
        answer = requests.get(f"{self.sandbox.url}/gate3/register", timeout=20, proxies={"http": ""}).json()
        return answer["gt"], answer["challenge"]


class _Pages(Resource):
    def __init__(self, site: TableSite) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.isLeaf = True
        self._site = site

    def render(self, request: Any) -> bytes:
        name, _, rest = request.path.decode().lstrip("/").partition("/")
        status, kind, text = (
            self._site.answer(_sent(request), name, rest) if name in self._site.cases else (404, "", "")
        )
        request.setResponseCode(status)
        request.setHeader(b"Content-Type", f"{kind}; charset=utf-8".encode())
        return text.encode()


def _sent(request: Any) -> Sent:
    body = request.content.read().decode()
    is_json = body.startswith("{")
    return Sent(
        method=request.method.decode(),
        query=dict(parse_qsl(urlsplit(request.uri.decode()).query)),
        form={} if is_json else dict(parse_qsl(body)),
        json=json.loads(body) if is_json else {},
        headers={key.decode().lower(): values[0].decode() for key, values in request.requestHeaders.getAllRawHeaders()},
    )

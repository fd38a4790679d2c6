"""Runs the class and the spider that inspect printed for a visit against the answers of that visit, without a network."""

from __future__ import annotations

import inspect
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from attrs import frozen
from scrapy import Request, Spider

from scrapy_geetest import GeetestSite, V3Solution, V4Solution
from scrapy_geetest.commands.inspect.har import Exchange, Recording
from scrapy_geetest.commands.inspect.recording.answers import as_response
from scrapy_geetest.commands.inspect.recording.fields import request_fields
from scrapy_geetest.commands.inspect.recording.origins import is_clock, without_clock
from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy.http import Response

    from scrapy_geetest.commands.inspect.recording.site import RecordedSite


def pasted(code: str, base: type, path: Path) -> Any:
    """The one class of a module that is a subclass of *base*; a file, since Scrapy reads the source of callbacks."""
    path.write_text(code, encoding="utf-8")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [
        one for one in vars(module).values() if isinstance(one, type) and issubclass(one, base) and one is not base
    ]
    assert len(found) == 1
    return found[0]


@frozen
class Replay:
    """A visit with what was printed for it.

    Attributes:
        recording: The visit.
        recorded: What was read from it.
        site: Of the printed class.
        spider: The printed one, told what a person typed.
    """

    recording: Recording
    recorded: RecordedSite
    site: GeetestSite
    spider: Spider

    @classmethod
    def of(cls, recording: Recording, folder: Path) -> Replay:
        """Read a visit, and paste what is printed for it."""
        visit = read_visit(recording)
        told = visit.to_json()
        assert visit.site is not None
        spider = pasted(told["spider"], Spider, folder / "spider.py")
        typed = {str(one.field.keys[-1]).lower(): one.field.text for one in visit.site.parts.all if one.role == "typed"}
        arguments = {key: value for key, value in typed.items() if key in vars(spider)}
        return cls(
            recording, visit.site, pasted(told["declaration"], GeetestSite, folder / "site.py")(), spider(**arguments)
        )

    async def wanted(self) -> Request:
        """The request that the spider ends up with."""
        requests = [request async for request in self.spider.start()]
        while requests and requests[0].meta.get("geetest") is False:
            request = requests[0]
            callback = request.callback or self.spider.parse
            requests = list(callback(self.answer(request), **request.cb_kwargs))
        assert len(requests) == 1
        wanted: Request = requests[0]
        return wanted

    def answer(self, request: Request) -> Response:
        """What the visit had for a request, redirects followed; before the solution was sent, if it was before."""
        key = (request.method, without_clock(request.url))
        same = [one for one in self.recording.exchanges if (one.method, without_clock(one.url)) == key]
        assert same, f"the visit has no {key}"
        before = [one for one in same if one.number < self.recorded.submission.exchange.number]
        exchange = (before or same)[-1]
        if exchange.is_redirect:
            return self.answer(Request(urljoin(exchange.url, exchange.location)))
        headers: dict[str, list[str]] = {name: [value] for name, value in exchange.answer_headers}
        headers["Set-Cookie"] = [f"{name}={value}; Path=/" for name, value in exchange.set_cookies]
        return as_response(exchange).replace(headers=headers, request=request)

    async def sent(self) -> Request:
        """The request with the recorded solution in it."""
        request = await self.wanted()
        response = None if request.meta.get("geetest") else self.answer(request)
        asked: Any = self.site.challenge_request(request, response)
        solution = self._solution(self._extra(asked, response))
        if self.site.is_two_step:
            made: Any = self.site.verify_request(request, response, solution)
        else:
            made = self.site.submit_request(request, response, solution)
        assert not inspect.isawaitable(made)
        assert isinstance(made, Request)
        return made

    def _extra(self, asked: Request | None, response: Response | None) -> dict[str, str]:
        """What comes along with the challenge."""
        if asked is None:
            return {}
        is_the_page = response is not None and asked.url == response.url and not self.recorded.source.challenge_url
        challenge: Any = self.site.parse_challenge(response if is_the_page and response else self.answer(asked))
        return dict(challenge.extra)

    def _solution(self, extra: dict[str, str]) -> V3Solution | V4Solution:
        values = {key: field.text for key, field in self.recorded.submission.solution.items()}
        if self.recorded.source.version == 3:
            return V3Solution(
                extra=extra, **{key: values.get(key, "-") for key in ("challenge", "validate", "seccode")}
            )
        keys = ("captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output")
        return V4Solution(extra=extra, **{key: values.get(key, "-") for key in keys})


def values_of(exchange: Exchange) -> dict[tuple[str, str, str], str]:
    """All values of a request by their place and name, the clock's left out."""
    return {
        (field.place, field.packed_in or "", field.name.lower() if field.place == "headers" else field.name): field.text
        for field in request_fields(exchange)
        if not is_clock(field, exchange)
    }


def as_exchange(request: Request, seconds: float) -> Exchange:
    """A request as a log has it."""
    headers = tuple((name.decode(), value.decode()) for name, values in request.headers.items() for value in values)
    return Exchange(
        number=0,
        method=request.method,
        url=request.url,
        headers=headers,
        body=request.body.decode(),
        body_type=(request.headers.get(b"Content-Type") or b"").decode(),
        seconds=seconds,
    )

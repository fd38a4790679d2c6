"""The class that inspect prints for each page of the sandbox solves that page, pasted as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from inspected_pages import declared
from sandbox_crawl import crawl_sandbox
from scrapy import FormRequest, Request
from scrapy.responsetypes import responsetypes

from scrapy_geetest.commands.inspect.reading import linked_scripts
from scrapy_geetest.commands.inspect.report import Inspection, inspect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawl import RecordingSpider
    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox

pytestmark = pytest.mark.exhaustive

GATES = ("/gate/page/1", "/gate3/page/1", "/gater/page/1")
WITHHELD = (
    *("/v3/search?q=rope", "/nested/login", "/jsonp/data?id=1", "/inline/article/7", "/v4/", "/headers/data/3"),
    *("/answers/v3/status-fail?q=rope", "/answers/v4/page?q=rope"),  # the pages of all kinds are alike
    *("/answers/v3/page-token?q=rope", "/answers/v3/constant?q=rope"),
)
CARRIED = ("/v3/login", "/v4/form", "/answers/v3/wrong-password", "/answers/v4/article")
TYPED = {"user": "ann", "password": "sandbox", "keyword": "rope", "town": "Wick", "comment": "good", "author": "ann"}


def _fetched(url: str) -> Response:
    answer = requests.get(url, timeout=10)
    kind = responsetypes.from_mimetype(answer.headers["Content-Type"].partition(";")[0])
    return kind(answer.url, status=answer.status_code, body=answer.content)


def _inspected(url: str) -> Inspection:
    page = _fetched(url)
    return inspect(page, linked={src: requests.get(src, timeout=10).content for src in linked_scripts(page)})


def _accepted(sandbox: Sandbox) -> list[str]:
    submitted = sandbox.books()["submissions"].values()
    return [outcome for outcomes in submitted for outcome in outcomes if outcome != "missing"]


@pytest.mark.parametrize("path", [*WITHHELD, *GATES])
async def test_withheld(sandbox: Sandbox, path: str) -> None:
    """One task for the page, a gate's in gate mode; for a gate two pages."""
    sandbox.reset(solve_seconds=0.05)
    found = _inspected(sandbox.url + path)
    assert found.is_challenge
    site = declared(found.declaration)
    assert site.mode == ("gate" if path in GATES else "form")
    paths = [path, path.replace("/1", "/2")] if path in GATES else [path]
    outcome = await crawl_sandbox(sandbox, [Request(sandbox.url + one) for one in paths], site)
    assert (outcome.errors, len(outcome.pages)) == ([], len(paths))
    assert (outcome.stats["tasks_created"], outcome.stats["rejected"], _accepted(sandbox)) == (1, 0, ["accepted"])


@pytest.mark.parametrize("path", CARRIED)
async def test_carried(sandbox: Sandbox, path: str) -> None:
    """The request that the report names, with ``geetest=True``: one task, taken."""
    sandbox.reset(solve_seconds=0.05)
    found = _inspected(sandbox.url + path)
    assert not found.is_challenge

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def sends(page: Response) -> Request:
            hidden = {one.attrib["name"]: one.attrib["value"] for one in page.css("#guarded input[type=hidden]")}
            fields = {**hidden, **{name: TYPED[name] for name in found.sending.typed}}
            request = FormRequest(found.sending.url, spider.parse, formdata=fields, meta={"geetest": True})
            return request.replace(errback=spider.failed)

        yield Request(sandbox.url + path, callback=sends)

    outcome = await crawl_sandbox(sandbox, wanted, declared(found.declaration))
    assert (outcome.errors, len(outcome.pages)) == ([], 1)
    assert (outcome.stats["tasks_created"], outcome.stats["rejected"], _accepted(sandbox)) == (1, 0, ["accepted"])

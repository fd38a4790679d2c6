"""Crawls of the sandbox: its sites as a project declares them, requests for their pages, and the crawl itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crawl import Crawl, crawl
from scrapy import Request
from scrapy.http import JsonRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crawl import RecordingSpider

    from scrapy_geetest.sandbox import Sandbox

    Wanted = Iterable[Request] | Callable[[RecordingSpider], Iterable[Request]]

PRICE = 600  # millionths, what the sandbox charges
V4_KEYS = ("captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output")
NESTED_FIELDS: dict[str, str | None] = {key: f"captcha.{key}" for key in V4_KEYS}


async def crawl_sandbox(
    sandbox: Sandbox, wanted: Wanted, *sites: Any, prepare: Callable[[Any], None] | None = None, **settings: Any
) -> Crawl:
    """Run one crawl to its end, with the sandbox's service.

    Args:
        sandbox: The one that is crawled.
        wanted: The start requests, or what makes them from the spider.
        sites: What ``GEETEST_SITES`` declares.
        prepare: Called with the crawler before it starts.
        settings: In addition, or instead.
    """
    return await crawl(
        wanted if callable(wanted) else lambda _: wanted,
        prepare,
        **{"GEETEST_SITES": list(sites), **service(sandbox), **settings},
    )


def service(sandbox: Sandbox) -> dict[str, str]:
    """The settings that name the sandbox's service."""
    return {"GEETEST_API_KEY": sandbox.api_key, "GEETEST_API_URL": sandbox.service_url}


def host(sandbox: Sandbox) -> str:
    """Host and port of the sandbox's sites."""
    return sandbox.url.partition("://")[2]


def search_site(sandbox: Sandbox, **attributes: Any) -> dict[str, Any]:
    """v3: a search form, whose challenge comes from a register endpoint."""
    return {
        "name": "search",
        "urls": [f"{host(sandbox)}/v3"],
        "detect_css": "#captcha-holder",
        "challenge_url": "/v3/gt/register-slide",
        "accepted_css": ".query, .user",
        **attributes,
    }


def login_site(sandbox: Sandbox, **attributes: Any) -> dict[str, Any]:
    """v3: the same endpoint, asked with the time as browsers do."""
    return search_site(
        sandbox, **{"name": "login", "challenge_url": "/v3/gt/register-slide?t={timestamp}", **attributes}
    )


def nested_site(sandbox: Sandbox, **attributes: Any) -> dict[str, Any]:
    """v3: a nested register answer, with a token that goes back with the form."""
    return {
        "name": "nested",
        "urls": [f"{host(sandbox)}/nested"],
        "detect_css": "#captcha-holder",
        "challenge_url": "/nested/captcha",
        "field_names": {"token": "token"},
        **attributes,
    }


def api_site(sandbox: Sandbox, **attributes: Any) -> dict[str, Any]:
    """v4: a JSON API, with nested names."""
    return {
        "name": "api",
        "urls": [f"{host(sandbox)}/v4/api"],
        "detect_jmespath": "need_captcha",
        "version": 4,
        "field_names": NESTED_FIELDS,
        **attributes,
    }


def gate_site(sandbox: Sandbox, name: str = "gate", **attributes: Any) -> dict[str, Any]:
    """One of the gates: ``gate`` (v4), ``gate3`` (v3), ``gater`` (v4, redirects)."""
    return {
        "name": name,
        "urls": [f"{host(sandbox)}/{name}"],
        "mode": "gate",
        **({"challenge_url": f"/{name}/register"} if name == "gate3" else {}),
        **attributes,
    }


def requests(sandbox: Sandbox, *paths: str, **kwargs: Any) -> list[Request]:
    """Requests for some paths of the sandbox."""
    return [Request(sandbox.url + path, **kwargs) for path in paths]


def searches(sandbox: Sandbox, *queries: str, **kwargs: Any) -> list[Request]:
    """Requests for pages of the search."""
    return requests(sandbox, *(f"/v3/search?q={query}" for query in queries), **kwargs)


def items(sandbox: Sandbox, *pages: int, **kwargs: Any) -> list[Request]:
    """Requests to the JSON API."""
    return [JsonRequest(f"{sandbox.url}/v4/api/items", data={"page": page}, **kwargs) for page in pages]


def gate_pages(sandbox: Sandbox, numbers: Iterable[int], gate: str = "gate", **kwargs: Any) -> list[Request]:
    """Requests for pages behind a gate."""
    return requests(sandbox, *(f"/{gate}/page/{number}" for number in numbers), **kwargs)

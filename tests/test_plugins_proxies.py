"""Whole crawls with packages that choose a proxy: scrapy-rotating-proxies, scrapy-zyte-smartproxy."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request
from small_world import challenge_page, page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawl import RecordingSpider
    from scrapy.http import Response
    from small_world import Answer, Asked, Server, SmallWorld

pytestmark = [pytest.mark.plugins, pytest.mark.filterwarnings("ignore")]  # warnings of others are theirs

URL = "http://shop.example.com"
SITE = {"urls": ["shop.example.com"], "challenge_url": "/register", "accepted_css": "h1"}


class Shop:
    """A site that ties challenges, and the sessions of its gate, to the address that a visitor comes from: its proxy."""

    def __init__(self, world: SmallWorld, *, gate: bool = False, proxies: int = 3) -> None:
        self._world = world
        self._gate = gate
        self._owners: dict[str, int] = {}
        self.used: Counter[int] = Counter()
        # Their slot is named after the host: each has one of its own.
        self.proxies: list[Server] = [
            world.another(partial(self.serve, number), f"127.0.1.{number}") for number in range(1, proxies + 1)
        ]

    def serve(self, number: int, asked: Asked) -> Answer:
        self.used[number] += 1
        if asked.path == "/register":
            answer = self._world.geetest.register()
            self._owners[json.loads(answer.body)["challenge"]] = number
            return answer
        owner = self._owners.get(asked.fields.get("geetest_challenge", ""))
        if self._world.geetest.takes(asked.fields) and owner == number:
            return page("<h1>content</h1>", Set_Cookie=f"pass={number}; Path=/")
        if self._gate and asked.cookies.get("pass") == str(number):
            return page("<h1>content</h1>")
        return challenge_page(action="/page", register="/register")


def _pages(count: int) -> list[str]:
    return [f"{URL}/page?n={number}" for number in range(count)]


def _rotating(shop: Shop, orders: dict[Any, int]) -> dict[str, Any]:
    pytest.importorskip("rotating_proxies")
    return {"ROTATING_PROXY_LIST": [proxy.host for proxy in shop.proxies], "DOWNLOADER_MIDDLEWARES": orders}


def _ordered(**orders: int) -> dict[Any, int]:
    return {f"rotating_proxies.middlewares.{name}Middleware": order for name, order in orders.items()}


class JarOfProxy:
    """A cookie jar for each proxy, as the documentation has it."""

    def process_request(self, request: Any) -> None:
        request.meta["cookiejar"] = request.meta.get("proxy")


async def test_rotating_proxies_before_the_plugin(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """A challenge page is no ban, and each attempt keeps the proxy that it was begun with."""
    shop = Shop(world)
    orders = _ordered(RotatingProxy=560, BanDetection=570)
    outcome = await world.crawl(_pages(8), SITE, **_rotating(shop, orders))
    assert outcome.texts("h1::text") == ["content"] * 8
    assert outcome.stats["accepted"] == len(world.tasks) == 8
    assert shop.used.total() == 3 * 8  # page, register request, form
    assert "proxies/dead" not in outcome.all_stats
    assert "bans/status/403" not in outcome.all_stats
    assert caplog.messages == []


async def test_rotating_proxies_in_the_order_of_their_readme(
    world: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """Every challenge page costs several proxies before it is solved; the log says so at start, with the cure."""
    shop = Shop(world)
    orders = _ordered(RotatingProxy=610, BanDetection=620)
    outcome = await world.crawl(_pages(3), SITE, **_rotating(shop, orders))
    assert outcome.texts("h1::text") == ["content"] * 3
    assert len(world.tasks) == 3
    assert outcome.all_stats["bans/status/403"] == 3 * 6  # ROTATING_PROXY_PAGE_RETRY_TIMES, and the first time
    assert [line.partition(" an order below")[0] for line in caplog.messages if line.startswith("GeeTest: give ")] == [
        "GeeTest: give RotatingProxyMiddleware",
        "GeeTest: give BanDetectionMiddleware",
    ]


async def test_a_gate_is_opened_once_for_each_proxy(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """With a jar for each, which stays that of the attempt while it lasts."""
    shop = Shop(world, gate=True)
    orders: dict[Any, int] = {**_ordered(RotatingProxy=560, BanDetection=570), JarOfProxy: 575}
    outcome = await world.crawl(_pages(24), {**SITE, "mode": "gate"}, **_rotating(shop, orders))
    assert outcome.texts("h1::text") == ["content"] * 24
    assert len(world.tasks) == outcome.stats["accepted"] == len(shop.used)
    assert "opened again" not in caplog.text


async def test_one_jar_for_all_proxies_is_warned_about(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """The sessions of their gates overwrite each other."""
    shop = Shop(world, gate=True)
    orders = _ordered(RotatingProxy=560, BanDetection=570)

    def one_after_the_other(spider: RecordingSpider) -> Iterable[Request]:
        def parse(response: Response, left: int) -> Any:
            spider.parse(response)
            yield from ask(left) if left else ()

        def ask(left: int) -> Iterable[Request]:
            yield Request(f"{URL}/page?n={left}", parse, cb_kwargs={"left": left - 1}, errback=spider.failed)

        return ask(12)

    outcome = await world.crawl(one_after_the_other, {**SITE, "mode": "gate"}, **_rotating(shop, orders))
    assert outcome.texts("h1::text") == ["content"] * 12
    assert len(world.tasks) > len(shop.used)
    assert caplog.text.count("is opened again, with the same cookie jar and another proxy") == 1


async def test_zyte_smartproxy(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """All requests of the plugin go through the one address of the service, and nothing shows its key."""
    pytest.importorskip("scrapy_zyte_smartproxy")
    caplog.set_level("DEBUG", "scrapy_geetest")
    shop = Shop(world, proxies=1)
    settings = {
        "ZYTE_SMARTPROXY_ENABLED": True,
        "ZYTE_SMARTPROXY_APIKEY": "0123456789abcdef0123456789abcdef",
        "ZYTE_SMARTPROXY_URL": shop.proxies[0].url,
        "DOWNLOADER_MIDDLEWARES": {"scrapy_zyte_smartproxy.ZyteSmartProxyMiddleware": 610},
    }
    outcome = await world.crawl(_pages(4), SITE, **settings)
    assert outcome.texts("h1::text") == ["content"] * 4
    assert len(world.tasks) == 4
    assert shop.used.total() == 3 * 4
    assert all("proxy-authorization" in asked.headers for asked in shop.proxies[0].asked)
    own = [record.getMessage() for record in caplog.records if record.name.startswith("scrapy_geetest")]
    assert own
    assert not any("0123456789abcdef" in line for line in own)

"""What is written down of a session, and what another process reads of it."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
import storages
from sandbox_crawl import crawl_sandbox, gate_pages, gate_site
from scrapy import Request
from scrapy.http import Response
from scrapy.http.cookies import CookieJar
from twisted.internet.task import Clock

from scrapy_geetest import GeetestSite
from scrapy_geetest._attempt.stored_sessions import StoredSession, StoredSessions
from scrapy_geetest._crawl.identity import Identity, Visitor
from scrapy_geetest._crawl.stored_cookies import as_data, cookies_of_site, from_data
from scrapy_geetest._storage.lease import Lease
from scrapy_geetest._storage.memory import MemoryStorage
from scrapy_geetest._storage.protocol import StorageFailedError

if TYPE_CHECKING:
    from http.cookiejar import Cookie
    from pathlib import Path

    from scrapy_geetest.sandbox import Sandbox

SITE = GeetestSite(name="shop", urls=["shop.example.com", "captcha.example.net"], mode="gate")


def _jar(**of_hosts: str) -> list[Cookie]:
    """The cookies that hosts (``shop_example_com``) have set."""
    jar = CookieJar()
    for host, header in of_hosts.items():
        request = Request(f"https://{host.replace('_', '.')}/a/page")
        jar.extract_cookies(Response(request.url, headers={"Set-Cookie": header.split("|")}), request)
    return list(jar.jar)


def test_the_cookies_of_the_site_and_no_others() -> None:
    """Those of its hosts, of the domains above, and of the host that was asked; none of another site, none that is over."""
    cookies = _jar(
        shop_example_com="pass=1; Path=/; HttpOnly|all=2; Domain=.example.com; Secure; Max-Age=60|old=3; Max-Age=0",
        captcha_example_net="seen=4",
        elsewhere_example_org="other=5",
        intranet="local=6",
    )
    kept = cookies_of_site(cookies, SITE, "https://shop.example.com/page")
    assert sorted(cookie.name for cookie in kept) == ["all", "pass", "seen"]
    assert "local" in {cookie.name for cookie in cookies_of_site(cookies, SITE, "http://intranet/")}


def test_cookies_that_were_written_down_are_sent_as_before() -> None:
    """To the same hosts and paths, as safely."""
    cookies = _jar(
        shop_example_com="pass=a b; Path=/|here=2; Path=/a|safe=3; Secure|all=4; Domain=example.com; Max-Age=600"
    )
    again = CookieJar()
    for cookie in from_data(json.loads(json.dumps(as_data(cookies)))):
        again.jar.set_cookie(cookie)
    before = CookieJar()
    for cookie in cookies:
        before.jar.set_cookie(cookie)
    for url in (
        *("https://shop.example.com/a/b", "https://shop.example.com/", "http://shop.example.com/a"),
        *("https://www.example.com/", "https://sub.shop.example.com/"),
    ):
        headers = []
        for jar in (before, again):
            request = Request(url)
            jar.add_cookie_header(request)
            headers.append(sorted((request.headers.get("Cookie") or b"").split(b"; ")))
        assert headers[0] == headers[1], url


def _session() -> StoredSession:
    identity = Identity({"User-Agent": "Firefox", "Proxy-Authorization": "Basic c2VjcmV0"}, {"proxy": "http://p:1"})
    return StoredSession.new(_jar(shop_example_com="pass=the-secret"), {"token": "the-secret"}, identity)


def test_a_session_is_read_as_it_was_written() -> None:
    """And shows no secret on the way."""
    session = _session()
    read = StoredSession.from_text(session.to_text())
    assert read.to_text() == session.to_text()
    assert (read.id, read.values, read.identity) == (session.id, session.values, session.identity)
    assert "secret" not in repr(read)
    assert "c2VjcmV0" not in repr(read.identity)
    assert 0.0 <= read.age < 5.0


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"id": 1}', '{"id":"a","at":"x","cookies":[],"values":{},"headers":{},"meta":{}}'],
)
async def test_what_is_no_session_is_dropped(text: str) -> None:
    """Another version wrote it, or somebody else."""
    storage = MemoryStorage()
    sessions = StoredSessions(storage, _never, Clock())
    await sessions.keep("shop", "key", _session(), None)
    [entry] = await storage.entries("session")
    await storage.put("session", entry.key, text, 60)
    assert await sessions.find("shop", "key") is None
    assert await storage.entries("session") == []


async def _never(_: float) -> None:
    raise AssertionError("nobody waits here")


async def test_a_key_tells_nothing_of_the_session() -> None:
    """It may be made from a login."""
    storage = MemoryStorage()
    await StoredSessions(storage, _never, Clock()).keep("shop", "the-password", _session(), None)
    [entry] = await storage.entries("session")
    assert entry.key.startswith("shop/")
    assert "the-password" not in entry.key


async def test_of_those_who_want_to_open_one_does_and_the_others_get_its_session() -> None:
    """Also where the session was opened between the look and the lease; a refused one is gone for all."""
    storage, now = MemoryStorage(), Clock()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            await first.keep("shop", "key", opened, None)

    first, second = StoredSessions(storage, _never, now), StoredSessions(storage, sleep, now)
    opened = _session()
    lease = await first.claim("shop", "key", "")
    assert isinstance(lease, Lease)
    found = await second.claim("shop", "key", "")
    assert isinstance(found, StoredSession)
    assert (found.id, len(waits)) == (opened.id, 3)
    await lease.release()
    anew = await second.claim("shop", "key", found.id)
    assert isinstance(anew, Lease)
    assert await first.find("shop", "key") is None
    await anew.release()


async def test_where_the_storage_fails_each_opens_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Said once."""

    async def fail(*_: Any) -> Any:
        raise StorageFailedError("no call was taken for 60 s")

    storage = MemoryStorage()
    for name in ("get", "put", "swap"):
        setattr(storage, name, fail)
    sessions = StoredSessions(storage, _never, Clock())
    assert await sessions.find("shop", "key") is None
    assert await sessions.claim("shop", "key", "") is None
    await sessions.keep("shop", "key", _session(), None)
    assert caplog.text.count("sessions are not shared with other processes at present") == 1


def test_a_request_becomes_one_of_the_visitor_who_opened() -> None:
    """Browser and proxy, its login included; what was the request's own of these is gone, all else stays."""
    request = Request(
        "https://shop.example.com/",
        headers={"User-Agent": "Chrome", "Accept": "text/html", "Proxy-Authorization": "Basic b3du"},
        meta={"proxy": "http://own:2", "_auth_proxy": "http://own:2", "impersonate": "chrome", "depth": 3},
    )
    visitor = Visitor(request, request)
    assert visitor.headers["User-Agent"] == b"Chrome"
    opener = Identity({"User-Agent": "Firefox", "Proxy-Authorization": "Basic c2VjcmV0"}, {"proxy": "http://p:1"})
    visitor.become(opener)
    assert Identity.of(visitor) == Identity.of(request) == opener
    assert request.headers["Accept"] == b"text/html"
    assert request.meta == {"proxy": "http://p:1", "depth": 3}


async def test_no_cookie_is_ever_logged(sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the level; and the file holds it, for its owner alone."""
    caplog.set_level(logging.DEBUG)
    uri = f"file://{tmp_path / 'geetest.db'}"
    for _ in range(2):
        await crawl_sandbox(sandbox, gate_pages(sandbox, range(3)), gate_site(sandbox), GEETEST_STORAGE_URI=uri)
    opened = storages.opened(uri)
    [entry] = await opened.entries.entries("session")
    session = StoredSession.from_text(entry.value)
    await opened.entries.close()
    [cookie] = session.cookies
    assert cookie.name == "gate_pass"
    assert cookie.value
    assert cookie.value not in caplog.text
    assert time.time() - session.opened_at < 60

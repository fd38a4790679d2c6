"""Which declared site a URL belongs to: found by host, as if each had been asked in turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reactor import run

from scrapy_geetest import GeetestSite
from scrapy_geetest import _sites as module
from scrapy_geetest._sites import SiteIndex

HOSTS = ("a.test", "b.a.test", "c.b.a.test", "xa.test", "127.0.0.1", "[::1]", "b\u00fccher.test", "test")
PORTS = ("", ":80", ":443", ":8000")
PATHS = ("", "/", "/v3", "/v3/", "/v3/login")
SPELLINGS = {
    "a.test": ("a.test", "A.Test", "a.test.", "user:secret@a.test"),
    "[::1]": ("[::1]", "[0:0:0:0:0:0:0:1]"),
    "b\u00fccher.test": ("b\u00fccher.test", "xn--bcher-kva.test", "XN--BCHER-KVA.test"),
}
PATTERNS = st.builds("{}{}{}".format, st.sampled_from(HOSTS), st.sampled_from(PORTS), st.sampled_from(PATHS))
TAILS = st.sampled_from(["", "/", "/v3", "/v3/login?to=/x", "/v33", "?q=/v3", "#/v3", "/x"])


@st.composite
def _urls(draw: st.DrawFn) -> str:
    host = draw(st.sampled_from(HOSTS))
    spelling = draw(st.sampled_from(SPELLINGS.get(host, (host,))))
    scheme = draw(st.sampled_from(["http", "https", "ftp", "HTTP"]))
    return f"{scheme}://{spelling}{draw(st.sampled_from(PORTS))}{draw(TAILS)}"


class Asked(GeetestSite):
    """Decides for itself, and fails where it does not know the path."""

    def matches(self, url: str) -> bool:
        return "v3" in url.split("/", 3)[3]


async def _check(sites: list[GeetestSite], urls: list[str]) -> None:
    index = SiteIndex(sites)
    for url in urls:
        asked = [site for site in sites if await module.belongs(url, site)]
        assert await index.find(url) is (asked[0] if asked else None)


@given(st.lists(st.tuples(st.sampled_from([GeetestSite, Asked]), PATTERNS), max_size=6), st.lists(_urls(), max_size=5))
def test_it_finds_what_asking_each_in_turn_would_find(
    declared: list[tuple[type[GeetestSite], str]], urls: list[str]
) -> None:
    """Whatever is declared, in whatever order."""
    run(_check([kind(urls=[pattern], name=str(place)) for place, (kind, pattern) in enumerate(declared)], urls))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.test/login", "login"),
        ("https://a.test/login/2", "login"),
        ("https://a.test/logins", "whole"),
        ("https://www.A.test./login", "login"),
        ("http://a.test:8000/login", "port"),
        ("http://a.test1/", None),
        ("http://a.test2", None),
        ("http://a.test", "whole"),
        ("http://[::1]/", "six"),
        ("http://[0:0:0:0:0:0:0:1]:80/x", "six"),
        ("http://b\u00fccher.test/", "idn"),
        ("http://xn--bcher-kva.test", "idn"),
        ("http://[x/", None),
        ("http://a.test:port/", None),
        ("data:text/html,a.test/login", None),
        ("", None),
    ],
)
async def test_hosts_ports_and_paths(url: str, name: str | None) -> None:
    """In every spelling of a host; what cannot be read belongs to no site."""
    urls = {
        "port": "a.test:8000",
        "login": "A.test/login",
        "whole": "a.test.",
        "six": "[::1]",
        "idn": "B\u00dcCHER.test",
    }
    index = SiteIndex([GeetestSite(urls=[pattern], name=name) for name, pattern in urls.items()])
    for _ in range(2):  # found, and remembered
        site = await index.find(url)
        assert (site.name if site else None) == name


async def test_the_first_declared_one_wins_whether_it_is_found_or_asked() -> None:
    """A site with a ``matches`` of its own is asked in its turn, about URLs of any host."""
    first, asked, last = GeetestSite(urls="a.test/v3"), Asked(urls="x.test"), GeetestSite(urls="a.test", name="last")
    index = SiteIndex([first, asked, last])
    assert await index.find("https://a.test/v3") is first
    assert await index.find("https://a.test/x/v3") is asked
    assert await index.find("https://elsewhere.test/v3") is asked
    assert await index.find("https://a.test/x") is last
    assert await index.find("https://a.test") is last  # the hook fails


async def test_what_is_remembered_of_hosts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broad crawl meets any number of them."""
    monkeypatch.setattr(module, "MAX_HOSTS", 5)
    site = GeetestSite(urls="a.test")
    index = SiteIndex([site])
    for number in range(20):
        assert await index.find(f"https://{number}.a.test/") is site
        assert await index.find(f"https://{number}.test/") is None
    assert len(index._seen) <= 5

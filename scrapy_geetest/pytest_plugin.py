"""The pytest plugin: a sandbox, and crawls of it, for the tests of a project's spiders and sites.

::

    from scrapy_geetest.pytest_plugin import solved


    def test_search(geetest_crawl):
        crawl = geetest_crawl(SearchSpider, sites=[SearchSite])
        assert solved(crawl, tasks=1)
        assert crawl.items == [{"query": "rope"}]

It needs the extra ``[sandbox]``. See the chapter "Testing your project" of the documentation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scrapy_geetest._testing.assertions import failed, solved, untouched
from scrapy_geetest._testing.crawl import Crawl, CrawlError
from scrapy_geetest._testing.pages import SavedCheck, pages_of, saved_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scrapy_geetest.sandbox import Sandbox

__all__ = ["Crawl", "CrawlError", "CrawlNotStarted", "SavedCheck", "failed", "saved_page", "solved", "untouched"]

MARKER = "geetest_sandbox"
_AT_ONCE = {"solve_seconds": 0.1}
_FIXED = ("tls", "port", "service_port")
_TIMEOUT = "geetest_crawl_timeout"


class CrawlNotStarted(Exception):  # noqa: N818  # what happened, in the words of Scrapy's NotConfigured
    """The crawl did not start, or did not come to its end; the message says why."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option of the configuration file."""
    parser.addini(_TIMEOUT, "seconds after which a crawl of the fixture geetest_crawl is ended", default="120")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**options): options of the sandbox of the fixtures geetest_sandbox and geetest_crawl: those of "
        "scrapy_geetest.sandbox.Sandbox; pages={address: saved page}; faults by name or by call",
    )


@pytest.fixture(scope="session")
def _geetest_sandbox_process() -> Iterator[Callable[[], Sandbox]]:
    """The sandbox of all tests of this process, started when one asks for it."""
    from scrapy_geetest.sandbox import Sandbox

    running: list[Sandbox] = []

    def get() -> Sandbox:
        if not running:
            running.append(Sandbox(**_AT_ONCE).start())
        return running[0]

    yield get
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def geetest_sandbox(
    request: pytest.FixtureRequest, _geetest_sandbox_process: Callable[[], Sandbox]
) -> Iterator[Sandbox]:
    """A sandbox with empty books and the options of the marker ``geetest_sandbox``."""
    from scrapy_geetest.sandbox import Sandbox

    options: dict[str, Any] = dict(_AT_ONCE)
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        options.update(marker.kwargs)
    if "pages" in options:
        options["pages"] = pages_of(options["pages"], [request.path.parent, request.config.rootpath])
    if any(name in options for name in _FIXED):
        with Sandbox(**options) as own:
            yield own
        return
    sandbox = _geetest_sandbox_process()
    sandbox.reset(**options)
    yield sandbox


@pytest.fixture
def geetest_crawl(
    request: pytest.FixtureRequest, geetest_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Crawl]:
    """Crawls in a process of its own, to which every host is the sandbox.

    ``geetest_crawl(spider, sites=None, settings=None, **spider_arguments)``: the spider's class or its name in the project;
    what ``GEETEST_SITES`` declares, if it is not what the project declares; settings over those of the project and of the
    spider.
    """
    from scrapy_geetest._testing.process import crawl_in_process

    seconds = float(request.config.getini(_TIMEOUT))

    def crawl(spider: Any, sites: Any = None, settings: Any = None, **arguments: Any) -> Crawl:
        __tracebackhide__ = True
        declared = {} if sites is None else {"GEETEST_SITES": list(sites)}
        folder = tmp_path_factory.mktemp("geetest-crawl")
        job = {"spider": spider, "settings": {**declared, **(settings or {})}, "arguments": arguments}
        found = crawl_in_process(geetest_sandbox, job, Path(folder), seconds)
        what = found if isinstance(found, str) else f"{found!r}\n{found.log}"
        request.node.add_report_section("call", "geetest crawl", what)
        if isinstance(found, str):
            raise CrawlNotStarted(found)
        return found

    return crawl

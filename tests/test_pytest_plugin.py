"""The pytest plugin in the hands of a user: tests of theirs run by pytest in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from attrs import frozen
from docs_blocks import DOCS, blocks

SHARED = Path(__file__).parents[2] / "shared" / "pages" / "with-widget"
FILES = {block.caption: block.text for block in blocks(DOCS / "testing.rst") if block.caption}

CGI = "ignore:'cgi' is deprecated:DeprecationWarning"  # Twisted before 24.7

CHECK = """
<html><head><script src="/static/gt.js"></script></head><body><h1>One moment</h1>
<form id="check" action="/search/verify" method="post"><input type="hidden" name="q" value="rope"><div id="holder"></div></form>
<script>
$.get("/captcha/start?t=" + Date.now(), function (answer) {
  initGeetest({gt: answer.data.gt, challenge: answer.data.challenge, product: "float"}, function (captcha) {
    captcha.appendTo("#holder");
    captcha.onSuccess(function () { $("#check").submit(); });
  });
});
</script></body></html>
"""
RESULTS = '<ul><li class="result"><b>rope</b> <i>12.50</i></li></ul>'
PROJECT = {
    "scrapy.cfg": "[settings]\ndefault = myproject.settings\n",
    "myproject/settings.py": """
        SPIDER_MODULES = ["myproject.spiders"]
        GEETEST_API_KEY = "a-real-key-that-no-test-may-use"
        GEETEST_SERVICES = [{"service": "2captcha", "api_key": "another-real-key"}, "capmonster"]
        GEETEST_BUDGET = "5/hour"
        FEEDS = {"left-behind.json": {"format": "json"}}
        ITEM_PIPELINES = {"myproject.pipelines.Priced": 300}
    """,
    "myproject/pipelines.py": """
        class Priced:
            def process_item(self, item):
                return {**item, "price": item["price"].strip()}
    """,
    "myproject/sites.py": """
        from scrapy_geetest import GeetestSite

        class Shop(GeetestSite):
            urls = ("shop.example.com",)
            detect_css = "#holder"
            challenge_url = "/captcha/start?t={timestamp}"
            challenge_path = "data"
            accepted_css = ".result"
    """,
    "myproject/spiders/shop.py": """
        import scrapy

        class ShopSpider(scrapy.Spider):
            name = "shop"

            async def start(self):
                yield scrapy.Request(f"https://shop.example.com/search?q={self.query}", meta={"proxy": "http://proxy.example:1"})

            def parse(self, response):
                yield from ({"name": r.css("b::text").get(), "price": r.css("i::text").get()} for r in response.css(".result"))
    """,
    "tests/check.html": CHECK,
    "tests/results.html": RESULTS,
    "tests/test_shop.py": FILES["tests/test_shop.py"],
}


@frozen
class Outcome:
    """What pytest said: how many tests passed and failed, and its output."""

    counts: dict[str, int]
    output: str
    folder: Path


def run_pytest(folder: Path, files: dict[str, str], *arguments: str) -> Outcome:
    """Run a user's tests, with this plugin and nothing else that happens to be installed."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        if path.parent.name in {"myproject", "spiders"}:
            (path.parent / "__init__.py").touch()
    command = [sys.executable, "-m", "pytest", "-p", "scrapy_geetest.pytest_plugin", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CAPMONSTER_API_KEY": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    lines = done.stdout.strip().splitlines()
    counted = re.findall(r"(\d+) (passed|failed|error)", lines[-1] if lines else "")
    return Outcome({what: int(number) for number, what in counted}, done.stdout + done.stderr, folder)


def test_the_test_of_the_documentation(tmp_path: Path) -> None:
    """It passes as it stands, alone in an empty folder, in a process of pytest-xdist."""
    name = "tests/test_search.py"
    outcome = run_pytest(tmp_path, {name: FILES[name]}, "-p", "xdist", "-n", "1", "-W", "error", "-W", CGI)
    assert outcome.counts == {"passed": 1}, outcome.output


@pytest.mark.exhaustive
def test_a_project_with_its_own_saved_pages(tmp_path: Path) -> None:
    """Its settings hold, its pipelines work; its keys, its proxies and its feeds take no part."""
    outcome = run_pytest(tmp_path, PROJECT)
    assert outcome.counts == {"passed": 2}, outcome.output
    assert not (tmp_path / "left-behind.json").exists()


MISTAKES = """
import pytest
import scrapy
from scrapy_geetest.pytest_plugin import CrawlNotStarted, solved

SITE = {"urls": ["sandbox.test"], "detect_css": "#captcha-holder", "challenge_url": "/v3/gt/register-slide"}


class Search(scrapy.Spider):
    name = "search"
    start_urls = ["http://sandbox.test/v3/search?q=rope"]

    def parse(self, response):
        raise KeyError("in the callback")


def test_told_why(geetest_crawl):
    crawl = geetest_crawl(Search, sites=[SITE])
    assert solved(crawl, tasks=1)




def test_does_not_start(geetest_crawl):
    with pytest.raises(CrawlNotStarted, match="has no attribute 'colour'"):
        geetest_crawl(Search, sites=[{"urls": ["sandbox.test"], "colour": 1}])


def test_cannot_be_handed_over(geetest_crawl):
    class Local(Search):
        pass

    with pytest.raises(ValueError, match="at the top of a module"):
        geetest_crawl(Local)


@pytest.mark.geetest_sandbox(pages={"http://shop.example.com/": "nowhere.html"})
def test_no_such_page(geetest_crawl):
    pass
"""


@pytest.mark.exhaustive
def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    """A failed assertion says why and shows the crawl's log; what cannot run says so in one line."""
    outcome = run_pytest(tmp_path, {"test_mistakes.py": MISTAKES})
    assert outcome.counts == {"failed": 1, "passed": 2, "error": 1}, outcome.output
    assert "<not solved: 1 answer showed neither acceptance nor refusal: declare accepted_... " in outcome.output
    assert "Captured geetest crawl call" in outcome.output
    assert "DEBUG: GeeTest: challenge page #1 <GET http://sandbox.test/v3/search?q=rope>" in outcome.output
    assert "ValueError: there is no saved page nowhere.html; looked for" in outcome.output


SHARED_PAGE = """
import pytest
import scrapy
from scrapy_geetest import GeetestSite
from scrapy_geetest.pytest_plugin import solved


class Demo(GeetestSite):
    urls = ("shop.example.com",)
    detect_css = "#captcha"
    submit_as = "query"
    accepted_jmespath = "result == 'success'"
    refused_jmespath = "result == 'fail'"

    def submit_request(self, request, response, solution):
        answer = {name: getattr(solution, name) for name in ("lot_number", "captcha_output", "pass_token", "gen_time")}
        return scrapy.FormRequest("https://shop.example.com/demo/login", method="GET", formdata=answer)


class Login(scrapy.Spider):
    name = "login"
    start_urls = ["https://shop.example.com/slide-popup"]

    def parse(self, response):
        yield response.json()


@pytest.mark.geetest_sandbox(pages={"https://shop.example.com/slide-popup": PAGE}, faults=["refused-once"])
def test_login(geetest_crawl):
    crawl = geetest_crawl(Login, sites=[Demo])
    assert solved(crawl, tasks=2)
    assert crawl.items == [{"result": "success"}]
    assert [task["task"]["gt"] for task in crawl.books["tasks"]] == ["7e111794121d87ca0959954f89580e1a"] * 2
"""


@pytest.mark.exhaustive
@pytest.mark.skipif(not SHARED.exists(), reason="the saved pages are not beside this checkout")
def test_a_page_of_somebody_else(tmp_path: Path) -> None:
    """GeeTest's own v4 demo: its id, and its script's address, reply and refusal."""
    page = SHARED / "geetestweb__gt4-public-client-demo__slide-popup.html"
    outcome = run_pytest(tmp_path, {"test_demo.py": SHARED_PAGE.replace("PAGE", repr(str(page)), 1)})
    assert outcome.counts == {"passed": 1}, outcome.output

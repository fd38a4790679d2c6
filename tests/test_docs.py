"""The snippets of the documentation run."""

from __future__ import annotations

import ast
import asyncio
import doctest
import re
import socket
import sys
from contextlib import contextmanager
from inspect import CO_NEWLOCALS
from types import CodeType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from docs_blocks import DOCS, OTHER_PACKAGES, ROOT, Block, blocks, python_blocks
from scrapy import Request, Spider
from scrapy.http import HtmlResponse, JsonResponse
from scrapy.settings import Settings, default_settings
from scrapy.utils.misc import load_object
from scrapy.utils.test import get_crawler
from twisted.python.failure import Failure

import scrapy_geetest
from scrapy_geetest import (
    BudgetExhausted,
    ChallengeNotNeeded,
    ChallengeNotReady,
    GeetestError,
    GeetestSite,
    SolveError,
    signals,
)
from scrapy_geetest.commands import inspect
from scrapy_geetest.settings import SETTINGS, Config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path
    from types import FrameType


PAGES = [*sorted(DOCS.rglob("*.rst")), ROOT / "README.md"]
OWN_PROCESS = {"browser-tutorial.rst", "scripts.rst", "tutorial.rst"}  # their blocks are files
FILES_OF_A_PROJECT = (
    "tests/"  # captions of blocks that pytest runs in a process of its own: tests/test_pytest_plugin.py
)
CRAWLED = {"operations.rst"}  # its functions are those of a spider, and called in a crawl below
OTHERS_SETTINGS = ("SPIDERMON_", "GEETEST_MONITOR_", "REDIS_URL", "SCHEDULER_PERSIST")
_IMPORT_PATH = re.compile(r"[a-z_]\w*(?:\.\w+)*\.[A-Z]\w+")


def _assigned(text: str) -> set[str]:
    """Names of settings that a block sets."""
    targets = (target for node in ast.parse(text).body if isinstance(node, ast.Assign) for target in node.targets)
    return {target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper()}


def _run(block: Block, page: Path, namespace: dict[str, Any]) -> list[CodeType]:
    """Run a block. Returns the functions that it defines, unless it is a file of its own."""
    if ">>>" in block.text:
        test = doctest.DocTestParser().get_doctest(block.text, namespace, page.name, str(page), 0)
        report: list[str] = []
        doctest.DocTestRunner(verbose=False).run(test, out=report.append, clear_globs=False)
        assert not report, "".join(report)
        namespace.update(test.globs)
        return []
    code = compile(block.text, f"{page.name}", "exec")
    exec(code, namespace)
    return [] if block.caption else list(_functions(code))


def _functions(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            # Neither the body of a class nor a comprehension.
            if inner.co_flags & CO_NEWLOCALS and not inner.co_name.startswith("<"):
                yield inner
            yield from _functions(inner)


@contextmanager
def _calls() -> Iterator[dict[int, CodeType]]:
    """What is called meanwhile, by its ``id``."""
    called: dict[int, CodeType] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called[id(frame.f_code)] = frame.f_code

    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(None)


def _import_paths(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value:
            yield from _import_paths(part)
    elif isinstance(value, str) and _IMPORT_PATH.fullmatch(value):
        yield value


def _check_settings(block: Block, namespace: dict[str, Any]) -> None:
    settings = {name: namespace[name] for name in _assigned(block.text) if namespace[name] != "…"}
    if any(name.startswith("GEETEST_") for name in settings) or settings.keys() & vars(default_settings).keys():
        unknown = settings.keys() - vars(default_settings).keys() - set(SETTINGS)
        assert [name for name in unknown if not name.startswith(OTHERS_SETTINGS)] == []
    for path in _import_paths([value for name, value in settings.items() if name != "GEETEST_SITES"]):
        assert load_object(path)
    if "GEETEST_SITES" in settings:  # import paths lead to the classes of the same page
        sites = [one.rpartition(".")[2] if isinstance(one, str) else one for one in settings["GEETEST_SITES"]]
        settings["GEETEST_SITES"] = [namespace[one] if isinstance(one, str) else one for one in sites]
    if any(name.startswith("GEETEST_") for name in settings):
        Config.from_settings(Settings(settings), environ={})
    for path in settings.get("ADDONS", {}):
        assert path.startswith(OTHER_PACKAGES) or load_object(path) is scrapy_geetest.Addon


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in OWN_PROCESS], ids=lambda page: page.stem)
def test_snippets(page: Path) -> None:
    """Every Python block runs and all its functions do, settings are accepted, sites can be made, examples are right."""
    namespace: dict[str, Any] = {"__name__": "snippet"}
    functions: list[CodeType] = []
    with _calls() as called:
        for block in python_blocks(page):
            if block.caption.startswith(FILES_OF_A_PROJECT):
                continue
            if "spidermon" in block.text:
                pytest.importorskip("spidermon")
            functions += _run(block, page, namespace)
        if page.stem in CALLS:
            CALLS[page.stem](SimpleNamespace(**namespace))
    if page.name not in CRAWLED:
        assert [function.co_name for function in functions if id(function) not in called] == []
    for block in python_blocks(page):
        if ">>>" not in block.text and not block.caption.startswith(FILES_OF_A_PROJECT):
            _check_settings(block, namespace)
    made = [value for value in namespace.values() if isinstance(value, type) and issubclass(value, GeetestSite)]
    for site in made:
        if site is not GeetestSite:
            site()


URL = "https://shop.example.com/login"


def test_the_output_that_the_network_tab_recipe_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """Is what comes: the summary, the class, the spider."""
    assert inspect.run([str(ROOT / "tests" / "hars" / "v3-form-gate.har")], Settings()) == 0
    printed = " ".join(capsys.readouterr().out.split())
    shown = [block.text for block in blocks(DOCS / "recipes" / "network-tab.rst") if "scrapy geetest" not in block.text]
    assert len(shown) == 4
    assert [
        text for text in shown if not text.startswith("scrapy crawl") and " ".join(text.split()) not in printed
    ] == []


def _call_register_request(page: Any) -> None:
    query = page.Members().challenge_request(Request(URL, meta={"geetest": True}), None)
    assert (query.method, query.url, query.body) == ("POST", "https://shop.example.com/captcha/prepare", b"scene=login")


def _call_integrations(page: Any) -> None:
    assert page.Allowed().challenge_request(Request(URL), None).meta == {"dont_obey_robotstxt": True}
    if hasattr(page, "JarOfProxy"):
        page.JarOfProxy().process_request(
            request := Request("https://shop.example.com", meta={"proxy": "http://p.test"})
        )
        assert request.meta["cookiejar"] == "http://p.test"
    if hasattr(page, "AsyncDeltaFetch"):
        fetch = page.AsyncDeltaFetch("nowhere")
        fetch.process_spider_output = lambda *given: given[1]

        async def collect() -> list[Any]:
            return [one async for one in fetch.process_spider_output_async(None, _one_by_one("a", "b"))]

        assert asyncio.run(collect()) == ["a", "b"]
    policy, request = page.ChallengesAreNoBans(), Request(URL)
    bans = [policy.response_is_ban(request, HtmlResponse(URL, status=one, body=b"no")) for one in (200, 403, 503)]
    assert bans == [False, False, True]
    assert policy.response_is_ban(request, HtmlResponse(URL))
    assert policy.exception_is_ban(request, TimeoutError())


async def _one_by_one(*values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield value


def _call_answers(page: Any) -> None:
    form = '<form id="login" action="/in" method="post"><input name="user"><input name="password"></form>'
    spider = SimpleNamespace(parse_account=print)
    look = asyncio.run(anext(page.start(spider)))
    assert (look.url, look.meta) == (URL, {"geetest": False})
    login = page.parse(spider, HtmlResponse(URL, body=form, encoding="utf-8"))
    assert (login.url, login.callback, login.meta) == ("https://shop.example.com/in", print, {"geetest": True})


def _call_browser(page: Any) -> None:
    if not hasattr(page, "Listing"):
        return  # scrapy-playwright is not installed
    listed = asyncio.run(anext(page.Listing.start(None)))
    assert listed.meta == {"playwright": True}
    assert list(page.Listing.parse(None, HtmlResponse(URL, body=b"<h1>in</h1>"))) == [{"title": "in"}]
    login = asyncio.run(anext(page.Login.start(None)))
    assert [method.method for method in login.meta["playwright_page_methods"]] == ["fill", "click", "wait_for_selector"]
    assert list(page.Login.parse(None, HtmlResponse(URL, body=b"<li class=order>1</li>"))) == [{"order": "1"}]


def _call_testing(page: Any) -> None:
    page.test_a_refusal_is_told_from_a_wrong_password()


def _call_distributed(page: Any) -> None:
    assert page.PerMachine().session_key(Request(URL)).startswith(socket.gethostname())


def _call_errors(page: Any) -> None:
    about: dict[str, Any] = {"request": Request(URL), "response": None, "site": GeetestSite(urls=["shop.example.com"])}
    told: list[str] = []

    def tell(message: str, *parts: object) -> None:
        told.append(message % parts)

    spider = SimpleNamespace(logger=SimpleNamespace(warning=tell, error=tell))
    for error in (
        BudgetExhausted("used up", **about),
        SolveError("no", code="ERROR_CAPTCHA_UNSOLVABLE", description="cannot", task_id=7, **about),
        GeetestError("a hook failed", **about),
        ValueError("no error of the plugin"),
    ):
        page.Careful.failed(spider, Failure(error))  # type: ignore[no-untyped-call]  # Twisted's
    assert told == [
        f"no budget left for {URL}",
        "ERROR_CAPTCHA_UNSOLVABLE (cannot), task 7",
        "error: a hook failed",
        "something else: ValueError('no error of the plugin')",
    ]
    answers = (b'{"mmt_type": 0}', b'{"mmt_type": 1, "code": 1034, "wait": 9}')
    for body, kind in zip(answers, (ChallengeNotNeeded, ChallengeNotReady), strict=True):
        with pytest.raises(kind):
            page.Passport().parse_challenge(JsonResponse(URL, body=body))


def _call_signals(page: Any) -> None:
    crawler = get_crawler()
    extension = page.SolveTimes.from_crawler(crawler)
    request = Request(URL)
    site = GeetestSite(urls=["shop.example.com"])
    about: dict[str, Any] = {"request": request, "response": None, "site": site, "spider": Spider("any")}
    solved = {"task_id": 7, "seconds": 1.5, "challenge": None, "solution": None}
    error = GeetestError("a hook failed", request=request, response=None, site=site)
    outcomes = crawler.signals.send_catch_log(signals.challenge_solved, **about, **solved)
    outcomes += crawler.signals.send_catch_log(signals.solve_failed, **about, error=error)
    assert outcomes == [(extension.solved, None), (extension.failed, None)]


# What calls the functions that the snippets of a page define, and that nothing on the page itself calls.
CALLS: dict[str, Callable[[Any], None]] = {
    "register-request": _call_register_request,
    "integrations": _call_integrations,
    "browser": _call_browser,
    "answers": _call_answers,
    "distributed": _call_distributed,
    "testing": _call_testing,
    "errors": _call_errors,
    "signals": _call_signals,
}

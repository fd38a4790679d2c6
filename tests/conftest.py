"""Coroutine tests run on the one asyncio reactor of the session; one sandbox serves all crawls."""

from __future__ import annotations

import inspect
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_project import Project
from har_recorder import ARGUMENTS, CHROMIUM
from hypothesis import settings
from reactor import ready, run
from sandbox_visitor import AT_ONCE, Visitor
from small_world import SmallWorld
from twisted.logger import globalLogPublisher

from scrapy_geetest.sandbox import Sandbox

# Scrapy's cookies would ask the internet for the list of public suffixes, though they come with one.
os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""

# A shell's background job ignores it, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A loaded machine is no reason to fail.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(scope="session", autouse=True)
def _reactor() -> None:
    """There from the start, whichever test comes first."""
    ready()


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    """Started once: a process of its own."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox with empty books, and a service that solves at once."""
    running_sandbox.reset(solve_seconds=0.1)
    return running_sandbox


@pytest.fixture
def world() -> Iterator[SmallWorld]:
    """A site and a service of this process, without routes."""
    ready()
    with SmallWorld() as running:
        yield running


@pytest.fixture
def visitor(running_sandbox: Sandbox) -> Iterator[Visitor]:
    """A new visitor of a sandbox without a past, whose service solves at once."""
    running_sandbox.reset(**AT_ONCE)
    visitor = Visitor(running_sandbox)
    with visitor.session:
        yield visitor
    assert running_sandbox.books()["errors"] == []


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Playwright's browser, started once, on the session's reactor."""
    async_api = pytest.importorskip(
        "playwright.async_api", reason="playwright, which drives the browser, is not installed"
    )
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM} (Debian's package chromium)")
    playwright = run(async_api.async_playwright().start())
    browser = run(playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS)))
    yield browser
    run(browser.close())
    run(playwright.stop())


@pytest.fixture
def nothing_unhandled() -> Iterator[None]:
    """No error may end in Twisted's log for want of somebody who takes it."""
    events: list[Any] = []

    def observe(event: Any) -> None:
        if event.get("log_failure") is not None:
            events.append(event)

    observer: Any = observe
    globalLogPublisher.addObserver(observer)
    yield
    globalLogPublisher.removeObserver(observer)
    assert events == []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh one."""
    return Project(tmp_path)

"""``scrapy geetest try`` as a user runs it: in a project, on a terminal or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from scrapy.settings import Settings

from scrapy_geetest.commands import trial

if TYPE_CHECKING:
    from command_project import Project

    from scrapy_geetest.sandbox import Sandbox


@pytest.fixture
def shop(project: Project, sandbox: Sandbox) -> Project:
    """A project that declares the search, whose service is the sandbox's."""
    site = {
        "name": "search",
        "urls": "127.0.0.1",
        "detect_css": "#captcha-holder",
        "challenge_url": "/v3/gt/register-slide",
        "accepted_css": ".query",
    }
    project.set(
        GEETEST_SITES=[site],
        GEETEST_API_KEY=sandbox.api_key,
        GEETEST_API_URL=sandbox.service_url,
        GEETEST_FIRST_POLL=0.3,
        FEEDS={"out.json": {"format": "json"}},
        JOBDIR="job",
    )
    return project


def test_a_purchase(shop: Project, sandbox: Sandbox) -> None:
    """Exit code 0; every step on standard output, nothing else anywhere, and no traces in the project."""
    code, text, messages = shop.run("try", "--yes", f"{sandbox.url}/v3/search?q=rope")
    assert (code, messages) == (0, "")
    captions = [line.split()[0] for line in text.splitlines() if not line.startswith(" ")]
    assert captions == [
        *("Page", "Withheld", "Register", "Challenge", "Task", "Solution"),
        *("Request", "Answer", "Verdict", "Bought"),
    ]
    assert sandbox.books()["calls"]["createTask"] == 1
    assert sorted(path.name for path in shop.root.iterdir()) == ["scrapy.cfg", "shop"]


def test_without_a_terminal(shop: Project, sandbox: Sandbox) -> None:
    """Exit code 5: nothing is bought, and why; one JSON object."""
    code, text, messages = shop.run("try", "--json", f"{sandbox.url}/v3/search?q=rope")
    told = json.loads(text)
    assert (code, messages) == (5, "")
    assert (told["outcome"], told["tasks"], told["site"]) == ("not bought", 0, "search")
    assert "--yes buys without asking" in told["why"]
    assert sandbox.books()["calls"] == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(("typed", "code", "words"), [("n\n", 5, "it was declined"), ("", 2, "it was interrupted")])
def test_an_answer_on_the_terminal(shop: Project, sandbox: Sandbox, typed: str, code: int, words: str) -> None:
    """ "No", and Ctrl-C while it is asked."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "scrapy", "geetest", "try", f"{sandbox.url}/v3/search?q=rope"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=shop.root) as running:
        os.close(theirs)
        try:
            output = _read_until(ours, b"[y/N] ")
            if typed:
                os.write(ours, typed.encode())
            else:
                running.send_signal(signal.SIGINT)
            output += _read_until(ours, b"Bought      nothing")
            assert running.wait(60) == code
        finally:
            running.kill()
            os.close(ours)
    assert f"Buy one solution from {sandbox.service_url.partition('//')[2]}? [y/N] " in output
    assert words in output
    assert sandbox.books()["calls"] == {}


def _read_until(terminal: int, words: bytes) -> str:
    output, deadline = b"", time.monotonic() + 60
    while words not in output:
        assert time.monotonic() < deadline, output
        output += os.read(terminal, 4096)
    return output.decode()


def test_an_interrupted_wait(shop: Project, sandbox: Sandbox) -> None:
    """Ctrl-C after the purchase: exit code 2, and that the task was paid for."""
    sandbox.reset(solve_seconds=60)
    with shop.start("try", "--yes", f"{sandbox.url}/v3/search?q=rope") as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith("Task"):
                running.send_signal(signal.SIGINT)
                break
        text, messages = running.communicate(timeout=60)
    assert (running.returncode, messages) == (2, "")
    assert text.splitlines()[-2:] == [
        "Verdict     failed: it was interrupted",
        "Bought      1 task, which was not waited for; its cost is unknown",
    ]


def test_no_key(shop: Project, sandbox: Sandbox) -> None:
    """Exit code 2: the line that a crawl stops with."""
    code, text, messages = shop.run("try", "-s", "GEETEST_API_KEY=", f"{sandbox.url}/v3/search?q=rope")
    assert (code, messages) == (2, "")
    assert text.startswith("Verdict     failed: Set GEETEST_API_KEY, or CAPMONSTER_API_KEY in the environment")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give either a URL or --curl"),
        (("page.html",), "an address begins with http:// or https://"),
        (("http://club.example/", "--site", "other"), "no site called 'other'"),
        (("http://club.example/", "--spider", "other"), "no spider called 'other'"),
        (("http://club.example/", "--header", "nothing"), "a header is given as 'NAME: VALUE'"),
    ],
)
def test_what_cannot_be_tried(arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line on stderr."""
    assert trial.run(arguments, Settings()) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n"), words in shown.err) == ("", 1, True)
    assert shown.err.startswith("scrapy geetest try: ")

"""``scrapy geetest balance``: what it prints, and how it ends without a balance."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from reactor import settle
from scrapy.settings import Settings

from scrapy_geetest._services.answers import read_balance
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest.commands import balance
from scrapy_geetest.settings import Config

if TYPE_CHECKING:
    from command_project import Project

    from scrapy_geetest.sandbox import Sandbox


def test_the_balance(project: Project, sandbox: Sandbox) -> None:
    """Printed alone, for scripts."""
    sandbox.reset(balance=12.25)
    project.set(GEETEST_API_KEY=sandbox.api_key, GEETEST_API_URL=sandbox.service_url)
    assert project.run("balance") == (0, "12.25\n", "")


@pytest.mark.parametrize(("told", "printed"), [(0.0000001, "0.0000001\n"), (1e17, "100000000000000000\n")])
def test_a_balance_is_printed_in_digits(
    told: float, printed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small or large: scripts read it."""
    monkeypatch.setattr(balance, "_on_reactor", lambda _: read_balance({"balance": told}))
    assert balance.run([], Settings({"GEETEST_API_KEY": "k"})) == 0
    assert capsys.readouterr().out == printed


def test_an_interrupted_balance(project: Project, sandbox: Sandbox) -> None:
    """Ctrl-C while the service does not answer: one line, no traceback."""
    sandbox.reset(faults={"getBalance": ["hang"]})
    project.set(GEETEST_API_KEY=sandbox.api_key, GEETEST_API_URL=sandbox.service_url)
    with project.start("balance") as running:
        deadline = time.monotonic() + 60.0
        while sandbox.books()["calls"].get("getBalance") is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.communicate(timeout=60.0) == ("", "scrapy geetest balance: interrupted\n")
    assert running.returncode == 1


def test_no_balance_with_a_wrong_key(project: Project, sandbox: Sandbox) -> None:
    """Exit code 1, what the service says and what to do about it; the key is not printed."""
    project.set(GEETEST_API_KEY="wrong-key-of-a-user", GEETEST_API_URL=sandbox.service_url)
    code, text, messages = project.run("balance")
    assert (code, text, messages.count("\n")) == (1, "", 1)
    assert "ERROR_KEY_DOES_NOT_EXIST" in messages
    assert "Check GEETEST_API_KEY" in messages
    assert "wrong-key-of-a-user" not in messages


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "there is no key: set GEETEST_API_KEY, or CAPMONSTER_API_KEY in the environment"),
        ({"GEETEST_API_KEY": "a b"}, "visible ASCII characters"),
        ({"GEETEST_API_KEY": "k", "GEETEST_API_URL": "https://h:99999"}, "GEETEST_API_URL = 'https://h:99999'"),
    ],
)
def test_no_balance_without_a_key(
    settings: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is called."""
    monkeypatch.delenv("CAPMONSTER_API_KEY", raising=False)
    assert balance.run([], Settings(settings)) == 1
    shown = capsys.readouterr()
    assert (shown.out, words in shown.err, "a b" in shown.err) == ("", True, False)


async def test_asking_for_the_balance_on_a_running_reactor(sandbox: Sandbox) -> None:
    """One call, no connection left; errors are the service's."""

    def config(key: str) -> Config:
        return Config.from_settings(Settings({"GEETEST_API_KEY": key, "GEETEST_API_URL": sandbox.service_url}))

    assert await balance.ask(config(sandbox.api_key), settle=settle) == 10
    with pytest.raises(ServiceError, match="ERROR_KEY_DOES_NOT_EXIST"):
        await balance.ask(config("wrong"), settle=settle)
    assert sandbox.books()["calls"] == {"getBalance": 2}

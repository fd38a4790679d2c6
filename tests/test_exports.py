"""The public names are where the documentation says, and importing the package imports nothing heavy."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

import scrapy_geetest


def test_every_public_name_is_there() -> None:
    """``__all__`` is what ``dir`` shows, and each name resolves."""
    assert dir(scrapy_geetest) == sorted(scrapy_geetest.__all__)
    for name in scrapy_geetest.__all__:
        assert getattr(scrapy_geetest, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        scrapy_geetest.nothing  # noqa: B018  # the access is the test


def test_the_commands_stay_light_and_install_no_reactor() -> None:
    """Every scrapy command imports the commands module: treq and the reactor must not come with it."""
    code = "import sys, scrapy_geetest.commands; print([m for m in ('treq', 'twisted.internet.reactor') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout == "[]\n"


def test_importing_everything_installs_no_reactor() -> None:
    """Scrapy chooses the reactor when the crawl starts."""
    code = "import sys; from scrapy_geetest import *; print('twisted.internet.reactor' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout == "False\n"


_NOT_IN_A_CRAWL = (
    *(f"scrapy_geetest.{name}" for name in ("_report", "_testing", "commands", "monitors", "pytest_plugin", "sandbox")),
    *("geetest", "playwright", "pytest", "redis", "spidermon"),
)


def test_a_crawl_imports_nothing_of_extras_tests_and_tools() -> None:
    """What only a sandbox, a report, a test or a command needs costs a crawl nothing."""
    code = "import sys, scrapy_geetest.middleware, scrapy_geetest.addon; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in shown if name.startswith(_NOT_IN_A_CRAWL)] == []


def test_the_pytest_plugin_is_light() -> None:
    """pytest imports it at every start: neither Scrapy nor Twisted comes with it."""
    code = "import sys, scrapy_geetest.pytest_plugin; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in shown if name.partition(".")[0] in {"lxml", "scrapy", "twisted"}] == []


def test_every_dependency_has_its_reason() -> None:
    """In the page for contributors."""
    root = Path(__file__).parents[1]
    setup = ConfigParser()
    setup.read(root / "setup.cfg")
    needed = {line.split()[0] for line in setup["options"]["install_requires"].split("\n") if line}
    costs = (
        (root / "docs" / "contributing.rst")
        .read_text()
        .partition("What it costs to have")[2]
        .partition("Everything else")[0]
    )
    assert set(re.findall(r"``(\w+)``", costs)) == needed

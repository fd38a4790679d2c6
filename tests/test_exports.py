"""The public names are where the documentation says, and importing the package imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

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

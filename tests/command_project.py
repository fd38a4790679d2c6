"""A project of the tests, in which ``scrapy geetest …`` is run."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SITES = """
    from twisted.internet.defer import succeed
    from scrapy_geetest import GeetestSite

    class Deferring(GeetestSite):
        urls = ("deferring.example",)

        def is_challenge(self, response):
            return succeed(b"rowing" in response.body)

    class Broken(GeetestSite):
        urls = ("broken.example",)

        async def is_challenge(self, response):
            return response.json()["need"]
"""


class Project:
    """A Scrapy project of a user's, and its command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "shop").mkdir()
        (root / "scrapy.cfg").write_text("[settings]\ndefault = shop.settings\n")
        (root / "shop" / "__init__.py").touch()
        (root / "shop" / "sites.py").write_text(textwrap.dedent(SITES))
        self.set(
            GEETEST_SITES=[
                {"name": "club", "urls": ["club.example", "127.0.0.1"], "detect_css": "#join, #captcha-holder"},
                "shop.sites.Deferring",
                "shop.sites.Broken",
            ],
            ADDONS={"scrapy_geetest.Addon": 500},
        )

    def set(self, **settings: Any) -> None:
        with (self.root / "shop" / "settings.py").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value!r}\n" for name, value in settings.items())

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output, messages."""
        with self.start(*arguments) as running:
            text, messages = running.communicate(timeout=100)
        return running.returncode, text, messages

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The command, running; one that a failed test leaves running is killed."""
        with subprocess.Popen(
            [sys.executable, "-m", "scrapy", "geetest", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root,
            env={name: value for name, value in os.environ.items() if name != "CAPMONSTER_API_KEY"},
        ) as process:
            try:
                yield process
            finally:
                process.kill()

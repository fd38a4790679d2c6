"""The tutorials lead to where they say, and so do the other commands and crawls of the documentation."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crawl import items_of
from docs_blocks import DOCS, ROOT, Block, blocks, python_blocks
from har_recorder import CHROMIUM
from sandbox_crawl import host, service

from scrapy_geetest.commands.inspect.har import load_har
from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from scrapy_geetest.sandbox import Sandbox

_COMMAND_SECONDS = 60
VISIT = DOCS / "_static" / "visit.har"


def _environment() -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if name not in {"CAPMONSTER_API_KEY", "SCRAPY_PROJECT"}
    }
    return {**inherited, "PYTHONPATH": str(ROOT), "TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS": ""}


def _execute(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class _Reader:
    """Follows a tutorial: writes its files, gives its commands, compares its outputs."""

    def __init__(self, sandbox: Sandbox, folder: Path, **settings: Any) -> None:
        self.folder = folder
        # Only to be quick, and for what is different on this machine.
        self._settings = {"DOWNLOAD_DELAY": 0, "GEETEST_FIRST_POLL": 0.3, **settings}
        self.log = ""
        self.shown = ""
        self.commands: list[str] = []
        self._addresses = {
            "http://127.0.0.1:8001": sandbox.service_url,
            "127.0.0.1:8000": host(sandbox),
            "localhost:8000": f"localhost:{host(sandbox).rpartition(':')[2]}",
        }

    def take(self, block: Block) -> None:
        text = self._moved(block.text)
        if block.language == "python":
            self._write(block.caption, text)
        elif block.language == "console":
            for line in text.splitlines():
                self._give(line.removeprefix("$ "))
        elif block.language == "json":
            assert _sorted(json.loads(text)) == _sorted(json.loads(self.shown))
        else:
            shown = [line.strip() for line in text.splitlines() if not line.startswith("export ")]
            assert [line for line in shown if line not in self.log and not line.startswith("scrapy ")] == []

    def _moved(self, text: str) -> str:
        for ours, theirs in self._addresses.items():
            text = text.replace(ours, theirs)
        return text

    def _write(self, caption: str, text: str) -> None:
        name, _, added = caption.partition(" ")
        path = self.folder / name
        before = path.read_text() + "\n\n" if added else ""
        path.write_text(before + text)

    def _give(self, line: str) -> None:
        self.commands.append(line)
        words = line.split()
        if words[:2] == ["scrapy", "startproject"]:
            _execute(words, self.folder)
        elif words[0] == "cd":
            self.folder /= words[1]
            with (self.folder / words[1] / "settings.py").open("a") as settings:
                settings.writelines(f"\n{name} = {value!r}\n" for name, value in self._settings.items())
            (self.folder / "visit.har").write_text(self._moved(VISIT.read_text()))
        elif words[:2] in (["scrapy", "crawl"], ["scrapy", "geetest"]) and words[2] != "sandbox":
            self.log = _execute(shlex.split(line), self.folder)
            assert " ERROR: " not in self.log
        elif words[0] == "cat":
            self.shown = (self.folder / words[1]).read_text()


def _sorted(items: list[Any]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in items)


@pytest.mark.exhaustive
def test_tutorial(sandbox: Sandbox, tmp_path: Path) -> None:
    """Word for word, from ``startproject`` on: what inspect prints, then the pages, then five pages for one solution."""
    reader = _Reader(sandbox, tmp_path)
    for block in blocks(DOCS / "tutorial.rst"):
        reader.take(block)
    assert "'geetest/tasks_created': 1," in reader.log
    assert [line for line in reader.commands if line.startswith("scrapy crawl")] == [
        "scrapy crawl localhost -O first.json",
        "scrapy crawl search -O search.json",
        "scrapy crawl reading -O reading.json",
    ]
    assert sandbox.books()["outcomes"] == {"solved": 5}  # one of them by the try command


def test_the_tutorial_shows_what_inspect_prints() -> None:
    """The class and the spider, to the letter."""
    recording = load_har(VISIT)
    assert recording is not None
    told = read_visit(recording).to_json()
    shown = {block.caption: block.text for block in blocks(DOCS / "tutorial.rst") if block.language == "python"}
    assert shown["harbour/sites.py"] == told["declaration"]
    assert shown["harbour/spiders/localhost.py"] == told["spider"]


@pytest.mark.browser
@pytest.mark.skipif(find_spec("scrapy_playwright") is None, reason="scrapy-playwright is not installed")
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM} (Debian's package chromium)")
def test_browser_tutorial(sandbox: Sandbox, tmp_path: Path) -> None:
    """Word for word, with the browser of the system: withheld first, then the page, then a login."""
    reader = _Reader(sandbox, tmp_path, PLAYWRIGHT_LAUNCH_OPTIONS={"executable_path": CHROMIUM})
    for block in blocks(DOCS / "browser-tutorial.rst"):
        reader.take(block)
    assert json.loads((reader.folder / "before.json").read_text()) == []
    assert "'geetest/accepted': 1," in reader.log
    assert [line.partition(" -O ")[0] for line in reader.commands if "crawl" in line] == [
        *["scrapy crawl offers"] * 2,
        "scrapy crawl login",
    ]
    assert sandbox.books()["outcomes"] == {"solved": 2}


async def test_a_spider_that_needs_the_answer_itself(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """The spider of the operations page gets a solution, and the extension of the signals page tells of it."""
    namespace: dict[str, Any] = {"__name__": "snippet"}
    for block in (*python_blocks(DOCS / "operations.rst"), *python_blocks(DOCS / "reference" / "signals.rst")):
        if "class " in block.text:
            exec(block.text.replace("https://shop.example.com/ticket", f"{sandbox.url}/v3/login"), namespace)
    declared = {"urls": [f"{host(sandbox)}/v3"], "challenge_url": "/v3/gt/register-slide"}
    with caplog.at_level("INFO"):
        items = await items_of(
            namespace["OwnWay"],
            EXTENSIONS={namespace["SolveTimes"]: 500},
            GEETEST_SITES=[declared],
            **service(sandbox),
        )
    assert [sorted(item) for item in items] == [["challenge", "validate"]]
    assert re.search(r"task \d+ took \d", caplog.text)

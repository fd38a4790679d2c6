"""The page on scripts and notebooks: its blocks run as they stand, against the sandbox of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from docs_blocks import DOCS, blocks

from scrapy_geetest.sandbox.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy_geetest.sandbox import Sandbox

BLOCKS = {block.caption: block.text for block in blocks(DOCS / "scripts.rst") if block.caption}
# What Jupyter does with cells: top-level await, in the loop that runs already.
KERNEL = """
import ast, asyncio, os, sys

async def run(*cells):
    names = {}
    for cell in cells:
        code = compile(open(cell).read(), cell, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = eval(code, names)
        if waiting is not None:
            await waiting

asyncio.run(run(*sys.argv[1:]))
sys.stdout.flush()
os._exit(0)  # as a kernel is killed: the reactor's threads go on
"""


@pytest.fixture
def folder(sandbox: Sandbox, tmp_path: Path) -> Path:
    """The blocks as files, with the addresses of this sandbox."""
    assert Options().api_key in BLOCKS["crawl.py"]
    for name, text in {**BLOCKS, "kernel.py": KERNEL}.items():
        here = text.replace("http://127.0.0.1:8001", sandbox.service_url)
        here = here.replace("127.0.0.1:8000", sandbox.url.partition("://")[2])
        (tmp_path / name).write_text(
            here.replace('"GEETEST_MAX_SOLVES"', '"GEETEST_FIRST_POLL": 0.3, "GEETEST_MAX_SOLVES"')
        )
    return tmp_path


def _run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS": ""}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_script(folder: Path, sandbox: Sandbox) -> None:
    """It crawls, and its one solution is accepted."""
    assert "GeeTest: 1 task(s), 1 accepted" in _run(folder, "crawl.py")
    assert sandbox.books()["outcomes"] == {"solved": 1}


@pytest.mark.exhaustive
def test_the_notebook(folder: Path) -> None:
    """A cell can be run again."""
    assert _run(folder, "kernel.py", "first cell", "a cell", "a cell").count("[{'query': 'rope'}] 1\n") == 2


TWO = """
from crawl import SETTINGS, AsyncCrawlerProcess, Search

process = AsyncCrawlerProcess({**SETTINGS, "GEETEST_MAX_SOLVES": 1})
for word in ("rope", "oar"):
    process.crawl(Search, start_urls=["http://127.0.0.1:8000/v3/search?q=" + word])
process.start()
"""


@pytest.mark.exhaustive
def test_several_spiders_in_one_process(folder: Path, sandbox: Sandbox) -> None:
    """Each has its own limit and its own summary."""
    (folder / "two.py").write_text(TWO.replace("127.0.0.1:8000", sandbox.url.partition("://")[2]))
    assert _run(folder, "two.py").count("GeeTest: 1 task(s), 1 accepted") == 2

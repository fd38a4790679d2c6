"""The stand-in's script as it is put together: what it does in a page is tested in a browser."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from scrapy_geetest._browser.standin import make_script

if TYPE_CHECKING:
    from pathlib import Path


def test_all_parts_are_in_it() -> None:
    """Every file of the folder, in one function, with the name of the exposed function filled in."""
    script = make_script("ask_me")
    folder = files("scrapy_geetest._browser").joinpath("scripts")
    parts = [part.read_text(encoding="utf-8") for part in folder.iterdir()]
    assert len(parts) == 7
    assert sum("__GEETEST_ASK__" in part for part in parts) == 1
    assert all(part.replace("__GEETEST_ASK__", "ask_me") in script for part in parts)
    assert script.startswith("(function () {\n")
    assert script.endswith("})();\n")


@pytest.mark.skipif(shutil.which("node") is None, reason="node, which checks the syntax, is not installed")
def test_its_syntax(tmp_path: Path) -> None:
    """It is a script by itself."""
    path = tmp_path / "script.js"
    path.write_text(make_script("ask_me"), encoding="utf-8")
    done = subprocess.run(["node", "--check", str(path)], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

"""The code blocks of the documentation."""

from __future__ import annotations

import re
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OTHER_PACKAGES = ("rotating_proxies", "scrapy_deltafetch", "scrapy_impersonate", "scrapy_playwright", "scrapy_poet")
_BLOCK = re.compile(r"^(?P<indent> *)(?:\.\. code-block:: |```)(?P<language>\w+)$")


class Block(NamedTuple):
    """A code block of a page."""

    language: str
    caption: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        start = _BLOCK.match(line)
        if start is None:
            continue
        body, caption = [], ""
        for following in lines[number + 1 :]:
            if following.startswith("```") or (
                page.suffix == ".rst" and following.strip() and not following.startswith(start["indent"] + "   ")
            ):
                break
            if found := re.match(r" +:caption: (.+)", following):
                caption = found[1]
            else:
                body.append(following)
        yield Block(start["language"], caption, textwrap.dedent("\n".join(body)).strip() + "\n")


def python_blocks(page: Path) -> list[Block]:
    """The Python blocks that can be run: those about other packages only where these are installed."""
    return [block for block in blocks(page) if block.language == "python" and all(map(is_there, others(block)))]


def others(block: Block) -> Iterator[str]:
    return (package for package in OTHER_PACKAGES if package in block.text)


def is_there(package: str) -> bool:
    return find_spec(package) is not None

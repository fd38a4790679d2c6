"""``scrapy geetest sandbox``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest.sandbox import main

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.settings import Settings


def run(arguments: Sequence[str], settings: Settings) -> int:
    """Run the sandbox until it is told to end; it says itself what it lacks."""
    del settings
    return main(arguments)

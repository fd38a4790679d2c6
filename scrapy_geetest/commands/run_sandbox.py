"""``scrapy geetest sandbox``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.settings import Settings


def run(arguments: Sequence[str], settings: Settings) -> int:
    """Run the sandbox until it is told to end.

    Raises:
        UsageError: Its extra is not installed.
    """
    del settings
    try:
        from scrapy_geetest.sandbox import main
    except ImportError as error:
        raise UsageError(f"{error}. The sandbox needs its extra: pip install 'scrapy-geetest[sandbox]'") from error
    return main(arguments)

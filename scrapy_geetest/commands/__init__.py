"""``scrapy geetest …``: what can be done without a crawl.

Scrapy imports this module at the start of every command, so everything heavy is imported where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence


def _sandbox(arguments: Sequence[str]) -> int:
    try:
        from scrapy_geetest.sandbox import main
    except ImportError as error:
        raise UsageError(f"{error}. The sandbox needs its extra: pip install 'scrapy-geetest[sandbox]'") from error
    return main(arguments)


class Command(ScrapyCommand):
    """``scrapy geetest SUBCOMMAND``."""

    requires_crawler_process = False
    subcommands: Mapping[str, Callable[[Sequence[str]], int]] = {"sandbox": _sandbox}

    def syntax(self) -> str:
        return f"<{'|'.join(self.subcommands)}> [options]"

    def short_desc(self) -> str:
        return "Local GeeTest site and solving service, to develop and test against"

    def long_desc(self) -> str:
        return "sandbox: run a local GeeTest-protected site and a local solving service (see: scrapy geetest sandbox --help)"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        del opts
        subcommand = self.subcommands.get(args[0]) if args else None
        if subcommand is None:
            raise UsageError(f"name one of: {', '.join(self.subcommands)}", print_help=False)
        self.exitcode = subcommand(args[1:])

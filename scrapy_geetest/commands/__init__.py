"""``scrapy geetest …``: what can be done without a crawl.

Scrapy imports this module at the start of every command, so each subcommand is a module that is imported where it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


class Command(ScrapyCommand):
    """``scrapy geetest SUBCOMMAND``."""

    requires_crawler_process = False
    default_settings: ClassVar = {"LOG_LEVEL": "WARNING"}
    subcommands: ClassVar[Mapping[str, tuple[str, str]]] = {
        "inspect": ("inspect", "is a page or file a challenge page, why or why not, and how would it be declared"),
        "try": ("trial", "one attempt at an address for real, with one purchase at most, step by step"),
        "balance": ("balance", "what the account at the solving service holds"),
        "sandbox": ("sandbox", "run a local GeeTest-protected site and a local solving service"),
    }
    """Name -> module, what it does. A module has ``run(arguments, settings)``, which returns the exit code."""

    def syntax(self) -> str:
        return f"<{'|'.join(self.subcommands)}> [options]"

    def short_desc(self) -> str:
        return "Inspect GeeTest pages, try one for real, ask for the solving service's balance, run a local sandbox"

    def long_desc(self) -> str:
        told = "; ".join(f"{name}: {description}" for name, (_, description) in self.subcommands.items())
        return f"{told}. See: scrapy geetest SUBCOMMAND --help"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        # A subcommand has a help of its own, which Scrapy's would forestall.
        parser.add_argument("-h", "--help", action="store_true", dest="wants_help", help="show this help and exit")
        self._parser = parser

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if not args and opts.wants_help:
            self._parser.print_help()
            return
        if not args or args[0] not in self.subcommands:
            raise UsageError(f"name one of: {', '.join(self.subcommands)}", print_help=False)
        module, _ = self.subcommands[args[0]]
        arguments = [*args[1:], "--help"] if opts.wants_help else args[1:]
        self.exitcode = import_module(f"{__name__}.{module}").run(arguments, self.settings)

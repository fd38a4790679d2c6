"""``scrapy geetest balance``: what the account at the solving service holds."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.transport import Transport
from scrapy_geetest.settings import API_KEY_VARIABLE, Config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from decimal import Decimal

    from scrapy.settings import Settings

EXIT_CODES = (
    "Exit codes: 0 the balance was printed, 1 there is no key, the service gave no balance, or Ctrl-C came first."
)


def run(arguments: Sequence[str], settings: Settings) -> int:
    """Print the balance, or on stderr why there is none; the key is never printed.

    Args:
        arguments: None is known.
        settings: Of the project: ``GEETEST_API_KEY`` (or the environment's ``CAPMONSTER_API_KEY``), ``GEETEST_API_URL``.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="scrapy geetest balance", description=str(__doc__), epilog=EXIT_CODES)
    parser.parse_args(arguments)
    try:
        config = Config.from_settings(settings)
    except ValueError as error:
        return _fail(str(error))
    if not config.api_key:
        return _fail(f"there is no key: set GEETEST_API_KEY, or {API_KEY_VARIABLE} in the environment")
    try:
        balance = _on_reactor(config)
    except ServiceError as error:
        return _fail(f"{str(error).rstrip('.')}. {error.advice}")
    except KeyboardInterrupt:
        return _fail("interrupted")
    sys.stdout.write(f"{balance:f}\n")
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"scrapy geetest balance: {message}\n")
    return 1


def _on_reactor(config: Config) -> Decimal:
    """Run the reactor for one call.

    Raises:
        KeyboardInterrupt: A signal has stopped the reactor before the answer came.
        ServiceError: The call failed.
    """
    from twisted.internet import reactor

    running: Any = reactor
    outcomes: list[Decimal | Failure] = []

    def start() -> None:
        asked = Deferred.fromCoroutine(ask(config, settle=_as_it_is))
        asked.addBoth(outcomes.append).addBoth(lambda _: running.stop())

    running.callWhenRunning(start)
    running.run()
    if not outcomes:
        raise KeyboardInterrupt
    [outcome] = outcomes
    if isinstance(outcome, Failure):
        outcome.raiseException()
    return outcome


def _as_it_is(deferred: Deferred[Any]) -> Awaitable[Any]:
    return deferred


async def ask(config: Config, *, settle: Callable[[Deferred[Any]], Awaitable[Any]]) -> Decimal:
    """Ask for the balance on the running reactor.

    Args:
        config: Whose account, where.
        settle: Turns a Deferred into what the caller's coroutines can await.

    Raises:
        ServiceError: The call failed.
    """
    client = ServiceClient(
        api_key=config.api_key,
        transport=Transport(
            base_url=config.api_url, timeout=config.request_timeout, settle=settle, proxy=config.api_proxy
        ),
        pacing=Pacing(first_poll=config.first_poll, interval=config.poll_interval),
        sleep=_never,
        clock=time.monotonic,
        solve_timeout=config.solve_timeout,
        on_poll=_nothing,
    )
    try:
        return await client.balance()
    finally:
        await client.close()


def _nothing() -> None:
    """No poll is counted: none is made."""


async def _never(seconds: float) -> None:
    """One call waits for nothing."""

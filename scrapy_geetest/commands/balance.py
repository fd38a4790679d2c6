"""``scrapy geetest balance``: what the accounts at the solving services hold."""

from __future__ import annotations

import argparse
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from scrapy_geetest._service_settings import make_services
from scrapy_geetest._services.background import start
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest.settings import Config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from scrapy.settings import Settings

    from scrapy_geetest._services.choice import Services

Balances: TypeAlias = "Mapping[str, Decimal | ServiceError]"

EXIT_CODES = (
    "Exit codes: 0 the balances were printed, 1 there is no key, a service gave no balance, or Ctrl-C came first."
)


def run(arguments: Sequence[str], settings: Settings) -> int:
    """Print the balance, or on stderr why there is none; no key is ever printed.

    With several services, one line each: its name, the balance, the currency.

    Args:
        arguments: None is known.
        settings: Of the project: ``GEETEST_SERVICES``, ``GEETEST_API_KEY``, ``GEETEST_API_URL``.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="scrapy geetest balance", description=str(__doc__), epilog=EXIT_CODES)
    parser.parse_args(arguments)
    try:
        config = Config.from_settings(settings)
    except ValueError as error:
        return _fail(str(error))
    for one in config.services:
        if one.lacks_key:
            return _fail(f"there is no key: set {one.key_names}")
    try:
        balances = _on_reactor(config)
    except KeyboardInterrupt:
        return _fail("interrupted")
    return _print(config, balances)


def _print(config: Config, balances: Balances) -> int:
    code, are_several = 0, len(config.services) > 1
    for one in config.services:
        balance = balances[one.name]
        if isinstance(balance, Decimal):
            shown = f"{one.name} {balance:f} {one.service.currency}" if are_several else f"{balance:f}"
            sys.stdout.write(f"{shown}\n")
        elif not (are_several and one.service.solves_itself()):  # which has none
            told = f"{str(balance).rstrip('.')}. {balance.advice}"
            code = _fail(f"{one.name}: {told}" if are_several else told)
    return code


def _fail(message: str) -> int:
    sys.stderr.write(f"scrapy geetest balance: {message}\n")
    return 1


def _on_reactor(config: Config) -> Balances:
    """Run the reactor until all have answered.

    Raises:
        KeyboardInterrupt: A signal has stopped the reactor before that.
    """
    from twisted.internet import reactor

    running: Any = reactor
    outcomes: list[Balances | Failure] = []

    def begin() -> None:
        asked = Deferred.fromCoroutine(ask(config, settle=_as_it_is))
        asked.addBoth(outcomes.append).addBoth(lambda _: running.stop())

    running.callWhenRunning(begin)
    running.run()
    if not outcomes:
        raise KeyboardInterrupt
    [outcome] = outcomes
    if isinstance(outcome, Failure):
        outcome.raiseException()
    return outcome


def _as_it_is(deferred: Deferred[Any]) -> Awaitable[Any]:
    return deferred


async def ask(config: Config, *, settle: Callable[[Deferred[Any]], Awaitable[Any]]) -> Balances:
    """Ask all services at once for their balances, on the running reactor.

    Args:
        config: Whose accounts, where.
        settle: Turns a Deferred into what the caller's coroutines can await.
    """
    services = make_services(config, sleep=_never, settle=settle)
    asked = {member.name: start(_balance(services, member.name)) for member in services.members}
    try:
        for one in asked.values():
            await settle(one.ended)
        return {name: one.value for name, one in asked.items()}
    finally:
        await services.close()


async def _balance(services: Services, name: str) -> Decimal | ServiceError:
    try:
        return await services.balance(name)
    except ServiceError as error:
        return error


async def _never(seconds: float) -> None:
    """One call waits for nothing."""

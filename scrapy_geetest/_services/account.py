"""What a service says of the account: whether it may be called at all, and whether it sells anything."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest._services.errors import ZERO_BALANCE, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_LOOK = 60.0  # seconds between two looks at an empty account: services ban who asks for tasks without a balance


@define
class Account:
    """Remembers the answers that are final.

    A bad key or a blocked address ends all calls. An empty account ends purchases; tasks that were paid for before are asked
    for all the same.

    Args:
        name: The service's, for log lines.
        clock: Monotonic seconds.
        looks_again: Whether the balance of an empty account is looked at now and then, so that purchases go on.
    """

    name: str
    clock: Callable[[], float]
    looks_again: bool = False
    _fatal: ServiceError | None = None
    _empty: ServiceError | None = None
    _next_look: float = 0.0
    _too_little: Decimal = Decimal(0)  # a balance that bought nothing

    @property
    def verdict(self) -> ServiceError | None:
        """Why nothing can be bought; ``None``: something can."""
        return self._fatal or self._empty

    def stop(self, error: ServiceError) -> bool:
        """Take a final answer, to whichever call.

        Args:
            error: Its code stops the crawl.

        Returns:
            Whether it ends purchases alone.
        """
        if error.code == ZERO_BALANCE:
            self._empty = self._empty or error
            self._next_look = self.clock() + _LOOK
            return True
        self._fatal = self._fatal or error
        return False

    def check(self, *, is_purchase: bool) -> None:
        """Called before a call is made.

        Raises:
            ServiceError: An earlier answer forbids it.
        """
        error = self.verdict if is_purchase else self._fatal
        if error is not None:
            raise ServiceError(error.code, error.description, sent=False)

    def wants_look(self) -> bool:
        """Whether the balance is to be looked at now; the next time is a minute later."""
        is_due = self.looks_again and self._empty is not None and self._fatal is None
        if not is_due or self.clock() < self._next_look:
            return False
        self._next_look = self.clock() + _LOOK
        return True

    def looked(self, balance: Decimal) -> bool:
        """Take a balance that was looked at; says whether purchases go on."""
        if self._empty is None or balance <= self._too_little:
            return False
        self._empty, self._too_little = None, balance
        logger.info("GeeTest: %s has a balance again (%s); purchases go on there", self.name, f"{balance:f}")
        return True

    def bought(self) -> None:
        """A task was taken."""
        self._too_little = Decimal(0)

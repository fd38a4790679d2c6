"""The challenges that were handed to a service: each is bought once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from scrapy_geetest.challenge import Challenge

MAX_REMEMBERED = 100_000  # a challenge lives ten minutes at most


class BoughtChallenges:
    """Remembers v3 challenges; a v4 challenge is made by GeeTest for each task, so that there is nothing to remember."""

    def __init__(self) -> None:
        self._taken: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, challenge: Challenge) -> bool:
        """Whether *challenge* may be bought; from here on it is taken."""
        if not isinstance(challenge, V3Challenge):
            return True
        key = challenge.gt, challenge.challenge
        if key in self._taken:
            return False
        self._taken[key] = None
        if len(self._taken) > MAX_REMEMBERED:
            self._taken.popitem(last=False)
        return True

    def give_back(self, challenge: Challenge) -> None:
        """The service never got it."""
        if isinstance(challenge, V3Challenge):
            self._taken.pop((challenge.gt, challenge.challenge), None)

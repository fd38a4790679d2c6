"""Log lines that come again and again: the first of a kind is said in full, the others are counted."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

MAX_KINDS = 1000  # lines of further kinds go to DEBUG, uncounted


class RepeatedLines:
    """Decides at which level a line is logged, and says how many were not seen."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[int, str], int] = {}

    def level(self, level: int, kind: str) -> int:
        """The level of the next line: *level* for the first of its kind, DEBUG for those that follow.

        Args:
            level: Of the first one.
            kind: What such lines have in common, in words that complete "and 29 more: …".
        """
        key = (level, kind)
        if key in self._kinds:
            self._kinds[key] += 1
            return logging.DEBUG
        if len(self._kinds) >= MAX_KINDS:
            return logging.DEBUG
        self._kinds[key] = 0
        return level

    def tell(self) -> None:
        """Say how many lines of each kind were not logged at its level since the last time."""
        for (level, kind), number in self._kinds.items():
            if number:
                self._kinds[level, kind] = 0
                logger.log(level, "GeeTest: and %d more: %s", number, kind)

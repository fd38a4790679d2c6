"""An event loop whose clock jumps to whatever is due next, so that an hour of waiting costs only the work done in it."""

from __future__ import annotations

import asyncio
import selectors


class JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing that takes time.

    Attributes:
        now: Virtual seconds.
    """

    now = 1_000_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready at once; if nothing is, the time is over. Without a time-out it waits, as for a signal."""
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual."""

    selector = JumpingSelector()

    def __init__(self) -> None:
        super().__init__(self.selector)

    def time(self) -> float:
        """Virtual seconds."""
        return self.selector.now

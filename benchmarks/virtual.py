"""The process of a benchmark's crawls in virtual time: ``python -m benchmarks.virtual``, started by :mod:`benchmarks.crawl`.

The event loop's clock jumps to whatever is due next, so that an hour of waiting costs only the work that is done in it.
The clocks of :mod:`time` are replaced before Scrapy and the plugin are imported.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def main(plan: Mapping[str, Any]) -> None:
    """Run the crawls that the other process wants."""
    loop_class = VirtualLoop
    for clock in ("time", "monotonic", "perf_counter"):
        setattr(time, clock, lambda: loop_class.selector.now)
    from benchmarks import child, virtual_world

    virtual_world.install()
    child.main(plan, event_loop="benchmarks.virtual.VirtualLoop")


if __name__ == "__main__":
    from benchmarks import virtual  # the event loop is imported by this name, and there is one clock

    virtual.main(json.loads(sys.argv[1]))

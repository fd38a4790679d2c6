"""The process of a benchmark's crawls in virtual time: ``python -m benchmarks.virtual``, started by :mod:`benchmarks.crawl`.

The clocks of :mod:`time` are replaced before Scrapy and the plugin are imported.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Mapping


def main(plan: Mapping[str, Any]) -> None:
    """Run the crawls that the other process wants."""
    for clock in ("time", "monotonic", "perf_counter"):
        setattr(time, clock, lambda: VirtualLoop.selector.now)
    from benchmarks import child, virtual_world

    virtual_world.install()
    child.main(plan, event_loop="benchmarks.virtual_loop.VirtualLoop")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

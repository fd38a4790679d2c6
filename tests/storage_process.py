"""Another process that uses a storage.

Usage: ``python storage_process.py URI hold SECONDS | count TIMES``
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from storages import opened

if TYPE_CHECKING:
    from scrapy_geetest._storage.protocol import Backend


def main() -> None:
    """Hold a lease until killed, or count one step at a time."""
    _, uri, what, number = sys.argv
    storage = opened(uri).entries
    backend: Backend = storage._backend  # type: ignore[attr-defined]
    if what == "hold":
        backend.put("task", "1", "written down", 60)
        assert backend.swap("lease", "a", None, "dead", float(number))
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(60)
    for _ in range(int(float(number))):
        while True:
            old = backend.get("counter", "a")
            count = int(old.partition(" ")[0]) if old else 0
            if backend.swap("counter", "a", old, f"{count + 1} {os.getpid()}", 60):
                break
    sys.stdout.write("counted\n")


if __name__ == "__main__":
    main()

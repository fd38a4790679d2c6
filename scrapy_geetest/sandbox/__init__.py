"""A local GeeTest-protected website and a local solving service with the documented protocol and limits.

For demonstrations and tests, without a key, a network or cost. ``python -m scrapy_geetest.sandbox --help`` runs one by hand;
in tests::

    with Sandbox(solve_seconds=0.1, faults={"createTask": ["ERROR_NO_SLOT_AVAILABLE"]}) as sandbox:
        ...  # crawl sandbox.url with sandbox.service_url and sandbox.api_key
        assert sandbox.books()["outcomes"] == {"solved": 1}

It listens on 127.0.0.1 only and imports nothing of the rest of the package. It needs the extra ``[sandbox]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .faults import CALLS, FAULTS, Fault
from .handle import Sandbox
from .options import Options
from .tasks import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CALLS", "FAULTS", "USER_AGENT", "Fault", "Options", "Sandbox", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sandbox in this process until it is told to end: see :func:`scrapy_geetest.sandbox.server.main`."""
    from .server import main as run

    return run(argv)

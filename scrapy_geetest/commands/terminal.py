"""What the commands print."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def write(text: str, stream: TextIO | None = None) -> None:
    """Write *text* at once to *stream* (standard output), whose encoding may lack some of its characters."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()

"""What the commands print: nothing that came from a site steers a terminal, and no address shows its credentials."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s]*@")


def without_credentials(text: str, url: str = "") -> str:
    """*text* with every address in it without a user and a password; those of *url* are nowhere in it."""
    user, at, _ = url.partition("//")[2].partition("/")[0].rpartition("@")
    return _CREDENTIALS.sub("", text.replace(user + at, "") if at else text)


def printable(text: str) -> str:
    """*text* without control characters and line breaks."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def write(text: str, stream: TextIO | None = None) -> None:
    """Write *text* at once to *stream* (standard output), whose encoding may lack some of its characters."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()

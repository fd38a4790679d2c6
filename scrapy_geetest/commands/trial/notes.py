"""What the plugin logs meanwhile, among the steps; without what signals tell, or the end."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scrapy_geetest._redaction import tidied

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest.commands.trial.transcript import Transcript

_PACKAGE = "scrapy_geetest"
_TOLD_OTHERWISE = frozenset({"scrapy_geetest._attempt.books", "scrapy_geetest._crawl.undeclared"})


class _Notes(logging.Handler):
    def __init__(self, transcript: Transcript) -> None:
        super().__init__(logging.WARNING)
        self._transcript = transcript

    def emit(self, record: logging.LogRecord) -> None:
        """A warning; errors are what the attempt ends with."""
        if record.levelno < logging.ERROR and record.name not in _TOLD_OTHERWISE:
            self._transcript.step("note", "Note", tidied(record.getMessage().removeprefix("GeeTest: ")))


@contextmanager
def noted(transcript: Transcript) -> Iterator[None]:
    """For as long as the ``with`` block runs."""
    logger, notes = logging.getLogger(_PACKAGE), _Notes(transcript)
    before = logger.propagate
    logger.addHandler(notes)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(notes)
        logger.propagate = before

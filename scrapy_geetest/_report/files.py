"""The files of a report: each is either the old one or the new one, whenever the process ends."""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from attrs import frozen

from scrapy_geetest._report.page import page_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy_geetest._report.history import History

logger = logging.getLogger(__name__)

STATE = "geetest-report.json"
"""What the next run goes on from."""


@frozen
class Files:
    """Where a report is written.

    Attributes:
        page: The report.
        state: What the next run goes on from; ``None``: there is none to go on.
    """

    page: Path
    state: Path | None

    @classmethod
    def prepare(cls, setting: str, *, jobdir: str | None, storage_uri: str, spider: str, now: float) -> Files:
        """Make the folder of the report.

        Args:
            setting: ``GEETEST_REPORT``.
            jobdir: ``JOBDIR``.
            storage_uri: ``GEETEST_STORAGE_URI``.
            spider: Its name.
            now: Seconds since 1970.

        Raises:
            ValueError: Nothing can be written there.
        """
        start = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%dT%H-%M-%S")
        page = Path(setting % {"name": spider, "time": start}).expanduser()
        try:
            page.parent.mkdir(parents=True, exist_ok=True)
            if page.is_dir():
                raise IsADirectoryError(f"{page} is a folder")  # like what the system says of others
            _beside(page).write_bytes(b"")
            _beside(page).unlink()
        except OSError as error:
            raise ValueError(
                f"Name another file in GEETEST_REPORT: the report cannot be written to {setting!r}: {error}."
            ) from None
        return cls(page, _state(jobdir, storage_uri, spider))

    def load(self) -> Mapping[str, Any] | None:
        """What earlier runs have left; ``None``: nothing, or nothing that can be read."""
        if self.state is None or not self.state.exists():
            return None
        try:
            data: Mapping[str, Any] = json.loads(self.state.read_bytes())
        except (OSError, ValueError) as error:
            self.ignore(error)
            return None
        return data

    def ignore(self, why: object) -> None:
        """Say that the runs before are missing in the report."""
        logger.warning("GeeTest: the report starts over, because %s cannot be read: %s", self.state, why)

    def write(self, history: History, now: float) -> None:
        """Write the report, and what the next run goes on from.

        Args:
            history: Nobody else's.
            now: Seconds since 1970.

        Raises:
            OSError: It could not be written.
        """
        _replace(self.page, page_of(history, now).encode("utf-8", "replace"))
        if self.state is not None:
            self.state.parent.mkdir(parents=True, exist_ok=True)
            _replace(self.state, json.dumps(history.to_json()).encode())


def _state(jobdir: str | None, storage_uri: str, spider: str) -> Path | None:
    """Where what several runs share is kept: in ``JOBDIR``, or beside the file of the storage."""
    if jobdir:
        return Path(jobdir) / STATE
    if storage_uri.startswith("file:///"):
        file = Path(unquote(urlsplit(storage_uri).path))
        return file.with_name(f"{file.name}.{spider}.{STATE}")
    return None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside *path* and put it in its place, which is one step for whoever reads it."""
    beside = _beside(path)
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise

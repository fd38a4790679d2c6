"""The services, as all processes see them: accounts that are out, and how long solving takes."""

from __future__ import annotations

import json
import time
from secrets import token_hex
from typing import TYPE_CHECKING

from attrs import define, field

from scrapy_geetest._services.errors import ACCOUNT_CODES, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scrapy_geetest._services.places import Member
    from scrapy_geetest._storage.protocol import Storage

_OUT, _TIMES = "service-out", "solve-times"
_OUT_SECONDS = 60.0  # an account may be filled up at any time
_TIMES_SECONDS = 86_400.0
_MOST_TIMES = 128
_ENOUGH_NEWS = 8  # solve times that are worth a write
_TRIES = 20  # of a write that others come before


@define(eq=False)
class SharedServices:
    """Puts what this process knows of the services together with what the others know.

    Args:
        members: The services of this crawl.
        storage: Where it is written down.
        clock: Seconds that all machines share, more or less.
    """

    _members: Sequence[Member]
    _storage: Storage
    _clock: Callable[[], float] = time.time
    _told: set[str] = field(init=False, factory=set)
    _since: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._since = self._clock()

    @property
    def has_news(self) -> bool:
        """Whether something is to be written down."""
        return any(self._is_news(member) or member.engine.solve_times.news >= _ENOUGH_NEWS for member in self._members)

    async def read(self) -> None:
        """Take over which accounts are out, as other processes found since this one began.

        An older finding says nothing: whoever starts a crawl may have filled up the account before.

        Raises:
            StorageFailedError: It cannot be read.
        """
        found = {entry.key: entry.value for entry in await self._storage.entries(_OUT)}
        for member in self._members:
            error = self._error(found.get(member.account, ""))
            if error is not None and member.engine.verdict() is None:
                self._told.add(member.account)
                member.engine.stop(error)

    async def learn(self) -> None:
        """Learn the solve times that were written down before.

        Raises:
            StorageFailedError: They cannot be read.
        """
        for member in self._members:
            for entry in await self._storage.entries(_TIMES, f"{member.name}/"):
                version = entry.key.rpartition("/")[2]
                for low, high in _times(entry.value):
                    member.engine.solve_times.learn(int(version), low, high)

    async def write(self) -> None:
        """Write down what is new.

        Raises:
            StorageFailedError: It cannot be written.
        """
        await self._write(_ENOUGH_NEWS)

    async def write_all(self) -> None:
        """Write down what is new, however little.

        Raises:
            StorageFailedError: It cannot be written.
        """
        await self._write(1)

    async def _write(self, enough: int) -> None:
        for member in self._members:
            if self._is_news(member):
                await self._write_out(member)
            if member.engine.solve_times.news >= enough:
                for version, times in member.engine.solve_times.take_news().items():
                    await self._write_times(f"{member.name}/{version}", times)

    def _is_news(self, member: Member) -> bool:
        verdict = member.engine.verdict()
        if verdict is None:
            self._told.discard(member.account)
        return verdict is not None and verdict.code in ACCOUNT_CODES and member.account not in self._told

    async def _write_out(self, member: Member) -> None:
        verdict = member.engine.verdict()
        if verdict is not None:
            self._told.add(member.account)
            data = {"code": verdict.code, "description": verdict.description, "at": self._clock()}
            await self._storage.put(_OUT, member.account, json.dumps(data), _OUT_SECONDS)

    async def _write_times(self, key: str, times: Sequence[tuple[float, float]]) -> None:
        for _ in range(_TRIES):
            text = await self._storage.get(_TIMES, key)
            together = [*_times(text or ""), *times][-_MOST_TIMES:]
            rounded = [[round(low, 1), round(high, 1)] for low, high in together]
            new = json.dumps({"by": token_hex(8), "times": rounded}, separators=(",", ":"))
            if await self._storage.swap(_TIMES, key, text, new, _TIMES_SECONDS):
                return

    def _error(self, text: str) -> ServiceError | None:
        try:
            data = json.loads(text)
            code, description, at = str(data["code"]), str(data["description"]), float(data["at"])
        except (ValueError, KeyError, TypeError):
            return None
        if code not in ACCOUNT_CODES or at < self._since:
            return None
        return ServiceError(code, f"{description}, as another process found".removeprefix(", "), sent=False)


def _times(text: str) -> list[tuple[float, float]]:
    try:
        return [(float(low), float(high)) for low, high in json.loads(text)["times"]]
    except (ValueError, KeyError, TypeError):
        return []

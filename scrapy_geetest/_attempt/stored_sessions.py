"""The sessions that other processes opened, now or before this one began: found, handed out, and closed for all."""

from __future__ import annotations

import json
import logging
import time
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from scrapy_geetest._crawl.identity import Identity
from scrapy_geetest._crawl.stored_cookies import as_data, from_data
from scrapy_geetest._storage.lease import Lease, take
from scrapy_geetest._storage.protocol import StorageFailedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from http.cookiejar import Cookie

    from scrapy_geetest._storage.protocol import Storage

logger = logging.getLogger(__name__)

KEPT_SECONDS = 7 * 86_400.0  # of a site that does not say how long a gate stays open
OPENER_SECONDS = 30.0  # after which another process opens the gate that a dead one was opening
_LOOK, _LONGEST_LOOK = 0.25, 2.0  # seconds between two looks at what another process opens
_SESSION, _OPENER = "session", "opener"


@frozen
class StoredSession:
    """An open gate, as it is handed from process to process.

    Attributes:
        id: Tells it from those that were opened before and after.
        opened_at: When, in seconds since 1970.
        cookies: Of the site.
        values: What every request carries, at a site of two steps.
        identity: Who opened it.
    """

    id: str
    opened_at: float
    cookies: Sequence[Cookie] = field(default=(), repr=False)
    values: Mapping[str, str] = field(factory=dict, repr=False)
    identity: Identity = field(factory=Identity, repr=False)

    @classmethod
    def new(cls, cookies: Sequence[Cookie], values: Mapping[str, str], identity: Identity) -> StoredSession:
        """One that was opened just now."""
        return cls(token_hex(8), time.time(), cookies, values, identity)

    @classmethod
    def from_text(cls, text: str) -> StoredSession:
        """One that was written down.

        Raises:
            ValueError: This plugin did not write it.
        """
        try:
            data = json.loads(text)
            identity = Identity(dict(data["headers"]), dict(data["meta"]))
            return cls(str(data["id"]), float(data["at"]), from_data(data["cookies"]), dict(data["values"]), identity)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("no session") from error

    def to_text(self) -> str:
        """What is written down."""
        data: dict[str, Any] = {
            "id": self.id,
            "at": self.opened_at,
            "cookies": as_data(self.cookies),
            "values": dict(self.values),
            "headers": dict(self.identity.headers),
            "meta": dict(self.identity.meta),
        }
        return json.dumps(data, separators=(",", ":"))

    @property
    def age(self) -> float:
        """Seconds since it was opened; the clocks of two machines may differ."""
        return max(0.0, time.time() - self.opened_at)


@define(eq=False)
class StoredSessions:
    """Asks the storage. Where it fails for good, each process opens its gates for itself.

    Args:
        storage: Where sessions are kept; one in memory keeps none.
        sleep: Waits for some seconds.
        reactor: The Twisted reactor.
    """

    _storage: Storage
    _sleep: Callable[[float], Awaitable[None]]
    _reactor: Any
    _is_told: bool = field(init=False, default=False)

    @property
    def are_kept(self) -> bool:
        """Whether another process sees what is stored."""
        return self._storage.is_shared

    async def find(self, site: str, session: str) -> StoredSession | None:
        """The session that is open.

        Raises:
            Stopping: The crawl is ending.
        """
        try:
            return await self._find(_key(site, session))
        except StorageFailedError as error:
            self._tell(error)
            return None

    async def claim(self, site: str, session: str, refused: str) -> StoredSession | Lease | None:
        """Wait until another process has opened a gate, or this one may.

        Args:
            site: Its name.
            session: Which of its sessions.
            refused: The id of the one that the site refuses, which is closed for all; empty: there was none.

        Returns:
            What another process opened; or a lease, to be released when this one is done; ``None``: the storage fails.

        Raises:
            Stopping: The crawl is ending.
        """
        key, wait = _key(site, session), _LOOK
        try:
            while True:
                if (found := await self._valid(key, refused)) is not None:
                    return found
                lease = await take(self._storage, _OPENER, key, reactor=self._reactor, seconds=OPENER_SECONDS)
                if lease is not None:
                    return await self._or_found(lease, key, refused)
                await self._sleep(wait)
                wait = min(2 * wait, _LONGEST_LOOK)
        except StorageFailedError as error:
            self._tell(error)
            return None

    async def keep(self, site: str, session: str, opened: StoredSession, max_age: float | None) -> None:
        """Hand an open session to all."""
        seconds = KEPT_SECONDS if max_age is None else max_age - opened.age
        if seconds <= 0:
            return
        try:
            await self._storage.put(_SESSION, _key(site, session), opened.to_text(), seconds)
        except StorageFailedError as error:
            self._tell(error)

    async def _or_found(self, lease: Lease, key: str, refused: str) -> StoredSession | Lease:
        """Who held the lease before may have opened the gate between the look and the lease."""
        try:
            found = await self._valid(key, refused)
        except BaseException:
            await lease.release()
            raise
        if found is None:
            return lease
        await lease.release()
        return found

    async def _valid(self, key: str, refused: str) -> StoredSession | None:
        found = await self._find(key)
        if found is not None and found.id == refused:
            await self._storage.delete(_SESSION, key)
            return None
        return found

    async def _find(self, key: str) -> StoredSession | None:
        text = await self._storage.get(_SESSION, key)
        if text is None:
            return None
        try:
            return StoredSession.from_text(text)
        except ValueError:
            await self._storage.delete(_SESSION, key, text)
            return None

    def _tell(self, error: StorageFailedError) -> None:
        if not self._is_told:
            self._is_told = True
            logger.warning(
                "GeeTest: check the storage (GEETEST_STORAGE_URI): sessions are not shared with other processes at present, so "
                "each opens its own gates: %s",
                error,
            )


def _key(site: str, session: str) -> str:
    """Without what a session's key may tell: it may be made from a login."""
    return f"{site}/{sha256(session.encode()).hexdigest()[:32]}"

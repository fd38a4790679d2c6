"""What the gates of this crawl share with other processes: who opens, what was opened, and for whom it is good."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest._attempt.stored_sessions import StoredSession
from scrapy_geetest._crawl.identity import Identity
from scrapy_geetest._crawl.stored_cookies import cookies_of_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.gate import Gate
    from scrapy_geetest._attempt.stored_sessions import StoredSessions
    from scrapy_geetest._crawl.cookies import SessionCookies


@define(eq=False)
class GateSessions:
    """Looks for the sessions of other processes, hands them to requests, and hands on what this one opened."""

    _cookies: SessionCookies
    _stored: StoredSessions

    @property
    def are_shared(self) -> bool:
        """Whether other processes, now or later, go on with what this one opens."""
        return self._stored.are_kept

    def wants_look(self, gate: Gate) -> bool:
        """Whether another process may have opened a gate that nobody here has met yet."""
        return self.are_shared and not (gate.is_known or gate.is_opening or gate.is_open)

    async def look(self, gate: Gate, context: Context, session: str) -> None:
        """See whether it has.

        Raises:
            Stopping: The crawl is ending.
        """
        gate.begin(context.outer)
        try:
            found = await self._stored.find(context.site.shared_name, session)
        except BaseException as error:
            gate.fail(error)
            raise
        gate.is_known = True
        if found is None:
            gate.leave_closed()
        else:
            self._adopt(gate, context, found)

    def join(self, gate: Gate, context: Context, *, is_shared: bool = False) -> None:
        """Make a request one of the session that opened the gate.

        Args:
            gate: Whose session.
            context: Of the request.
            is_shared: Whether its page is withheld, and another request has opened the gate.
        """
        if gate.stored is not None:
            context.visitor.become(gate.stored.identity)
        if is_shared and context.page is not None:
            self._cookies.restore(context.outer, context.page, gate.cookies)

    @asynccontextmanager
    async def opening(self, gate: Gate, context: Context, session: str) -> AsyncIterator[bool]:
        """Be the only process that opens a gate, for as long as a ``with`` block runs; wait for another one that does.

        Yields:
            Whether it is to be opened; ``False``: another process has opened it meanwhile.

        Raises:
            Stopping: The crawl is ending.
        """
        if not self.are_shared:
            yield True
            return
        refused = "" if gate.stored is None else gate.stored.id
        claim = await self._stored.claim(context.site.shared_name, session, refused)
        if isinstance(claim, StoredSession):
            self._adopt(gate, context, claim)
            yield False
            return
        try:
            yield True
        finally:
            if claim is not None:
                await claim.release()

    async def opened(self, gate: Gate, context: Context, session: str, values: Mapping[str, str]) -> None:
        """Hand on the session that a gate was opened with, which is open for *values* from here on."""
        gate.is_known = True
        held = self._cookies.held_for(context.outer)
        cookies = cookies_of_site(held, context.site, context.request.url)
        gate.stored = StoredSession.new(cookies, values, Identity.of(context.visitor))
        if self.are_shared:
            await self._stored.keep(context.site.shared_name, session, gate.stored, context.site.gate_max_age)

    def _adopt(self, gate: Gate, context: Context, found: StoredSession) -> None:
        self._cookies.take_over(context.outer, found.cookies)
        gate.adopt(found)
        self.join(gate, context)

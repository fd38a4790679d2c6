"""Several sessions of one gate side by side, each with its own cookies, and the proxy and browser that opened it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from scrapy_geetest._crawl.identity import Identity
from scrapy_geetest._crawl.marks import JAR, pooled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Request

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.gate import Gate, GateRegistry
    from scrapy_geetest._crawl.cookies import SessionCookies
    from scrapy_geetest.site import GeetestSite


@define(eq=False)
class SessionPools:
    """Spreads the requests to a site over its sessions. A session that is being opened gets none while there is another."""

    _registry: GateRegistry
    _cookies: SessionCookies
    _used: dict[str, list[int]] = field(init=False, factory=dict)
    _count: int = field(init=False, default=0)

    def assign(self, site: GeetestSite, request: Request) -> Mapping[str, Any] | None:
        """Choose a session for a request that is about to be sent.

        A request that names a cookie jar, does without them, or is made by a browser is no part of it.

        Returns:
            What is to be noted of it; ``None``: no session was chosen, or one was before a redirect.
        """
        has_own = request.meta.get(JAR) is not None or request.meta.get("playwright")
        if has_own or "redirect_urls" in request.meta or not self._cookies.are_kept(request):
            return None
        used = self._used.setdefault(site.name, [0] * site.sessions)
        number = min(range(site.sessions), key=lambda one: (self._is_opening(site.name, one), used[one]))
        self._count += 1
        used[number] = self._count
        own = Identity.of(request)
        request.meta[JAR] = f"geetest-{site.name}-{number}"
        return {"session": session_name(number), "headers": dict(own.headers), "meta": dict(own.meta)}

    def renew(self, gate: Gate, context: Context) -> None:
        """The session of a request is refused: another one takes its place, with the proxy that the project chose last."""
        note = pooled(context.outer)
        if note and gate.stored is not None:
            self._cookies.clear(context.outer)
            context.visitor.become(Identity(note["headers"], note["meta"]))

    def _is_opening(self, site: str, number: int) -> bool:
        gate = self._registry.get(site, session_name(number))
        return gate is not None and gate.is_opening


def session_name(number: int) -> str:
    """What a session of a pool is called."""
    return f"pool {number}"


def pooled_session(request: Request) -> str:
    """The session of a pool that *request* belongs to; empty: of none."""
    return str(pooled(request).get("session", ""))

"""The policy of gate sites: one accepted solution opens a session for all requests of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NoReturn

from attrs import define, evolve, frozen
from scrapy.http.request import NO_CALLBACK

from scrapy_geetest._attempt.session_pools import pooled_session
from scrapy_geetest._attempt.sessions import session_of, settled
from scrapy_geetest._attempt.tries import TakenOverError, Tries
from scrapy_geetest._attempt.verdict import Outcome, Verdict, is_withheld, of_page_behind
from scrapy_geetest._crawl.marks import SAFE_METHODS, gate_at_departure, note_departure, note_gate
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._crawl.shortened import short_response
from scrapy_geetest._submission.target import origin
from scrapy_geetest.exceptions import ChallengeError, GeetestError, SolutionRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.gate import Gate, GateRegistry
    from scrapy_geetest._attempt.gate_sessions import GateSessions
    from scrapy_geetest._attempt.gate_visitors import GateVisitors
    from scrapy_geetest._attempt.loop import Attempts
    from scrapy_geetest._attempt.session_pools import SessionPools
    from scrapy_geetest._attempt.submissions import Submissions
    from scrapy_geetest._crawl.cookies import SessionCookies
    from scrapy_geetest._crawl.downloads import Downloads
    from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._spending.breaker import Breaker
    from scrapy_geetest.settings import Config
    from scrapy_geetest.site import GeetestSite
    from scrapy_geetest.stats import Stats

_LOOK_AGAIN = 0.5  # seconds after which a request that somebody awaits sees how its gate stands
_MAX_BOUNCES = 20  # each of them after another request's purchase, so that a session may end at any moment


@frozen
class _Departure:
    """How a gate stood when a request was sent."""

    openings: int = 0
    failures: int = 0

    @classmethod
    def of(cls, request: Request, run: str) -> _Departure:
        """Read the note of *request*; what another process counted says nothing."""
        note = gate_at_departure(request)
        if note.get("run") != run:
            return cls()
        return cls(note["openings"], note["failures"])


@define(eq=False, kw_only=True)
class Gates:
    """Gets requests to gate sites past their CAPTCHA."""

    opens_session: ClassVar[bool] = True

    _config: Config
    _attempts: Attempts
    _breaker: Breaker
    _cookies: SessionCookies
    _downloads: Downloads
    _others: OtherMiddlewares
    _parking: Parking
    _pools: SessionPools
    _registry: GateRegistry
    _sessions: GateSessions
    _stats: Stats
    _submissions: Submissions
    _visitors: GateVisitors

    async def leave(self, site: GeetestSite, request: Request) -> bool:
        """A request is about to be sent: note how its gate stands.

        Returns:
            Whether :meth:`before` has something to do: the gate is being opened, its spider says that it has to be, another
            process may have opened it, or the site's hook failed.
        """
        pool, session = None, ""
        if site.sessions > 1:
            pool = self._pools.assign(site, request)
            session = pool["session"] if pool else pooled_session(request)
        try:
            told = session or site.session_key(self._others.with_proxy(request))
            session = told if isinstance(told, str) else await settled(told, self._parking.hook)
        except Exception:  # noqa: BLE001  # asked once more, and told then
            return True
        gate = self._registry.get(site.name, session)
        note_departure(request, None if gate is None else gate.standing, pool)
        asks_to_solve = request.meta.get("geetest") is True
        if gate is None:
            return asks_to_solve or self._sessions.are_shared
        if gate.stored is not None:
            gate.stored.identity.put_on(request)
        return gate.is_opening or bool(gate.values) or (asks_to_solve and not gate.is_open)

    async def before(self, context: Context) -> Response | None:
        """Wait for a gate that is being opened, find it open, or open it, before a request is sent.

        Returns:
            The page that the request asks for, if it came on the way.

        Raises:
            GeetestError: It could not be opened.
            Stopping: The crawl is ending.
        """
        session = await self._session(context, self._others.with_proxy(context.outer))
        gate = self._registry.make(context.site.name, session, context.site.gate_max_age)
        if self._sessions.wants_look(gate):
            await self._sessions.look(gate, context, session)
            note_gate(context.outer, gate.standing)
        openings = gate.openings
        while gate.is_opening:  # after one opener left, another may have come
            if not await self._wait_outside(gate, context):
                return None
            has_opened = gate.openings > openings
            self._sessions.join(gate, context)
            if "redirect_urls" not in context.outer.meta:  # else it may lead to the captcha page, of no use any more
                note_gate(context.outer, {**gate.standing, "waited": True} if has_opened else gate.standing)
            if has_opened and not gate.values:
                return None
        if context.is_in_browser:
            return None  # its own page opens it
        if gate.is_open and gate.values:
            return await self._with_values(gate, context)
        if gate.is_open or not (gate.values or context.asks_to_solve):
            return None
        response = await self._open(gate, context, session, Tries(self._config))
        note_gate(context.outer, gate.standing)
        if response is None:
            return await self._with_values(gate, context) if gate.values else None
        is_its_page = context.request.method in SAFE_METHODS and context.page_url == context.request.url
        return response if is_its_page else None

    def let_through(self, request: Request) -> None:
        """A page was not withheld."""
        note = gate_at_departure(request)
        if note.get("waited") and note["run"] == self._registry.run:
            self._stats.count("shared")

    async def react(self, context: Context) -> Response:
        """From a challenge page to the page that the spider asked for.

        Raises:
            GeetestError: The gate could not be opened, or lets this request through all the same not.
            Stopping: The crawl is ending.
        """
        session = await self._session(context, context.outer)
        gate = self._registry.make(context.site.name, session, context.site.gate_max_age)
        departure = _Departure.of(context.outer, self._registry.run)
        tries, bounces = Tries(self._config), 0
        while True:
            is_shared = True
            if gate.is_opening:
                await self._wait(gate, context)
            elif gate.is_open and departure.openings < gate.openings:
                pass  # it was on its way when the gate opened
            elif departure.failures < gate.failures:
                self._fail(gate.failure, context)
            else:
                response = await self._open(gate, context, session, tries)
                is_shared = response is None
                if response is not None and context.request.method in SAFE_METHODS:
                    return response
            departure = _Departure(gate.openings, gate.failures)
            self._sessions.join(gate, context, is_shared=is_shared)
            response = await self._again(context, gate.values, can_wait=is_shared)
            if not await is_withheld(context, response):
                if is_shared:
                    self._stats.count("shared")
                return response
            bounces += 1
            if bounces > _MAX_BOUNCES:
                raise SolutionRejected(
                    'Set mode = "form" if each request needs a solution of its own; otherwise check session_key: '
                    f"{context} is withheld though its gate was opened {bounces} times",
                    **context.parts,
                )
            context = context.on(response)

    async def opened_meanwhile(self, context: Context) -> Response:
        """A redirect led to the captcha page, which withholds nothing by now: the page that was asked for.

        Raises:
            GeetestError: It is withheld all the same, and the gate could not be opened.
            Stopping: The crawl is ending.
        """
        session = await self._session(context, context.outer)
        return await self._with_values(
            self._registry.make(context.site.name, session, context.site.gate_max_age), context
        )

    async def behind(
        self,
        context: Context,
        verdict: Verdict,
        answer: Response,
        *,
        sent_to: str = "",  # noqa: ARG002  # a form site may be a gate
    ) -> tuple[Verdict, Response]:
        """A gate is often answered with "thanks", or a redirect: whether the withheld page comes is the evidence."""
        if verdict.outcome is Outcome.REFUSED:
            return verdict, answer
        is_page = context.site.is_two_step or _is_the_page(context, answer)
        page = answer if is_page else await self._again(context, is_urgent=True)
        if verdict.is_site_rule:
            return verdict, page
        if await is_withheld(context, page):
            if verdict.is_failure:
                return verdict, page
            return Verdict(Outcome.REFUSED, "the page is withheld as before"), page
        return of_page_behind(context, page), page

    @staticmethod
    async def _session(context: Context, request: Request) -> str:
        return pooled_session(request) or await session_of(context, request)

    async def _door(self, context: Context) -> Context:
        """What is submitted to open a gate: what a person would do with its page, whatever request met it."""
        if context.page is not None and context.request.method in SAFE_METHODS:
            return context
        url = context.page_url if context.page is None else context.request.url
        door = evolve(context, request=context.request.replace(url=url, method="GET", body=b""))
        if context.page is not None:
            return door
        return evolve(door, page=await self._again(door), was_sent=True)

    async def _open(self, gate: Gate, context: Context, session: str, tries: Tries) -> Response | None:
        """Open the gate for everybody.

        Returns:
            The page behind it; ``None``: another process has opened it meanwhile, or is about to.
        """
        is_pooled = bool(pooled_session(context.outer))
        gate.begin(context.outer)
        try:
            async with self._sessions.opening(gate, context, session) as is_ours:
                if not is_ours:
                    return None
                if is_pooled:
                    self._pools.renew(gate, context)
                else:
                    self._visitors.opens(context, gate.openings)
                response = await self._pass(await self._door(context), tries)
                if self._sessions.are_shared or is_pooled:
                    await self._sessions.opened(gate, context, session, tries.values)
        except TakenOverError:
            gate.leave_closed()
            return None
        except BaseException as error:
            gate.fail(error)
            raise
        gate.succeed(self._cookies.held_for(context.outer), tries.values)
        return response

    async def _pass(self, door: Context, tries: Tries) -> Response:
        if door.page is not None and not await is_withheld(door, door.page):
            return door.page  # it is open
        response = await self._attempts.run(door, self, tries)
        await self._check_open(door, response)
        return response

    async def _check_open(self, door: Context, response: Response) -> None:
        if await is_withheld(door, response):
            self._breaker.failed(door)
            raise SolutionRejected(
                'Set mode = "form" if each request needs a solution of its own; otherwise check accepted_…, detect_… and '
                f"session_key of the site: the gate did not open for {door}, {short_response(response)} is still withheld",
                **door.parts,
            )

    async def _with_values(self, gate: Gate, context: Context) -> Response:
        """A request to an open gate: of two steps it carries what the verification gave; it may be withheld all the same."""
        response = await self._again(context, gate.values, can_wait=True)
        if not await is_withheld(context, response):
            self._stats.count("shared")
            return response
        return await self.react(evolve(context, page=response, was_sent=True))

    async def _again(
        self,
        context: Context,
        values: Mapping[str, str] | None = None,
        *,
        is_urgent: bool = False,
        can_wait: bool = False,
    ) -> Response:
        try:
            if values:
                way = await self._submissions.way(context)
                return await self._submissions.with_values(way, values, can_wait=can_wait)
            return await self._downloads.again(context, is_urgent=is_urgent, can_wait=can_wait)
        except (Stopping, GeetestError):
            raise
        except Exception as error:
            raise ChallengeError(
                f"The page could not be fetched at its gate for {context}: {type(error).__name__}: {error}",
                **context.parts,
            ) from error

    async def _wait_outside(self, gate: Gate, context: Context) -> bool:
        """Wait before a request is sent. False: it goes as it is, since the opener's own may wait for it in a middleware."""
        if context.request.callback is not NO_CALLBACK:
            await self._wait(gate, context)
            return True
        failures = gate.failures
        while gate.is_opening:
            if self._downloads.is_held_up(gate.opener):
                return False
            await self._parking.sleep(_LOOK_AGAIN)
        if failures < gate.failures:
            self._fail(gate.failure, context)
        return True

    async def _wait(self, gate: Gate, context: Context) -> None:
        context.let_page_go()
        try:
            await self._parking.wait(gate.wait())
        except GeetestError as error:
            self._fail(error, context)

    @staticmethod
    def _fail(error: BaseException | None, context: Context) -> NoReturn:
        """What the gate's opener met is what everybody gets who depended on it."""
        if isinstance(error, Stopping):
            raise Stopping from error
        if isinstance(error, GeetestError):
            raise error.for_request(
                context.request, context.whole_page, f"{context}: its gate was not opened: {error}"
            ) from error
        raise GeetestError(f"The gate could not be opened for {context}: {error!r}", **context.parts)


def _is_the_page(context: Context, answer: Response) -> bool:
    """Whether the site has redirected from its form to the very page that was withheld, asked for as the spider asks."""
    sent, wanted = answer.request, context.request
    if sent is None or not sent.method == wanted.method == "GET" or not sent.url == wanted.url == answer.url:
        return False
    # A redirect from another host leaves the credentials behind, and the page may be another one without them.
    return all(origin(url) == origin(wanted.url) for url in sent.meta.get("redirect_urls", ()))

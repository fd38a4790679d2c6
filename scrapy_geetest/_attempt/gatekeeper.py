"""Opens gates: the solution is submitted in place, and every request that waited goes again without a purchase."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NoReturn

from attrs import evolve
from scrapy import Request

from scrapy_geetest._attempt.state import RequestState, mark_departure, redirects, with_state
from scrapy_geetest._attempt.verdict import judge
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._submission import page_form
from scrapy_geetest.exceptions import GeetestError, SolutionRejected, SubmissionError

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Visit
    from scrapy_geetest._attempt.gate import Gate, Gates
    from scrapy_geetest._attempt.purchase import Solver
    from scrapy_geetest._attempt.sending import Resender
    from scrapy_geetest._attempt.verdict import Verdicts
    from scrapy_geetest._crawl.downloads import InnerDownloader
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)


class GateKeeper:
    """The way of requests to gate sites."""

    def __init__(
        self,
        *,
        config: Config,
        gates: Gates,
        inner: InnerDownloader,
        parking: Parking,
        resender: Resender,
        solver: Solver,
        stats: Stats,
        verdicts: Verdicts,
    ) -> None:
        self._max_attempts = config.max_attempts
        self._gates = gates
        self._inner = inner
        self._parking = parking
        self._resender = resender
        self._solver = solver
        self._stats = stats
        self._verdicts = verdicts

    async def admit(self, visit: Visit, state: RequestState) -> Request | None:
        """Before a request is sent: wait for a gate that is being opened, and open it if the request says so.

        Returns:
            ``None``, or the request to be sent instead: a redirect that waited may lead to the captcha page, which is
            of no use any more, so the request before the redirect goes again.

        Raises:
            GeetestError: It could not be opened.
            Stopping: The crawl is ending.
        """
        gate = await self._gates.of(visit, visit.sent)
        if gate.is_opening:
            with self._parking.place(visit.site.name):
                await self._wait(gate, visit)
            if state.undo is not None and redirects(visit.sent) > state.redirects:
                return visit.request
            state = evolve(state, shared=True)
        elif visit.sent.meta.get("geetest") is True and not gate.is_open:
            with self._parking.place(visit.site.name):
                attempts = await self._open(gate, visit, state.attempts)
            state = evolve(state, attempts=attempts, opened=gate.openings)
        noted = evolve(state, gates=self._gates.name, gate=gate.openings, gate_failures=gate.failures)
        mark_departure(visit.sent, evolve(noted, site=visit.site.name))  # its captcha page may be of no site's URL
        return None

    async def readmit(self, visit: Visit, state: RequestState) -> Request:
        """After a challenge page: see to it that the gate is open.

        Returns:
            The request as the spider made it, to be sent again.

        Raises:
            GeetestError: The gate could not be opened.
            Stopping: The crawl is ending.
        """
        gate = await self._gates.of(visit, visit.request)
        if state.gates != self._gates.name:  # sent by another process, with another session
            state = evolve(state, gate=0, gate_failures=gate.failures, opened=0)
        # What it paid for itself has been counted; another's opening counts if it has let nobody through so far.
        useless = gate.proven < state.gate
        attempts, opened = state.attempts + (useless and state.opened != state.gate), state.opened
        if gate.is_opening:
            await self._wait(gate, visit)
        elif gate.is_open and state.gate < gate.openings:
            pass  # it was on its way when the gate opened
        elif state.gate_failures < gate.failures:
            self._fail(gate.failure, visit)
        else:
            if useless:
                self._verdicts.undecided(visit)
            self._check_attempts(visit, attempts)
            attempts = await self._open(gate, visit, attempts)
            opened = gate.openings
        shared = opened != gate.openings
        return with_state(visit.request, RequestState(attempts=attempts, opened=opened, withheld=True, shared=shared))

    async def let_through(self, visit: Visit, state: RequestState) -> None:
        """A page was not withheld: take note of what that says of the opening that it was sent after."""
        if state.gates != self._gates.name:
            return
        if state.shared:
            self._stats.count("shared")
        if state.withheld or state.opened:
            gate = await self._gates.of(visit, visit.request)
            gate.proven = max(gate.proven, state.gate)
            self._verdicts.decided(visit)

    def _check_attempts(self, visit: Visit, attempts: int) -> None:
        if attempts >= self._max_attempts:
            raise SolutionRejected(
                f"{attempts} solution(s) were used up (GEETEST_MAX_ATTEMPTS), and the page is withheld all the same: {visit}. "
                "See what the site's is_challenge and session_key say of it, and whether it is a gate site at all",
                **visit.parts,
            )

    async def _wait(self, gate: Gate, visit: Visit) -> None:
        try:
            await self._parking.wait(gate.wait())
        except GeetestError as error:
            self._fail(error, visit)

    @staticmethod
    def _fail(error: BaseException | None, visit: Visit) -> NoReturn:
        """What the gate's opener met is what everybody gets who depended on it."""
        if isinstance(error, Stopping):
            raise Stopping from error
        if isinstance(error, GeetestError):
            raise error.for_request(
                visit.request, visit.response, f"{visit}: its gate was not opened: {error}"
            ) from error
        raise GeetestError(f"The gate could not be opened for {visit}: {error!r}", **visit.parts)

    async def _open(self, gate: Gate, visit: Visit, attempts: int) -> int:
        """Open the gate for everybody.

        Args:
            gate: Whose.
            visit: Who opens it.
            attempts: Solutions for this request so far.

        Returns:
            The same with those that this took.
        """
        gate.begin()
        try:
            attempts = await self._pass(visit, attempts)
        except BaseException as error:
            if isinstance(error, SubmissionError):
                self._verdicts.undecided(visit)
            gate.fail(error)
            raise
        gate.succeed()
        return attempts

    async def _pass(self, visit: Visit, attempts: int) -> int:
        """Solve and submit until the site accepts."""
        if visit.response is None:
            visit = evolve(visit, response=await self._download(Request(visit.page_url), visit))
            if not await judge(visit.site.is_challenge, visit):
                return attempts  # it was open
        while True:
            knock = _knock(visit)
            await self._resender.check(knock)
            solved = await self._solver.solve(visit, attempts)
            attempts = solved.attempts
            submission = await self._resender.submission(knock, solved)
            answer = evolve(visit, response=await self._download(submission, visit))
            state = evolve(RequestState.of(submission), sent=1)
            if await judge(visit.site.is_accepted, answer):
                await self._verdicts.accepted(answer, state)
                return attempts
            await self._verdicts.rejected(answer, state)
            counted = with_state(visit.request.copy(), RequestState(attempts=attempts))
            visit = evolve(answer, request=counted)

    async def _download(self, query: Request, visit: Visit) -> Response:
        try:
            response = await self._inner.download(query, visit.sent, visit.response)
        except Stopping:
            raise
        except Exception as error:
            raise SubmissionError(
                f"The gate could not be opened for {visit}: {query} failed: {type(error).__name__}: {error}",
                **visit.parts,
            ) from error
        if response.status >= 500:  # noqa: PLR2004  # HTTP's server errors say nothing of a solution
            raise SubmissionError(f"The gate could not be opened for {visit}: {response} was the answer", **visit.parts)
        return response


def _knock(visit: Visit) -> Visit:
    """What opens the gate: the form of the challenge page, where it has one, else the request that was withheld."""
    if page_form(visit.response) is None:
        return visit
    return evolve(visit, request=visit.request.replace(url=visit.page_url, method="GET", body=b""))

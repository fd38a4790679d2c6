"""Which service gets a task: the first in order of preference that takes one. The only place where that is decided."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import evolve

from scrapy_geetest._services.availability import Step
from scrapy_geetest._services.creating import TOO_OLD
from scrapy_geetest._services.errors import CHALLENGE_TOO_OLD, NOT_SENT, Reaction, ServiceError
from scrapy_geetest._services.places import Place, TakenTask
from scrapy_geetest._words import clause
from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
    from decimal import Decimal

    from scrapy_geetest._services.places import Member
    from scrapy_geetest._services.polling import Result
    from scrapy_geetest._services.task import Proxy, Task
    from scrapy_geetest.challenge import Challenge

logger = logging.getLogger(__name__)

_LOOK_AGAIN = 0.1  # seconds after which a request that waits for a service with too many tasks asks again


class Services:
    """All services of a crawl.

    A service that is away, takes no tasks, or has too many is passed over, and used again as soon as it takes tasks. One
    that can never take any (a bad key, no balance, blocked) is out. Where only one is left, its trouble is waited for.

    Args:
        members: In order of preference.
        sleep: Waits for some seconds.
        used: The names of those that some site uses; all by default.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        sleep: Callable[[float], Awaitable[None]],
        used: frozenset[str] | None = None,
    ) -> None:
        self.members = tuple(members)
        self._by_name = {member.name: member for member in members}
        self._sleep = sleep
        self._used = [member for member in members if used is None or member.name in used]

    @property
    def are_several(self) -> bool:
        """Whether messages have to name the service."""
        return len(self.members) > 1

    @property
    def are_over(self) -> bool:
        """Whether no service is left for any site."""
        return all(member.engine.verdict() for member in self._used)

    @property
    def trouble(self) -> str:
        """What is waited for at which service, in words for a progress line; empty if nothing is."""
        told = {member.name: member.engine.trouble for member in self.members}
        return "; ".join(
            f"{name}: {trouble}" if self.are_several else trouble for name, trouble in told.items() if trouble
        )

    def check(self, place: Place, proxy: Proxy | None) -> None:
        """Called before anything is done for the sake of a task.

        Raises:
            ServiceError: No service may be asked to solve it, or to do so with this proxy.
        """
        self._for_ever(place, proxy)

    @contextmanager
    def place(self, site: str, names: Sequence[str] | None, failed_at: Collection[str]) -> Iterator[Place]:
        """A place for a request, which is given up at the end of the ``with`` block.

        Args:
            site: The name of its site.
            names: The services that the site names, by preference; ``None``: all.
            failed_at: The names of services that have failed for this request: they come last.
        """
        order = self._order(names)
        place = Place(site, sorted(order, key=lambda one: one.name in failed_at), order[0], failed_at)
        try:
            yield place
        finally:
            place.move(None)

    def is_kept_at_once(self, place: Place) -> bool:
        """Keep a place at a service that takes a task now; says whether there is one.

        Raises:
            ServiceError: No service is left, or the trouble of all lasts too long.
        """
        place.move(None)
        self._try_each(place, self._for_ever(place, None))
        return place.member is not None

    async def ready(self, place: Place) -> None:
        """Keep a place, and wait for it: called before a challenge is fetched, which would grow old while a service takes no tasks.

        Raises:
            ServiceError: No service is left, or the trouble of all lasts too long.
        """
        await self._keep(place)

    async def create_task(self, place: Place, task: Task) -> TakenTask:
        """Have a task solved by the first service that takes it.

        Another service is asked with the same challenge only if the one before got nothing of it.

        Raises:
            ServiceError: ``moves_on``: another service may solve another challenge. ``CHALLENGE_TOO_OLD``: none took the
                task in time.
            ValueError: No service documents such a task.
        """
        unfit: list[Member] = []
        while True:
            member = await self._keep(place, task, unfit)
            is_alone = len(self._for_ever(place, task.proxy, unfit)) == 1
            is_patient = is_alone and not self._are_others_elsewhere(place)
            try:
                own = evolve(task, type=member.task_type)
                task_id = await member.engine.create_task(own, is_patient=is_patient)
            except ValueError:
                unfit.append(member)
                if len(unfit) == len(place.order):
                    raise
            except ServiceError as error:
                self._note(error, member, place, is_patient=is_patient)
                if error.sent or is_alone or not error.moves_on:
                    raise
            else:
                return TakenTask(member.name, task_id, self.are_several)

    def account(self, name: str) -> str:
        """What tells the accounts at a service apart; empty: no other process can ask for its tasks."""
        member = self._by_name.get(name)
        return member.account if member is not None and member.keep_seconds else ""

    def keep_seconds(self, name: str) -> float:
        """How long any process with the same account may ask for a task of a service; 0: only this one may."""
        return self._by_name[name].keep_seconds

    def recall(self, name: str, task_id: int | str) -> TakenTask:
        """A task that another process has created."""
        return TakenTask(name, task_id, self.are_several)

    async def result(self, place: Place, task: TakenTask, challenge: Challenge, age: float = 0.0) -> Result:
        """Wait for a task where it was taken.

        Args:
            place: Of the request that it is for.
            task: Which.
            challenge: What was sent.
            age: Seconds since another process created it; 0: this one did, just now.

        Raises:
            ServiceError: It has failed, or is abandoned.
        """
        member = self._by_name[task.service]
        if place.member is not member:
            place.move(member)
        try:
            return await member.engine.result(task.id, challenge, age)
        except ServiceError as error:
            self._note(error, member, place, is_patient=False)
            raise

    async def balance(self, name: str) -> Decimal:
        """The balance at a service.

        Raises:
            ServiceError: It does not say.
        """
        return await self._by_name[name].engine.balance()

    async def report_incorrect(self, task: TakenTask) -> None:
        """Tell the service that solved a task that the site refused the solution.

        Raises:
            ServiceError: It takes no reports, or the call failed.
        """
        await self._by_name[task.service].engine.report_incorrect(task.id)

    async def close(self) -> None:
        """End all calls."""
        for member in self.members:
            await member.engine.close()

    def _order(self, names: Sequence[str] | None) -> Sequence[Member]:
        return self.members if names is None else [self._by_name[name] for name in names]

    def _for_ever(self, place: Place, proxy: Proxy | None, unfit: Sequence[Member] = ()) -> list[Member]:
        """The services that may take the task at some time.

        Raises:
            ServiceError: There is none; that of the last one.
        """
        left: list[Member] = []
        out: list[tuple[Member, ServiceError]] = []
        latest: ServiceError | None = None
        for member in place.order:
            if member in unfit:
                continue
            try:
                member.engine.check(proxy)
            except ServiceError as error:
                error.service, latest = member.name, error
                if member.engine.verdict() is not None:
                    out.append((member, error))
            else:
                member.is_told = False
                if place.site not in member.refused_sites:
                    left.append(member)
        if not left:
            raise latest or ServiceError("ERROR_DOMAIN_NOT_ALLOWED", "no service solves for this site", sent=False)
        for member, why in out:
            self._tell_that_it_is_out(member, why, left[0])
        return left

    async def _keep(self, place: Place, task: Task | None = None, unfit: Sequence[Member] = ()) -> Member:
        """Wait until a service can take the task, and keep the place there.

        Args:
            place: Whose.
            task: What is to be taken; ``None``: its challenge is not fetched yet.
            unfit: Services that document no such task.
        """
        place.move(None)
        waited = 0.0
        while True:
            left = self._for_ever(place, task.proxy if task else None, unfit)
            holds_up_others = task is not None and self._are_others_elsewhere(place)
            if len(left) == 1 and not left[0].is_full and not holds_up_others:
                place.move(left[0])
                if task is None:  # else the call itself waits, for as long as the challenge can
                    place.has_waited |= await self._sole(left[0])
                return left[0]
            seconds = self._try_each(place, left)
            if place.member is not None:
                return place.member
            if holds_up_others:
                raise _none_now()
            if task is not None and isinstance(task.challenge, V3Challenge) and waited > TOO_OLD:
                raise ServiceError(CHALLENGE_TOO_OLD, "no service took the task in time", sent=False)
            place.has_waited = True
            waited += seconds
            await self._sleep(seconds)

    def _are_others_elsewhere(self, place: Place) -> bool:
        """Whether other sites have services that this one does not use: nobody of theirs is to wait for this one's."""
        return any(one not in place.order and one.engine.verdict() is None for one in self._used)

    @staticmethod
    async def _sole(member: Member) -> bool:
        try:
            return await member.engine.ready()
        except ServiceError as error:
            error.service = member.name
            raise

    @staticmethod
    def _try_each(place: Place, left: Sequence[Member]) -> float:
        """Keep the place at the first service that takes a task now; else, seconds after which to try again.

        Raises:
            ServiceError: The trouble of all lasts too long.
        """
        waits: list[float] = []
        latest: ServiceError | None = None
        for member in left:
            if member.is_full:
                waits.append(_LOOK_AGAIN)
                continue
            try:
                step = member.engine.next_step()
            except ServiceError as error:
                error.service, latest = member.name, error
            else:
                if isinstance(step, Step):
                    place.move(member)
                    return 0.0
                waits.append(step)
        if not waits and latest is not None:
            raise latest
        return min(waits)

    def _note(self, error: ServiceError, member: Member, place: Place, *, is_patient: bool) -> None:
        """Mark what an error says of its service, and whether another one may go on."""
        error.service = member.name
        others = [one for one in place.order if one is not member and one.engine.verdict() is None]
        others = [one for one in others if place.site not in one.refused_sites]
        if error.reaction is Reaction.STOP_SITE and others:
            member.refused_sites.add(place.site)
        if error.reaction in (Reaction.STOP_CRAWL, Reaction.STOP_SITE):
            error.moves_on = bool(others)
        elif error.reaction is Reaction.SAME_CALL_LATER:
            error.moves_on = not is_patient and (bool(others) or self._are_others_elsewhere(place))
        elif error.sent:  # what one refuses or cannot solve, another one may
            error.moves_on = any(one.name not in place.failed_at for one in others)
        if others and member.engine.verdict() is not None:
            self._tell_that_it_is_out(member, error, others[0])

    @staticmethod
    def _tell_that_it_is_out(member: Member, error: ServiceError, other: Member) -> None:
        if not member.is_told:
            member.is_told = True
            logger.warning(
                "GeeTest: %s: the service %s is out for this crawl, and %s goes on: %s",
                *(clause(error.advice), member.name, other.name, error),
            )


def _none_now() -> ServiceError:
    error = ServiceError(NOT_SENT, "no service takes a task now", sent=False)
    error.moves_on = True
    return error

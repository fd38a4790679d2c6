"""A request's place at a service: which one, and what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from scrapy_geetest._services.engine import Engine


@define(eq=False)
class Member:
    """A configured service.

    Attributes:
        name: In settings, statistics and messages.
        engine: Speaks to it.
        account: Tells its account from others, without its key.
        keep_seconds: How long any process with the same account may ask for a task; 0: only this one may.
        currency: What its costs are in.
        task_type: What it is to call tasks, if that was set.
        max_concurrent: Most tasks at once; ``None``: no limit of its own.
        running: Tasks, and requests that are about to create one.
        refused_sites: Sites that it does not solve for.
        is_told: Whether the log says that it is out.
    """

    name: str
    engine: Engine
    account: str = ""
    keep_seconds: float = 0.0
    currency: str = "USD"
    task_type: str | None = None
    max_concurrent: int | None = None
    running: int = 0
    refused_sites: set[str] = field(factory=set)
    is_told: bool = False

    @property
    def is_full(self) -> bool:
        """Whether it has as many tasks as it may have."""
        return self.max_concurrent is not None and self.running >= self.max_concurrent


@frozen
class TakenTask:
    """A task that a service took.

    Attributes:
        service: Its name.
        id: What the service calls it.
        is_ambiguous: Whether there are several services, so that the name belongs into messages.
    """

    service: str
    id: int | str
    is_ambiguous: bool = False

    def __str__(self) -> str:
        return f"{self.id} of {self.service}" if self.is_ambiguous else str(self.id)


@define(eq=False)
class Place:
    """A request's place at a service, from before its challenge is fetched until its task is done.

    Attributes:
        site: The name of the site.
        order: The services that may be used, those that have failed for the request last.
        preferred: The first of them, had none failed.
        failed_at: The names of those that have failed for the request.
        member: The service that it is kept at.
        has_waited: Whether it took any waiting.
        is_second_choice: Whether it is not kept at the preferred service, for another reason than that one's limit.
    """

    site: str
    order: Sequence[Member]
    preferred: Member
    failed_at: Collection[str] = ()
    member: Member | None = None
    has_waited: bool = False
    is_second_choice: bool = False

    def move(self, member: Member | None) -> None:
        """Keep it at another service, or at none."""
        if self.member is not None:
            self.member.running -= 1
        self.member = member
        if member is not None:
            member.running += 1
            preferred = self.preferred
            is_limited = preferred.is_full and preferred.engine.verdict() is None
            self.is_second_choice = member is not preferred and not is_limited

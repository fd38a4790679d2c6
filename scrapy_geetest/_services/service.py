"""What a solving service is asked, and what it answers, in our words: the base class of all services."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from scrapy_geetest._services.errors import Reaction
from scrapy_geetest._services.secret import Sealed

if TYPE_CHECKING:
    from scrapy_geetest._services.task import Task
    from scrapy_geetest.challenge import Solution

_NAME = re.compile(r"[\w.-]{1,64}")
_TEXTS = ("name", "base_url", "key_variable", "key_field", "currency")


@frozen
class ServiceCall:
    """One call of a service.

    Attributes:
        method: The last segment of its path.
        fields: Its JSON object. The engine adds the client key.
    """

    method: str
    fields: Mapping[str, Any] = field(converter=Sealed, repr=False)


class SolvingService:
    """A solving service.

    A service of one's own needs ``solve`` and nothing else: it is called with each task, and returns the solution, however it
    comes by it. A service that speaks the createTask protocol is a translator without HTTP, clock or retries, which the engine
    has for all: it needs ``name``, ``base_url`` and ``task``, and whatever else is not the usual.

    Attributes:
        name: What it is called in settings, statistics and messages.
        base_url: Where its calls go.
        key_variable: The environment variable that may hold the key.
        key_field: Where the key stands in the JSON of a call.
        currency: What its costs and balances are in.
        poll_floor: Least seconds between two polls of one task.
        max_polls: Most polls of one task.
        keep_seconds: How long the service keeps a task and its solution, reckoned from createTask to be safe.
        reactions: What codes mean here, where it is not the usual.
        billed: Codes of failed tasks that cost as much as a solution.
    """

    name: ClassVar[str] = ""
    base_url: ClassVar[str] = ""
    key_variable: ClassVar[str] = ""
    key_field: ClassVar[str] = "clientKey"
    currency: ClassVar[str] = "USD"
    poll_floor: ClassVar[float] = 2.0
    max_polls: ClassVar[int] = 120
    keep_seconds: ClassVar[float] = 300.0
    reactions: ClassVar[Mapping[str, Reaction]] = {}
    billed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            cls.name = cls.__name__
        _check(cls)

    async def solve(self, task: Task) -> Solution:
        """Solve a task. A service of one's own overrides this, and nothing more.

        Args:
            task: Its ``challenge``, ``website_url``, and the ``proxy`` and ``user_agent`` of the crawl if they are passed on.

        Returns:
            A ``V3Solution`` or ``V4Solution``.
        """
        raise NotImplementedError

    def task(self, task: Task) -> dict[str, Any]:
        """The ``task`` object of createTask, without its ``type``.

        Raises:
            ValueError: The service does not document such a task: nothing is sent.
        """
        raise NotImplementedError

    def task_types(self, task: Task) -> tuple[str, ...]:
        """What the service calls such a task. Where it does not know a name, the next one is used from then on."""
        return ("GeeTestTask",) if task.proxy else ("GeeTestTaskProxyless",)

    def create(self, task: Task, task_type: str) -> ServiceCall:
        """The call that creates a task."""
        return ServiceCall("createTask", {"task": {"type": task_type, **self.task(task)}})

    def result(self, task_id: int | str) -> ServiceCall:
        """The call that asks for a task's result."""
        return ServiceCall("getTaskResult", {"taskId": task_id})

    def balance(self) -> ServiceCall | None:
        """The call that asks for the balance; ``None``: there is none. It also shows whether the service answers."""
        return ServiceCall("getBalance", {})

    def report(self, task_id: int | str) -> ServiceCall | None:
        """The call that reports a refused solution; ``None``: the service accepts no reports."""
        del task_id
        return None

    @classmethod
    def solves_itself(cls) -> bool:
        """Whether it is a service of one's own: its ``solve`` is all there is."""
        return cls.solve is not SolvingService.solve


def _check(service: type[SolvingService]) -> None:
    """Refuse a class that cannot work, when it is made."""
    where = f"the service {service.__qualname__}"
    for attribute in _TEXTS:
        if not isinstance(getattr(service, attribute), str):
            raise TypeError(f"{where}: {attribute} must be a string")
    if not _NAME.fullmatch(service.name):
        raise TypeError(f"{where}: name must be 1 to 64 letters, digits, '.', '-' or '_': it is part of statistics")
    _check_numbers(service, where)
    if not isinstance(service.reactions, Mapping) or not all(
        isinstance(code, str) and isinstance(reaction, Reaction) for code, reaction in service.reactions.items()
    ):
        raise TypeError(f"{where}: reactions must be a mapping of error codes to Reaction")
    if service.solves_itself():
        if not inspect.iscoroutinefunction(service.solve):
            raise TypeError(f"{where}: solve must be a coroutine function (async def)")
    elif service.task is SolvingService.task or not service.base_url:
        raise TypeError(f"{where} needs async def solve(self, task), or base_url and task(self, task)")


def _check_numbers(service: type[SolvingService], where: str) -> None:
    for attribute in ("poll_floor", "keep_seconds"):
        seconds = getattr(service, attribute)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < inf:
            raise TypeError(f"{where}: {attribute} must be a number above 0")
    most = service.max_polls
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise TypeError(f"{where}: max_polls must be a whole number of 1 or more")

"""The solving service: tasks, polls, money, with the documented rules enforced."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from attrs import define, field

from .books import EXPIRED, FAILED, SOLVED, UNFETCHED, Books, TaskEntry
from .dialects import CAPMONSTER, Dialect
from .faults import PASSING_CODES, SPOILT_SOLUTIONS
from .tasks import Refusal, check_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from .captchas import Captcha
    from .geetest import GeeTest
    from .options import Options

# A client that waits the floor from answer to question may still be seen a little early.
_FLOOR_TOLERANCE = 0.05
_MILLION = 1_000_000


@define
class _Task:
    entry: TaskEntry
    captcha: Captcha
    challenge: str
    finished: float
    good: bool
    wrong: bool
    last_poll: float | None = None
    accepted_polls: int = 0
    solution: dict[str, str] | None = None


@define
class Service:
    """The account and its tasks. Times are seconds of ``clock`` (monotonic) and of ``wall`` (since the epoch)."""

    options: Options
    books: Books
    geetest: GeeTest
    clock: Callable[[], float]
    wall: Callable[[], float]
    random: Random
    numbers: Iterator[int]
    dialect: Dialect = CAPMONSTER
    _tasks: dict[int | str, _Task] = field(factory=dict)
    _paid: int = 0

    def __attrs_post_init__(self) -> None:
        self._pay(0)

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer createTask: check, use up the challenge, charge, and start solving.

        Raises:
            Refusal: The task is not taken, and costs nothing.
        """
        self._check_key(body)
        task = body.get("task")
        plain = self.dialect.plain(dict(task)) if isinstance(task, dict) and task else task
        captcha = check_task(plain, self.geetest.captchas)
        price = round(self.options.price * _MILLION)
        if round(self.options.balance * _MILLION) - self._paid < price:
            raise Refusal("ERROR_ZERO_BALANCE", "the account is empty", 402)
        started = self._start(captcha, body, price)
        task_id = self.rename(started.entry.id) if self.dialect.uuid else started.entry.id
        status = {"status": "idle"} if self.dialect.idle else {}
        return {"errorId": 0, "taskId": task_id, **status}

    def _start(self, captcha: Captcha, body: dict[str, Any], price: int) -> _Task:
        sent = body["task"]
        beside = {name: value for name, value in body.items() if name not in ("clientKey", "task")}
        age, good = self.geetest.take(captcha, sent["challenge"]) if captcha.is_v3 else (None, True)
        wrong = self.options.wrong == "always" or len(self.books.tasks) < int(self.options.wrong)
        age_ms = None if age is None else round(age * 1000, 3)
        entry = TaskEntry(next(self.numbers), captcha.version, sent, beside, self.wall(), age_ms, wrong=wrong)
        entry.charged_millionths = price
        finished = self.clock() + self.random.uniform(*self.options.solve_seconds)
        task = _Task(entry, captcha, sent.get("challenge", ""), finished, good, wrong)
        self._tasks[entry.id] = task
        self.books.tasks.append(entry)
        self._pay(price)
        return task

    def rename(self, task_id: int) -> str:
        """Let a task be known by a UUID as well, and return it."""
        name = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        self._tasks[name] = self._tasks[task_id]
        return name

    def result(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer getTaskResult.

        Raises:
            Refusal: An unknown or forgotten task, a poll too early or too many, or a task that ended in an error.
        """
        self._check_key(body)
        task = self._find(body)
        self._count_poll(task)
        if self.clock() < task.finished:
            is_idle = self.dialect.idle and task.accepted_polls == 1
            return {"errorId": 0, "status": "idle" if is_idle else "processing"}
        if not task.good:
            task.entry.outcome = EXPIRED
            raise Refusal("ERROR_TOKEN_EXPIRED", "the challenge is unknown, used or too old")
        task.entry.outcome = SOLVED
        return self._ready(task)

    def _count_poll(self, task: _Task) -> None:
        now = self.clock()
        early = task.last_poll is not None and now - task.last_poll < self.options.poll_floor - _FLOOR_TOLERANCE
        if early or task.accepted_polls >= self.options.max_polls:
            task.entry.floor_violations += early
            raise Refusal("ERROR_TOO_MUCH_REQUESTS", "one getTaskResult every 2 s, 120 for a task", 429)
        task.last_poll = now
        task.accepted_polls += 1

    def _ready(self, task: _Task) -> dict[str, Any]:
        if task.solution is None:
            task.solution = self._solve(task)
        ended = self.wall() - (self.clock() - task.finished)
        cost: Any = task.entry.charged_millionths / _MILLION
        if not self.dialect.costs:
            return {"errorId": 0, "status": "ready", "solution": task.solution}
        return {
            "errorId": 0,
            "status": "ready",
            "solution": task.solution,
            "cost": f"{cost:.5f}" if self.dialect.cost_as_text else cost,
            "ip": "203.0.113.7",
            "createTime": int(task.entry.created),
            "endTime": int(ended),
            "solveCount": 1,
        }

    def _solve(self, task: _Task) -> dict[str, str]:
        if task.captcha.is_v3:
            return self.geetest.solve_v3(
                task.captcha, task.challenge, task.finished, wrong=task.wrong, entry=task.entry
            )
        return self.geetest.solve_v4(task.captcha, task.finished, wrong=task.wrong, entry=task.entry)

    def balance(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer getBalance; raises :exc:`Refusal` for a bad key."""
        self._check_key(body)
        return {"errorId": 0, "balance": self.books.balance}

    def report(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer reportIncorrectTokenCaptcha; raises :exc:`Refusal` for a bad key or an unknown task."""
        self._check_key(body)
        task = self._find(body, count=False)
        task.entry.reported += 1
        self.books.reports.append(task.entry.id)
        return {"errorId": 0, "status": "success"}

    def lose(self, answer: dict[str, Any]) -> None:
        """Note that the answer to a createTask did not reach the client."""
        task = self._tasks.get(answer.get("taskId", ""))
        if task is not None:
            task.entry.lost = True

    def spoil(self, body: dict[str, Any], fault: str) -> None:
        """Note a fault of getTaskResult: it is a poll, and an error other than "later" ends the task.

        Only ``ERROR_TOKEN_EXPIRED`` is documented as billed: what ends otherwise is paid back.
        """
        code = fault.partition("@")[0]
        task = self._tasks.get(_task_id(body))
        if task is None:
            return
        task.entry.polls += 1
        final = code in SPOILT_SOLUTIONS or (code.isupper() and code not in PASSING_CODES)
        if final and task.entry.outcome == UNFETCHED:
            task.entry.outcome = FAILED
            if code != "ERROR_TOKEN_EXPIRED":
                self._pay(-task.entry.charged_millionths)
                task.entry.charged_millionths = 0

    def _find(self, body: dict[str, Any], *, count: bool = True) -> _Task:
        task = self._tasks.get(_task_id(body))
        if task is not None and count:
            task.entry.polls += 1
        if task is None or self.clock() > task.finished + self.options.keep_seconds:
            raise Refusal("ERROR_NO_SUCH_CAPCHA_ID", "unknown, or forgotten after 5 minutes")
        return task

    def _check_key(self, body: dict[str, Any]) -> None:
        if body.get("clientKey") != self.options.api_key:
            raise Refusal("ERROR_KEY_DOES_NOT_EXIST", "unknown clientKey", 403)

    def _pay(self, millionths: int) -> None:
        self._paid += millionths
        self.books.balance = (round(self.options.balance * _MILLION) - self._paid) / _MILLION


def _task_id(body: dict[str, Any]) -> int | str:
    value = body.get("taskId")
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else ""

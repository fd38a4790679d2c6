"""What happened in a sandbox: written by its parts, read by tests."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from attrs import asdict, define, field, fields

UNFETCHED, SOLVED, EXPIRED, FAILED = "unfetched", "solved", "expired", "failed"


@define
class TaskEntry:
    """One task that was created.

    Attributes:
        id: Its number.
        version: 3 or 4.
        task: The task's JSON exactly as it came.
        beside: What else createTask brought, the key excepted (``softId``, ``callbackUrl``).
        created: When, in seconds since the epoch.
        challenge_age_ms: Age of the v3 challenge when createTask arrived; ``None`` for v4 and for unknown challenges.
        outcome: ``unfetched`` (no final answer was handed out), ``solved``, ``expired`` or ``failed`` (by a fault).
        wrong: Whether its solution is one that the site refuses.
        lost: Whether the answer to createTask was lost.
        polls: How many getTaskResult came for it, refused ones included.
        floor_violations: How many of them came too early.
        charged_millionths: What it cost in the end.
        reported: How often it was reported as incorrect.
        used: How often a site had its solution checked; a wrong one is known to nobody.
    """

    id: int
    version: int
    task: dict[str, Any]
    beside: dict[str, Any]
    created: float
    challenge_age_ms: float | None = None
    outcome: str = UNFETCHED
    wrong: bool = False
    lost: bool = False
    polls: int = 0
    floor_violations: int = 0
    charged_millionths: int = 0
    reported: int = 0
    used: int = 0


@define
class Books:
    """All that happened since the start or the last reset.

    Attributes:
        tasks: Every task created.
        calls: Calls of the service by name, as they came.
        refused: Errors that createTask answered with, by code (faults not included).
        faults: Faults carried out, by ``call:fault``.
        registers: One record a registered v3 challenge: gt, challenge (empty: GeeTest was offline) and time.
        reports: Ids of the tasks reported as incorrect.
        validations: GeeTest's verdicts by site: ``passed`` and ``failed``.
        submissions: What the sites made of form submissions: ``accepted``, ``refused``, ``missing`` (no answer in it).
        pages: Answers of the sites: ``challenge`` (with a widget, or asking for one) and ``content``.
        v4_validates: The v4 validate requests as they were received, each with the ``result``.
        gates_opened: How often a gate was opened, by site.
        connections: Connections opened to the service.
        balance: What is left on the account.
        errors: Tracebacks of the sandbox's own defects: always empty.
    """

    tasks: list[TaskEntry] = field(factory=list)
    calls: Counter[str] = field(factory=Counter)
    refused: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)
    registers: list[dict[str, Any]] = field(factory=list)
    reports: list[Any] = field(factory=list)
    validations: defaultdict[str, Counter[str]] = field(factory=lambda: defaultdict(Counter))
    submissions: defaultdict[str, Counter[str]] = field(factory=lambda: defaultdict(Counter))
    pages: defaultdict[str, Counter[str]] = field(factory=lambda: defaultdict(Counter))
    v4_validates: list[dict[str, Any]] = field(factory=list)
    gates_opened: Counter[str] = field(factory=Counter)
    connections: int = 0
    balance: float = 0.0
    errors: list[str] = field(factory=list)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data, with sums over the tasks.

        The sums are ``created`` (``total``, ``v3``, ``v4``), ``outcomes``, ``polls``, ``floor_violations``, ``charged_millionths``
        (paid), ``cost_millionths`` (told to the client, with solutions) and ``challenge_age_ms``.
        """
        plain = {attribute.name: getattr(self, attribute.name) for attribute in fields(Books)}
        solved = [entry for entry in self.tasks if entry.outcome == SOLVED]
        return {
            **plain,
            "tasks": [asdict(entry, recurse=False) for entry in self.tasks],
            "created": {"total": len(self.tasks), **Counter(f"v{entry.version}" for entry in self.tasks)},
            "outcomes": Counter(entry.outcome for entry in self.tasks),
            "polls": sum(entry.polls for entry in self.tasks),
            "floor_violations": sum(entry.floor_violations for entry in self.tasks),
            "charged_millionths": sum(entry.charged_millionths for entry in self.tasks),
            "cost_millionths": sum(entry.charged_millionths for entry in solved),
            "challenge_age_ms": [entry.challenge_age_ms for entry in self.tasks if entry.challenge_age_ms is not None],
        }

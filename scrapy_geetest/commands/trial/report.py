"""The end of the report: the verdict, what was bought, and what is missing."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from scrapy_geetest._redaction import address
from scrapy_geetest.commands.trial.transcript import CAPTION

if TYPE_CHECKING:
    from scrapy_geetest.commands.trial.trial import Trial

_WIDTH = 108  # of a line of advice
_MILLION = 1_000_000


def conclude(trial: Trial) -> None:
    """Tell how it ended."""
    transcript, observer = trial.observer.transcript, trial.observer
    transcript.step(
        "verdict",
        "Verdict",
        f"{trial.ending.word}: {trial.why}",
        outcome=trial.ending.word,
        why=trial.why,
    )
    transcript.step("bought", "Bought", _bought(trial), tasks=observer.stat("tasks_created"), cost=_cost(trial))
    lines = [part for line in trial.advice for part in _wrapped(transcript.safe(line, is_code=True))]
    for number, line in enumerate(lines):
        transcript.write(f"{'' if number else 'To do':<{CAPTION}}{line}".rstrip(" ") + "\n")


def _wrapped(line: str) -> list[str]:
    """Sentences are wrapped; what is indented is code."""
    return [line] if line.startswith(" ") else wrap(line, _WIDTH, break_long_words=False) or [""]


def to_json(trial: Trial) -> dict[str, Any]:
    """The whole as plain data."""
    transcript, seen = trial.observer.transcript, trial.seen
    return {
        "url": address(trial.request.url),
        "site": seen.site.name if seen.site else None,
        "outcome": trial.ending.word,
        "why": transcript.safe(trial.why),
        "tasks": trial.observer.stat("tasks_created"),
        "cost": _cost(trial),
        "advice": [transcript.safe(line, is_code=True) for line in trial.advice],
        "steps": transcript.to_json(),
    }


def _bought(trial: Trial) -> str:
    stat = trial.observer.stat
    if not stat("tasks_created"):
        lost = "; but the answer to createTask was lost, and the service may have made a task" * bool(
            stat("tasks_refused/ANSWER_LOST")
        )
        return f"nothing{lost}"
    if stat("tasks_abandoned"):
        return "1 task, which was not waited for; its cost is unknown"
    cost = _cost(trial)
    told = "1 task; the service does not report its cost" if cost is None else f"1 task, cost {cost}"
    return told + "; it was never sent" * bool(stat("unused"))


def _cost(trial: Trial) -> str | None:
    """As the service says, in its currency; ``None``: it does not say, or was not asked to the end."""
    stat = trial.observer.stat
    is_unknown = stat("tasks_abandoned") or (stat("tasks_created") and not stat("cost_millionths"))
    return None if is_unknown else f"{stat('cost_millionths') / _MILLION:f}"

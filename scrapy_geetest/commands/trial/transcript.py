"""The steps of an attempt, told as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from scrapy_geetest._redaction import SHORTEST, printable, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CAPTION = 12  # characters


@define
class Step:
    """One step.

    Attributes:
        name: What it is, in JSON.
        lines: What is told of it.
        facts: The same for programs.
    """

    name: str
    lines: list[str]
    facts: dict[str, Any] = field(factory=dict)


@define(eq=False)
class Transcript:
    """Collects the steps, and prints each line at once.

    Attributes:
        write: Prints a line, or does nothing.
        steps: Those so far.
    """

    write: Callable[[str], None]
    steps: list[Step] = field(factory=list)
    _secrets: set[str] = field(factory=set)

    def hide(self, secrets: Iterable[str]) -> None:
        """From here on, show no more than the beginnings of *secrets*."""
        self._secrets.update(secret for secret in secrets if len(secret) >= SHORTEST)

    def step(self, name: str, caption: str, line: str, **facts: Any) -> None:
        """A new step begins."""
        line = self.safe(line)
        self.steps.append(Step(name, [line], self._facts(facts)))
        self.write(f"{caption:<{CAPTION}}{line}\n")

    def more(self, line: str, **facts: Any) -> None:
        """More is known of the last step."""
        line = self.safe(line)
        self.steps[-1].lines.append(line)
        self.steps[-1].facts.update(self._facts(facts))
        self.write(f"{'':<{CAPTION}}{line}\n")

    def safe(self, text: str, *, is_code: bool = False) -> str:
        """*text* on one line, without what is to be hidden; of code, the spaces stay."""
        text = without_secrets(text, self._secrets)
        return printable(text if is_code else " ".join(text.split()))

    def to_json(self) -> list[dict[str, Any]]:
        """The steps as plain data."""
        return [{"step": step.name, **step.facts, "text": step.lines} for step in self.steps]

    def _facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        return {name: self._safe_value(value) for name, value in facts.items()}

    def _safe_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._safe_value(one) for one in value]
        return self.safe(value) if isinstance(value, str) else value

"""What goes wrong in production, by name: each is a set of options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TROUBLES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "refused-once": ("the site refuses the first solution", {"wrong": 1}),
    "refused-always": ("the site refuses every solution", {"wrong": "always"}),
    "geetest-offline-once": ("the site cannot reach GeeTest the first time", {"offline": 1}),
    "slow-service": ("a solution takes 10 to 30 s", {"solve_seconds": (10, 30)}),
    "no-balance": ("the account is empty", {"balance": 0}),
    "one-solution-left": ("the account holds the price of one solution", {"balance": 0.0006}),
    "bad-key": ("the service does not know the key", {"faults": {"createTask": ["ERROR_KEY_DOES_NOT_EXIST", "..."]}}),
    "unsolvable": (
        "the service cannot solve the first challenge",
        {"faults": {"getTaskResult": ["ERROR_CAPTCHA_UNSOLVABLE"]}},
    ),
    "busy-service": ("the service has no free slot twice", {"faults": {"createTask": ["ERROR_NO_SLOT_AVAILABLE"] * 2}}),
    "unsteady-service": (
        "three in ten polls fail with status 503",
        {"faults": {"getTaskResult": {"random": ["http-503"], "probability": 0.3, "seed": 7}}},
    ),
    "lost-answer": ("the answer to a createTask that was paid for is lost", {"faults": {"createTask": ["lost-after"]}}),
    "register-down": ("the register endpoint answers with status 500", {"faults": {"register": ["http-500", "..."]}}),
    "gate-closes": ("the session of a gate ends after 1 s", {"gate_seconds": 1}),
}
"""What each name means, and the options that make it happen."""


def options_of(names: Sequence[str]) -> dict[str, Any]:
    """The options that make all of these happen.

    Raises:
        ValueError: There is no trouble of that name, or two of them set the same option.
    """
    options: dict[str, Any] = {"faults": {}}
    for name in names:
        if name not in TROUBLES:
            raise ValueError(f"faults: there is no {name!r}; there are {', '.join(TROUBLES)}, or a mapping of calls")
        for option, value in TROUBLES[name][1].items():
            if option == "faults" and not options["faults"].keys() & value.keys():
                options["faults"].update(value)
            elif option not in options:
                options[option] = value
            else:
                raise ValueError(f"faults: {name!r} cannot happen together with another of {', '.join(names)}")
    return options

"""The script that answers for GeeTest's widget inside a page."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_PLACEHOLDER = "__GEETEST_ASK__"


def make_script(binding: str) -> str:
    """The stand-in as an init script.

    Args:
        binding: The name of the exposed function that receives its messages.
    """
    return _read_script().replace(_PLACEHOLDER, binding)


@cache
def _read_script() -> str:
    return files(__package__).joinpath("standin.js").read_text(encoding="utf-8")

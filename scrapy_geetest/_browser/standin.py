"""The script that answers for GeeTest's widget inside a page: the files of ``scripts``, in one scope."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_PARTS = ("crawl", "tools", "versions", "forms", "box", "widget", "globals")
_PLACEHOLDER = "__GEETEST_ASK__"


def make_script(binding: str) -> str:
    """The stand-in as an init script.

    Args:
        binding: The name of the exposed function that receives its messages.
    """
    return _read_script().replace(_PLACEHOLDER, binding)


@cache
def _read_script() -> str:
    folder = files(__package__).joinpath("scripts")
    parts = (folder.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in _PARTS)
    return "(function () {\n'use strict';\n" + "\n".join(parts) + "})();\n"

"""Exceptions without a trace of how they came about: the frames of a call hold the client key and a proxy's password.

What prints the locals of a traceback (Sentry, rich, ``pytest --showlocals``) would print them.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")


def discreet(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A coroutine function whose exceptions lead to no frame below it, and to no other exception.

    That holds for all of them: a cancellation comes through the same frames. Its arguments stay visible.
    """

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - it goes on
            error.__context__ = None  # "from None" hides it only
            raise error.with_traceback(None) from None

    return call

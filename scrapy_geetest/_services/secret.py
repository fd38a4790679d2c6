"""Values that no traceback, log line or error may show: a key, a proxy's password, a body that holds either.

What prints the locals of a traceback (Sentry, rich, ``pytest --showlocals``) prints their ``repr``, which is masked here.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import succeed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

MASK = "***"
_LONG = 16  # characters: no word of an error or a host name is that long by chance


class Secret:
    """A text that is only shown to who asks for it.

    Args:
        text: The text, or another secret.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Secret) -> None:
        self._text = text.reveal() if isinstance(text, Secret) else text

    def reveal(self) -> str:
        """The text itself. No local variable should hold it."""
        return self._text

    @property
    def digest(self) -> str:
        """What tells it from others, and from which it cannot be read."""
        return sha256(self._text.encode()).hexdigest()[:16]

    def hide_in(self, text: str) -> str:
        """*text* with a mask for the secret. A short one is masked where it is a whole word: it may be part of any other."""
        if not self._text:
            return text
        pattern = re.escape(self._text)
        if len(self._text) >= _LONG:
            return re.sub(pattern, MASK, text, flags=re.IGNORECASE)
        return re.sub(rf"(?<!\w){pattern}(?!\w)", MASK, text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return f"Secret({MASK!r})" if self._text else "Secret('')"

    def __str__(self) -> str:
        return MASK if self._text else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be stored")


class Sealed(dict[str, Any]):
    """An object of JSON that may hold a secret: its ``repr`` names the keys at most."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self)} value(s)>"


@implementer(IBodyProducer)
class SealedBody:
    """The body of a request, written at once: a JSON object.

    Args:
        fields: The object. A ``Secret`` in it is written in clear.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self._text = Secret(json.dumps(fields, default=_in_clear))  # in ASCII
        self.length = len(self._text.reveal())

    def content(self) -> bytes:
        """The bytes."""
        return self._text.reveal().encode()

    def startProducing(self, consumer: Any) -> Deferred[None]:  # noqa: N802 - Twisted's name
        consumer.write(self.content())
        return succeed(None)

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is left to produce."""

    pauseProducing = resumeProducing = stopProducing  # noqa: N815 - Twisted's names


class SealedHeaders(Headers):
    """Headers that may hold a proxy's password."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _in_clear(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} is no JSON")

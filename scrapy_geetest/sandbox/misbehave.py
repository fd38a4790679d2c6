"""Carrying faults out: answers that are none, and connections that break."""

from __future__ import annotations

import functools
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

from attrs import evolve

from .faults import ERROR_CODES, FAULTS
from .service_api import error_answer
from .web import JSON, Answer, Call, data, html

if TYPE_CHECKING:
    from collections.abc import Callable

    from .world import World

HUGE = 100_000_000
_CHUNK = 65_536
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
_CODES_OF_STATUS = {402: "ERROR_ZERO_BALANCE", 403: "ERROR_KEY_DOES_NOT_EXIST", 429: "ERROR_TOO_MUCH_REQUESTS"}
_WRONG_TYPES = {
    "errorId": [],
    "taskId": [],
    "status": 5,
    "solution": "none",
    "balance": "plenty",
    "cost": {},
    "success": "perhaps",
    "gt": 5,
    "challenge": ["x"],
}
_PAGE = "<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1><hr><p>nginx</p></body></html>"


def spoilt_answer(fault: str, call: Call, proper: Answer | None, world: World) -> Answer | None:
    """What is answered instead of the proper answer.

    Args:
        fault: Its name.
        call: The call that it befalls.
        proper: The proper answer, where the fault lets the call be carried out.
        world: The sandbox.

    Returns:
        The answer to deliver; ``None`` where the fault has none (a reset, a hang, …) and the connection is what breaks.
    """
    base, _, status = fault.partition("@")
    if base in ERROR_CODES:
        return error_answer(base, "as told to the sandbox", int(status) if status else None)
    if base.startswith(("http-", "json-")) and base[5:].isdecimal():
        return _of_status(base[:4], int(base[5:]))
    if base in _FIXED:
        return _FIXED[base]
    if base == "echo-key":
        return error_answer("ERROR_UNHEARD_OF", f"the key {call.json_object().get('clientKey')} is being looked at")
    return _altered(base, proper, world) if proper is not None else None


def _of_status(kind: str, status: int) -> Answer:
    if kind == "http":
        return html(_PAGE % (status, status), status)
    return error_answer(_CODES_OF_STATUS.get(status, "ERROR_SERVICE_NOT_AVAILABLE"), None, status)


_FIXED = {
    "html": html(_PAGE % ("Welcome", "Welcome")),
    "empty": Answer(b"", content_type=JSON),
    "redirect": evolve(html(_PAGE % (307, 307), 307), headers={"location": "/maintenance"}),
    "json-list": data([1, 2, 3]),
    "json-number": data(42),
    "json-null": data(None),
    "json-wrong-types": data(_WRONG_TYPES),
    "ready-without-solution": data({"errorId": 0, "status": "ready"}),
    "solution-missing-keys": data({"errorId": 0, "status": "ready", "solution": {"gen_time": "1"}}),
    "solution-wrong-types": data(
        {
            "errorId": 0,
            "status": "ready",
            "solution": {"challenge": None, "validate": [], "seccode": 1.5, "lot_number": {}, "pass_token": True},
        }
    ),
}


def _altered(fault: str, proper: Answer, world: World) -> Answer | None:
    """The proper answer, spoilt."""
    if fault == "ok":
        return proper
    if fault == "truncated":
        return evolve(proper, body=proper.body[: len(proper.body) // 2])
    try:
        value = json.loads(proper.body)
    except ValueError:
        value = None
    if fault == "json-strings":
        return proper if value is None else data(_strings(value), proper.status)
    if fault.startswith("task-id-") and isinstance(value, dict) and value.get("taskId"):
        number = value["taskId"]
        renamed = {"id": number} if fault == "task-id-object" else world.service.rename(number)
        return data({**value, "taskId": renamed})
    return proper if fault.startswith("task-id-") else None


def _strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strings(item) for key, item in value.items()}
    return str(value) if isinstance(value, (int, float)) else value


def deliver(request: Any, answer: Answer | None, fault: str, proper: Answer | None, drip_seconds: float) -> None:
    """Write an answer to a connection, or break the connection as the fault says.

    Args:
        request: Twisted's request.
        answer: What :func:`spoilt_answer` made; ``None``: the fault is in the connection.
        fault: Its name.
        proper: The proper answer, where the call was carried out.
        drip_seconds: Between two bytes of a dripping body.
    """
    if answer is not None:
        _start(request, answer, len(answer.body))
        request.write(answer.body)
        request.finish()
    elif fault != "hang":
        _BREAKING[fault](request, proper or Answer(b""), drip_seconds)


def _start(request: Any, answer: Answer, length: int | None) -> None:
    request.setResponseCode(answer.status)
    request.setHeader("content-type", answer.content_type)
    for name, value in answer.headers.items():
        request.setHeader(name, value)
    for cookie in answer.cookies:
        request.responseHeaders.addRawHeader("set-cookie", cookie)
    if length is not None:
        request.setHeader("content-length", str(length))


def _abort(request: Any) -> None:
    request.channel.transport.abortConnection()


def _later(seconds: float, function: Callable[..., Any], *arguments: Any) -> None:
    import twisted.internet.reactor as installed

    reactor: Any = installed
    reactor.callLater(seconds, function, *arguments)


def _lost(request: Any, proper: Answer, drip_seconds: float) -> None:
    del proper, drip_seconds
    _abort(request)


def _closed(request: Any, proper: Answer, drip_seconds: float) -> None:
    del proper, drip_seconds
    request.channel.transport.loseConnection()


def _reset_half(request: Any, proper: Answer, drip_seconds: float) -> None:
    del drip_seconds
    _start(request, proper, len(proper.body))
    request.write(proper.body[: len(proper.body) // 2])
    _later(0.05, _abort, request)  # the half is on its way before the reset


def _drip(request: Any, proper: Answer, drip_seconds: float) -> None:
    _start(request, proper, len(proper.body))

    def drop(position: int) -> None:
        if request.channel is None:
            return
        if position == len(proper.body):
            request.finish()
            return
        request.write(proper.body[position : position + 1])
        _later(drip_seconds, drop, position + 1)

    drop(0)


def _endless(request: Any, proper: Answer, drip_seconds: float) -> None:
    del proper, drip_seconds
    _start(request, data(None), None)

    def pour() -> None:
        if request.channel is not None:
            request.write(b" " * 16_384)
            _later(0.01, pour)

    pour()


class _Pouring:
    """A pull producer: writes as fast as it is read, and no faster."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._left = HUGE

    def resumeProducing(self) -> None:  # noqa: N802  # Twisted's name
        piece = min(_CHUNK, self._left)
        self._left -= piece
        self._request.write(b" " * piece)
        if not self._left:
            self._request.unregisterProducer()
            self._request.finish()

    def stopProducing(self) -> None:  # noqa: N802  # Twisted's name
        """The client has gone."""


def _huge(request: Any, proper: Answer, drip_seconds: float) -> None:
    del proper, drip_seconds
    _start(request, data(None), HUGE)
    request.registerProducer(_Pouring(request), streaming=False)


@functools.cache
def _bomb() -> bytes:
    # A megabyte, packed so that it stands alone, can be repeated without packing it again.
    piece, times = b" " * 1_000_000, HUGE // 1_000_000
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = functools.reduce(lambda sum_so_far, _: zlib.crc32(piece, sum_so_far), range(times), 0)
    end = zlib.compressobj(wbits=-zlib.MAX_WBITS).flush()
    return _GZIP_HEADER + packed * times + end + struct.pack("<II", checksum, HUGE)


def _gzip_bomb(request: Any, proper: Answer, drip_seconds: float) -> None:
    del proper, drip_seconds
    deliver(request, Answer(_bomb(), content_type=JSON, headers={"content-encoding": "gzip"}), "ok", None, 0)


_BREAKING = {
    "lost-before": _lost,
    "lost-after": _lost,
    "closed": _closed,
    "reset-half": _reset_half,
    "drip": _drip,
    "endless": _endless,
    "huge": _huge,
    "gzip-bomb": _gzip_bomb,
}


def is_carried_out(fault: str) -> bool:
    """Whether the call takes effect under this fault."""
    return FAULTS[fault.partition("@")[0]].carried_out

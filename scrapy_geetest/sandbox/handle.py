"""A sandbox from outside: its process, started and stopped by whoever wants to test against it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .checks import missing_extra
from .dialects import DIALECTS
from .options import Options

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_START_SECONDS = 60
_STOP_SECONDS = 20
_BOOKS_PATH = "/__sandbox__/books"
_RESET_PATH = "/__sandbox__/reset"


class Sandbox:
    """A local GeeTest-protected website and a local solving service, in a process of their own.

    >>> with Sandbox(solve_seconds=0.1) as sandbox:
    ...     sandbox.url.startswith("http://127.0.0.1:")
    True

    Args:
        options: Those of :class:`~scrapy_geetest.sandbox.Options`, by name.

    Attributes:
        url: The websites.
        other_url: Ordinary pages at another address, for a host that has no GeeTest.
        service_url: Base of the solving service.
        api_key: The client key that it accepts.
        services: The other services by name (``2captcha``, ``rucaptcha``, ``anticaptcha``, ``capsolver``): each with its ``url``
            and its ``api_key``.
        geetest_url: The local GeeTest.
        captchas: The public ids (``gt``, ``captcha_id``) of the sites by their names.
        ca: Path of the certificate to trust where the service speaks TLS (``tls=True``), else ``None``.
        pid: Of the process.

    Raises:
        ValueError: An option is unknown or has a bad value.
        RuntimeError: A package of the extra ``[sandbox]`` is missing, or the process did not get ready.
    """

    url: str
    other_url: str
    service_url: str
    api_key: str
    services: dict[str, dict[str, str]]
    geetest_url: str
    captchas: dict[str, str]
    ca: str | None
    pid: int

    def __init__(self, **options: Any) -> None:
        self._options = Options.make(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._control = ""

    def start(self) -> Self:
        """Start the process and wait until it is ready; ``with`` does it."""
        if problem := missing_extra():
            raise RuntimeError(problem)
        command = [sys.executable, "-m", "scrapy_geetest.sandbox", "--options", json.dumps(self._options.to_json())]
        self._process = subprocess.Popen(  # noqa: S603  # this interpreter, these options
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()
        )
        addresses = self._read_addresses(self._process)
        self._control = urlsplit(addresses.pop("control_url")).netloc
        for name, value in addresses.items():
            setattr(self, name, value)
        return self

    def _read_addresses(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        stdout = process.stdout
        line = b""
        if stdout is not None and select.select([stdout], [], [], _START_SECONDS)[0]:
            line = stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(
                f"the sandbox did not start (exit status {process.returncode}); its messages are on stderr"
            )
        addresses: dict[str, Any] = json.loads(line)
        return addresses

    def stop(self) -> None:
        """End the process and wait for it; ``with`` does it. Stopping what is not running does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def books(self) -> dict[str, Any]:
        """What happened since the start or the last reset: see :class:`~scrapy_geetest.sandbox.books.Books`."""
        return self._ask("GET", _BOOKS_PATH)

    def reset(self, **options: Any) -> None:
        """Forget all that happened, and take new options.

        Args:
            options: What differs from the options that the sandbox was started with; ``tls`` and ports cannot.

        Raises:
            ValueError: An option is unknown, has a bad value, or cannot be changed.
        """
        Options.make(options)
        answer = self._ask("POST", _RESET_PATH, json.dumps(options).encode())
        if "error" in answer:
            raise ValueError(answer["error"])
        told = {**self._options.to_json(), **options}
        self.api_key = told["api_key"]
        for name, service in self.services.items():
            service["api_key"] = told["services"].get(name, {}).get("api_key", DIALECTS[name].api_key)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        connection = HTTPConnection(self._control, timeout=_STOP_SECONDS)
        try:
            connection.request(method, path, body)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer


def child_environment() -> dict[str, str]:
    """The process finds the package where this one found it."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

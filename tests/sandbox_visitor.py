"""What a visitor of the sandbox's sites does, with a solving service at hand."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import requests
from attrs import define, field

from scrapy_geetest.sandbox.checks import HEADER_NAMES, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy_geetest.sandbox import Sandbox

WRONG_V3 = {"challenge": "0" * 34, "validate": "0" * 32, "seccode": "0" * 32 + "|jordan"}
WRONG_V4 = {"lot_number": "0" * 32, "captcha_output": "AA==", "pass_token": "0" * 64, "gen_time": "1700000000"}
AT_ONCE: dict[str, Any] = {"solve_seconds": 0, "poll_floor": 0}


@define
class Visitor:
    """A browser's session, and an account at the service."""

    sandbox: Sandbox
    session: requests.Session = field(factory=requests.Session)

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.session.get(self.sandbox.url + path, timeout=20, **kwargs)

    def post(self, path: str, **kwargs: Any) -> requests.Response:
        return self.session.post(self.sandbox.url + path, timeout=20, **kwargs)

    def call(self, method: str, **body: Any) -> requests.Response:
        """One call of the service."""
        sent = {"clientKey": self.sandbox.api_key, **body}
        return self.session.post(f"{self.sandbox.service_url}/{method}", json=sent, timeout=20)

    def task(self, site: str, challenge: str | None = None, **changes: Any) -> dict[str, Any]:
        """The task JSON for a site's captcha."""
        task = {
            "type": "GeeTestTask",
            "websiteURL": self.sandbox.url,
            "gt": self.sandbox.captchas[site],
            "version": 3 if challenge else 4,
        }
        return {**task, **({"challenge": challenge} if challenge else {}), **changes}

    def solve(self, site: str, challenge: str | None = None) -> dict[str, str]:
        """A solution of the service."""
        task_id = self.call("createTask", task=self.task(site, challenge)).json()["taskId"]
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            answer: dict[str, Any] = self.call("getTaskResult", taskId=task_id).json()
            if answer.get("status") != "processing":
                return dict(answer["solution"])
        raise AssertionError("not solved within 10 seconds")

    def register(self, path: str) -> dict[str, Any]:
        """A flat register answer."""
        return dict(self.get(path).json())


def prefixed(solution: Mapping[str, str]) -> dict[str, str]:
    """The fields of a v3 form."""
    return {PREFIX + name: value for name, value in solution.items()}


def as_headers(solution: Mapping[str, str]) -> dict[str, str]:
    """The headers of the site that takes answers in them."""
    return {header: solution[name] for name, header in HEADER_NAMES.items()}


def hidden(page: str) -> dict[str, str]:
    """The hidden inputs of a page."""
    return dict(re.findall(r'type="hidden" name="(.*?)" value="(.*?)"', page))


def submissions(visitor: Visitor, site: str) -> dict[str, int]:
    """What the books say of the answers that a site was sent."""
    return dict(visitor.sandbox.books()["submissions"][site])

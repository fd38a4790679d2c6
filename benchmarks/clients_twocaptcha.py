"""PyPI ``2captcha-python``, a thread for each solution: ``python -m benchmarks.clients_twocaptcha``."""

from __future__ import annotations

import json
from typing import Any

import requests
from twocaptcha import TwoCaptcha  # type: ignore[import-not-found]  # only in its own environment
from twocaptcha.api import ApiException, NetworkException  # type: ignore[import-not-found]  # only in its own environment

from benchmarks.clients_child import Log, Plan, in_threads, run


class JsonCalls:
    """Its ``ApiClient``, call for call, but with JSON in place of ``in.php`` and ``res.php``.

    Args:
        url: The service's base.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def in_(self, files: Any, **fields: Any) -> str:
        """Create a task."""
        del files  # for images only
        task = {
            "type": "GeeTestTaskProxyless",
            "websiteURL": fields["pageurl"],
            "gt": fields["captcha_id"],
            "version": 4,
        }
        return f"OK|{self._call('createTask', fields['key'], task=task)['taskId']}"

    def res(self, **fields: Any) -> str:
        """Ask for a result."""
        answer = self._call("getTaskResult", fields["key"], taskId=int(fields["id"]))
        return f"OK|{json.dumps(answer['solution'])}" if answer["status"] == "ready" else "CAPCHA_NOT_READY"

    def _call(self, method: str, key: str, **fields: Any) -> dict[str, Any]:
        try:
            response = requests.post(f"{self._url}/{method}", json={"clientKey": key, **fields})
        except requests.RequestException as error:
            raise NetworkException(error) from error
        if response.status_code != 200:
            raise NetworkException(f"bad response: {response.status_code}")
        answer: dict[str, Any] = response.json()
        if answer["errorId"]:
            raise ApiException(answer["errorCode"])
        return answer


def work(plan: Plan, log: Log) -> None:
    """Solve all in threads."""
    solver = TwoCaptcha(plan.api_key)
    solver.api_client = JsonCalls(plan.url)

    def solve(number: int) -> Any:
        return solver.geetest_v4(plan.captcha_id, plan.website(number))["code"]

    in_threads(plan, log, solve)


if __name__ == "__main__":
    run(work, ["2captcha-python", "requests"])

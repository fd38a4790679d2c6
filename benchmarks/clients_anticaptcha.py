"""PyPI ``anticaptchaofficial``, a thread for each solution: ``python -m benchmarks.clients_anticaptcha``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anticaptchaofficial.antinetworking import session  # type: ignore[import-not-found]  # only in its own environment
from anticaptchaofficial.geetestproxyless import geetestProxyless  # type: ignore[import-not-found]  # only in its own environment
from requests.adapters import HTTPAdapter

from benchmarks.clients_child import Log, Plan, in_threads, run

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

HOME = "https://api.anti-captcha.com"
"""The address that is written into it."""


class Elsewhere(HTTPAdapter):
    """Sends what is meant for one host to another one, over the session's own pool."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send to the other host."""
        request.url = str(request.url).replace(HOME, self._url, 1)
        return super().send(request, *args, **kwargs)


class Client(geetestProxyless):  # type: ignore[misc]  # it has no types
    """Leaves out the fields that it sends empty, which CapMonster Cloud refuses."""

    def create_task(self, post_data: dict[str, Any]) -> Any:
        """Create a task of the fields that have a value."""
        task = {name: value for name, value in post_data["task"].items() if value}
        return super().create_task({**post_data, "task": task})


def work(plan: Plan, log: Log) -> None:
    """Solve all in threads."""
    session.mount(HOME, Elsewhere(plan.url))

    def solve(number: int) -> Any:
        client = Client()
        client.set_key(plan.api_key)
        client.set_website_url(plan.website(number))
        client.set_gt_key(plan.captcha_id)
        client.set_version(4)
        return client.solve_and_return_solution()

    in_threads(plan, log, solve)


if __name__ == "__main__":
    run(work, ["anticaptchaofficial", "requests"])

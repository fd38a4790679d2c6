"""CapSolver (docs.capsolver.com: Geetest, api-error, api-gettaskresult)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy_geetest._services.service import SolvingService
from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from scrapy_geetest._services.task import Task


class CapSolver(SolvingService):
    """Tasks are known by UUIDs; errors come with HTTP 400 and 401; there is no task with a proxy, and no report."""

    name: ClassVar[str] = "capsolver"
    base_url: ClassVar[str] = "https://api.capsolver.com"
    key_variable: ClassVar[str] = "CAPSOLVER_API_KEY"
    poll_floor: ClassVar[float] = 3.0

    def task_types(self, task: Task) -> tuple[str, ...]:
        """The table says the first, the examples the second."""
        del task
        return "GeeTestTaskProxyLess", "GeetestTaskProxyless"

    def task(self, task: Task) -> dict[str, Any]:
        """v4 ids are sent as ``captchaId``, and no version; nothing more is documented."""
        challenge = task.challenge
        for unknown, value in (("proxy", task.proxy), ("risk_type", getattr(challenge, "risk_type", None))):
            if value:
                raise ValueError(f"CapSolver documents no GeeTest task with a {unknown}")
        if challenge.get_lib:
            raise ValueError("CapSolver documents no field for get_lib")
        fields = task.common_fields()
        if isinstance(challenge, V3Challenge):
            return {**fields, "gt": challenge.gt, "challenge": challenge.challenge}
        return {**fields, "captchaId": challenge.captcha_id}

"""CapMonster Cloud (docs.capmonster.cloud: GeeTest, createTask, getTaskResult, error codes)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy_geetest._services.service import ServiceCall, SolvingService

if TYPE_CHECKING:
    from scrapy_geetest._services.task import Task


class CapMonster(SolvingService):
    """The default service."""

    name: ClassVar[str] = "capmonster"
    base_url: ClassVar[str] = "https://api.capmonster.cloud"
    key_variable: ClassVar[str] = "CAPMONSTER_API_KEY"
    billed: ClassVar[frozenset[str]] = frozenset({"ERROR_TOKEN_EXPIRED"})

    def task_types(self, task: Task) -> tuple[str, ...]:
        """Its page of 2023 names both, today's only the first one."""
        return ("GeeTestTask", "GeeTestTaskProxyless") if task.proxy else ("GeeTestTaskProxyless", "GeeTestTask")

    def task(self, task: Task) -> dict[str, Any]:
        """v4 ids are sent as ``gt``."""
        return task.fields()

    def report(self, task_id: int | str) -> ServiceCall:
        """No refund is promised."""
        return ServiceCall("reportIncorrectTokenCaptcha", {"taskId": task_id})

"""2Captcha and RuCaptcha, API v2 (2captcha.com/api-docs: geetest, error-codes, get-task-result)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy_geetest._services.service import ServiceCall, SolvingService
from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from scrapy_geetest._services.task import Task


class TwoCaptcha(SolvingService):
    """Workers; unsolvable tasks cost nothing. ERROR_CAPTCHA_UNSOLVABLE mostly means a challenge that was used before."""

    name: ClassVar[str] = "2captcha"
    base_url: ClassVar[str] = "https://api.2captcha.com"
    key_variable: ClassVar[str] = "TWOCAPTCHA_API_KEY"
    poll_floor: ClassVar[float] = 5.0

    def task(self, task: Task) -> dict[str, Any]:
        """v4 ids go into ``initParameters``; a risk type and the loader's answer are not documented."""
        challenge = task.challenge
        fields = task.common_fields()
        if challenge.get_lib:
            raise ValueError("2Captcha documents no field for get_lib")
        if isinstance(challenge, V3Challenge):
            return {**fields, "gt": challenge.gt, "challenge": challenge.challenge}
        if challenge.risk_type:
            raise ValueError("2Captcha documents no field for risk_type")
        return {**fields, "version": 4, "initParameters": {"captcha_id": challenge.captcha_id}}

    def report(self, task_id: int | str) -> ServiceCall:
        """The same call for any kind of task."""
        return ServiceCall("reportIncorrect", {"taskId": task_id})


class RuCaptcha(TwoCaptcha):
    """The same service for Russia; it bills in roubles."""

    name: ClassVar[str] = "rucaptcha"
    base_url: ClassVar[str] = "https://api.rucaptcha.com"
    key_variable: ClassVar[str] = "RUCAPTCHA_API_KEY"
    currency: ClassVar[str] = "RUB"

"""Anti-Captcha (anti-captcha.com/apidoc: GeeTestTask, GeeTestTaskProxyless, errors)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy_geetest._services.service import SolvingService

if TYPE_CHECKING:
    from scrapy_geetest._services.task import Task


class AntiCaptcha(SolvingService):
    """Workers, who are paid for unsolvable tasks as well. Results are kept for a minute; there is no report for GeeTest."""

    name: ClassVar[str] = "anticaptcha"
    base_url: ClassVar[str] = "https://api.anti-captcha.com"
    key_variable: ClassVar[str] = "ANTICAPTCHA_API_KEY"
    keep_seconds: ClassVar[float] = 60.0
    billed: ClassVar[frozenset[str]] = frozenset({"ERROR_CAPTCHA_UNSOLVABLE", "ERROR_TOKEN_EXPIRED"})

    def task(self, task: Task) -> dict[str, Any]:
        """With a proxy, it wants an IP address and a User-Agent."""
        if task.proxy is not None:
            _check_proxy(task.proxy.address, task.user_agent)
        return task.fields()


def _check_proxy(address: str, user_agent: str | None) -> None:
    try:
        ip_address(address)
    except ValueError:
        raise ValueError(f"Anti-Captcha takes proxies by IP address only, and {address!r} is a name") from None
    if not user_agent:
        raise ValueError("Anti-Captcha wants a User-Agent with a proxy: set GEETEST_USER_AGENT")

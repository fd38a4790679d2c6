"""Documented tasks are taken, others refused."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_desk import PROXY, V3, V4, v3_task, v4_task

from scrapy_geetest.sandbox import USER_AGENT
from scrapy_geetest.sandbox.captchas import CAPTCHAS
from scrapy_geetest.sandbox.tasks import Refusal, check_task

BY_ID = {captcha.id: captcha for captcha in CAPTCHAS.values()}


@pytest.mark.parametrize(
    "task",
    [
        v3_task(),
        v3_task(type="GeeTestTaskProxyless"),
        v3_task(geetestApiServerSubdomain="api-na.geetest.com", geetestGetLib='{"gt": 1}', userAgent=USER_AGENT),
        v3_task(**PROXY),
        v3_task(**{**PROXY, "proxyAddress": "proxy.example"}),
        v4_task(),
        v4_task(initParameters={"riskType": "slide"}),
        v4_task(**PROXY),
    ],
)
def test_documented_tasks_are_taken(task: dict[str, Any]) -> None:
    """Every documented field is taken in a task that may have it."""
    assert check_task(task, BY_ID) is (V3 if task["version"] == 3 else V4)


@pytest.mark.parametrize(
    ("task", "code", "named"),
    [
        (None, "ERROR_TASK_ABSENT", ""),
        ({}, "ERROR_TASK_ABSENT", ""),
        ("task", "ERROR_TASK_ABSENT", ""),
        (v3_task(type="NoCaptchaTask"), "ERROR_TASK_NOT_SUPPORTED", "type"),
        (v3_task(type=["GeeTestTask"]), "ERROR_TASK_NOT_SUPPORTED", "type"),
        (v3_task(version="3"), "ERROR_INVALID_TASK", "version"),
        (v3_task(version=3.0), "ERROR_INVALID_TASK", "version"),
        (v3_task(version=None), "ERROR_INVALID_TASK", "version"),
        (v4_task(gt=V3.id), "ERROR_INVALID_TASK", "version"),
        (v3_task(gt="0" * 32), "ERROR_INVALID_TASK", "gt"),
        (v3_task(gt=5), "ERROR_INVALID_TASK", "gt"),
        (v3_task(challenge=""), "ERROR_INVALID_TASK", "challenge"),
        (v3_task(challenge="data.challenge"), "ERROR_INVALID_TASK", "challenge"),
        ({**v3_task(), "softId": 5}, "ERROR_INVALID_TASK", "softId"),
        (v3_task(initParameters={}), "ERROR_INVALID_TASK", "initParameters"),
        (v4_task(challenge="0" * 32), "ERROR_INVALID_TASK", "challenge"),
        (v4_task(initParameters="slide"), "ERROR_INVALID_TASK", "initParameters"),
        (v4_task(initParameters={"riskType": "dance"}), "ERROR_INVALID_TASK", "riskType"),
        (v3_task(websiteURL="ftp://shop.example"), "ERROR_INVALID_TASK", "websiteURL"),
        (v3_task(websiteURL="https://"), "ERROR_INVALID_TASK", "websiteURL"),
        (v3_task(websiteURL="https://[x"), "ERROR_INVALID_TASK", "websiteURL"),
        (v3_task(websiteURL="https://shop.example/#top"), "ERROR_INVALID_TASK", "websiteURL"),
        (
            v3_task(geetestApiServerSubdomain="https://api.geetest.com"),
            "ERROR_INVALID_TASK",
            "geetestApiServerSubdomain",
        ),
        (v3_task(geetestGetLib={"gt": 1}), "ERROR_INVALID_TASK", "geetestGetLib"),
        (v3_task(geetestGetLib="{"), "ERROR_INVALID_TASK", "geetestGetLib"),
        (v3_task(userAgent="curl/8"), "ERROR_WRONG_USERAGENT", "userAgent"),
        (v3_task(proxyType="http"), "ERROR_INVALID_TASK", "proxyAddress"),
        (v3_task(**{**PROXY, "type": "GeeTestTaskProxyless"}), "ERROR_INVALID_TASK", "proxyType"),
        (v3_task(**{**PROXY, "proxyType": "ftp"}), "ERROR_INVALID_TASK", "proxyType"),
        (v3_task(**{**PROXY, "proxyAddress": "192.168.1.5"}), "ERROR_INVALID_TASK", "proxyAddress"),
        (v3_task(**{**PROXY, "proxyAddress": "localhost"}), "ERROR_INVALID_TASK", "proxyAddress"),
        (v3_task(**{**PROXY, "proxyAddress": "::1"}), "ERROR_INVALID_TASK", "proxyAddress"),
        (v3_task(**{**PROXY, "proxyPort": "1080"}), "ERROR_INVALID_TASK", "proxyPort"),
        (v3_task(**{**PROXY, "proxyPort": 0}), "ERROR_INVALID_TASK", "proxyPort"),
        (v3_task(**{**PROXY, "proxyLogin": ""}), "ERROR_INVALID_TASK", "proxyLogin"),
        (v3_task(**{**PROXY, "proxyLogin": "a%b"}), "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER", "proxyLogin"),
        (v3_task(**{**PROXY, "proxyPassword": "%"}), "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER", "proxyPassword"),
    ],
)
def test_other_tasks_are_refused_with_the_field_named(task: Any, code: str, named: str) -> None:
    """What breaks a documented rule is refused with its code, and the description names the field."""
    with pytest.raises(Refusal) as caught:
        check_task(task, BY_ID)
    assert caught.value.code == code
    assert named in str(caught.value.description)

"""Selectors that are offered for a page or a JSON answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from inspected_pages import URL, page
from scrapy.http import JsonResponse, TextResponse

from scrapy_geetest.commands.inspect.candidates import css_candidate, jmespath_candidate


@pytest.mark.parametrize(
    ("body", "selector"),
    [
        ("<div id='login'><p class='a geetest_box b'></p></div>", ".geetest_box"),
        ("<input id='captcha'><div id='Captcha:1'></div>", None),
        ("<div class='x'><div id='theCaptcha'></div></div>", "#theCaptcha"),
    ],
)
def test_selectors_offered_for_pages(body: str, selector: str | None) -> None:
    """An element named after the captcha, by an id or class that CSS can name as it is."""
    assert css_candidate(page(f"<body>{body}</body>")) == selector
    assert css_candidate(TextResponse(URL, body=body.encode())) is None


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"need_captcha": True}, "need_captcha"),
        ({"need_captcha": False}, None),
        ({"new_captcha": True, "geetest_challenge": "x", "geetest_gt": "x"}, None),
        ({"new_captcha": True, "data": {"need_captcha": 1}}, "data.need_captcha"),
        ({"a": {"b": {"captcha": "x"}}}, "a.b.captcha"),
        ({"a": {"b": {"c": {"captcha": "x"}}}}, None),
        ({"the captcha": 1}, '"the captcha"'),
        ({"": {"geetest": 1}}, '"".geetest'),
    ],
)
def test_keys_offered_for_json(data: dict[str, Any], path: str | None) -> None:
    """The first true value whose key speaks of a captcha, not too deep."""
    assert jmespath_candidate(JsonResponse(URL, body=json.dumps(data).encode())) == path

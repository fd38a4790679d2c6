"""Ids that a page shows outside of a widget's call: in attributes, hidden inputs, JSON and variables."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from scrapy_geetest._pages.names import BYTES_A_STEP, ENDS
from scrapy_geetest._pages.values import is_challenge, is_site_id, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scrapy_geetest._pages.javascript import Budget, Code
    from scrapy_geetest._pages.markup import Markup

_MEANINGS: Mapping[str, str] = {
    **dict.fromkeys(
        ("captchaid", "geetestid", "geetestcaptchaid", "gtid", "gtcaptchaid", "geetestappid", "geetestkey"),
        "captcha_id",
    ),
    **dict.fromkeys(("gt", "geetestgt", "gtgt"), "gt"),
    **dict.fromkeys(("challenge", "geetestchallenge", "gtchallenge"), "challenge"),
    **dict.fromkeys(("risktype", "geetestrisktype"), "risk_type"),
}
_RULES: Mapping[str, Callable[[str], object]] = {
    "captcha_id": is_site_id,
    "gt": is_site_id,
    "challenge": is_challenge,
    "risk_type": word,
}
_NAMED = re.compile(
    rb"(?<![\w$-])[\"']?([A-Za-z][\w-]{1,31})[\"']?\s{0,8}(?:(?<![=!<>])=|:)\s{0,8}([\"'])([\w-]{1,64})[\"']"
)
_OTHER_VENDORS = (b"NECaptcha", b"initAliyunCaptcha", b"TencentCaptcha")
_MAX_NAMED = 5_000  # of one page


def shown_values(markup: Markup, scripts: Sequence[Code], budget: Budget) -> dict[str, str]:
    """Values by what they mean (``captcha_id``, ``gt``, ``challenge``, ``risk_type``), where the page shows one only.

    Scripts are left out on pages with the captcha of another vendor: NetEase's Yidun has a ``captchaId``, too.
    """
    found: dict[str, set[str]] = {}
    named = list(_from_attributes(markup))
    if not any(vendor in code.text for code in scripts for vendor in _OTHER_VENDORS):
        named.extend(islice(_from_scripts(markup, scripts, budget), _MAX_NAMED))
    for name, value in named:
        meaning = _meaning(name)
        if meaning and _RULES[meaning](value):
            found.setdefault(meaning, set()).add(value)
    return {meaning: next(iter(values)) for meaning, values in found.items() if len(values) == 1}


def _meaning(name: str) -> str | None:
    plain = name.lower().replace("-", "").replace("_", "")
    return _MEANINGS.get(plain) or _MEANINGS.get(plain.removeprefix("data"))


def _from_attributes(markup: Markup) -> Iterable[tuple[str, str]]:
    return ((name, value) for name, value in markup.attributes if name != value)


def _from_scripts(markup: Markup, scripts: Sequence[Code], budget: Budget) -> Iterator[tuple[str, str]]:
    for script in markup.scripts:
        if script.is_json:
            yield from ((match[1].decode(), match[3].decode()) for match in _NAMED.finditer(script.code))
    for code in scripts:
        budget.left -= len(code.text) // BYTES_A_STEP
        if budget.left < 0:
            return
        for match in _NAMED.finditer(code.text):
            if not _meaning(match[1].decode()):
                continue
            at = match.start(2)
            is_string = code.masked[at] == code.text[at]  # neither in a comment nor in another string
            if is_string and ENDS.match(code.masked, match.end()):
                yield match[1].decode(), match[3].decode()

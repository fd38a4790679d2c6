"""What the widget asked GeeTest, and what GeeTest answered: ids, challenges and solutions of a recorded visit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import frozen

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.values import host, is_challenge, is_site_id, word
from scrapy_geetest.commands.inspect.recording.fields import leaves, request_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange

GEETEST_HOSTS = ("geetest.com", "geevisit.com", "gsensebot.com")
USUAL_SERVERS = frozenset(
    [
        "api.geetest.com",
        "apiv6.geetest.com",
        "api.geevisit.com",
        "gcaptcha4.geetest.com",
        "gcaptcha4.geevisit.com",
        "gcaptcha4.gsensebot.com",
    ]
)
V4_KEYS = ("captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output")
V3, V4 = 3, 4
_V3_CALLS = frozenset({"get.php", "ajax.php", "gettype.php", "refresh.php", "reset.php"})
_V4_CALLS = frozenset({"load", "verify"})
_OF_THE_WIDGET = {"w", "client_type", "callback", "payload"}
_OF_A_SITE = {
    *("pass_token", "captcha_output", "gen_time"),
    *("validate", "seccode", "geetest_validate", "geetest_seccode"),
}
_VALIDATE = re.compile(r"[0-9a-fA-F_]{32,}")


@frozen
class GeetestCall:
    """One request of the widget to GeeTest.

    Attributes:
        exchange: The request and its answer.
        version: 3 or 4.
        id: The site's public id.
        values: What the request said, by name.
        answer: What GeeTest answered, decoded; ``None`` if the log lacks it.
    """

    exchange: Exchange
    version: int
    id: str
    values: Mapping[str, str]
    answer: Any

    @property
    def challenge(self) -> str | None:
        """The v3 challenge that it is about."""
        challenge = self.values.get("challenge")
        return challenge if is_challenge(challenge) else None

    @property
    def server(self) -> str | None:
        """GeeTest's host, where it is not one of the usual."""
        name = host(urlsplit(self.exchange.url).hostname)
        return None if name in USUAL_SERVERS else name

    @property
    def risk_type(self) -> str | None:
        """v4: what the widget was initialised with."""
        return word(self.values.get("risk_type"))


def is_geetests(url: str) -> bool:
    """Whether *url* is of one of GeeTest's own hosts."""
    asked = urlsplit(url).hostname or ""
    return any(asked == name or asked.endswith(f".{name}") for name in GEETEST_HOSTS)


def find_calls(exchanges: Sequence[Exchange]) -> tuple[GeetestCall, ...]:
    """The widget's calls, in order."""
    return tuple(call for exchange in exchanges if (call := _call(exchange)))


def of_the_site(exchanges: Sequence[Exchange], calls: Sequence[GeetestCall]) -> tuple[Exchange, ...]:
    """What was not asked of GeeTest: some sites lead the widget's calls through a host of their own."""
    asked = {call.exchange.number for call in calls}
    return tuple(one for one in exchanges if one.number not in asked and not is_geetests(one.url))


def _call(exchange: Exchange) -> GeetestCall | None:
    last = urlsplit(exchange.url).path.rpartition("/")[2]
    if last not in _V3_CALLS and last not in _V4_CALLS:
        return None
    values = {field.name: field.text for field in request_fields(exchange) if field.place != "headers"}
    is_v3 = last in _V3_CALLS
    site_id = values.get("gt" if is_v3 else "captcha_id")
    if not site_id or not is_site_id(site_id):
        return None
    # A site may call its own endpoint /verify or /ajax.php and take the id there, too.
    if not is_geetests(exchange.url) and (_OF_A_SITE & values.keys() or not (is_v3 or _OF_THE_WIDGET & values.keys())):
        return None
    data = loose_json.load(exchange.text) if exchange.text else None
    return GeetestCall(exchange, V3 if is_v3 else V4, site_id, values, None if data is loose_json.ABSENT else data)


@frozen(kw_only=True)
class Known:
    """What GeeTest's calls tell of the solutions of a visit.

    Attributes:
        challenges: v3 challenges that were asked with.
        validates: What v3 answers called ``validate``.
        lot_numbers: Of v4.
        seccodes: Whole v4 solutions.
    """

    challenges: frozenset[str] = frozenset()
    validates: frozenset[str] = frozenset()
    lot_numbers: frozenset[str] = frozenset()
    seccodes: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def of(cls, calls: Sequence[GeetestCall]) -> Known:
        """Gather it."""
        return cls(
            challenges=frozenset(call.challenge for call in calls if call.challenge),
            validates=frozenset(value for call in calls for value in _validates(call)),
            lot_numbers=frozenset(value for call in calls for value in _lot_numbers(call)),
            seccodes=tuple(seccode for call in calls for seccode in _seccodes(call)),
        )


def _validates(call: GeetestCall) -> Iterator[str]:
    if call.version == V3:  # the versions of GeeTest
        for keys, value in leaves(call.answer):
            if keys and keys[-1] == "validate" and isinstance(value, str) and _VALIDATE.fullmatch(value):
                yield value


def _lot_numbers(call: GeetestCall) -> Iterator[str]:
    if call.version == V4:  # the versions of GeeTest
        found = [value for keys, value in leaves(call.answer) if keys and keys[-1] == "lot_number"]
        yield from (value for value in (*found, call.values.get("lot_number")) if isinstance(value, str) and value)


def _seccodes(call: GeetestCall) -> Iterator[Mapping[str, str]]:
    if call.version != V4:  # the versions of GeeTest
        return
    found: dict[tuple[str | int, ...], dict[str, str]] = {}
    for keys, value in leaves(call.answer):
        if keys and keys[-1] in V4_KEYS:
            found.setdefault(keys[:-1], {})[str(keys[-1])] = str(value)
    yield from ({"captcha_id": call.id, **values} for values in found.values() if "pass_token" in values)

"""The objects of a register answer, with the values of GeeTest's in them, whatever these are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from attrs import field, frozen

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.values import host, is_challenge, is_site_id, word

_GT = frozenset({"gt", "geetestgt", "geegt", "gtid", "geetestid", "captchagt", "gtkey", "geetestkey", "gtcaptchaid"})
_IDS = frozenset({"captchaid", "geetestcaptchaid", "geetestid", "geecaptchaid", "gtcaptchaid"})
_CHALLENGES = frozenset({"challenge", "geetestchallenge", "gtchallenge", "geechallenge"})
_RISKS = frozenset({"risktype", "geetestrisktype", "geerisktype"})
_HOSTS = frozenset({"apiserver", "apiservers"})
_USE_V4 = re.compile(r"(?:is|use)?(?:(?:geetest|gee|gt|captcha)v?|v)4")
_VERSION_KEY = re.compile(r"(?:geetest|gee|gt|captcha|mmt|widget)(?:version|ver|v)")
_TYPE_KEY = re.compile(r"(?:re)?(?:captcha|geetest|gee|gt|verify)(?:type|kind)")
_PLAIN_VERSION_KEYS = frozenset({"version", "ver"})
_VERSION = re.compile(r"(?:[a-z][a-z _-]{0,30})?([34])(?:\.\d{1,4}){0,3}(?:[ _-][a-z _-]{0,30})?", re.IGNORECASE)
V3_KEYS = frozenset({"gt", "challenge", "success", "newcaptcha"}) | _GT | _CHALLENGES
"""What a register answer calls the values that GeeTest's own SDK puts into it, without its separators."""
_NO_EXTRA = V3_KEYS | _IDS
_NO = (0, "0", False, "false", "False", "fail", "error")
_YES = (1, "1", True, "true", "True", "yes")
_HEX32 = re.compile(r"[0-9a-f]{32}")
_MAX_OBJECTS = 5_000
_MAX_DEPTH = 16
_MAX_NESTED_TEXTS = 8  # JSON in a string of JSON
_MAX_URL = 4_096
_MAX_EXTRA, _MAX_EXTRA_KEY, _MAX_EXTRA_VALUE = 32, 64, 4096


@frozen
class AnswerObject:
    """An object of an answer, with those around it, the nearest first."""

    values: Mapping[str, Any]
    around: tuple[Mapping[str, Any], ...] = field(default=())

    def gt(self) -> Any:
        """``gt``, by its name or as the only other value that looks like one: its name may be anything."""
        if (named := _named(self.values, _GT | _IDS)) is not None:
            return named
        challenge = self.challenge()
        alike = [value for value in self.values.values() if value != challenge and _HEX32.fullmatch(str(value))]
        if len(alike) == 1:
            return alike[0]
        return next((found for values in self.around if is_site_id(found := _named(values, _GT))), None)

    def challenge(self) -> Any:
        """``challenge``, by its name or by a longer one that ends like it, where its value is one."""
        if (named := _named(self.values, _CHALLENGES)) is not None:
            return named
        alike = [value for key, value in self.values.items() if "challenge" in plain(key) and is_challenge(value)]
        return alike[0] if len(alike) == 1 else None

    def captcha_id(self, *, by_gt: bool = False) -> Any:
        """v4's id.

        Args:
            by_gt: Whether it may be called ``gt``, too.
        """
        found = _named(self.values, _IDS)
        return _named(self.values, _GT) if found is None and by_gt else found

    def has_pair(self) -> bool:
        """Whether it holds what v3 wants, as far as it can be told."""
        return is_challenge(self.challenge()) and is_site_id(self.gt())

    def version(self) -> int | None:
        """3 or 4, where the object, or one around it, says so: ``use_v4``, ``version``, ``captcha_type``."""
        has_id = self.captcha_id(by_gt=True) is not None
        for place, values in enumerate((self.values, *self.around)):
            if told := _told_version(values):
                return told
            # Further out, a bare number is rather the version of the API.
            told = _as_version(
                next((value for key, value in values.items() if plain(key) in _PLAIN_VERSION_KEYS), None)
            )
            if told and has_id and not (place and self.has_pair()):
                return told
        return 4 if has_id and self.challenge() is None and self.risk_type() else None

    def says_no_success(self) -> bool:
        """Whether the site could not reach GeeTest, and made the challenge up."""
        success = self.nearest("success")
        return any(type(success) is type(no) and success == no for no in _NO) or self.nearest("offline") is True

    def nearest(self, key: str) -> Any:
        """What *key* is, here or around it."""
        return next((values[key] for values in (self.values, *self.around) if values.get(key) is not None), None)

    def nearest_word(self, keys: frozenset[str]) -> str | None:
        """The nearest value of *keys* that is a short word."""
        return next((text for values in (self.values, *self.around) if (text := word(_named(values, keys)))), None)

    def risk_type(self) -> str | None:
        """v4's kind of challenge."""
        return self.nearest_word(_RISKS)

    def api_server(self) -> str | None:
        """The nearest host of an API server."""
        return next((name for values in (self.values, *self.around) if (name := host(_named(values, _HOSTS)))), None)

    def extra(self) -> dict[str, str]:
        """Further single values, the nearest ones first."""
        found: dict[str, str] = {}
        for values in (self.values, *self.around):
            for key, value in values.items():
                text = _text(value)
                if plain(key) in _NO_EXTRA or key in found or text is None or len(key) > _MAX_EXTRA_KEY:
                    continue
                if len(found) < _MAX_EXTRA:
                    found[key] = text
        return found


def objects_of(data: Any) -> Iterator[AnswerObject]:
    """The objects in *data*, from the outside in, in no more steps than bounded.

    JSON in a string counts, and so does the query of a URL that has a challenge or a ``captcha_id`` in it.
    """
    waiting: list[tuple[Any, tuple[Mapping[str, Any], ...]]] = [(data, ())]
    nested_texts = 0
    for count, (value, around) in enumerate(waiting):
        if count >= _MAX_OBJECTS:
            return
        if isinstance(value, str):
            nested_texts += 1
            value = _inside(value) if nested_texts <= _MAX_NESTED_TEXTS else None  # noqa: PLW2901  # from here on it is what the text says
        if isinstance(value, Mapping):
            yield AnswerObject(value, around)
        around_inner = (value, *around) if isinstance(value, Mapping) else around
        if len(around_inner) > _MAX_DEPTH:
            continue
        for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
            if len(waiting) >= _MAX_OBJECTS:
                break
            if isinstance(one, Mapping | list) or (isinstance(one, str) and _holds_values(one)):
                waiting.append((one, around_inner))


def plain(key: str) -> str:
    """A key in lower case and without separators."""
    return key.lower().replace("_", "").replace("-", "").replace(".", "")


def says_yes(value: Any) -> bool:
    """Whether *value* is a yes, however JSON has it."""
    return any(type(value) is type(yes) and value == yes for yes in _YES)


def _holds_values(text: str) -> bool:
    if text[:1] == "{":
        return True
    head = text[:_MAX_URL]
    return (
        len(text) <= _MAX_URL
        and "=" in head
        and any(name in head for name in ("challenge=", "captcha_id=", "captchaId="))
    )


def _inside(text: str) -> Any:
    """What a string holds: JSON, or the query (or the fragment) of a URL."""
    if text[:1] == "{":
        return loose_json.load(text)
    query = re.split(r"[?#]", text, maxsplit=1)[-1].replace("#", "&").replace("?", "&")
    try:
        return dict(parse_qsl(query, max_num_fields=64))
    except ValueError:
        return None


def _named(values: Mapping[str, Any], names: frozenset[str]) -> Any:
    """The value whose key is one of *names*, the shortest first: ``gt`` counts for more than ``geetest_key``."""
    keys = [key for key in values if plain(key) in names and values[key] is not None]
    return next((values[key] for key in sorted(keys, key=lambda key: (not values[key], len(key)))), None)


def _told_version(values: Mapping[str, Any]) -> int | None:
    is_pair = _named(values, _CHALLENGES) is not None
    for key, value in values.items():
        name = plain(key)
        if _USE_V4.fullmatch(name) and says_yes(value):
            return 4
        is_type = _TYPE_KEY.fullmatch(name) is not None
        if is_type and (is_pair or not _named(values, _GT)) and str(value).isdigit():
            continue  # the number of some kind of CAPTCHA
        if (is_type or _VERSION_KEY.fullmatch(name)) and (told := _as_version(value)):
            return told
    return None


def _as_version(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = _VERSION.fullmatch(str(value)[:64].strip())
    return int(found[1]) if found else None


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        value = repr(value) if abs(value) < 1e300 else ""  # noqa: PLR2004  # JSON knows no infinity
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_EXTRA_VALUE else None

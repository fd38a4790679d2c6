"""What the sandbox's websites have from GeeTest: public ids and private keys, and what a v4 site signs with them."""

from __future__ import annotations

import hmac
from hashlib import md5
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

_V3, _V4 = 3, 4
V3_FIELDS = ("challenge", "validate", "seccode")
V4_FIELDS = ("lot_number", "captcha_output", "pass_token", "gen_time")


@frozen
class Captcha:
    """What a website has from GeeTest: a public id and a private key."""

    site: str
    version: int
    id: str
    key: str

    @property
    def is_v3(self) -> bool:
        """Whether it is a v3 captcha; else it is a v4 one."""
        return self.version == _V3


def _captcha(site: str, version: int) -> Captcha:
    digest = md5(f"public id of {site}".encode()).hexdigest()
    return Captcha(site, version, digest, md5(f"private key of {site}".encode()).hexdigest())


_SITES = {
    **dict.fromkeys(("v3", "nested", "jsonp", "inline", "gate3", "answers-v3", "constant", "browser-v3"), _V3),
    **dict.fromkeys(("v4-api", "v4-form", "headers", "gate", "gater", "answers-v4", "browser-v4"), _V4),
}
CAPTCHAS: Mapping[str, Captcha] = {site: _captcha(site, version) for site, version in _SITES.items()}
"""The ids and keys of the sandbox's sites, the same in every sandbox."""
CONSTANT = "commentonthenewsofharbourlane001"
"""The challenge of the site ``constant``: it names an operation, and is solved again and again."""


def sign_token(captcha: Captcha, lot_number: str) -> str:
    """What a v4 site signs a lot number with, as GeeTest documents it."""
    return hmac.new(captcha.key.encode(), lot_number.encode(), "sha256").hexdigest()

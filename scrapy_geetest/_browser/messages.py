"""What the stand-in says of a widget, read with suspicion: a page's script could have said it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from scrapy_geetest._pages.values import host, is_challenge, is_site_id, word
from scrapy_geetest.challenge import V3Challenge, V4Challenge
from scrapy_geetest.exceptions import ChallengeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest.challenge import Challenge

_LONGEST = 4096


@frozen
class Asked:
    """A widget that was made, or made ready for another solution.

    Attributes:
        version: 3 or 4.
        product: How it is shown: ``float``, ``popup``, ``bind``, …
        site_id: v3's ``gt``, v4's ``captchaId``.
        challenge: v3's.
        risk_type: v4's, if the page named one.
        api_server: The host of the widget's API server, if the page named one.
        is_offline: v3: the page says that GeeTest could not be reached.
    """

    version: int
    product: str
    site_id: str
    challenge: str
    risk_type: str | None
    api_server: str | None
    is_offline: bool

    @property
    def is_bind(self) -> bool:
        """Whether it shows nothing until the page calls for it."""
        return self.product == "bind"

    def to_challenge(self, context: Context) -> Challenge:
        """What goes to the service; the site's declaration fills in what the page does not say.

        Raises:
            ChallengeError: The page handed over nothing that could be solved.
        """
        site = context.site
        names: dict[str, Any] = {"api_server": self.api_server or site.api_server, "get_lib": site.get_lib_text()}
        site_id = self.site_id or (site.gt if self.version == 3 else site.captcha_id)  # noqa: PLR2004  # the versions of GeeTest
        if not is_site_id(site_id):
            raise ChallengeError(
                f"The page's script handed over {_short(self.site_id)} as the id of its v{self.version} widget, which is not "
                f"a GeeTest id: {context}",
                **context.parts,
            )
        assert site_id  # noqa: S101  # as just seen
        if self.version == 4:  # noqa: PLR2004  # the versions of GeeTest
            return V4Challenge(site_id, risk_type=self.risk_type or site.risk_type, **names)
        if not is_challenge(self.challenge):
            raise ChallengeError(
                f"The page's script handed over {_short(self.challenge)} as its challenge, which is not a GeeTest "
                f"challenge: {context}",
                **context.parts,
            )
        return V3Challenge(site_id, self.challenge, **names)


def read_asked(message: Mapping[Any, Any]) -> Asked:
    """Read a ``made`` or ``again``."""
    is_v4 = message.get("version") == 4  # noqa: PLR2004  # the versions of GeeTest
    return Asked(
        version=4 if is_v4 else 3,
        product=text(message, "product"),
        site_id=text(message, "captchaId" if is_v4 else "gt"),
        challenge=text(message, "challenge"),
        risk_type=word(message.get("riskType")),
        api_server=host(message.get("apiServer")),
        is_offline=message.get("offline") is True,
    )


def text(message: Mapping[Any, Any], key: str) -> str:
    """A string of a message, of bounded length."""
    value = message.get(key)
    return value[:_LONGEST] if isinstance(value, str) else ""


def _short(value: str) -> str:
    return repr(value[:80])

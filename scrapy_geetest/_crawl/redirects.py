"""Redirects to a captcha page: Scrapy's own filters would drop them, and the page with them, without a word above DEBUG.

Offsite drops those to a host that ``allowed_domains`` does not name. The dupefilter drops all but the first to one address,
though each of them stands for another page.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.downloadermiddlewares.offsite import OffsiteMiddleware
from scrapy.utils.httpobj import urlparse_cached

from scrapy_geetest._crawl.downloads import kept_target
from scrapy_geetest._crawl.marks import (
    filtered_as,
    is_left_alone,
    is_scheduled_as,
    note_unfiltered,
    own_number,
)
from scrapy_geetest._crawl.shortened import short_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest.site import GeetestSite

logger = logging.getLogger(__name__)

_MAX_ADDRESSES = 1000  # of which it is remembered what was there
_MAX_HOSTS = 1000  # that are told of
_SHOWN = 200
_TELLING = re.compile(
    r"captcha|geetest|challenge|verif|human|robot|anti-?(?:bot|spider|spam)|secur|check(?!out)", re.IGNORECASE
)


class CaptchaRedirects:
    """Lets redirects to the captcha page of a declared site pass."""

    def __init__(self, crawler: Crawler, sites: Sequence[GeetestSite]) -> None:
        self._crawler = crawler
        self._sites = sites
        self._is_listening = False
        self._told_kept: set[str] = set()  # names of sites
        self._told: set[tuple[str, bool]] = set()  # hosts, each with whether a redirect led there
        self._under_way: Counter[str] = Counter()  # addresses of declared sites that redirects lead to
        self._captcha_pages: dict[
            str, bool
        ] = {}  # addresses, each with whether a challenge page was there; the newest last

    def open(self) -> None:
        """Have a say in what Offsite drops. It asks itself twice, when a request is scheduled and when it is sent."""
        offsite: Any = self._crawler.get_downloader_middleware(OffsiteMiddleware)
        if offsite is None or type(offsite).process_request is not OffsiteMiddleware.process_request:
            self._listen()
        if offsite is None:
            return
        should_follow = offsite.should_follow  # its documented place for another policy, a subclass's included

        def or_is_within_site(request: Request, *arguments: Any) -> bool:
            if "redirect_urls" in request.meta:
                self._scheduled(request)
            return bool(should_follow(request, *arguments)) or self._is_within_site(request)

        offsite.should_follow = or_is_within_site

    def sent(self, request: Request) -> None:
        """*request* is about to be sent: Offsite may not ask about it, nor about where it leads."""
        if "allow_offsite" in request.meta:
            self._listen()

    def _listen(self) -> None:
        """Hear of each request that is scheduled, which costs each a little: where Offsite does not ask whether to follow."""
        if not self._is_listening:
            self._is_listening = True
            self._crawler.signals.connect(self._scheduled, signals.request_scheduled)

    def _scheduled(self, request: Request) -> None:
        """Called before the dupefilter is asked, and perhaps again: whether it is a captcha page may not be known yet."""
        if "redirect_urls" not in request.meta or own_number(request) or is_left_alone(request):
            return
        address, before = _address(request), filtered_as(request)
        if is_scheduled_as(request, address) or (request.dont_filter and not before):
            return
        if before and before != address:  # another redirect follows upon one
            self._gone(before)
            note_unfiltered(request, "")
        if self._site_of(request.url) is None:
            return
        # In an earlier run of the same JOBDIR the dupefilter has seen the captcha page: its name has to do.
        may_be_captcha = self._captcha_pages.get(address, bool(_TELLING.search(address)))
        request.dont_filter = request.dont_filter or may_be_captcha or address in self._under_way
        note_unfiltered(request, address)
        self._under_way[address] += 1

    def arrived(self, request: Request) -> None:
        """*request* is under way no more, whatever it came to."""
        if address := filtered_as(request):
            self._gone(address)

    def led_to_captcha_page(self, request: Request) -> bool:
        """Whether a redirect led *request* to where a challenge page was met."""
        return self._captcha_pages.get(filtered_as(request), False)

    def judged(self, request: Request, *, is_challenge: bool) -> None:
        """Its response came: remember what was there.

        Args:
            request: Any.
            is_challenge: Whether a challenge page came.
        """
        self.arrived(request)
        if not (address := filtered_as(request)):
            return
        was_challenge = self._captcha_pages.pop(address, False)
        self._captcha_pages[address] = is_challenge or was_challenge
        if len(self._captcha_pages) > _MAX_ADDRESSES:
            del self._captcha_pages[next(iter(self._captcha_pages))]

    def kept(self, context: Context, response: Response) -> None:
        """*response* is no challenge page: if it is a redirect to one, as it seems, say so, once a site."""
        target = kept_target(response)
        if target is None or context.site.name in self._told_kept or not _TELLING.search(urlsplit(target).path):
            return
        self._told_kept.add(context.site.name)
        logger.warning(
            "GeeTest: add %d to detect_status of the site %s if %s redirects to its captcha page, as %s seems to be: the spider "
            "keeps the redirect (dont_redirect, handle_httpstatus_list), so it is not solved",
            *(response.status, context.site.name, short_response(response), target[:_SHOWN]),
        )

    def _gone(self, address: str) -> None:
        self._under_way[address] -= 1
        if self._under_way[address] <= 0:
            del self._under_way[address]

    def _is_within_site(self, request: Request) -> bool:
        """Whether a site redirects to itself; what is dropped of a declared site is told."""
        site = self._site_of(request.url)
        if site is None:
            return False
        came_from = request.meta.get("redirect_urls", ())
        is_followed = any(_matches(site, url) for url in came_from)
        self._tell(request, site, is_followed=is_followed, is_wanted=bool(came_from) or "geetest" in request.meta)
        return is_followed

    def _site_of(self, url: str) -> GeetestSite | None:
        return next((site for site in self._sites if _matches(site, url)), None)

    def _tell(self, request: Request, site: GeetestSite, *, is_followed: bool, is_wanted: bool) -> None:
        host = urlparse_cached(request).netloc.rpartition("@")[2]
        if (host, is_wanted) in self._told or len(self._told) >= _MAX_HOSTS:
            return
        self._told.add((host, is_wanted))
        if is_followed:
            logger.info(
                "GeeTest: a redirect of the site %s to %s is followed although allowed_domains does not name that host: "
                "it is in the site's urls",
                *(site.name, host),
            )
        else:
            logger.log(
                logging.WARNING if is_wanted else logging.INFO,
                "GeeTest: add %s to the spider's allowed_domains%s if you want requests like %s: they belong to the site %s, and "
                "Offsite drops them",
                host,
                ", or to the urls of the site that redirects there," if "redirect_urls" in request.meta else "",
                *(request, site.name),
            )


def _address(request: Request) -> str:
    return request.url.partition("#")[0]


def _matches(site: GeetestSite, url: str) -> bool:
    """What ``matches`` says at once; one that has to be awaited is no help to Scrapy's filters, which do not wait."""
    try:
        told = site.matches(url)
    except Exception:  # noqa: BLE001  # it is logged where the middleware asks
        return False
    if isinstance(told, bool):
        return told
    if hasattr(told, "close"):
        told.close()  # a coroutine that nobody awaits
    return site.has_host(url)

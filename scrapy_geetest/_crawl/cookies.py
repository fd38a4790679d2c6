"""The cookies of one attempt: its own jar, so that no other response changes its session between page and submission.

Of a crowd of first requests, each may be given a session of its own; Scrapy's jar holds whichever came last.
"""

from __future__ import annotations

from copy import copy
from itertools import count
from typing import TYPE_CHECKING, Any

from scrapy.downloadermiddlewares.cookies import CookiesMiddleware

from scrapy_geetest._crawl.marks import JAR

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from http.cookiejar import Cookie

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.http.cookies import CookieJar
    from typing_extensions import Self

    from scrapy_geetest._crawl.identity import Visitor


class SessionCookies:
    """Looks into Scrapy's cookie jars; where Scrapy keeps none, nothing is done."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._numbers = count(1)

    def is_of_this_session(self, request: Request, page: Response) -> bool:
        """Whether the jar still holds the cookies that *page* was asked for with, and came with."""
        jar = self._jar(request)
        if jar is None:
            return True
        probe = request.replace(cookies=None)
        probe.headers.pop("Cookie", None)
        jar.add_cookie_header(probe)
        now = _pairs(probe.headers.getlist("Cookie"))
        then = _pairs(request.headers.getlist("Cookie")) | _set_by(page)
        return all(now.get(name, value) == value for name, value in then.items())

    def attempt(self, visitor: Visitor, request: Request, *, keep_all: bool) -> AttemptCookies:
        """A jar for one attempt, from its ``begin`` to the end of a ``with`` block.

        Args:
            visitor: Whose requests use it.
            request: Whose jar it is filled from, and which gets its cookies at the end.
            keep_all: Whether all of its cookies count more than those of the crawl, rather than those it got.
        """
        key = f"geetest-attempt-{next(self._numbers)}"
        jars: Any = {} if self._middleware is None else self._middleware.jars
        return AttemptCookies(visitor, self._jar(request), jars, key, keep_all=keep_all)

    def held_for(self, request: Request) -> list[Cookie]:
        """All cookies in the jar of *request*."""
        jar = self._jar(request)
        return [] if jar is None else list(jar.jar)

    def are_kept(self, request: Request) -> bool:
        """Whether *request* has a jar."""
        return self._middleware is not None and not request.meta.get("dont_merge_cookies")

    def clear(self, request: Request) -> None:
        """Forget the session in the jar of *request*."""
        jar = self._jar(request)
        if jar is not None:
            jar.clear()

    def take_over(self, request: Request, cookies: Iterable[Cookie]) -> None:
        """Put the cookies of a session that another process opened into the jar of *request*."""
        jar = self._jar(request)
        if jar is not None:
            _fill(jar, cookies)

    def restore(self, request: Request, page: Response, cookies: Iterable[Cookie]) -> None:
        """Undo what a late answer did to the session: of those cookies that *page* came with, take the earlier ones."""
        jar, names = self._jar(request), _set_by(page)
        if jar is not None and names:
            _fill(jar, (one for one in cookies if one.name.encode() in names))

    @property
    def _middleware(self) -> CookiesMiddleware | None:
        return self._crawler.get_downloader_middleware(CookiesMiddleware)

    def _jar(self, request: Request) -> CookieJar | None:
        middleware = self._middleware
        if middleware is None or request.meta.get("dont_merge_cookies"):
            return None
        return middleware.jars[request.meta.get(JAR)]


class AttemptCookies:
    """The cookies of one attempt: a context manager that gives back what it took. Thousands may wait to begin."""

    __slots__ = ("_jars", "_keep_all", "_key", "_main", "_meta", "_seed", "_visitor")

    def __init__(
        self,
        visitor: Visitor,
        main: CookieJar | None,
        jars: MutableMapping[Any, CookieJar],
        key: str,
        *,
        keep_all: bool,
    ) -> None:
        self._visitor = visitor
        self._main = main
        self._jars = jars
        self._key = key
        self._keep_all = keep_all
        self._meta: dict[str, Any] = {}
        self._seed: dict[tuple[str, str, str], str | None] | None = None

    def begin(self) -> None:
        """From here on the requests of the visitor have a jar of their own, with what the crawl's holds now."""
        if self._main is None:
            return
        self._seed = {_name(cookie): cookie.value for cookie in self._main.jar}
        _fill(self._jars[self._key], self._main.jar)
        self._meta = {JAR: self._visitor.meta[JAR]} if JAR in self._visitor.meta else {}
        self._visitor.meta[JAR] = self._key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._main is None or self._seed is None:
            return
        own, seed = self._jars.pop(self._key), self._seed
        _fill(self._main, (one for one in own.jar if self._keep_all or seed.get(_name(one)) != one.value))
        self._visitor.meta.pop(JAR)
        self._visitor.meta.update(self._meta)


def _pairs(headers: Iterable[bytes]) -> dict[bytes, bytes]:
    """Names and values of ``Cookie`` headers."""
    pairs = (part.strip().partition(b"=") for header in headers for part in header.split(b";"))
    return {name: value for name, _, value in pairs if name}


def _set_by(page: Response) -> dict[bytes, bytes]:
    """Names and values that *page* came with."""
    return _pairs(header.partition(b";")[0] for header in page.headers.getlist("Set-Cookie"))


def _fill(jar: CookieJar, cookies: Iterable[Cookie]) -> None:
    for cookie in list(cookies):
        jar.jar.set_cookie(copy(cookie))


def _name(cookie: Cookie) -> tuple[str, str, str]:
    return cookie.domain, cookie.path, cookie.name

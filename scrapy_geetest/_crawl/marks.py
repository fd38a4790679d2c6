"""What the plugin notes in the meta of a request: plain data, so that any queue can store it, and gone before the callback.

There are six notes. The plugin's own requests carry the number of their download. A request whose response was
downloaded in place carries fences, which keep the middlewares behind from doing again what was done. A request that a
redirect may change carries what the redirect would lose. One that a redirect made carries the address under which it is
counted, so that the dupefilter does not drop it beside others to the same captcha page. One to a site with a pool of
sessions carries which of them it belongs to. And one that a browser downloads carries what the plugin has taken of its
meta meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy.http.request import NO_CALLBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scrapy import Request

META_KEY = "_geetest"
FOR_CHALLENGE, FOR_PAGE, FOR_ANSWER = "challenge", "page", "answer"
"""What a request of the plugin's own is for: a challenge, the page as its spider asked for it, or to send an answer."""
JAR = "cookiejar"  # Scrapy's key for the cookie jar of a request
SAFE_METHODS = frozenset({"GET", "HEAD"})

# RedirectMiddleware takes these headers off a request that it turns into a GET, or sends to another origin, and adds
# these keys to its meta.
_REDIRECT_DROPS = frozenset(
    {
        *(b"Referer", b"Authorization", b"Cookie"),
        *(b"Content-Type", b"Content-Length", b"Content-Encoding", b"Content-Language", b"Content-Location"),
    }
)
_CREDENTIALS = frozenset({b"Authorization", b"Cookie"})  # which a redirect to another host drops
_REDIRECT_META = ("redirect_times", "redirect_ttl", "redirect_urls", "redirect_reasons")
# Keys of requests that are looked at more closely, by spiders, scrapy-playwright, Offsite, Redirect and RobotsTxt.
_TELLING = frozenset({"geetest", "playwright", "allow_offsite", "redirect_urls", "dont_obey_robotstxt"})
_OF_DEPARTURE = {"before", "gate"}
# CookiesMiddleware would file the cookies of another host under this one, HttpCache would store the page under the spider's
# request, and Retry would have the page bought again.
_FENCES = ("dont_merge_cookies", "dont_cache", "dont_retry")


def _note(request: Request) -> dict[str, Any]:
    note = request.meta.get(META_KEY)
    return note if isinstance(note, dict) else {}


def mark_own(request: Request, number: int, purpose: str) -> Request:
    """Mark a request of the plugin's own with the *number* of its download, and with what it is for."""
    request.meta[META_KEY] = {"download": number, "for": purpose}
    return request


def own_number(request: Request) -> int:
    """The number of the plugin's own download that *request* belongs to; 0: it is none of the plugin's."""
    number = _note(request).get("download")
    return number if isinstance(number, int) else 0


def own_purpose(request: Request) -> str:
    """What a request of the plugin's own is for, redirects and retries included; empty: it is none of the plugin's."""
    return str(_note(request).get("for", "")) if own_number(request) else ""


def raise_fences(request: Request) -> None:
    """Keep the middlewares behind from doing again what the download in place has done."""
    before = {key: request.meta.get(key) for key in _FENCES if not request.meta.get(key)}
    request.meta.update(dict.fromkeys(before, True))
    redirected_to = filtered_as(request)
    request.meta[META_KEY] = {"fences": before, **({"redirected_to": redirected_to} if redirected_to else {})}


def is_fenced(request: Request) -> bool:
    """Whether the response of *request* was downloaded in place, so that nothing of it is to be judged again."""
    return "fences" in _note(request)


def note_departure(
    request: Request, gate: Mapping[str, Any] | None = None, pool: Mapping[str, Any] | None = None
) -> None:
    """Note what a redirect would lose of *request*, which is about to be sent as its spider made it.

    Args:
        request: What is sent; after a redirect, the note of the request before it stays.
        gate: How the gate of its session stands, where it has been met.
        pool: Which session of a pool was chosen for it.
    """
    meta = request.meta
    if "redirect_urls" in meta:
        return
    note: dict[str, Any] = {"gate": gate} if gate else {}
    if request.method not in SAFE_METHODS or request.cookies or not _REDIRECT_DROPS.isdisjoint(request.headers):
        note["before"] = _lost_by_redirect(request)
    if pool:
        note["pool"] = pool
    if note:
        meta[META_KEY] = note


def _lost_by_redirect(request: Request) -> dict[str, Any]:
    headers: dict[str, Any] = {
        name.decode(): [value.decode("latin-1") for value in request.headers.getlist(name)]
        for name in _REDIRECT_DROPS.intersection(request.headers)
    }
    lost: dict[str, Any] = {"headers": headers} if headers else {}
    if request.method not in SAFE_METHODS:
        lost |= {"method": request.method, "body": request.body.decode("latin-1")}
    if request.cookies:
        lost["cookies"] = request.cookies
    return lost


def loses_nothing(request: Request) -> bool:
    """Whether a redirect would take nothing from *request* that matters later."""
    return request.method in SAFE_METHODS and _CREDENTIALS.isdisjoint(request.headers)


def gate_at_departure(request: Request) -> Mapping[str, Any]:
    """How the gate stood when *request*, or the one before its redirects, was sent; empty: nobody had met it."""
    gate = _note(request).get("gate")
    return gate if isinstance(gate, dict) else {}


def pooled(request: Request) -> Mapping[str, Any]:
    """Which session of a pool was chosen for *request*, or for the one before its redirects; empty: none."""
    pool = _note(request).get("pool")
    return pool if isinstance(pool, dict) else {}


def is_usual(meta: Mapping[str, Any]) -> bool:
    """Whether nothing in the *meta* of a request concerns the plugin: so it is with nearly all requests of a crawl.

    What a redirect would lose, and how its gate stood when it was sent, may be noted all the same; nobody needs that once
    its page has come.
    """
    if not _TELLING.isdisjoint(meta):
        return False
    note = meta.get(META_KEY)
    if note is None:
        return True
    return isinstance(note, dict) and note.keys() <= _OF_DEPARTURE and "waited" not in note.get("gate", ())


def note_gate(request: Request, gate: Mapping[str, Any]) -> None:
    """Note that the gate stands otherwise by now: the request has waited for it."""
    request.meta[META_KEY] = {**_note(request), "gate": gate}


def note_unfiltered(request: Request, address: str) -> None:
    """Note that a redirect to *address* made *request*, whose ``dont_filter`` is not its spider's; empty: no more."""
    request.meta[META_KEY] = {**_note(request), "redirected_to": address, "is_scheduled": True}


def note_leaving(request: Request) -> None:
    """*request*, which is noted, is about to be sent, so that where it leads to is another matter for the dupefilter.

    What a spider or a middleware copied from another request is taken out.
    """
    if "redirect_urls" not in request.meta:
        lift(request)
    elif filtered_as(request):
        request.meta[META_KEY] = {**_note(request), "is_scheduled": False}
        request.dont_filter = False


def is_scheduled_as(request: Request, address: str) -> bool:
    """Whether *request* was noted for *address* and has not left since."""
    return filtered_as(request) == address and bool(_note(request).get("is_scheduled"))


def filtered_as(request: Request) -> str:
    """The address that a redirect made *request* for, as noted; empty: there is no such note."""
    address = _note(request).get("redirected_to", "")
    return address if isinstance(address, str) else ""


def note_taken(request: Request, keys: Iterable[str]) -> None:
    """Note what *request* has in its meta under *keys*, which the plugin is about to set otherwise."""
    before = {key: request.meta[key] for key in keys if key in request.meta}
    request.meta[META_KEY] = {**_note(request), "taken": {"keys": list(keys), "before": before}}


def give_meta_back(request: Request) -> bool:
    """Set what was taken as it was; says whether anything was."""
    note = _note(request)
    taken = note.get("taken")
    if taken is None:
        return False
    for key in taken["keys"]:
        request.meta.pop(key, None)
    request.meta.update(taken["before"])
    rest = {key: value for key, value in note.items() if key != "taken"}  # copies of the request share the note
    if rest:
        request.meta[META_KEY] = rest
    else:
        del request.meta[META_KEY]
    return True


def lift(request: Request) -> None:
    """Take out of the meta what is the plugin's."""
    give_meta_back(request)
    if filtered_as(request):
        request.dont_filter = False
    if pooled(request):
        request.meta.pop(JAR, None)
    note = request.meta.pop(META_KEY, None)
    fences = note.get("fences") if isinstance(note, dict) else None
    for key, value in (fences or {}).items():
        request.meta.pop(key, None)
        if value is not None:
            request.meta[key] = value


def original(request: Request) -> Request:
    """*request* as its spider made it: the request itself, or the one before its redirects."""
    urls = request.meta.get("redirect_urls")
    if not urls:
        return request
    before = _note(request).get("before", {})
    headers = request.headers.copy()
    for name in _REDIRECT_DROPS:
        headers.pop(name, None)
    for name, values in before.get("headers", {}).items():
        headers.setlist(name, [value.encode("latin-1") for value in values])
    dropped = {META_KEY, *_REDIRECT_META, *((JAR,) if pooled(request) else ())}
    meta = {key: value for key, value in request.meta.items() if key not in dropped}
    _forget_slot(meta, request.url, urls[0])
    return request.replace(
        url=urls[0],
        method=before.get("method", request.method),
        body=before.get("body", "").encode("latin-1"),
        headers=headers,
        cookies=before.get("cookies") or request.cookies,
        meta=meta,
        dont_filter=request.dont_filter and not filtered_as(request),
    )


def meta_for(request: Request, url: str) -> dict[str, Any]:
    """The meta of *request* for another request in its place, to *url*: the spider's own, without Scrapy's bookkeeping."""
    dropped = {META_KEY, *_REDIRECT_META, "retry_times", "download_latency", "is_start_request", "depth"}
    meta = {key: value for key, value in request.meta.items() if key not in dropped}
    _forget_slot(meta, request.url, url)
    return meta


def forget_redirects(request: Request) -> None:
    """Take out of the meta what a browser, which follows redirects itself, has noted of them."""
    for key in _REDIRECT_META:
        request.meta.pop(key, None)


def slot_for(request: Request, url: str) -> dict[str, str]:
    """The download slot that was chosen for *request*, as meta of a request to *url*; none if it only follows from the host."""
    host, slot = urlsplit(request.url).hostname, request.meta.get("download_slot")
    return {"download_slot": slot} if slot and host == urlsplit(url).hostname != slot else {}


def is_left_alone(request: Request) -> bool:
    """Whether nothing is done about a request: robots.txt, and those with ``geetest=False``."""
    return request.meta.get("geetest") is False or is_robots_txt(request)


def is_robots_txt(request: Request) -> bool:
    """Whether RobotsTxtMiddleware made this request.

    It is never taken for a challenge page: the requests for a challenge would wait for robots.txt, which would wait for
    them. A spider's own request for robots.txt has a callback.
    """
    return (
        request.callback is NO_CALLBACK
        and bool(request.meta.get("dont_obey_robotstxt"))
        and urlsplit(request.meta.get("redirect_urls", [request.url])[0]).path == "/robots.txt"
    )


def _forget_slot(meta: dict[str, Any], before: str, now: str) -> None:
    """Drop the download slot that Scrapy derived from the host *before*, where the request goes to another one *now*."""
    host = urlsplit(before).hostname
    if meta.get("download_slot") == host != urlsplit(now).hostname:
        del meta["download_slot"]

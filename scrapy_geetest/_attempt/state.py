"""What the plugin remembers about a request, in ``meta["_geetest"]``: plain data, so that any queue can store it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from attrs import asdict, evolve, field, fields_dict, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Request

META_KEY = "_geetest"
NO_CACHE = "geetest"  # as ``meta["dont_cache"]``: as good as True, but not the spider's own

# RedirectMiddleware takes these headers off a request that it turns into a GET, or sends to another origin, and adds these
# keys to its meta.
REDIRECT_DROPS = (
    *("Content-Encoding", "Content-Language", "Content-Location", "Content-Type", "Referer"),
    *("Authorization", "Cookie"),
)
REDIRECT_META = ("redirect_times", "redirect_ttl", "redirect_urls", "redirect_reasons")


@frozen(kw_only=True)
class Undo:
    """What sending the solution changed of the request that the spider made: enough to make it again."""

    url: str
    method: str
    body: str  # latin-1, one character a byte
    priority: int
    redirects: int = 0
    headers: Mapping[str, list[str]] = field(factory=dict)  # name -> the values before; none: it was not there
    cookies: Any = None  # the request's own, as the spider wrote them


@frozen(kw_only=True)
class RequestState:
    """How far a request has come on its way.

    Attributes:
        attempts: Solutions that were asked for so far, for this request.
        site: The name of the site it belongs to (a form may go to a URL that does not tell).
        task_id: The task whose solution the request carries; ``None`` where it carries none.
        url: Where the solution was to be sent.
        body_crc: CRC-32 of the body that carries it.
        solved_ms: When that solution was made, in milliseconds since the epoch (it has to outlive the process).
        sent: How often the solution went out: more than once when Scrapy retried the request.
        redirects: How many redirects the request had behind it; one more, and the solution has been delivered.
        gates: Which process counted the following two; those of another one say nothing.
        gate: How often the gate of its session had been opened when the request was sent.
        gate_failures: How often opening that gate had failed by then.
        opened: The opening of that gate that this request paid for; 0: none.
        withheld: Whether it was withheld at that gate before, and goes again.
        shared: Whether it waited for, or goes again after, an opening that another request paid for.
        in_place: Downloaded from inside the middleware, so that nobody could take it back to a queue.
        settled: What became of it was downloaded in place: its response is neither judged nor retried again.
        returned: The run that returned it to the queue as it is, because the crawl was ending.
        unsolved: Given up with ``GEETEST_ON_FAILURE = "pass"``: whatever comes goes to the callback.
        undo: What the request was before.
    """

    attempts: int = 0
    site: str = ""
    task_id: int | str | None = None
    url: str = ""
    body_crc: int = 0
    solved_ms: int = 0
    sent: int = 0
    redirects: int = 0
    gates: str = ""
    gate: int = 0
    gate_failures: int = 0
    opened: int = 0
    withheld: bool = False
    shared: bool = False
    in_place: bool = False
    settled: bool = False
    returned: str = ""
    unsolved: bool = False
    undo: Undo | None = None

    @property
    def submitted(self) -> bool:
        """Whether the request carries a solution, so that its response is the site's answer to one."""
        return self.task_id is not None

    def undelivered(self, request: Request) -> bool:
        """Whether sending *request* sends the solution (after a redirect it was sent already)."""
        return self.submitted and request.url == self.url and redirects(request) <= self.redirects

    def foreign(self, request: Request) -> bool:
        """Whether *request* got this state by a spider that handed the meta of one request on to another."""
        if not self.submitted or redirects(request) > self.redirects:
            return False
        return (request.url, crc32(request.body)) != (self.url, self.body_crc)

    def age(self, now_ms: int) -> float:
        """Seconds since the solution was made."""
        return (now_ms - self.solved_ms) / 1000

    @classmethod
    def of(cls, request: Request) -> RequestState:
        """Read the state of a request; one without, or with one that is not ours, is at the start."""
        data = request.meta.get(META_KEY)
        if not isinstance(data, dict) or data.get("inner"):
            return START
        known = {name: value for name, value in data.items() if name in fields_dict(cls)}
        undo = known.pop("undo", None)
        return cls(**known, undo=Undo(**undo) if undo else None)


START = RequestState()
"""Of a request that nothing has been done about: nearly all of a crawl."""


def mark_inner() -> dict[str, Any]:
    """Meta that marks a request of the plugin's own."""
    return {META_KEY: {"inner": True}}


def is_inner(request: Request) -> bool:
    """Whether this is a request of the plugin's own (for a challenge), which is never taken for a challenge page."""
    data = request.meta.get(META_KEY)
    return isinstance(data, dict) and bool(data.get("inner"))


def with_state(request: Request, state: RequestState) -> Request:
    """Store *state* in *request*, in a new dict: copies of a request share what their meta holds."""
    request.meta[META_KEY] = asdict(state)
    return request


def clear(request: Request) -> RequestState:
    """Take out of the meta what is ours, so that a spider that hands ``response.meta`` on does not hand it on, too."""
    request.meta.pop(META_KEY, None)
    if request.meta.get("dont_cache") == NO_CACHE:
        del request.meta["dont_cache"]
    return START


def mark_submitted(before: Request, submission: Request, state: RequestState) -> Request:
    """Mark *submission* as carrying a solution, with what it takes to make the request before it again.

    Args:
        before: The request as the spider made it.
        submission: The same with the solution in it, ready to be sent.
        state: ``attempts``, ``site``, ``task_id`` and ``solved_ms`` of the solution.
    """
    sent: dict[str, Any] = {
        "url": submission.url,
        "body_crc": crc32(submission.body),
        "redirects": redirects(submission),
    }
    return with_state(submission, evolve(state, undo=_undo(before, submission), **sent))


def mark_departure(request: Request, state: RequestState) -> Request:
    """Mark *request*, on its way to a gate site, so that it can be made again after a redirect to a captcha page.

    The target of a redirect keeps the mark of the request that was redirected, and a retry what it takes to make the
    request before it again. Any other mark came with meta that a spider copied, and is not for this request.
    """
    before, count = RequestState.of(request), redirects(request)
    now: dict[str, Any] = {"url": request.url, "redirects": count}
    if before.undo is None or before.site not in ("", state.site):
        return with_state(request, evolve(state, undo=_undo(request, request), **now))
    if count == before.redirects + 1 and request.meta["redirect_urls"][-1] == before.url:
        return with_state(request, evolve(before, **now))
    if count == before.redirects and request.url == before.url:
        return with_state(request, evolve(state, undo=before.undo, **now))
    fresh = RequestState(site=state.site, gates=state.gates, gate=state.gate, gate_failures=state.gate_failures)
    return with_state(request, evolve(fresh, undo=_undo(request, request), **now))


def original(request: Request) -> Request:
    """The request as the spider made it, whatever was done to it since; attempts stay counted."""
    state = RequestState.of(request)
    if state.undo is None:
        return request
    headers = request.headers.copy()
    for name, values in state.undo.headers.items():
        headers.pop(name, None)
        if values:
            headers.setlist(name, [value.encode("latin-1") for value in values])
    restored = request.replace(
        url=state.undo.url,
        method=state.undo.method,
        body=state.undo.body.encode("latin-1"),
        headers=headers,
        cookies=state.undo.cookies,
        priority=state.undo.priority,
    )
    if not state.undo.redirects:
        for key in REDIRECT_META:
            restored.meta.pop(key, None)
    return with_state(restored, RequestState(attempts=state.attempts))


def redirects(request: Request) -> int:
    """How many redirects a request has behind it."""
    return len(request.meta.get("redirect_urls", ()))


def _undo(before: Request, after: Request) -> Undo:
    had = _headers(before)
    has = had if before is after else _headers(after)
    changed = {name for name in {*had, *has} if had.get(name) != has.get(name)}
    return Undo(
        url=before.url,
        method=before.method,
        body=before.body.decode("latin-1"),
        priority=before.priority,
        redirects=redirects(before),
        cookies=before.cookies or None,
        headers={name: had.get(name, []) for name in sorted({*changed, *REDIRECT_DROPS})},
    )


def _headers(request: Request) -> dict[str, list[str]]:
    return {
        name.decode("latin-1"): [value.decode("latin-1") for value in request.headers.getlist(name)]
        for name in request.headers
    }

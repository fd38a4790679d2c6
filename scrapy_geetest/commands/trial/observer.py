"""What the signals of a crawl tell of an attempt, written down step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import define, evolve, field
from scrapy import signals as scrapy_signals
from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK
from twisted.internet.task import LoopingCall

from scrapy_geetest import signals
from scrapy_geetest._attempt.evidence import told_by
from scrapy_geetest._crawl.marks import FOR_ANSWER, FOR_CHALLENGE, FOR_PAGE, is_robots_txt, own_purpose
from scrapy_geetest._pages.rules import Finding
from scrapy_geetest._redaction import address, carrying, shortened, tidied
from scrapy_geetest._submission.verified import read_verified
from scrapy_geetest.challenge import V3Challenge, solution_values
from scrapy_geetest.commands.trial.shown import cookie_names, cookie_values, head, json_summary
from scrapy_geetest.site import GeetestSite
from scrapy_geetest.stats import PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from scrapy_geetest.challenge import Challenge, Solution
    from scrapy_geetest.commands.trial.question import Consent
    from scrapy_geetest.commands.trial.transcript import Transcript
    from scrapy_geetest.exceptions import GeetestError

PROGRESS = 5.0  # seconds between two lines while a solution is waited for

_STEPS = {FOR_CHALLENGE: ("register", "Register"), FOR_PAGE: ("page again", "Page again")}


@define
class Seen:
    """What an attempt has shown so far.

    Attributes:
        site: Whose rules it went by.
        page: The challenge page.
        answer: Of the site, to the solution.
        outcome: ``"accepted"``, ``"refused"`` or ``"unverified"``.
        evidence: What shows it.
        declined: Why no solution was to be bought.
        error: What the request was given up with.
    """

    site: GeetestSite | None = None
    page: Response | None = None
    answer: Response | None = None
    outcome: str = ""
    evidence: str = ""
    declined: str = ""
    error: GeetestError | None = None


@define(eq=False)
class Observer:
    """Connects to the signals of one crawl.

    Attributes:
        transcript: Where the steps go.
        consent: Whether a solution may be bought.
        services: Who may solve: the addresses of the services by their names.
        seen: What was seen.
    """

    transcript: Transcript
    consent: Consent
    services: Mapping[str, str] = field(factory=dict)
    seen: Seen = field(factory=Seen)
    _crawler: Any = None
    _hops: int = 0
    _status: int = 0
    _cookies: list[str] = field(factory=list)
    _solution: Collection[str] = ()
    _progress: LoopingCall | None = None
    _waited: float = 0.0

    def connect(self, crawler: Crawler) -> None:
        """Listen; the signals hold no reference to this object."""
        self._crawler = crawler
        for handler, signal in (
            (self.sent, scrapy_signals.request_reached_downloader),
            (self.downloaded, scrapy_signals.response_downloaded),
            (self.received, scrapy_signals.response_received),
            (self.detected, signals.challenge_detected),
            (self.fetched, signals.challenge_fetched),
            (self.created, signals.task_created),
            (self.solved, signals.challenge_solved),
            (self.accepted, signals.solution_accepted),
            (self.rejected, signals.solution_rejected),
            (self.unverified, signals.solution_unverified),
            (self.failed, signals.solve_failed),
            (self.stop_waiting, scrapy_signals.spider_closed),
        ):
            crawler.signals.connect(handler, signal)

    def sent(self, request: Request) -> None:
        """A request goes out: a step of its own, or one more hop of the last one."""
        purpose = own_purpose(request)
        if is_robots_txt(request) or (request.callback is NO_CALLBACK and not purpose):
            return
        hops = len(request.meta.get("redirect_urls", ()))
        shown = f"{request.method} {address(request.url)}"
        if hops > self._hops:
            self._hops = hops
            self.transcript.more(f"{self._status}, redirected to {shown}")
        elif request.meta.get("retry_times"):
            self.transcript.more(f"{self._status or 'no answer'}, sent again by Scrapy's Retry")
        else:
            self._hops, self._status, self._cookies = 0, 0, []
            if purpose == FOR_ANSWER:
                self._submission(request)
            else:
                name, caption = _STEPS.get(purpose, ("page", "Page"))
                self.transcript.step(name, caption, shown, method=request.method, url=address(request.url))

    def downloaded(self, request: Request, response: Response) -> None:
        """An answer came, redirects and those that are tried again included."""
        if is_robots_txt(request) or (request.callback is NO_CALLBACK and not own_purpose(request)):
            return
        self._status = response.status
        self.transcript.hide(cookie_values(response))
        self._cookies.extend(name for name in cookie_names(response) if name not in self._cookies)

    def received(self, request: Request, response: Response) -> None:
        """The last answer to a request of the plugin's own."""
        purpose = own_purpose(request)
        if purpose == FOR_ANSWER:
            self.seen.answer = response
            self.transcript.hide(self._verified(response))
        if purpose:
            self.answered(response, is_answer=purpose == FOR_ANSWER)

    def arrived(self, request: Request, response: Response) -> None:
        """The page of the spider's request came; from a cache, or from a middleware, without being asked for."""
        if not any(step.name == "page" for step in self.transcript.steps):
            url = address(request.url)
            self.transcript.step("page", "Page", f"{request.method} {url}", method=request.method, url=url)
            self.transcript.more("it was not downloaded: it came from a cache or another middleware")
        self.answered(response)

    def answered(self, response: Response, *, is_answer: bool = False) -> None:
        """Tell of an answer and of the cookies that came with it."""
        facts = {"status": response.status, "answered_by": address(response.url)}
        told = f"{head(response)}: {json_summary(response)}".removesuffix(": ")
        if not is_answer:
            self.transcript.more(told, **facts)
        else:
            words = told if json_summary(response) else tidied(told_by(response, self.seen.page))
            self.transcript.step("answer", "Answer", words, **facts)
        if self._cookies:
            self.transcript.more(f"cookies that came: {', '.join(self._cookies)}", cookies=list(self._cookies))

    def detected(self, site: GeetestSite, request: Request, response: Response, version: int | None) -> None:
        """A challenge page, and by which rule."""
        self.seen.site, self.seen.page = site, response
        self.arrived(request, response)
        why = [f"{finding.rule}: {tidied(finding.seen)}" for finding in findings(site, response) if finding.matched]
        of = f"GeeTest v{version}" if version else "the page does not tell the version"
        self.transcript.step(
            "withheld", "Withheld", f"yes, by site {site.name}; {of}", site=site.name, version=version, why=why
        )
        for line in why:
            self.transcript.more(line)

    async def fetched(self, site: GeetestSite, response: Response | None, challenge: Challenge) -> None:
        """A challenge, and the question whether a solution may be bought.

        Raises:
            IgnoreRequest: It may not.
            ChallengeNotReady: It may, of a fresher one.
        """
        self.seen.site, self.seen.page = site, response or self.seen.page
        self.transcript.step("challenge", "Challenge", _described(challenge), version=challenge.version)
        if challenge.extra:
            self.transcript.more(f"beside it: {', '.join(challenge.extra)}")
        try:
            await self.consent.obtain(" or ".join(self.services.values()) or "the service")
        except IgnoreRequest as refusal:
            self.seen.declined = str(refusal)
            raise

    def created(
        self, site: GeetestSite, request: Request, response: Response | None, task_id: int | str, service: str
    ) -> None:
        """The service took a task."""
        page = address(site.page_url(request, response))
        self.transcript.step(
            "task",
            "Task",
            f"{task_id} at {self.services.get(service, service)}, for {page}",
            task_id=task_id,
            page=page,
        )
        self._waited = 0.0
        self._progress = LoopingCall(self._tell_progress)
        self._progress.start(PROGRESS, now=False)

    def solved(self, site: GeetestSite, solution: Solution, seconds: float) -> None:
        """The solution came."""
        self.stop_waiting()
        # Its further values are what the site's own answer said, words for people among them.
        values = solution_values(evolve(solution, extra={}))
        self._solution = {*values.values(), *site.fields(solution).values()}
        self.transcript.hide(self._solution)
        shown = ", ".join(f"{name} = {shortened(value)}" for name, value in values.items())
        polls, cost = self.stat("polls"), self.stat("cost_millionths")
        self.transcript.step(
            *("solution", "Solution", f"after {seconds:.1f} s and {polls} poll{'s' * (polls != 1)}"),
            seconds=round(seconds, 1),
            cost_millionths=cost,
        )
        self.transcript.more(shown)

    def accepted(self, evidence: str) -> None:
        """The site took it."""
        self._judge("accepted", evidence)

    def rejected(self, evidence: str) -> None:
        """It did not."""
        self._judge("refused", evidence)

    def unverified(self, evidence: str) -> None:
        """It does not tell."""
        self._judge("unverified", evidence)

    def failed(self, error: GeetestError) -> None:
        """The request is given up."""
        self.stop_waiting()
        self.seen.error = error

    def stop_waiting(self) -> None:
        """No more progress is told."""
        if self._progress is not None and self._progress.running:
            self._progress.stop()

    def stat(self, name: str) -> int:
        """A statistic of the crawl."""
        return 0 if self._crawler is None else int(self._crawler.stats.get_value(PREFIX + name, 0))

    def _verified(self, response: Response) -> Iterable[str]:
        """What a verification gave: as good as the solution that it took."""
        site = self.seen.site
        return ((read_verified(response, site.verified_fields) or {}).values()) if site and site.is_two_step else ()

    def _judge(self, outcome: str, evidence: str) -> None:
        self.seen.outcome, self.seen.evidence = outcome, evidence

    def _tell_progress(self) -> None:
        self._waited += PROGRESS
        polls = self.stat("polls")
        self.transcript.more(f"waiting: {self._waited:.0f} s, {polls} poll{'s' * (polls != 1)}")

    def _submission(self, request: Request) -> None:
        carried, others = carrying(request, self._solution)
        url = f"{urlsplit(address(request.url))._replace(query='').geturl()}"
        self.transcript.step(
            *("request", "Request", f"{request.method} {url}"),
            method=request.method,
            url=url,
            fields=[one.name for one in carried],
            other_fields=others,
        )
        for one in carried:
            self.transcript.more(f"{one.place:<7} {one.name} = {shortened(one.value)}")
        if others:
            self.transcript.more(f"beside: {', '.join(others)}")
        if names := _sent_cookies(request):
            self.transcript.more(f"cookies: {', '.join(names)}")


def findings(site: GeetestSite, response: Response) -> tuple[Finding, ...]:
    """What the rules of *site* say of *response*; of its own ``is_challenge``, which the crawl has asked, only the name."""
    if type(site).is_challenge is not GeetestSite.is_challenge:
        return (Finding(f"is_challenge of site {site.name}", matched=True, seen="the hook's own decision"),)
    return site.rules.explain(response)


def _sent_cookies(request: Request) -> list[str]:
    header = b"; ".join(request.headers.getlist(b"Cookie")).decode("latin-1")
    return [pair.partition("=")[0].strip() for pair in header.split(";") if "=" in pair]


def _described(challenge: Challenge) -> str:
    if isinstance(challenge, V3Challenge):
        told = f"GeeTest v3, gt {challenge.gt}, challenge {shortened(challenge.challenge)}"
    else:
        risk = f", risk type {challenge.risk_type}" if challenge.risk_type else ""
        told = f"GeeTest v4, captcha_id {challenge.captcha_id}{risk}"
    return told + (f", API server {challenge.api_server}" if challenge.api_server else "")

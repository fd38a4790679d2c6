"""What the plugin remembers about a request is plain data, and undoes what sending a solution did."""

from __future__ import annotations

import pickle

from attrs import asdict
from scrapy import FormRequest, Request

from scrapy_geetest._attempt.state import (
    META_KEY,
    NO_CACHE,
    RequestState,
    clear,
    is_inner,
    mark_departure,
    mark_inner,
    mark_submitted,
    original,
)

CARRYING = RequestState(attempts=2, site="Shop", task_id=7, solved_ms=1_000)


def _login() -> Request:
    return FormRequest(
        "https://shop.test/login",
        formdata={"user": "ä"},
        headers={"Referer": "https://shop.test/"},
        meta={"cookiejar": 1},
        cb_kwargs={"page": 3},
        priority=5,
    )


def _submission() -> Request:
    request = _login()
    return request.replace(
        url="https://shop.test/verify",
        body=request.body + b"&geetest_validate=x",
        headers={**request.headers, "X-Token": "1"},
        priority=105,
    )


def test_the_original_request_can_be_made_again() -> None:
    """URL, method, body, headers and priority are as the spider had them; the attempts stay counted."""
    restored = original(mark_submitted(_login(), _submission(), CARRYING))
    for name in ("url", "method", "body", "headers", "priority", "cb_kwargs"):
        assert getattr(restored, name) == getattr(_login(), name)
    assert restored.meta == {"cookiejar": 1, META_KEY: asdict(RequestState(attempts=2))}


def test_the_original_request_can_be_made_again_after_a_redirect() -> None:
    """RedirectMiddleware turns the form into a GET and takes its headers off; they come back."""
    sent = mark_submitted(_login(), _submission(), CARRYING)
    redirected = sent.replace(url="https://shop.test/account", method="GET", body="", headers={})
    restored = original(redirected)
    assert (restored.url, restored.method, restored.body) == ("https://shop.test/login", "POST", b"user=%C3%A4")
    assert restored.headers[b"Content-Type"] == b"application/x-www-form-urlencoded"
    assert restored.headers[b"Referer"] == b"https://shop.test/"


def test_a_request_without_a_state_is_its_own_original() -> None:
    """Nothing was done to it, nothing is undone."""
    request = _login()
    assert original(request) is request


def test_delivered_once_by_redirect_and_carried_again_by_retry() -> None:
    """A retry sends the solution again; the target of a redirect does not; another URL got it by copied meta."""
    sent = mark_submitted(_login(), _submission(), CARRYING)
    state = RequestState.of(sent)
    retry = sent.copy()
    redirect = sent.replace(url="https://shop.test/account", meta={**sent.meta, "redirect_urls": [sent.url]})
    copied = Request("https://shop.test/other", meta=dict(sent.meta))
    assert [state.undelivered(r) for r in (sent, retry, redirect, copied)] == [True, True, False, False]
    assert [state.foreign(r) for r in (sent, retry, redirect, copied)] == [False, False, False, True]


def test_state_survives_pickling() -> None:
    """JOBDIR and shared queues pickle requests: str, int, bool, list and dict only."""
    sent = mark_submitted(_login(), _submission(), CARRYING)
    again = pickle.loads(pickle.dumps(sent.meta))
    assert RequestState.of(Request("https://shop.test/verify", meta=again)) == RequestState.of(sent)


def test_a_state_of_another_version_is_read_as_far_as_it_is_known() -> None:
    """A queue on disk may hold what an older or newer version wrote."""
    meta = {META_KEY: {"attempts": 1, "future": "x"}}
    assert RequestState.of(Request("https://shop.test", meta=meta)) == RequestState(attempts=1)
    assert RequestState.of(Request("https://shop.test", meta={META_KEY: "odd"})) == RequestState()


def test_requests_of_the_plugin_itself_are_told_apart() -> None:
    """A request for a challenge is marked and has no state."""
    inner = Request("https://shop.test/register", meta=mark_inner())
    assert is_inner(inner)
    assert RequestState.of(inner) == RequestState()
    assert not is_inner(_login())


def test_clear_forgets() -> None:
    """What a spider takes over from ``response.meta`` holds nothing of ours."""
    sent = mark_submitted(_login(), _submission(), CARRYING)
    assert clear(sent) == RequestState()
    assert META_KEY not in sent.meta


def test_age_is_in_seconds() -> None:
    """Milliseconds in, seconds out."""
    assert CARRYING.age(3_500) == 2.5


def test_what_a_redirect_to_another_origin_takes_off_comes_back() -> None:
    """RedirectMiddleware drops a login and the request's own cookies, which the page behind the gate needs."""
    request = Request("https://shop.test/1", headers={"Authorization": "Bearer me"}, cookies={"lang": "de"})
    mark_departure(request, RequestState(site="Shop"))
    meta = {**request.meta, "redirect_urls": ["https://shop.test/1"]}
    restored = original(Request("https://verify.test/captcha", meta=meta))
    assert (restored.url, restored.headers["Authorization"]) == ("https://shop.test/1", b"Bearer me")
    assert restored.cookies == {"lang": "de"}


def test_only_our_own_mark_against_the_cache_is_taken_out() -> None:
    """A spider's ``dont_cache`` stays."""
    ours, theirs = (
        Request("https://a.test", meta={"dont_cache": NO_CACHE}),
        Request("https://a.test", meta={"dont_cache": True}),
    )
    clear(ours)
    clear(theirs)
    assert (ours.meta, theirs.meta) == ({}, {"dont_cache": True})

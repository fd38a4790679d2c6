"""Which of several services gets a task, in virtual time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from service_stub import BALANCE, CREATED, READY, Service, error, now
from twisted.internet.error import ConnectError, ConnectionDone

from scrapy_geetest import Task, V3Challenge, V4Challenge
from scrapy_geetest._services.adapters import CapMonster, CapSolver, TwoCaptcha
from scrapy_geetest._services.choice import Services
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.places import Member, Place, TakenTask
from scrapy_geetest._services.task import Proxy

if TYPE_CHECKING:
    from collections.abc import Sequence

V3 = V3Challenge("a" * 32, "b" * 32)
TASK = Task(V3, "https://shop.example/")
PROXY = Proxy("http", "203.0.113.8", 3128, "ann", "secret")
BUSY = error("ERROR_NO_SLOT_AVAILABLE")
REFUSED = ConnectError("refused")  # type: ignore[no-untyped-call]  # Twisted's
LOST = ConnectionDone("closed")


class Crowd:
    """Services of one clock."""

    def __init__(
        self,
        *scripts: list[Any],
        balances: Sequence[Any] = (),
        most: int | None = None,
        solve_timeout: float = 20.0,
    ) -> None:
        kinds = (CapMonster(), TwoCaptcha(), CapSolver())
        self.stubs = [
            Service(script, balances=list(balances) or [BALANCE], service=kind, solve_timeout=solve_timeout)
            for script, kind in zip(scripts, kinds, strict=False)
        ]
        members = [
            Member(kind.name, stub.client, max_concurrent=most) for kind, stub in zip(kinds, self.stubs, strict=False)
        ]
        self.services = Services(members, sleep=self.sleep)
        self.slept = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        for stub in self.stubs:
            stub.clock.advance(seconds)

    def calls(self, method: str = "createTask") -> list[int]:
        """How many each service got."""
        return [stub.methods.count(method) for stub in self.stubs]

    def create(self, task: Task = TASK, site: str = "shop") -> TakenTask:
        """Have a task created."""
        with self.services.place(site, None, ()) as place:
            now(self.services.ready(place))
            return now(self.services.create_task(place, task))

    def failing(self, task: Task = TASK, site: str = "shop") -> ServiceError:
        """The error of one that is not."""
        with pytest.raises(ServiceError) as failure:
            self.create(task, site)
        return failure.value


def test_the_first_one_is_preferred() -> None:
    """The others hear nothing."""
    crowd = Crowd([CREATED], [CREATED])
    assert str(crowd.create()) == "407533072 of capmonster"
    assert (crowd.calls(), crowd.slept) == ([1, 0], 0)


def test_what_was_surely_not_sent_goes_to_the_next_one_at_once() -> None:
    """The same challenge, since nobody saw it; the first one is used again after it has answered a probe."""
    crowd = Crowd([REFUSED, CREATED], [CREATED], balances=[REFUSED, BALANCE])
    assert crowd.create().service == "2captcha"
    assert (crowd.calls(), crowd.slept) == ([1, 1], 0)
    used = []
    for _ in range(12):
        used.append(crowd.create().service)
        now(crowd.sleep(0.5))
    assert used[0] == "2captcha"
    assert used[-1] == "capmonster"
    assert used == sorted(used)  # no way back and forth
    assert crowd.stubs[0].methods.count("getBalance") == 2


def test_what_a_busy_service_saw_is_shown_to_no_other_one() -> None:
    """The error says that another one may solve a fresh challenge; the busy one is tried again later."""
    crowd = Crowd([BUSY, CREATED], [CREATED])
    failure = crowd.failing()
    assert (failure.service, failure.moves_on, failure.took_nothing) == ("capmonster", True, True)
    assert crowd.create().service == "2captcha"
    now(crowd.sleep(20.0))
    assert crowd.create().service == "capmonster"


def test_a_lost_answer_is_an_attempt() -> None:
    """The task may exist: no second one for this challenge, and the next one goes elsewhere."""
    crowd = Crowd([LOST, CREATED], [CREATED], balances=[REFUSED])
    failure = crowd.failing()
    assert (failure.code, failure.moves_on, failure.took_nothing) == ("ANSWER_LOST", True, False)
    assert crowd.create().service == "2captcha"


def test_the_last_one_that_is_left_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """As if it were the only one."""
    crowd = Crowd([error("ERROR_KEY_DOES_NOT_EXIST")], [BUSY, BUSY, CREATED])
    assert crowd.failing().moves_on
    assert crowd.create().service == "2captcha"
    assert crowd.calls() == [1, 3]
    assert sum("is out for this crawl" in one.message for one in caplog.records) == 1
    assert not crowd.services.are_over


def test_none_is_left() -> None:
    """The error of the last one; nothing more is sent."""
    crowd = Crowd([error("ERROR_KEY_DOES_NOT_EXIST")], [error("ERROR_ZERO_BALANCE")])
    assert [crowd.failing().code for _ in range(3)] == [
        *("ERROR_KEY_DOES_NOT_EXIST", "ERROR_ZERO_BALANCE", "ERROR_ZERO_BALANCE"),
    ]
    assert crowd.services.are_over
    assert crowd.calls() == [1, 1]


def test_the_trouble_of_all_lasts_too_long() -> None:
    """Then it is final, for this request."""
    crowd = Crowd([REFUSED], [REFUSED], balances=[REFUSED])
    failure = crowd.failing()
    assert (failure.code, failure.sent) == ("NOT_SENT", False)
    assert 60 <= crowd.slept < 80  # three times the time for a solution
    assert "capmonster: " in crowd.services.trouble
    assert "2captcha: " in crowd.services.trouble


def test_a_site_that_one_service_does_not_solve_for() -> None:
    """Goes to the others from then on; other sites do not. Where none does, the site is blocked as ever."""
    refuses = error("ERROR_DOMAIN_NOT_ALLOWED")
    crowd = Crowd([refuses, CREATED], [CREATED, refuses])
    assert crowd.failing().moves_on
    assert crowd.create().service == "2captcha"
    assert crowd.create(site="other").service == "capmonster"
    failure = crowd.failing()
    assert (failure.code, failure.moves_on) == ("ERROR_DOMAIN_NOT_ALLOWED", False)


def test_a_proxy_that_one_service_has_banned() -> None:
    """The others may use it."""
    crowd = Crowd([error("ERROR_PROXY_BANNED"), CREATED], [CREATED])
    task = Task(V3, "https://shop.example/", proxy=PROXY)
    assert crowd.failing(task).code == "ERROR_PROXY_BANNED"
    assert crowd.create(task).service == "2captcha"
    assert crowd.create().service == "capmonster"


def test_what_no_service_documents_is_refused() -> None:
    """Only by those that are asked."""
    risky = Task(V4Challenge("c" * 32, risk_type="slide"), "https://shop.example/")
    crowd = Crowd([error("ERROR_KEY_DOES_NOT_EXIST")], [CREATED], [CREATED])
    assert crowd.failing().moves_on
    assert crowd.failing(risky).code == "ERROR_KEY_DOES_NOT_EXIST"  # the only one that takes such tasks
    crowd.services = Services(crowd.services.members[1:], sleep=crowd.sleep)
    with pytest.raises(ValueError, match="CapSolver documents no GeeTest task with a risk_type"):
        crowd.create(risky)
    assert crowd.calls() == [1, 0, 0]


def test_a_limit_of_ones_own() -> None:
    """Kept from before a challenge is fetched until the task is done; the next service takes the others."""
    crowd = Crowd([CREATED], [CREATED], most=1)
    with crowd.services.place("shop", None, ()) as first, crowd.services.place("shop", None, ()) as second:
        for place in (first, second):
            now(crowd.services.ready(place))
        assert (named(first), named(second), second.is_second_choice) == ("capmonster", "2captcha", False)
        waits = crowd.slept

        async def leave(_: float) -> None:
            crowd.slept += 1
            first.move(None)

        crowd.services._sleep = leave
        with crowd.services.place("shop", None, ()) as third:
            now(crowd.services.ready(third))
            assert (named(third), third.has_waited, crowd.slept) == ("capmonster", True, waits + 1)
    assert [member.running for member in crowd.services.members] == [0, 0]


def named(place: Place) -> str:
    """Where it is kept."""
    assert place.member is not None
    return place.member.name


def test_those_that_failed_for_a_request_come_last() -> None:
    """As does a task of a type that was set for the first one only."""
    crowd = Crowd([CREATED, READY], [CREATED])
    crowd.services.members[0].task_type = "GeeTestTask"
    with crowd.services.place("shop", ["capmonster", "2captcha"], {"capmonster"}) as place:
        taken = now(crowd.services.create_task(place, TASK))
        assert (taken.service, place.is_second_choice) == ("2captcha", True)
    taken = crowd.create()
    assert crowd.stubs[0].calls[0].body["task"]["type"] == "GeeTestTask"
    with crowd.services.place("shop", None, ()) as place:
        assert now(crowd.services.result(place, taken, V3)).solution.version == 3


def test_a_failed_task_goes_on_where_it_was_not_tried() -> None:
    """Once at each service, though nothing is known of the error."""
    crowd = Crowd([error("ERROR_UNHEARD_OF")], [error("ERROR_UNHEARD_OF")])
    moves = []
    for failed_at in ((), ("capmonster",), ("capmonster", "2captcha")):
        with crowd.services.place("shop", None, failed_at) as place, pytest.raises(ServiceError) as failure:
            now(crowd.services.result(place, TakenTask("2captcha" if failed_at else "capmonster", 5), V3))
        moves.append(failure.value.moves_on)
    assert moves == [True, False, False]


def test_a_sole_service_is_spoken_of_without_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """As in a crawl that has one only."""
    caplog.set_level(logging.INFO)
    crowd = Crowd([BUSY, CREATED])
    assert str(crowd.create()) == "407533072"
    crowd = Crowd([error("ERROR_KEY_DOES_NOT_EXIST")])
    failure = crowd.failing()
    assert (failure.moves_on, failure.service) == (False, "capmonster")
    assert "is out for this crawl" not in caplog.text
    assert crowd.services.trouble == ""


def test_a_challenge_that_was_seen_under_an_unknown_type_goes_to_no_other_service() -> None:
    """Nothing was sent under the second name, but the service has seen the challenge under the first one."""
    crowd = Crowd([error("ERROR_TASK_NOT_SUPPORTED"), REFUSED, CREATED], [CREATED], balances=[REFUSED])
    failure = crowd.failing()
    assert (failure.code, failure.sent, failure.took_nothing, failure.moves_on) == ("NOT_SENT", True, True, True)
    assert crowd.calls() == [2, 0]
    assert crowd.create().service == "2captcha"


@pytest.mark.parametrize("challenge", [V3, V4Challenge("c" * 32)], ids=["v3", "v4"])
def test_a_challenge_does_not_grow_old_while_its_service_is_away(challenge: V3Challenge | V4Challenge) -> None:
    """It is dropped, and nothing was sent; a v4 challenge cannot grow old."""
    crowd = Crowd([CREATED], balances=[REFUSED] * 80 + [BALANCE], solve_timeout=300.0)
    [stub] = crowd.stubs
    with crowd.services.place("shop", None, ()) as place:
        now(crowd.services.ready(place))
        stub.client._availability.failed("createTask", ServiceError("NOT_SENT", sent=False), stub.clock.seconds())
        created = crowd.services.create_task(place, Task(challenge, "https://shop.example/"))
        if challenge is V3:
            with pytest.raises(ServiceError, match="CHALLENGE_TOO_OLD: the service took no task in time"):
                now(created)
        else:
            assert now(created).service == "capmonster"
    assert stub.clock.seconds() > 300
    assert crowd.calls() == [int(challenge is not V3)]


def test_a_challenge_does_not_grow_old_while_all_services_are_full() -> None:
    """As above."""
    crowd = Crowd([CREATED], [CREATED], most=1)
    with crowd.services.place("shop", None, ()) as place:
        now(crowd.services.ready(place))
        for member in crowd.services.members:
            member.running += 1
        with pytest.raises(ServiceError, match="CHALLENGE_TOO_OLD: no service took the task in time"):
            now(crowd.services.create_task(place, TASK))
    assert 300 < crowd.slept < 310
    assert crowd.calls() == [0, 0]


def test_a_challenge_is_given_up_where_other_sites_have_other_services() -> None:
    """The turn that would wait with it is theirs: the request waits before the next challenge is fetched."""
    crowd = Crowd([BUSY, CREATED], [CREATED])
    with crowd.services.place("shop", ["capmonster"], ()) as place:
        assert crowd.services.is_kept_at_once(place)
        for code, sent in (("ERROR_NO_SLOT_AVAILABLE", True), ("NOT_SENT", False)):
            with pytest.raises(ServiceError, match=code) as failure:
                now(crowd.services.create_task(place, TASK))
            assert (failure.value.sent, failure.value.moves_on) == (sent, True)
        assert not crowd.services.is_kept_at_once(place)
        assert crowd.slept == 0
        now(crowd.services.ready(place))
        assert now(crowd.services.create_task(place, TASK)).service == "capmonster"
    assert crowd.calls() == [2, 0]


def test_a_service_that_is_found_out_by_another_call_is_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    """As by a look at its balance: the first request that passes it over says so, once."""
    crowd = Crowd([CREATED], [CREATED], balances=[error("ERROR_KEY_DOES_NOT_EXIST")])
    with pytest.raises(ServiceError):
        now(crowd.services.balance("capmonster"))
    assert {crowd.create().service for _ in range(3)} == {"2captcha"}
    told = "the service capmonster is out for this crawl, and 2captcha goes on: ERROR_KEY_DOES_NOT_EXIST"
    assert caplog.text.count(told) == 1

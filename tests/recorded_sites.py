"""What a person does at each site of the sandbox that a browser can visit, and what inspect reads from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from scrapy_geetest.sandbox.answer_kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TYPED = {"user": "ann", "password": "sandbox", "username": "ann", "keyword": "rope", "author": "ann", "comment": "good"}
_LOGIN = {"#user": "ann", "#password": "sandbox"}
_BUTTON = ".pass-captcha"


@frozen(kw_only=True)
class Visit:
    """What a person does at a site.

    Attributes:
        path: Where they go.
        done: A script that is true when the content has come.
        before: A script run before those of each page.
        typed: What they type: selector -> text.
        first: What they click to be shown the widget.
        passes: The widgets that they click, one after the other.
        frame: The frame that these are in.
        last: What they click once the CAPTCHA is passed.
        script: Run in the page before the CAPTCHA is passed.
        then: Paths that they go to afterwards.
        mode: Of the class that is printed.
        told: What is read from the visit besides.
    """

    path: str
    done: str
    before: str = ""
    typed: Mapping[str, str] = field(factory=dict)
    first: str = ""
    passes: tuple[str, ...] = (_BUTTON,)
    frame: str = ""
    last: str = ""
    script: str = ""
    then: tuple[str, ...] = ()
    mode: str = "form"
    told: Mapping[str, Any] = field(factory=dict)


def _there(css: str) -> str:
    return f"document.querySelector('{css}')"


def _said(word: str) -> str:
    return f"document.body.innerText.includes('{word}')"


def _gate(name: str, *, seen: str = "", **told: Any) -> Visit:
    """Two pages behind a gate; where its answer leads nowhere, the first one is asked for again."""
    pages = [f"/{name}/page/{number}" for number in (1, 2)]
    again = pages if seen else pages[1:]
    return Visit(path=pages[0], done=seen or _there("li.item"), then=tuple(again), mode="gate", told=told)


# Chromium forgets what a script was answered when it goes on to the next page at once.
_PATIENT = """const read = Response.prototype.json;
Response.prototype.json = async function () {
  const data = await read.call(this);
  await new Promise((resolve) => setTimeout(resolve, 400));
  return data;
};"""
_PLAIN_V3 = {key: key for key in ("challenge", "validate", "seccode")}
_FIRST: Mapping[str, Visit] = {
    "v3-login": Visit(
        path="/v3/login",
        typed=_LOGIN,
        done=_there("li.order"),
        told={"typed": ["user", "password"], "challenge_path": None},
    ),
    "v3-search": Visit(path="/v3/search?q=rope", done=_there("li.result"), told={"challenge_path": None, "typed": []}),
    "nested": Visit(
        path="/nested/login",
        script="window.pageFields.username = 'ann'",
        done=_there("li.offer"),
        told={"challenge_path": "data.geetest", "typed": ["username"]},
    ),
    "jsonp": Visit(path="/jsonp/data?id=1", done=_said("goods"), told={"submit_as": "query", "field_names": _PLAIN_V3}),
    "inline": Visit(path="/inline/article/1", done=_there(".article"), told={"challenge_url": None, "version": 3}),
    "v4-api": Visit(
        path="/v4/",
        done=_said("price"),
        told={"submit_as": "json", "version": 4, "challenge_url": None},
    ),
    "v4-form": Visit(
        path="/v4/form",
        typed={"#keyword": "rope"},
        done=_there("li.shop"),
        told={"risk_type": "slide", "typed": ["keyword", "town"]},
    ),
    "headers": Visit(path="/headers/data/1", done=_said("goods"), told={"submit_as": "headers"}),
    "gate": _gate("gate", version=4),
    "gate3": _gate("gate3", version=3),
    "gater": _gate("gater", version=4),
}
_BROWSER: Mapping[str, Visit] = {
    "browser-float": Visit(path="/browser/float?q=rope", done=_there("li.result"), told={"version": 3}),
    "browser-bind": Visit(
        path="/browser/bind", passes=(), done=_there("li.item"), told={"submit_as": "json", "version": 3}
    ),
    "browser-popup": Visit(path="/browser/popup", done=_there("li.item"), told={"submit_as": "query", "version": 4}),
    "browser-formdata": Visit(
        path="/browser/formdata",
        typed={"#keyword": "rope"},
        first="#enter",
        passes=(),
        done=_there("li.item"),
        told={"submit_as": "form", "version": 4},
    ),
    "browser-two": Visit(
        path="/browser/two",
        passes=(f"#prices {_BUTTON}", f"#stock {_BUTTON}"),
        done=_there("#stock li"),
        told={"submit_as": "query", "version": 4, "typed": []},
    ),
    "browser-click": Visit(
        path="/browser/click", first="#show", done=_there("li.item"), told={"submit_as": "json", "version": 4}
    ),
    "browser-frame": Visit(
        path="/browser/frame", frame="iframe", done=_there("li.item"), told={"submit_as": "headers", "version": 3}
    ),
    "browser-gate": _gate("browser/gate", version=4),
    "browser-steps": Visit(
        path="/browser/steps",
        before=_PATIENT,
        done=_there("li.tide"),
        told={"version": 3, "verified_fields": {"ticket": "ticket"}, "submit_as": "query"},
    ),
    "browser-password": Visit(
        path="/browser/password",
        typed=_LOGIN,
        last="#enter",
        done=_there(".user"),
        told={"version": 3, "typed": ["user", "password"]},
    ),
}


def _answers() -> Iterator[tuple[str, Visit]]:
    """Each kind of server as a form site and as a gate, v3 and v4 in turn."""
    for number, (kind, says) in enumerate(KINDS.items()):
        versions = ("v3", "v4") if number % 2 else ("v4", "v3")
        form, gate = (f"answers/{version}/{kind}" for version in versions)
        content = _there("li.result") if says.accepted is None else _said("goods")
        yield f"answers-{kind}", Visit(path=f"/{form}?q=rope", done=content, told={"version": int(versions[0][1])})
        seen = "" if says.accepted is None else "location.pathname.endsWith('/verify')"
        yield f"answers-{kind}-gate", _gate(f"{gate}/gate", seen=seen, version=int(versions[1][1]))
    for version in ("v3", "v4"):
        place = f"/answers/{version}"
        yield (
            f"answers-{version}-wrong-password",
            Visit(path=f"{place}/wrong-password", typed=_LOGIN, done=_there(".user")),
        )
        yield (
            f"answers-{version}-article",
            Visit(
                path=f"{place}/article",
                typed={"#comment": "good", "#author": "ann"},
                done=_said("Thank you"),
                told={"typed": ["comment", "author"]},
            ),
        )
    for name in ("page-token", "constant"):
        yield f"answers-{name}", Visit(path=f"/answers/v3/{name}?q=rope", done=_there("li.result"))


VISITS: Mapping[str, Visit] = {**_FIRST, **_BROWSER, **dict(_answers())}

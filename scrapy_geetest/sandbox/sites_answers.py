"""Sites that answer a submission as real servers do: hardly any shows its widget again when it refuses a solution."""

from __future__ import annotations

import re
import secrets
from html import escape
from typing import TYPE_CHECKING

from attrs import frozen

from . import pages
from .answer_kinds import KINDS, LOGIN_PATH
from .captchas import CAPTCHAS, CONSTANT
from .checks import judge, register, v3_values, v3_values_of_token, v4_values
from .gates import Gate
from .web import Answer, Call, Route, data, html, route

if TYPE_CHECKING:
    from .world import World

PASSWORD = "sandbox"  # noqa: S105  # opens every account, as at the other login
_PARAGRAPH = "      <p>The harbour was dredged again this spring, and the larger boats may come in at any tide.</p>\n"
_REFUSED = "The check was not passed. Please try again."


@frozen
class Place:
    """One of the sites: its address, and its name in the books."""

    version: str
    kind: str

    @property
    def book(self) -> str:
        """Its name in the books: its path without the first slash."""
        return f"answers/{self.version}/{self.kind}"

    @property
    def path(self) -> str:
        """The path of its page."""
        return f"/{self.book}"

    @property
    def captcha(self) -> str:
        """Whose id and key it has."""
        return f"answers-{self.version}"

    def scripts(self) -> str:
        """The widget."""
        return pages.v3_xhr("/answers/v3/register") if self.version == "v3" else pages.v4(CAPTCHAS[self.captcha].id)

    async def judge(self, world: World, call: Call) -> bool:
        """Check the answer of a submission, and book it."""
        values = v3_values(call.form) if self.version == "v3" else v4_values(call.form)
        return await judge(world, self.book, self.captcha, values)

    def challenge(self, world: World, body: str, scripts: str, status: int) -> Answer:
        """A page with a widget."""
        world.books.pages[self.book]["challenge"] += 1
        return html(pages.document("One moment", body, scripts), status)

    def content(self, world: World, title: str, body: str) -> Answer:
        """A page without."""
        world.books.pages[self.book]["content"] += 1
        return html(pages.document(title, body))

    def results(self, world: World, query: str) -> Answer:
        """What was withheld."""
        body = f'    <h1>Results for <span class="query">{escape(query)}</span></h1>\n'
        return self.content(world, "Results", body + pages.items("result", pages.found(query)))


async def index(world: World, call: Call) -> Answer:
    """Links to all of these sites."""
    del world, call
    paths = [f"/answers/{version}/{kind}" for version in ("v3", "v4") for kind in (*KINDS, "wrong-password", "article")]
    paths += ["/answers/v3/page-token", "/answers/v3/constant", *(f"/{gate.name}/page/1" for gate in GATES)]
    links = "".join(f'      <li><a href="{path}">{path}</a></li>\n' for path in paths)
    return html(pages.document("Answers", f"    <ul>\n{links}    </ul>"))


async def v3_register(world: World, call: Call) -> Answer:
    """The register endpoint of the v3 sites."""
    del call
    return data(await register(world, "answers-v3"))


async def login_page(world: World, call: Call) -> Answer:
    """Where the kind ``redirect`` leads after a refusal: a login page without a widget."""
    del world
    fields = pages.text_input("user", "User") + pages.text_input("password", "Password", kind="password")
    form = f'    <form action="{LOGIN_PATH}" method="post">\n{fields}      <input type="submit">\n    </form>'
    message = pages.error("The captcha was wrong.") if call.query.get("error") else ""
    return html(pages.document("Log in", f"    <h1>Log in</h1>\n{message}{form}"))


async def kind_page(world: World, call: Call, version: str, kind: str) -> Answer:
    """The page that withholds: a form with nothing to type."""
    return _form(world, Place(version, kind), call.query.get("q", ""))


def _form(world: World, place: Place, query: str, message: str = "") -> Answer:
    body = f"    <h1>One moment</h1>\n{pages.error(message)}{pages.form(place.path, {'q': query})}"
    return place.challenge(world, body, place.scripts(), 200 if message else 403)


async def kind_submitted(world: World, call: Call, version: str, kind: str) -> Answer:
    """What a server of that kind says."""
    place, query, says = Place(version, kind), call.form.get("q", ""), KINDS[kind]
    if not await place.judge(world, call):
        return says.refused or _form(world, place, query, _REFUSED)
    if says.accepted is None:
        return place.results(world, query)
    world.books.pages[place.book]["content"] += 1
    return data({**says.accepted, "query": query, "goods": pages.goods(query)})


async def password_page(world: World, call: Call, version: str) -> Answer:
    """A login page with a widget."""
    del call
    return _password(world, Place(version, "wrong-password"))


def _password(world: World, place: Place, message: str = "") -> Answer:
    fields = pages.text_input("user", "User") + pages.text_input("password", "Password", kind="password")
    body = f"    <h1>Log in</h1>\n{pages.error(message)}{pages.form(place.path, {}, fields, button='Log in')}"
    return place.challenge(world, body, place.scripts(), 200)


async def password_submitted(world: World, call: Call, version: str) -> Answer:
    """The login page again, for a wrong solution and for a wrong password, in different words."""
    place, user = Place(version, "wrong-password"), call.form.get("user", "")
    if not await place.judge(world, call):
        return _password(world, place, "captcha wrong")
    if not user or call.form.get("password") != PASSWORD:
        return _password(world, place, "wrong password")
    return place.content(world, "Account", f'    <h1>Welcome, <span class="user">{escape(user)}</span></h1>')


_TOKENS = Place("v3", "page-token")


async def token_page(world: World, call: Call) -> Answer:
    """Every view has a challenge, and a token that belongs to it."""
    return await _token(world, call.query.get("q", ""))


async def _token(world: World, query: str, message: str = "") -> Answer:
    answer, token = await register(world, _TOKENS.captcha), secrets.token_hex(16)
    world.tokens[token] = answer["challenge"]
    form = pages.form(f"{_TOKENS.path}/verify", {"q": query, "token": token})
    body = f"    <h1>One moment</h1>\n{pages.error(message)}{form}"
    return _TOKENS.challenge(world, body, pages.v3_inline(answer["gt"], answer["challenge"]), 403)


async def token_submitted(world: World, call: Call) -> Answer:
    """The results, if challenge and token are of the same view."""
    query = call.form.get("q", "")
    if not await judge(world, _TOKENS.book, _TOKENS.captcha, v3_values_of_token(world, call)):
        return await _token(world, query, _REFUSED)
    return _TOKENS.results(world, query)


async def article(world: World, call: Call, version: str) -> Answer:
    """A page that withholds nothing: the widget guards its comments."""
    del call
    place = Place(version, "article")
    world.books.pages[place.book]["content"] += 1
    fields = pages.text_area("comment", "Your comment") + pages.text_input("author", "Your name")
    form = pages.form(f"{place.path}/comment", {"article": "1"}, fields, button="Send")
    text = f'    <article>\n      <h1 class="title">News from the quay</h1>\n{_PARAGRAPH * 20}    </article>\n'
    return html(pages.document("News", f"{text}    <h2>Comments</h2>\n{form}", place.scripts()))


async def comment(world: World, call: Call, version: str) -> Answer:
    """What becomes of a comment."""
    place = Place(version, "article")
    taken = await place.judge(world, call)
    return html(pages.document("Comments", f"    <p>{'Thank you for your comment.' if taken else _REFUSED}</p>"))


_CONSTANT = Place("v3", "constant")


async def constant_page(world: World, call: Call) -> Answer:
    """Its challenge is the same in every view: it names what the visitor wants to do."""
    return _constant(world, call.query.get("q", ""))


def _constant(world: World, query: str, message: str = "") -> Answer:
    body = f"    <h1>One moment</h1>\n{pages.error(message)}{pages.form(_CONSTANT.path, {'q': query})}"
    return _CONSTANT.challenge(world, body, pages.v3_inline(CAPTCHAS["constant"].id, CONSTANT), 403)


async def constant_submitted(world: World, call: Call) -> Answer:
    """The results."""
    query = call.form.get("q", "")
    if not await judge(world, _CONSTANT.book, "constant", v3_values(call.form)):
        return _constant(world, query, _REFUSED)
    return _CONSTANT.results(world, query)


GATES = tuple(
    Gate(f"answers/{version}/{kind}/gate", captcha_of=f"answers-{version}", kind=says)
    for version in ("v3", "v4")
    for kind, says in KINDS.items()
)
_VERSION = "(?P<version>v[34])"
_KIND = f"/answers/{_VERSION}/(?P<kind>{'|'.join(map(re.escape, KINDS))})"
ROUTES: tuple[Route, ...] = (
    route("/answers/?", index, "GET"),
    route("/answers/v3/register", v3_register, "GET", call="register"),
    route(LOGIN_PATH, login_page),
    route(_KIND, kind_page, "GET"),
    route(_KIND, kind_submitted, "POST", call="submit"),
    route(f"/answers/{_VERSION}/wrong-password", password_page, "GET"),
    route(f"/answers/{_VERSION}/wrong-password", password_submitted, "POST", call="submit"),
    route(_TOKENS.path, token_page, "GET"),
    route(f"{_TOKENS.path}/verify", token_submitted, "POST", call="submit"),
    route(f"/answers/{_VERSION}/article", article, "GET"),
    route(f"/answers/{_VERSION}/article/comment", comment, "POST", call="submit"),
    route(_CONSTANT.path, constant_page, "GET"),
    route(_CONSTANT.path, constant_submitted, "POST", call="submit"),
    *(each for gate in GATES for each in gate.routes()),
)

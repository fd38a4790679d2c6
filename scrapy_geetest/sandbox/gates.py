"""The gate sites: one answer opens a session for all pages."""

from __future__ import annotations

import secrets
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from attrs import frozen

from . import pages
from .answer_kinds import KINDS, Kind
from .captchas import CAPTCHAS
from .checks import judge, register, v3_values, v4_values
from .web import Answer, Call, Route, data, html, redirect, route

if TYPE_CHECKING:
    from .world import World

_FOR_EVER = float("inf")


@frozen
class Gate:
    """A gate site.

    Attributes:
        name: Its path prefix and its name in the books.
        redirects: Whether a closed gate answers with a redirect to a captcha page instead of a challenge page.
        captcha_of: Whose id and key it has; empty: its own.
        kind: What it says to a submission; by default a redirect back, or the form again.
    """

    name: str
    redirects: bool = False
    captcha_of: str = ""
    kind: Kind = KINDS["form-again"]

    @property
    def _site(self) -> str:
        return self.captcha_of or self.name

    @property
    def _is_v3(self) -> bool:
        return CAPTCHAS[self._site].is_v3

    @property
    def _cookie(self) -> str:
        return f"{self.name.replace('/', '-')}_pass"

    def routes(self) -> tuple[Route, ...]:
        """The addresses of this site."""
        return (
            route(rf"/{self.name}/page/(?P<number>\d{{1,9}})", self.page),
            route(f"/{self.name}/captcha", self.captcha, "GET"),
            route(f"/{self.name}/verify", self.verify, "POST", call="submit"),
            route(f"/{self.name}/register", self.register, "GET", call="register"),
        )

    async def page(self, world: World, call: Call, number: str) -> Answer:
        """A page behind the gate; it shows what was sent to it."""
        if world.clock() > world.passes.get((self.name, call.cookies.get(self._cookie, "")), -1.0):
            if self.redirects:
                return redirect(f"/{self.name}/captcha?" + urlencode({"return": call.target}))
            return self.challenge(world, call.target)
        world.books.pages[self.name]["content"] += 1
        received = escape(f"{call.method} {call.body.decode('utf-8', 'replace')}".strip())
        following = f'    <p><a class="next" href="/{self.name}/page/{int(number) + 1}">Next</a></p>'
        body = f'    <h1 class="title">Page {number}</h1>\n    <p class="received">{received}</p>\n'
        return html(pages.document(f"Page {number}", body + pages.items("item", pages.goods(f"p{number}")) + following))

    def challenge(self, world: World, target: str, message: str = "") -> Answer:
        """The page that withholds: a form that brings back to ``target``."""
        world.books.pages[self.name]["challenge"] += 1
        hidden = {"return" if self.redirects else "next": target}
        body = f"    <h1>Are you human?</h1>\n{pages.error(message)}" + pages.form(f"/{self.name}/verify", hidden)
        scripts = pages.v3_xhr(f"/{self.name}/register") if self._is_v3 else pages.v4(CAPTCHAS[self._site].id)
        return html(pages.document("Are you human?", body, scripts), 200 if self.redirects else 403)

    async def captcha(self, world: World, call: Call) -> Answer:
        """The captcha page that a closed gate redirects to."""
        return self.challenge(world, call.query.get("return", ""))

    async def register(self, world: World, call: Call) -> Answer:
        """The register endpoint of a v3 gate."""
        del call
        return data(await register(world, self._site)) if self._is_v3 else html("", 404)

    async def verify(self, world: World, call: Call) -> Answer:
        """Open the gate for a new session and send back to where the visitor came from."""
        target = call.form.get("next") or call.form.get("return") or ""
        values = v3_values(call.form) if self._is_v3 else v4_values(call.form)
        if not await judge(world, self.name, self._site, values):
            return self.kind.refused or self.challenge(world, target, "The check was not passed. Please try again.")
        world.books.gates_opened[self.name] += 1
        session = secrets.token_hex(16)
        world.passes[self.name, session] = world.clock() + (
            _FOR_EVER if world.options.gate_seconds is None else world.options.gate_seconds
        )
        local = target.startswith(f"/{self.name}/") and "\n" not in target and "\r" not in target
        back = redirect(target if local else f"/{self.name}/page/1")
        opened = back if self.kind.accepted is None else data(self.kind.accepted)
        return opened.with_cookie(self._cookie, session, f"/{self.name}")


GATES = (Gate("gate"), Gate("gate3"), Gate("gater", redirects=True))
ROUTES: tuple[Route, ...] = tuple(each for gate in GATES for each in gate.routes())

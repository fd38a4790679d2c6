"""What has nothing to do with GeeTest: ordinary pages, robots.txt, the style sheet, the list of sites."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from . import pages
from .gates import GATES
from .web import Answer, Call, Route, html, route

if TYPE_CHECKING:
    from .world import World

_MAX_SIZE = 50_000_000
_SENTENCE = "<p>Boats come in with the tide and leave with it; the clerk writes both into a book.</p>\n"
_LINKS = (
    "/v3/login",
    "/v3/search?q=rope",
    "/nested/login",
    "/jsonp/data?id=1",
    "/inline/article/1",
    "/v4/",
    "/v4/form",
    "/headers/data/1",
    "/gate/page/1",
    "/gate3/page/1",
    "/gater/page/1",
    "/answers/",
    "/browser/",
    "/plain/1",
)


async def plain_page(world: World, call: Call, number: str) -> Answer:
    """An ordinary page; ``?size=`` bytes long at least."""
    world.books.pages["plain"]["content"] += 1
    size = call.query.get("size", "")
    filler = _SENTENCE * (1 + min(int(size), _MAX_SIZE) // len(_SENTENCE)) if size.isdecimal() else _SENTENCE
    body = f'    <h1 class="title">Plain {number}</h1>\n{pages.items("item", pages.goods(f"plain{number}"))}\n{filler}'
    return html(pages.document(f"Plain {number}", body))


async def index(world: World, call: Call) -> Answer:
    """Links to the sites."""
    del world, call
    links = "".join(f'      <li><a href="{escape(link)}">{escape(link)}</a></li>\n' for link in _LINKS)
    return html(pages.document("Sites", f"    <ul>\n{links}    </ul>"))


async def robots(world: World, call: Call) -> Answer:
    """robots.txt as the option says."""
    wanted = world.options.robots
    if wanted == "challenge":
        return GATES[0].challenge(world, call.target)
    return _text("User-agent: *\nDisallow:\n" if wanted == "allow" else wanted)


async def open_robots(world: World, call: Call) -> Answer:
    """robots.txt of the other host: all is allowed."""
    del world, call
    return _text("User-agent: *\nDisallow:\n")


def _text(text: str) -> Answer:
    return Answer(text.encode(), content_type="text/plain; charset=utf-8")


async def style(world: World, call: Call) -> Answer:
    """The style sheet of the pages."""
    del world, call
    return Answer(pages.STYLE.encode(), content_type="text/css; charset=utf-8")


_PLAIN = route(r"/plain/(?P<number>\d{1,9})", plain_page)
ROUTES: tuple[Route, ...] = (
    _PLAIN,
    route("/", index, "GET"),
    route(r"/robots\.txt", robots),
    route(r"/static/site\.css", style, "GET"),
)
OTHER_ROUTES: tuple[Route, ...] = (_PLAIN, route(r"/robots\.txt", open_robots))

"""Draws the pictures of the documentation: ``python docs/pictures.py`` writes them to ``docs/_static``.

They are narrow, so that their words can be read on a phone, and have a ground of their own, so that they can be read on a light and
on a dark page.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATIC = Path(__file__).parent / "_static"
WIDTH = 440
_LINE = 18  # between two lines of text
_LETTER, _NOTE = 7.9, 7.0  # of a wide font, on average
_COLOURS = {
    "box": ("#ffffff", "#475467"),
    "ask": ("#e6f0fd", "#2b5c9e"),
    "pay": ("#fdf0d5", "#9a6700"),
    "end": ("#e4f5e8", "#2c7a3f"),
    "bad": ("#fbe9e7", "#b3372b"),
    "soft": ("#eef1f5", "#8b949e"),
}
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 10 5 0 10z" fill="#475467"/></marker></defs>'
)
_STYLE = """text { fill: #1b1f24; font: 14px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
.note { fill: #475467; font-size: 12.5px }
.head { font-weight: 600 }
.code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12.5px }
.mid { text-anchor: middle }
.way { fill: none; stroke: #475467; stroke-width: 1.5; marker-end: url(#tip) }"""


class Picture:
    """A drawing of boxes, arrows and words.

    Args:
        title: What it is called.
        told: The same in words.
        height: Of the drawing.
    """

    def __init__(self, title: str, told: str, height: int) -> None:
        self._height = height
        self._parts = [
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(told)}</desc>',
            _TIP,
            f"<style>{_STYLE}</style>",
            f'<rect x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="12" fill="#f6f8fa" stroke="#c4ccd6"/>',
        ]

    def box(self, place: tuple[int, int, int, int], *lines: str, kind: str = "box", round_: int = 8) -> None:
        """A box at x, y with width and height; of its lines, those after the first are notes, unless it asks something."""
        x, y, width, height = place
        for number, line in enumerate(lines):
            if len(line) * (_NOTE if number and kind != "ask" else _LETTER) > width - 4:
                raise ValueError(f"{line!r} does not fit into a box of {width}")
        fill, stroke = _COLOURS[kind]
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{round_}" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'
        )
        top = y + height / 2 + 5 - _LINE * (len(lines) - 1) / 2
        for number, line in enumerate(lines):
            self.text(
                x + width // 2, round(top + _LINE * number), line, "mid note" if number and kind != "ask" else "mid"
            )

    def text(self, x: int, y: int, words: str, style: str = "") -> None:
        """A line of text."""
        self._parts.append(
            f'<text x="{x}" y="{y}"{f" class={chr(34)}{style}{chr(34)}" if style else ""}>{escape(words)}</text>'
        )

    def way(self, path: str) -> None:
        """An arrow along an SVG path."""
        self._parts.append(f'<path class="way" d="{path}"/>')

    def line(self, path: str, colour: str = "#c4ccd6") -> None:
        """A line without a tip."""
        self._parts.append(f'<path fill="none" stroke="{colour}" stroke-width="1.5" d="{path}"/>')

    def coin(self, x: int, y: int) -> None:
        """One solution that is paid for."""
        self._parts.append(f'<circle cx="{x}" cy="{y}" r="9" fill="#f4c542" stroke="#9a6700" stroke-width="1.5"/>')
        self.text(x, y + 5, "1", "mid note head")

    def svg(self) -> str:
        """The drawing."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" width="{WIDTH}" height="{self._height}" '
            'role="img" aria-labelledby="title desc">'
        )
        return "\n".join([head, *self._parts, "</svg>"]) + "\n"


def attempt() -> str:
    """The way of a request."""
    told = (
        "From a withheld page to a verdict: where does an answer go, a turn, a fresh page, a purchase, a submission. After a refusal "
        "it begins again with the first question."
    )
    picture = Picture("The way of a request", told, 656)
    main, side = (46, 186), (262, 162)

    def step(y: int, height: int, *lines: str, kind: str = "box") -> None:
        picture.box((main[0], y, main[1], height), *lines, kind=kind, round_=height // 2 if kind == "ask" else 8)

    def leave(y: int, height: int, *lines: str, kind: str, label: str = "") -> None:
        picture.way(f"M{main[0] + main[1]} {y + height // 2}H{side[0] - 2}")
        if label:
            picture.text(main[0] + main[1] + 6, y + height // 2 - 6, label, "note")
        picture.box((side[0], y, side[1], height), *lines, kind=kind)

    step(20, 42, "a page of the site")
    picture.way("M139 62V88")
    step(90, 42, "is it withheld?", kind="ask")
    leave(90, 42, "left untouched", kind="end", label="no")
    picture.text(147, 150, "yes: park it", "note")
    picture.way("M139 132V162")
    step(164, 46, "where does an", "answer go?", kind="ask")
    leave(164, 46, "nothing is bought", "SubmissionError", kind="bad")
    picture.way("M139 210V236")
    step(238, 42, "wait for a turn")
    picture.way("M139 280V306")
    step(308, 46, "a fresh page", "in hand, or fetched again")
    leave(308, 46, "the page itself", "it is open: delivered", kind="end")
    picture.way("M139 354V380")
    step(382, 64, "buy a solution", "budget, fresh challenge,", "task, wait", kind="pay")
    leave(382, 64, "given up", "no budget, challenge", "or solution", kind="bad")
    picture.way("M139 446V472")
    step(474, 46, "send it", "its form, or the request")
    picture.way("M139 520V546")
    step(548, 46, "what does the", "answer show?", kind="ask")
    leave(548, 46, "to the spider", "accepted, unverified", kind="end")
    picture.way("M46 571H22V187H44")
    picture.text(22, 622, "Refused: again from the question where an answer goes,", "note")
    picture.text(22, 622 + _LINE, "as often as GEETEST_MAX_ATTEMPTS allows.", "note")
    return picture.svg()


def form_and_gate() -> str:
    """What is bought at a form site, and what at a gate site."""
    told = (
        "At a form site each of four form requests needs a solution of its own: four are paid for. At a gate site the first of four pages "
        "pays for one solution, which opens the session for the other three."
    )
    picture = Picture("A form site and a gate site", told, 420)
    for left, title, mode in ((20, "Form site", 'mode = "form"'), (232, "Gate site", 'mode = "gate"')):
        picture.text(left, 34, title, "head")
        picture.text(left, 54, mode, "code")
    picture.line("M220 20V352")
    for number, word in enumerate(("rope", "knot", "hook", "sail")):
        y = 72 + 70 * number
        picture.box((20, y, 80, 48), "form", f"q={word}")
        picture.way(f"M100 {y + 24}H142")
        picture.coin(119, y + 24)
        picture.box((144, y, 66, 48), "answer", kind="end")
    picture.box((232, 72, 84, 48), "page 1", "withheld")
    picture.way("M316 96H356")
    picture.coin(336, 96)
    picture.box((358, 72, 62, 48), "page 1", kind="end")
    picture.way("M274 120V150")
    picture.box((232, 152, 188, 40), "the session is open", kind="soft")
    for number in (2, 3, 4):
        y = 212 + 48 * (number - 2)
        picture.box((232, y, 84, 38), f"page {number}")
        picture.way(f"M316 {y + 19}H356")
        picture.box((358, y, 62, 38), f"page {number}", kind="end")
    picture.line("M20 364H420")
    picture.coin(34, 390)
    picture.text(52, 395, "a solution that is paid for")
    return picture.svg()


def network_tab() -> str:
    """A browser's network tab, with the request that matters."""
    told = (
        "Six requests of a login page in a browser's network tab. The third, register, is highlighted: its answer holds gt and challenge, "
        "so its address is the site's challenge_url. The last one, login, carries the three fields of the solution."
    )
    picture = Picture("The register request in the network tab", told, 472)
    picture.text(20, 32, "Network", "head")
    picture.text(20, 58, "Name", "note")
    picture.text(250, 58, "Type", "note")
    picture.text(350, 58, "From", "note")
    picture.line("M16 68H424")
    rows = (
        ("login", "document", "the site"),
        ("gt.js", "script", "the site"),
        ("register?t=1790000000123", "xhr", "the site"),
        ("get.php?gt=…&challenge=…", "script", "GeeTest"),
        ("ajax.php?gt=…&w=…", "script", "GeeTest"),
        ("login", "POST", "the site"),
    )
    for number, (name, kind, source) in enumerate(rows):
        y = 74 + 32 * number
        if name.startswith("register"):
            picture.box((14, y, 412, 28), kind="ask", round_=6)
        if kind == "POST":
            picture.box((14, y, 412, 28), kind="end", round_=6)
        picture.text(22, y + 19, name, "code")
        picture.text(250, y + 19, kind, "note")
        picture.text(350, y + 19, source, "note")
    picture.box((24, 284, 392, 78), kind="ask")
    picture.text(38, 306, "the answer to register", "note")
    picture.text(38, 328, '{"success": 1, "gt": "019924a8…",', "code")
    picture.text(38, 348, ' "challenge": "5f2c9b71…", "new_captcha": true}', "code")
    picture.box((24, 374, 392, 78), kind="end")
    picture.text(38, 396, "what the form carries", "note")
    picture.text(38, 418, "user, password, geetest_challenge,", "code")
    picture.text(38, 438, "geetest_validate, geetest_seccode", "code")
    picture.way("M18 152H8V322H22")
    picture.way("M424 248H434V412H418")
    return picture.svg()


def distributed() -> str:
    """Who holds what in a crawl on several machines."""
    told = (
        "Two workers, each with its own requests that wait, download slots and report. Both use one Redis: scrapy-redis keeps the queue of requests "
        "and the seen requests there, and this plugin the budgets, the sessions of gates, paid tasks and a note of the requests that wait."
    )
    picture = Picture("Who holds what in a distributed crawl", told, 450)
    picture.box((20, 20, 400, 176), kind="soft")
    picture.text(36, 46, "Redis", "head")
    picture.text(36, 68, "by scrapy-redis", "note")
    picture.box((36, 78, 172, 100), "requests to come", "requests seen", "items")
    picture.text(232, 68, "by GEETEST_STORAGE_URI", "note")
    shared = ("budgets", "open sessions", "paid tasks", "requests that wait", "breakers, solve times")
    picture.box((232, 78, 172, 100), *shared, kind="pay")
    for left, name in ((20, "Worker 1"), (232, "Worker 2")):
        picture.way(f"M{left + 60} 242V198")
        picture.way(f"M{left + 128} 198V242")
        picture.box((left, 244, 188, 112), kind="box")
        picture.text(left + 16, 268, name, "head")
        for number, line in enumerate(("requests that wait", "download slots, delays", "statistics, its own report")):
            picture.text(left + 16, 292 + 20 * number, line, "note")
        picture.way(f"M{left + 94} 356V382")
    picture.box((20, 384, 400, 46), "the solving service", "one account, one key", kind="end")
    return picture.svg()


PICTURES: Mapping[str, str] = {
    "attempt.svg": attempt(),
    "form-and-gate.svg": form_and_gate(),
    "network-tab.svg": network_tab(),
    "distributed.svg": distributed(),
}


def main(arguments: Sequence[str]) -> int:
    """Write them to the folder that is named, or to that of the documentation."""
    folder = Path(arguments[0]) if arguments else STATIC
    for name, drawing in PICTURES.items():
        (folder / name).write_text(drawing, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

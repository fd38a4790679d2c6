"""The words of an answer that say something: those that were not on the page before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.http import TextResponse

from scrapy_geetest._pages.tree import page_root
from scrapy_geetest._pages.visible_text import shown_pieces

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy.http import Response

LINE = 160  # characters


def told_by(answer: Response, page: Response | None) -> str:
    """Status and address of *answer*, and its visible words that were not on *page* before, cut to a line."""
    words = new_words(answer, page)
    cut = words if len(words) <= LINE else words[: LINE - 1] + "…"
    said = f'"{cut}"' if cut else "no words that were not on the page before" if _pieces(page) else "no words"
    return f"status {answer.status} from {answer.url.partition('?')[0][:LINE]}, {said}"


def new_words(answer: Response, page: Response | None, besides: Collection[str] = ()) -> str:
    """The visible words of *answer* that were not on *page* before, those *besides* left out."""
    before = {*_pieces(page), *besides}
    return " ".join(piece for piece in _pieces(answer) if piece not in before)


def _pieces(response: Response | None) -> list[str]:
    if not isinstance(response, TextResponse):
        return []
    root = page_root(response)
    return [" ".join(response.text[: 20 * LINE].split())] if root is None else list(shown_pieces(root))

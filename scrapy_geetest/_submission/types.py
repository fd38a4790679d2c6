"""What a plan is: the same for every way."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy import Request

Fields: TypeAlias = "Mapping[str, str]"


@frozen
class Plan:
    """How a request gets its solution.

    Attributes:
        url: Where the solution will be sent, as the request will have it.
        fill: Puts the fields (field name -> value) into the request; without fields it is the request as it would be
            sent where no CAPTCHA is wanted.
        is_page_form: Whether the form of the page is sent, rather than the spider's own request.
    """

    url: str
    fill: Callable[[Fields], Request]
    is_page_form: bool = False


class NoWayError(ValueError):
    """A solution cannot be sent, or may not.

    Attributes:
        what: Why not.
        cure: What the project can do about it.
    """

    def __init__(self, what: str, *, cure: str) -> None:
        super().__init__(f"{what}; {cure}")
        self.what = what
        self.cure = cure

"""Logs in through a form that GeeTest v3 protects, and scrapes what is behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import scrapy
from form2request import form2request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import Response


class LoginSpider(scrapy.Spider):
    """``scrapy crawl login``."""

    name = "login"

    async def start(self) -> AsyncIterator[Any]:
        # geetest=False: the login page always shows the widget, and looking at it needs no solution.
        yield scrapy.Request(f"{self.settings['SHOP_URL']}/v3/login", meta={"geetest": False})

    def parse(self, response: Response) -> Any:
        """Fill the form in, as without any CAPTCHA."""
        login = form2request(response.css("form#guarded"), {"user": "ann", "password": "sandbox"}, click=False)
        # geetest=True: this form is known to need a solution, so it is solved first and sent once.
        return login.to_scrapy(self.parse_account, errback=self.failed, meta={"geetest": True})

    def parse_account(self, response: Response) -> Iterator[dict[str, Any]]:
        """The page behind the form: what the spider asked for, and nothing else."""
        for order in response.css("li.order"):
            yield {
                "order": order.css(".id::text").get(),
                "name": order.css(".name::text").get(),
                "price": order.css(".price::text").get(),
            }

    def failed(self, failure: Any) -> None:
        """A GeetestError says what happened; see its reason, request and response."""
        self.logger.error("not logged in: %s", failure.value)

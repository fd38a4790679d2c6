"""How a solution would be sent, and which request the spider has to send itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from inspected_pages import HIDDEN_FORM, URL, V3_FORM, declared, page
from scrapy import Request
from scrapy.http import Response, TextResponse

from scrapy_geetest import GeetestSite
from scrapy_geetest._pages.forms import form_request
from scrapy_geetest.commands.inspect.declaration import public
from scrapy_geetest.commands.inspect.report import inspect


def test_a_form_that_cannot_be_sent() -> None:
    """The reason stands where the way would."""
    form = "<form method='dialog'></form><script>initGeetest4({}, f)</script>"
    found = inspect(page(form))
    assert found.sending.way is None
    assert "sent             not known: the widget's form has the method DIALOG" in found.to_text()


def test_a_get_form_does_not_tell_its_values() -> None:
    """They would stand in the query."""
    form = (
        "<form action='/go'><input type='%s' name='token' value='s3cret'><div id=box></div></form><script>%s</script>"
    )
    for kind in ("hidden", "text"):
        found = inspect(page(form % (kind, "initGeetest4({}, c => c.appendTo('#box'))")))
        sending = found.sending
        assert (sending.way, sending.method, sending.url) == ("page form", "GET", "https://shop.example.com/go")
        assert "s3cret" not in found.to_text()
        assert declared(found.declaration).submit_as == ("query" if kind == "text" else "auto")


@pytest.mark.parametrize("action", ["javascript:send()", "mailto:ann@shop.example.com", "http://["])
def test_a_form_that_leads_nowhere(action: str) -> None:
    """Only its script can tell which request carries the answer; the ways out are named."""
    form = f"<form action='{action}' method='post'><input name='user'></form><script>initGeetest4({{}}, f)</script>"
    found = inspect(page(form, status=403))
    assert (found.sending.way, found.sending.url) == (None, "")
    assert found.remarks[1].startswith(
        "Neither a form nor a script of the page tells where its answer goes: set submit_as ("
    )


@pytest.mark.parametrize("response", [Response(URL, body=b"\x00\x01"), TextResponse(URL, body=b"plain")])
def test_what_is_no_page(response: Response) -> None:
    """An image or a text: no challenge page, and nothing is said of sending."""
    found = inspect(response)
    assert (found.is_challenge, found.widgets, found.sending.way) == (False, (), None)
    assert form_request(response) == "the one that its script sends"
    assert found.remarks == ()


def test_no_credentials_of_the_page_url_are_told() -> None:
    """They are left out before any address of the page is made absolute, so that the declaration is none the longer."""
    sends = '<script>function send(c) { $.post("gt/check", c.getValidate()) }</script>'
    found = inspect(page(V3_FORM + sends, url="https://bob:hunter2@shop.example.com/login"))
    assert "hunter2" not in found.to_text() + json.dumps(found.to_json())
    assert found == inspect(page(V3_FORM + sends))
    assert declared(found.declaration).challenge_url == "/gt/register?t={timestamp}"


def test_a_script_that_sends_the_answer_elsewhere() -> None:
    """It is said, and the declaration covers both addresses, and tells the service of the page with the widget."""
    sends = "<script>function send(c) { $.post('%s', c.getValidate()) }</script>"
    response = page(HIDDEN_FORM + sends % "/gt/check?v=1")
    found = inspect(response)
    [gate] = found.remarks
    assert gate.startswith("Gate? ")
    assert found.sending.url == "https://shop.example.com/gt/check?v=1"
    assert "def submit_request(self, request, response, solution):" in found.declaration
    assert f"Note\n  {gate}\n" in found.to_text()
    [remark] = inspect(page(V3_FORM + sends % "/gt/check?v=1")).remarks
    assert remark == (
        "This is not a challenge page; it only carries the widget. The page's script sends the answer to /gt/check?v=1: let the "
        "spider send that request with geetest=True in its meta, or override submit_request (docs: recipes/answers)."
    )
    assert max(map(len, found.declaration.splitlines())) <= 120
    site = declared(found.declaration)
    assert site.matches(URL)
    assert site.matches("https://shop.example.com/gt/check")
    assert site.website_url == URL
    query = site.challenge_request(Request("https://shop.example.com/gt/check", method="POST"), None)
    assert isinstance(query, Request)
    assert query.url.startswith("https://shop.example.com/gt/register?t=1")


def test_scripts_whose_address_needs_no_remark_or_another() -> None:
    """The form goes there, too; the site sends it itself; an address of another host is not added to the declaration."""
    sends = "<script>function send(c) { $.post('%s', c.getValidate()) }</script>"

    class Own(GeetestSite):
        urls = ("example.com",)

        def submit_request(self, request: Request, response: Any, solution: Any) -> Request:
            del response, solution
            return request

    assert "sends the answer to /login: let" in inspect(page(V3_FORM + sends % "/login")).remarks[0]
    assert inspect(page(V3_FORM + sends % "/gt/check"), Own()).remarks == ()
    found = inspect(page(V3_FORM + sends % "https://other.example/check"))
    assert "to https://other.example/check (add it to urls if you know that it is the site's): let" in found.remarks[0]
    assert declared(found.declaration).urls == ("shop.example.com/login",)
    beneath = inspect(page(HIDDEN_FORM + sends % "/login/check"))
    assert declared(beneath.declaration).urls == ("shop.example.com/login",)


def test_further_remarks_are_told() -> None:
    """In the text and in the declaration."""
    found = inspect(page(HIDDEN_FORM), remarks=["The address is made up."])
    assert "Note\n  The address is made up.\n" in found.to_text()
    assert "    # The address is made up.\n    urls" in found.declaration


def test_public_urls() -> None:
    """User and password are left out, all else stays."""
    assert public("http://u:p@h.example:80/a?b#c") == "http://h.example:80/a?b#c"

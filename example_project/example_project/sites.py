"""What scrapy-geetest has to know of each website: one class a site.

Nothing here is needed beyond the few attributes; each method of GeetestSite can be overridden where a site is odd.
"""

from __future__ import annotations

from example_project.settings import SHOP_URL
from scrapy_geetest import GeetestSite

HOST = SHOP_URL.partition("://")[2]


class ShopSearch(GeetestSite):
    """GeeTest v3 in front of a search: every search needs a solution of its own."""

    urls = (f"{HOST}/v3/search",)
    detect_css = "form #captcha-holder"
    challenge_url = "/v3/gt/register-slide?t={timestamp}"

    # The form of the page leads to another address: this shows that the answer there is the page wanted.
    accepted_css = ".query"


class ShopLogin(GeetestSite):
    """A GeeTest v3 login form: every time the form is sent, it needs a solution of its own."""

    # Which responses to look at: a host, a port if need be, and a path prefix.
    urls = (f"{HOST}/v3",)

    # The response is a challenge page when this matches: the form is back, with its widget, instead of the account.
    detect_css = "form #captcha-holder"

    # Where the page's script gets a fresh challenge (look for "register" in the browser's network tab).
    challenge_url = "/v3/gt/register-slide?t={timestamp}"

    # What shows that the site took the solution, whatever else it says: the orders, or that the password is wrong.
    accepted_css = ("li.order", "form .error")

    # geetest_challenge, geetest_validate and geetest_seccode are added to the form that the spider sends.


class Harbour(GeetestSite):
    """A GeeTest v4 gate: whoever has passed once may read on, as long as the session's cookie holds."""

    urls = (f"{HOST}/gate",)

    # One solution opens the session, for all requests with the same cookie jar and proxy.
    mode = "gate"

    # The page that withholds answers 403; its captchaId and its form are found in the page.
    detect_status = (403,)


class InTheBrowser(GeetestSite):
    """Pages that a spider renders with scrapy-playwright: what their scripts hand over and send need not be declared."""

    urls = (f"{HOST}/browser",)

    # What shows in the rendered page, or in the answer to its script, that the site took the solution.
    accepted_css = "li.item"


class ItemsApi(GeetestSite):
    """A GeeTest v4 JSON API: it says that it wants an answer, and takes it nested in the JSON of the request."""

    urls = (f"{HOST}/v4/api",)

    # The API says so itself: {"need_captcha": true, …}.
    detect_jmespath = "need_captcha"

    # v4 needs no register request. The API names its captcha_id in the same answer, so it need not stand here.
    version = 4

    # Where the five values of a v4 solution go in the JSON of the request.
    field_names = {  # noqa: RUF012  # read only
        "captcha_id": "captcha.captcha_id",
        "lot_number": "captcha.lot_number",
        "pass_token": "captcha.pass_token",
        "gen_time": "captcha.gen_time",
        "captcha_output": "captcha.captcha_output",
    }

"""Visits the sandbox's sites with a headless Chromium and saves what it did as HAR files.

A process of its own: ``python har_recorder.py ADDRESSES FOLDER [SITE ...]``, ADDRESSES being a JSON object with the sandbox's
``url``, ``service_url``, ``api_key`` and ``captchas``. GeeTest's scripts and servers, which the pages would load from the
internet, are answered by a small stand-in whose solutions come from the sandbox's solving service.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Browser, Page, Route

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_MILLISECONDS = 15_000


@frozen(kw_only=True)
class Visit:
    """What a person does at a site.

    Attributes:
        path: Where they go.
        typed: What they type: selector -> text.
        done: A script that is true when the content has come.
        script: Run in the page before the CAPTCHA is passed; ``ANSWER`` is the register answer.
        then: Paths that they go to afterwards.
    """

    path: str
    done: str
    typed: Mapping[str, str] = field(factory=dict)
    script: str = ""
    then: tuple[str, ...] = ()


VISITS: Mapping[str, Visit] = {
    "v3-login": Visit(
        path="/v3/login",
        typed={"#user": "ann", "#password": "sandbox"},
        done="document.querySelector('li.order')",
    ),
    "v3-search": Visit(path="/v3/search?q=rope", done="document.querySelector('li.result')"),
    "nested": Visit(
        path="/nested/login",
        script="window.pageFields = {token: ANSWER.data.token, username: 'ann'}",
        done="document.querySelector('li.offer')",
    ),
    "jsonp": Visit(path="/jsonp/data?id=1", done="document.body.innerText.includes('goods')"),
    "inline": Visit(path="/inline/article/1", done="document.querySelector('.article')"),
    "v4-api": Visit(path="/v4/", done="document.body.innerText.includes('compass') || window.shown"),
    "v4-form": Visit(path="/v4/form", typed={"#keyword": "rope"}, done="document.querySelector('li.shop')"),
    "headers": Visit(path="/headers/data/1", done="window.shown"),
    "gate": Visit(path="/gate/page/1", done="document.querySelector('li.item')", then=("/gate/page/2",)),
    "gate3": Visit(path="/gate3/page/1", done="document.querySelector('li.item')", then=("/gate3/page/2",)),
    "gater": Visit(path="/gater/page/1", done="document.querySelector('li.item')", then=("/gater/page/2",)),
}

_JSONP = """
  function ask(url, then) {
    var name = "geetest_" + Date.now() + Math.floor(Math.random() * 1e4), tag = document.createElement("script");
    window[name] = then;
    tag.src = url + "&callback=" + name;
    document.head.appendChild(tag);
  }
  function widget(pass) {
    var told = [], won = false;
    var captcha = {
      appendTo: function (place) {
        var button = document.createElement("button");
        button.id = "pass-captcha"; button.type = "button"; button.textContent = "I am human";
        button.onclick = function () { pass(function (result) { won = result; told.forEach(function (one) { one(); }); }); };
        document.querySelector(place).appendChild(button);
        return captcha;
      },
      onReady: function (one) { setTimeout(one, 10); return captcha; },
      onSuccess: function (one) { told.push(one); return captcha; },
      getValidate: function () { return won; }
    };
    return captcha;
  }
"""
GT_JS = (
    "(function () {"
    + _JSONP
    + """
  window.initGeetest = function (config, ready) {
    var query = "gt=" + config.gt + "&lang=en&w=&challenge=";
    ready(widget(function (done) {
      ask("http://api.geetest.com/get.php?" + query + config.challenge, function (slide) {
        ask("http://api.geetest.com/ajax.php?" + query + slide.data.challenge, function (answer) {
          done({
            geetest_challenge: slide.data.challenge,
            geetest_validate: answer.data.validate,
            geetest_seccode: answer.data.validate + "|jordan"
          });
        });
      });
    }));
  };
})();"""
)
GT4_JS = (
    "(function () {"
    + _JSONP
    + """
  window.initGeetest4 = function (config, ready) {
    var query = "captcha_id=" + config.captchaId + (config.riskType ? "&risk_type=" + config.riskType : "");
    ready(widget(function (done) {
      ask("http://gcaptcha4.geetest.com/load?client_type=web&" + query, function (load) {
        ask("http://gcaptcha4.geetest.com/verify?w=0&" + query + "&lot_number=" + load.data.lot_number, function (answer) {
          done(answer.data.seccode);
        });
      });
    }));
  };
})();"""
)
JQUERY_JS = """(function () {
  function param(data) {
    return Object.keys(data).map(function (key) { return key + "=" + encodeURIComponent(data[key]); }).join("&");
  }
  function send(method, url, body, headers, done) {
    var request = new XMLHttpRequest();
    request.open(method, url, !!done);
    Object.keys(headers || {}).forEach(function (name) { request.setRequestHeader(name, headers[name]); });
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    if (body !== null) { request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"); }
    if (done) { request.onload = function () { done(request.responseText); }; }
    request.send(body);
    return request;
  }
  var $ = window.$ = function (selector) {
    var element = selector[0] === "<" ? document.createElement("input") : document.querySelector(selector);
    var found = {
      attr: function (name, value) { element.setAttribute(name, value); return found; },
      val: function (value) { element.value = value; element.type = "hidden"; return found; },
      appendTo: function (place) { document.querySelector(place).appendChild(element); return found; },
      hide: function () { if (element) { element.style.display = "none"; } return found; },
      submit: function () { element.submit(); return found; }
    };
    return found;
  };
  $.param = param;
  $.extend = Object.assign;
  $.each = function (data, one) { Object.keys(data).forEach(function (key) { one(key, data[key]); }); };
  $.post = function (url, data, done) { send("POST", url, typeof data === "string" ? data : param(data), {}, done); };
  $.ajax = function (url, options) {
    if (typeof url === "object") { options = url; url = options.url; }
    options = options || {};
    if (options.dataType === "jsonp") {
      var name = "jQuery" + Date.now(), tag = document.createElement("script");
      window[name] = options.success;
      tag.src = url + "&callback=" + name;
      return document.head.appendChild(tag);
    }
    var done = options.success && function (text) { options.success(options.dataType === "json" ? JSON.parse(text) : text); };
    return send("GET", url, null, options.headers, done);
  };
  window.showData = window.showItems = function (text) { window.shown = true; document.body.innerText = text; };
  window.captchaHeaders = function (result) {
    return {
      "X-Captcha-Lot-Number": result.lot_number, "X-Captcha-Output": result.captcha_output,
      "X-Captcha-Pass-Token": result.pass_token, "X-Captcha-Gen-Time": result.gen_time
    };
  };
  window.plainNames = function (result) {
    return {
      challenge: result.geetest_challenge, validate: result.geetest_validate, seccode: result.geetest_seccode
    };
  };
})();"""
SCRIPTS = {"gt.js": GT_JS, "gt4.js": GT4_JS, "jquery.min.js": JQUERY_JS}


@define(slots=False)
class StandIn:
    """Answers for GeeTest: its scripts, and its servers, with solutions of the sandbox's service.

    Not frozen, without slots: playwright notes something on the objects whose methods it is handed.
    """

    addresses: Mapping[str, Any]
    solved: dict[str, dict[str, str]] = field(factory=dict)

    def attach(self, page: Page) -> None:
        """Answer instead of the internet."""
        page.route("**/static/*.js", self._script)
        page.route("http://*.geetest.com/**", self._call)
        page.route("**/favicon.ico", lambda route: route.fulfill(status=404))

    def _script(self, route: Route) -> None:
        text = SCRIPTS[urlsplit(route.request.url).path.rpartition("/")[2]]
        route.fulfill(body=text, content_type="application/javascript; charset=utf-8")

    def _call(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        values = {name: one[0] for name, one in parse_qs(parts.query).items()}
        data = self._answers(parts.path.rpartition("/")[2], values)
        text = f"{values['callback']}({json.dumps({'status': 'success', 'data': data})})"
        route.fulfill(body=text, content_type="text/javascript; charset=utf-8")

    def _answers(self, call: str, values: Mapping[str, str]) -> dict[str, Any]:
        if call == "get.php":
            solution = self._solve(gt=values["gt"], challenge=values["challenge"], version=3)
            self.solved[solution["challenge"]] = solution
            return {"challenge": solution["challenge"], "type": "slide"}
        if call == "ajax.php":
            return {"result": "success", "validate": self.solved[values["challenge"]]["validate"]}
        if call == "load":
            solution = self._solve(gt=values["captcha_id"], version=4)
            self.solved[solution["lot_number"]] = solution
            return {"lot_number": solution["lot_number"], "captcha_type": "slide"}
        return {"result": "success", "seccode": self.solved[values["lot_number"]]}

    def _solve(self, **task: Any) -> dict[str, str]:
        sent = {"type": "GeeTestTask", "websiteURL": self.addresses["url"], **task}
        task_id = self._ask("createTask", task=sent)["taskId"]
        for seconds in (0.4, 2.2, 2.2):  # the service's floor between two polls is two seconds
            time.sleep(seconds)
            answer = self._ask("getTaskResult", taskId=task_id)
            if answer.get("status") != "processing":
                return dict(answer["solution"])
        raise RuntimeError("the sandbox's service did not solve in time")

    def _ask(self, method: str, **body: Any) -> dict[str, Any]:
        data = json.dumps({"clientKey": self.addresses["api_key"], **body}).encode()
        with urlopen(Request(f"{self.addresses['service_url']}/{method}", data), timeout=20) as answer:
            return dict(json.loads(answer.read()))


def record(browser: Browser, visit: Visit, addresses: Mapping[str, Any], path: Path) -> None:
    """Make a visit, and save it."""
    context = browser.new_context(record_har_path=path, record_har_content="embed")
    try:
        page = context.new_page()
        page.set_default_timeout(_MILLISECONDS)
        answers: list[Any] = []
        page.on("response", lambda response: answers.append(response) if "captcha" in response.url else None)
        StandIn(addresses).attach(page)
        page.goto(addresses["url"] + visit.path)
        for selector, text in visit.typed.items():
            page.fill(selector, text)
        page.wait_for_selector("#pass-captcha")
        if visit.script:
            [answer] = [one.json() for one in answers if one.request.resource_type == "xhr"]
            page.evaluate(visit.script.replace("ANSWER", json.dumps(answer)))
        page.click("#pass-captcha")
        page.wait_for_function(f"() => !!({visit.done})")
        for following in visit.then:
            page.goto(addresses["url"] + following)
    finally:
        context.close()


def main() -> None:
    """Record the sites that the command line names, or all."""
    from playwright.sync_api import sync_playwright

    addresses, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        for site in sys.argv[3:] or VISITS:
            record(browser, VISITS[site], addresses, folder / f"{site}.har")
        browser.close()


if __name__ == "__main__":
    main()

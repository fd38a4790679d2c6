"""The HTML of the sandbox's sites: written for it, in the shapes that real pages have."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>[[title]] - Harbour Lane</title>
  <link rel="stylesheet" href="/static/site.css">
</head>
<body>
  <header><a href="/">Harbour Lane</a></header>
  <main>
[[body]]
  </main>
  <footer>Harbour Lane Trading, quay 7</footer>
[[scripts]]
</body>
</html>
"""

_V3_SCRIPTS = """  <script src="/static/jquery.min.js"></script>
  <script src="/static/gt.js"></script>
  <script>
    var attachWidget = function (captchaObj) {
      captchaObj.appendTo("#captcha-holder");
      captchaObj.onReady(function () { $("#captcha-wait").hide(); });
      captchaObj.onSuccess(function () {
        var result = captchaObj.getValidate();
        if (!result) { return; }
        [[submit]]
      });
    };
    [[start]]
  </script>"""

_V3_XHR = """$.ajax({
      url: "[[register]]?t=" + (new Date()).getTime(), // never from a cache
      type: "get",
      dataType: "json",
      success: function (data) {[[before]]
        initGeetest({
          gt: data[[path]].gt,
          challenge: data[[path]].challenge,
          offline: !data.success, // GeeTest itself cannot be reached
          new_captcha: data.new_captcha,
          product: "float",
          width: "100%"
        }, attachWidget);
      }
    });"""

_V3_JSONP = """$.ajax({
      url: "[[register]]?t=" + Date.now(),
      dataType: "jsonp",
      jsonp: "callback",
      success: function (answer) {
        initGeetest({ gt: answer.gt, challenge: answer.challenge, offline: !answer.success, product: "popup" }, attachWidget);
      }
    });"""

_V3_INLINE = """initGeetest({
      gt: "[[gt]]",
      challenge: "[[challenge]]",
      offline: false,
      new_captcha: true,
      product: "embed"
    }, attachWidget);"""

_V4_SCRIPTS = """  <script src="/static/jquery.min.js"></script>
  <script src="/static/gt4.js"></script>
  <script>
    initGeetest4([[config]], function (captcha) {
      captcha.appendTo("#captcha-holder").onSuccess(function () {
        var result = captcha.getValidate();
        [[submit]]
      });
    });
  </script>"""

SUBMIT_FORM = """$.each(result, function (name, value) {
          $("<input type='hidden'>").attr("name", name).val(value).appendTo("#guarded");
        });
        $("#guarded").submit();"""

_PLAIN_NAMES = """function plainNames(answer) {
          return {
            challenge: answer.geetest_challenge, validate: answer.geetest_validate, seccode: answer.geetest_seccode
          };
        }"""

SUBMIT_HEADERS = """var captchaHeaders = function (answer) {
          return {
            "X-Captcha-Lot-Number": answer.lot_number, "X-Captcha-Output": answer.captcha_output,
            "X-Captcha-Pass-Token": answer.pass_token, "X-Captcha-Gen-Time": answer.gen_time
          };
        };
        var showData = function (answer) { document.querySelector("main").textContent = answer; };
        $.ajax("[[target]]", { headers: captchaHeaders(result), success: showData });"""

POSTED_BACK = "\n        window.pageFields = { token: data.data.token };"
"""What a page of a nested register answer keeps of it for the form."""

SUBMIT_XHR = (
    """$.post("[[target]]", $.extend({}, result, window.pageFields), function (page) { document.write(page); });"""
)

STYLE = "main { max-width: 40em; margin: auto; }"


def fill(template: str, **values: str) -> str:
    """Put values in the places of ``[[name]]``, as they are."""
    for name, value in values.items():
        template = template.replace(f"[[{name}]]", value)
    return template


OLD_WIDGET = "    <!-- the old check: initGeetest({gt: oldId, challenge: oldChallenge}, attachWidget) -->\n"
"""A commented-out widget, for a page that has none."""


def document(title: str, body: str, scripts: str = "") -> str:
    """A whole page; the title is escaped, body and scripts are markup."""
    return fill(_DOCUMENT, title=escape(title), body=body, scripts=scripts)


def v3_xhr(register: str, *, path: str = "", submit: str = SUBMIT_FORM, before: str = "") -> str:
    """Scripts of a v3 page that asks a register endpoint; ``path`` leads to the values in its answer."""
    return fill(_V3_SCRIPTS, submit=submit, start=fill(_V3_XHR, register=register, path=path, before=before))


def v3_jsonp(register: str, target: str) -> str:
    """Scripts of a v3 page whose register endpoint answers JSONP, and whose answer goes into a query."""
    submit = f'{_PLAIN_NAMES}\n        location.href = "{target}&" + $.param(plainNames(result));'
    return fill(_V3_SCRIPTS, submit=submit, start=fill(_V3_JSONP, register=register))


def v3_inline(gt: str, challenge: str) -> str:
    """Scripts of a v3 page with the challenge rendered into it."""
    return fill(_V3_SCRIPTS, submit=SUBMIT_FORM, start=fill(_V3_INLINE, gt=gt, challenge=challenge))


def v4(captcha_id: str, *, risk_type: str | None = None, submit: str = SUBMIT_FORM) -> str:
    """Scripts of a v4 page with the id as a literal."""
    lines = [f'captchaId: "{captcha_id}"', 'product: "bind"', 'language: "eng"']
    if risk_type:
        lines.insert(1, f'riskType: "{risk_type}"')
    return fill(_V4_SCRIPTS, config="{ " + ", ".join(lines) + " }", submit=submit)


def v4_configured(config_url: str, submit: str) -> str:
    """Scripts of a v4 page that asks an endpoint for the id."""
    call = fill(_V4_SCRIPTS, config="{ captchaId: settings.captcha_id, product: 'float' }", submit=submit)
    return call.replace(
        "<script>\n", f'<script>\n    var settings = JSON.parse($.ajax("{config_url}").responseText);\n'
    )


def form(action: str, hidden: Mapping[str, str], visible: str = "", *, button: str = "Go on") -> str:
    """A form with the widget's place in it."""
    inputs = "".join(
        f'      <input type="hidden" name="{escape(name)}" value="{escape(value)}">\n' for name, value in hidden.items()
    )
    return f"""    <form id="guarded" action="{escape(action)}" method="post">
{inputs}{visible}      <div id="captcha-holder"><p id="captcha-wait">The check is being loaded ...</p></div>
      <input type="submit" value="{escape(button)}">
    </form>"""


def text_input(name: str, label: str, value: str = "", kind: str = "text") -> str:
    """A labelled input of a form."""
    return (
        f'      <p><label for="{name}">{escape(label)}</label> '
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}"></p>\n'
    )


def text_area(name: str, label: str) -> str:
    """A labelled text area of a form."""
    return f'      <p><label for="{name}">{escape(label)}</label> <textarea id="{name}" name="{name}"></textarea></p>\n'


def error(text: str) -> str:
    """The paragraph that says what went wrong; nothing for nothing."""
    return f'    <p class="error">{escape(text)}</p>\n' if text else ""


def items(kind: str, rows: list[dict[str, str]]) -> str:
    """A list of things to scrape: one ``li`` of the class ``kind`` each, one ``span`` a value."""
    lines = (
        f'      <li class="{kind}">'
        + " ".join(f'<span class="{name}">{escape(value)}</span>' for name, value in row.items())
        + "</li>"
        for row in rows
    )
    return f'    <ul class="{kind}s">\n' + "\n".join(lines) + "\n    </ul>"


def found(query: str) -> list[dict[str, str]]:
    """Made-up goods that a search for *query* finds, always the same for the same text."""
    return _goods(query, [f"{kind} {query}".strip() for kind in ("spare", "large", "used", "new", "small")])


def goods(seed: str, count: int = 3) -> list[dict[str, str]]:
    """Made-up goods, always the same for the same text."""
    return _goods(seed, ("rope", "lantern", "sextant", "barrel", "compass", "anchor", "oar", "chart"), count)


def _goods(seed: str, names: Sequence[str], count: int = 3) -> list[dict[str, str]]:
    start = sum(seed.encode())
    return [
        {
            "id": f"{seed}-{index}",
            "name": names[(start + index) % len(names)],
            "price": f"£{(start * 7 + index * 13) % 90 + 10}.50",
        }
        for index in range(1, count + 1)
    ]


def jsonp(callback: str, value: object) -> str:
    """A JSONP answer."""
    return f"{callback}({json.dumps(value)});"

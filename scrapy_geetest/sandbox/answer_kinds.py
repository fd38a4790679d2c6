"""How servers answer a submission: what they say of a solution that GeeTest refused, and of one that it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from . import pages
from .web import Answer, data, html, redirect

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGIN_PATH = "/answers/login"


@frozen
class Kind:
    """The answers of one kind of server.

    Attributes:
        refused: To a wrong solution; ``None``: the form again, with a message.
        accepted: To a right one, the first keys of a JSON object; ``None``: an HTML page.
    """

    refused: Answer | None
    accepted: Mapping[str, Any] | None = None


def _text(text: str, status: int = 200) -> Answer:
    return Answer(text.encode(), status, "text/plain; charset=utf-8")


def _page(words: str) -> Answer:
    return html(pages.document(words, f"    <h1>{words}</h1>"))


KINDS: Mapping[str, Kind] = {
    "status-fail": Kind(data({"status": "fail"}), {"status": "success"}),
    "login-fail": Kind(data({"login": "fail"}), {"login": "success"}),
    "result-fail": Kind(data({"result": "fail"}), {"result": "success"}),
    "success-0": Kind(data({"success": 0, "info": "验证码错误"}), {"success": 1, "info": "登录成功"}),
    "code-minus-1": Kind(data({"code": -1, "msg": "captcha error"}), {"code": 0, "msg": "ok"}),
    "result-false": Kind(data({"result": False}), {"result": True}),
    "page": Kind(_page("登录失败")),
    "page-en": Kind(_page("login fail")),
    "text-fail": Kind(_text("fail")),
    "http-400": Kind(data({"error": "captcha"}, 400), {"error": None}),
    "http-429": Kind(_text("slow down", 429)),
    "redirect": Kind(redirect(f"{LOGIN_PATH}?error=captcha")),
    "form-again": Kind(None),
}

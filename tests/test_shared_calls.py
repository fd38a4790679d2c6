"""Self-made pages, one for each way of spelling a call or of sending an answer: what ``inspect`` says of each."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import HtmlResponse
from scrapy.settings import Settings

from scrapy_geetest.commands import inspect

SHARED = Path(__file__).parents[2] / "shared" / "pages"
CALLS: list[dict[str, Any]] = json.loads((SHARED / "calls.json").read_text(encoding="utf-8")) if SHARED.is_dir() else []
MANIFEST: list[dict[str, Any]] = (
    json.loads((SHARED / "manifest-2.json").read_text(encoding="utf-8")) if SHARED.is_dir() else []
)

pytestmark = pytest.mark.skipif(not CALLS, reason="the pages are not beside the project")


def inspected(path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    code = inspect.run([str(path), "--url", url, "--json"], Settings())
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if found["is_challenge"] else 1)
    return found


def selected(declaration: str, text: str) -> list[Any]:
    """What the suggested selector selects."""
    [cls] = [node for node in ast.parse(declaration).body if isinstance(node, ast.ClassDef)]
    for line in cls.body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) in {"detect_css", "detect_xpath"}:
            query = str(ast.literal_eval(line.value))
            page = HtmlResponse("https://site.test/", body=text.encode(), encoding="utf-8")
            return list(page.xpath(query) if query.startswith("/") else page.css(query))
    return []


@pytest.mark.parametrize("entry", CALLS, ids=lambda entry: entry["name"])
def test_call(entry: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that its record expects."""
    path, expect = tmp_path / f"page.{entry['suffix']}", entry["expect"]
    text = "\n".join(entry["page"])
    path.write_text(text, encoding="utf-8")
    found = inspected(path, entry["url"], capsys)
    widget: dict[str, Any] = next(iter(found["widgets"]), {})
    if "version" in expect:
        assert widget.get("version") == (expect["version"] and int(expect["version"]))
    if "captcha_id" in expect:
        assert widget.get("captcha_id") == expect["captcha_id"]
    if "register_url" in expect:
        assert next(iter(found["register_urls"]), None) == expect["register_url"]
    if "submit" in expect:
        sending, submit = found["sending"], expect["submit"] or {"method": "", "url": "", "fields": []}
        assert {key: sending[key] for key in submit} == submit
    if "challenge_page" in expect:
        assert found["is_challenge"] is expect["challenge_page"]
    for value in expect.get("told", ()):
        assert value in json.dumps(found)
        assert "named: 0 times" not in json.dumps(found)
    if expect.get("selector_matches"):
        assert selected(found["declaration"], text)


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"].rpartition("/")[2][:60])
def test_page(entry: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its version, its id, where it sends the answer; no widget where there is none."""
    source = SHARED / entry["file"]
    path = tmp_path / source.name.rpartition("__")[2]
    path.write_bytes(source.read_bytes())
    for address, file in entry.get("scripts", {}).items():
        script = tmp_path / address.partition("?")[0].removeprefix("./").lstrip("/")
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_bytes((SHARED / file).read_bytes())
    found = inspected(path, "https://site.test/page/", capsys)
    if entry["widget"] == "borderline":
        assert not found["is_challenge"]
        return
    versions = {str(widget["version"]) for widget in found["widgets"]}
    assert versions == ({entry["version"]} if entry["widget"] else set())
    if entry.get("captcha_id"):
        assert entry["captcha_id"] in {widget["captcha_id"] for widget in found["widgets"]}
    _check_answer(entry.get("answer"), found["sending"])


def _check_answer(answer: dict[str, Any] | None, sending: dict[str, Any]) -> None:
    if answer is None:
        return
    if answer["url"] is None:
        assert sending["url"] == ""
        return
    assert (sending["by"], sending["method"]) == (answer["by"], answer["method"])
    assert sending["url"].endswith(answer["url"])
    assert sending["fields"] == answer["fields"]

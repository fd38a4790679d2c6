"""The stand-in under components of React and Vue that others have published, as npm delivers them."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from standin_page import CAPTCHA_ID, CHALLENGE, FIELDS, GT, Desk, Shop, open_page, v3_solution

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.browser

PACKAGES = {
    "react": ("react@18.3.1", "umd/react.production.min.js"),
    "react-strict": ("react@18.3.1", "umd/react.development.js"),
    "react-dom": ("react-dom@18.3.1", "umd/react-dom.production.min.js"),
    "react-dom-strict": ("react-dom@18.3.1", "umd/react-dom.development.js"),
    "react-geetest": ("react-geetest@5.0.1", "dist/geetest.umd.min.js"),
    "react-geetest-v4": ("react-geetest-v4@1.1.3", "dist/index.js"),
    "vue": ("vue@3.5.13", "dist/vue.global.prod.js"),
    "vue3-geetest": ("vue3-geetest@1.0.21", "dist/index.umd.cjs"),
    "zone": ("zone.js@0.15.0", "bundles/zone.umd.js"),
    "geetest-captcha": ("geetest-captcha@1.1.2", "dist/geetest-captcha.umd.min.js"),
}


@pytest.fixture(scope="session")
def package(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Reads a script of a package, which is fetched once and kept beside pytest's own cache."""
    folder = request.config.cache.mkdir("npm-packages")

    def read(name: str) -> str:
        wanted, path = PACKAGES[name]
        archive = folder / f"{wanted.replace('@', '-')}.tgz"
        if not archive.exists():
            if shutil.which("npm") is None:
                pytest.skip(f"npm, which fetches {wanted}, is not installed")
            command = ["npm", "pack", wanted, "--pack-destination", str(folder)]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
            if done.returncode:
                pytest.skip(f"npm could not fetch {wanted}: {done.stderr.strip()[-200:]}")
        with tarfile.open(archive) as packed:
            member = packed.extractfile(f"package/{path}")
            assert member is not None
            return member.read().decode()

    return read


def shop_with(package: Callable[[str], str], names: list[str], script: str) -> Shop:
    """A page that links these scripts and then has one of its own."""
    shop, tags = Shop(), ""
    for name in names:
        # A package for a bundler finds what it requires among the globals of the others.
        shop.add(f"/{name}.js", _as_global(package(name)) if name == "react-geetest-v4" else package(name))
        tags += f'<script src="/{name}.js"></script>'
    shop.add("/", f'<!DOCTYPE html><div id="app"></div>{tags}<script>{script}</script>')
    return shop


def _as_global(module: str) -> str:
    return f"""window.ReactGeetest4 = (function () {{
      var module = {{exports: {{}}}}, exports = module.exports, known = {{react: React, "crypto-js": {{}}}};
      function require(name) {{ return known[name]; }}
      {module}
      return module.exports.default;
    }})();"""


async def got(page: Page) -> Any:
    """What the application was given."""
    await page.wait_for_function("window.got")
    return await page.evaluate("got")


REACT_3 = f"""
  ReactDOM.createRoot(document.getElementById("app")).render(React.createElement(WRAP, null, React.createElement(Geetest, {{
    gt: "{GT}", challenge: "{CHALLENGE}", product: "float", onSuccess: function (result) {{ window.got = result; }}
  }})));"""
REACT_4 = f"""
  ReactDOM.createRoot(document.getElementById("app")).render(React.createElement(WRAP, null,
    React.createElement(ReactGeetest4, {{
      captchaId: "{CAPTCHA_ID}", product: "PRODUCT", onSuccess: function (result) {{ window.got = result; }}
    }}, React.createElement("button", {{id: "enter"}}, "Enter"))));"""


@pytest.mark.parametrize("kind", ["", "-strict"])
async def test_react_v3(chromium: Browser, package: Callable[[str], str], kind: str) -> None:
    """react-geetest, which names itself as GeeTest's own global; in StrictMode it is made, destroyed and made again."""
    script = REACT_3.replace("WRAP", "React.StrictMode" if kind else "React.Fragment")
    shop = shop_with(package, [f"react{kind}", f"react-dom{kind}", "react-geetest"], script)
    async with open_page(chromium, shop, Desk()) as page:
        await page.click(".geetest_radar_tip")
        assert await got(page) == v3_solution()


@pytest.mark.parametrize(("product", "button"), [("float", ".geetest_btn_click"), ("bind", "#enter")])
@pytest.mark.parametrize("kind", ["", "-strict"])
async def test_react_v4(chromium: Browser, package: Callable[[str], str], kind: str, product: str, button: str) -> None:
    """react-geetest-v4: it registers late, places its box once it is ready, and in an id that is no selector."""
    script = REACT_4.replace("WRAP", "React.StrictMode" if kind else "React.Fragment").replace("PRODUCT", product)
    shop, desk = shop_with(package, [f"react{kind}", f"react-dom{kind}", "react-geetest-v4"], script), Desk()
    async with open_page(chromium, shop, desk) as page:
        await page.click(button)
        assert await got(page) == FIELDS
    assert len(desk.of_kind("wanted")) == 1
    assert {address.partition("?")[0] for address in shop.elsewhere} == {"https://static.geetest.com/v4/gt4.js"}


async def test_vue(chromium: Browser, package: Callable[[str], str]) -> None:
    """vue3-geetest, with the widget kept in reactive data."""
    script = f"""
      Vue.createApp({{
        template: '<geetest-captcha :config="config" @initialized="attach" /><p id="there">{{{{ widget }}}}</p>',
        data: function () {{ return {{config: {{captchaId: "{CAPTCHA_ID}", product: "popup"}}, widget: null}}; }},
        methods: {{
          attach: function (captcha) {{
            this.widget = captcha;
            this.widget.onSuccess(() => {{ window.got = this.widget.getValidate(); }});
          }}
        }}
      }}).use(Vue3Geetest.Geetest).mount("#app");"""
    async with open_page(chromium, shop_with(package, ["vue", "vue3-geetest"], script), Desk()) as page:
        await page.click(".geetest_btn_click")
        assert await got(page) == FIELDS


async def test_a_bundled_loader_of_another(chromium: Browser, package: Callable[[str], str]) -> None:
    """geetest-captcha brings GeeTest's loader along, which assigns the global; the widget verifies when it is ready."""
    script = f"""
      var Captcha = window["geetest-captcha"].default || window["geetest-captcha"];
      var ask = new Captcha(async function () {{ return {{gt: "{GT}", challenge: "{CHALLENGE}", success: 1}}; }});
      ask(function (answer) {{ window.got = answer.data; }});"""
    shop, desk = shop_with(package, ["geetest-captcha"], script), Desk()
    async with open_page(chromium, shop, desk) as page:
        assert await got(page) == v3_solution()
    assert desk.of_kind("made")[0]["product"] == "bind"


async def test_zones(chromium: Browser, package: Callable[[str], str]) -> None:
    """Angular shows what happens in its zone only: callbacks run in the zone that they were given in."""
    script = f"""
      var zones = [];
      function note() {{ zones.push(Zone.current.name); }}
      Zone.current.fork({{name: "application"}}).run(function () {{
        initGeetest({{gt: "{GT}", challenge: "{CHALLENGE}", product: "bind"}}, function (captcha) {{
          note();
          captcha.onReady(function () {{ note(); captcha.verify(); }});
          captcha.onSuccess(function () {{ note(); window.got = zones; }});
        }});
      }});"""
    async with open_page(chromium, shop_with(package, ["zone"], script), Desk()) as page:
        assert await got(page) == ["application"] * 3

"""Settings are read and checked once; a bad one says which, what it is, and what it should be."""

from __future__ import annotations

from base64 import b64decode
from decimal import Decimal
from typing import Any

import pytest
from scrapy.settings import Settings

from scrapy_geetest.settings import Config

SITE = {"urls": ["shop.test"]}


def _config(**settings: Any) -> Config:
    return Config.from_settings(Settings({"GEETEST_API_KEY": "k" * 32, **settings}), environ={})


def test_defaults() -> None:
    """Every default is the one that the documentation promises."""
    config = _config()
    assert (config.enabled, config.sites) == (True, ())
    [service] = config.services
    assert (service.name, service.api_url, service.task_type) == ("capmonster", "https://api.capmonster.cloud", None)
    assert (config.pass_proxy, config.user_agent) == (False, None)
    assert (config.request_timeout, config.solve_timeout, config.first_poll, config.poll_interval) == (
        20,
        120,
        None,
        None,
    )
    assert (config.max_connections, config.api_proxy) == (100, None)
    assert (config.max_attempts, config.max_concurrent_solves, config.max_parked) == (3, 32, 10_000)
    assert (config.solution_max_age, config.keep_meta) == (300, ())
    assert (config.max_solves, config.budget, config.site_budget) == (0, (), ())
    assert (config.storage_uri, config.breaker_failures, config.breaker_seconds) == ("memory://", 5, 600)
    assert (config.on_failure, config.close_on_fatal, config.report_rejected) == ("raise", True, True)


def test_values_from_the_command_line_are_text() -> None:
    """``scrapy crawl -s GEETEST_MAX_ATTEMPTS=5`` hands over a text."""
    config = _config(
        GEETEST_MAX_ATTEMPTS="5", GEETEST_POLL_INTERVAL="2.5", GEETEST_ENABLED="false", GEETEST_FIRST_POLL="None"
    )
    assert (config.max_attempts, config.poll_interval, config.enabled, config.first_poll) == (5, 2.5, False, None)


@pytest.mark.parametrize(
    "value", ["tests_site.Nowhere", '["tests_site.Nowhere"]', " tests_site.Nowhere, tests_site.Nowhere2 "]
)
def test_sites_from_the_command_line(value: str) -> None:
    """A text is a list: in JSON, or with commas, as Scrapy's own lists are."""
    with pytest.raises(ValueError, match=r"'tests_site\.Nowhere' cannot be imported"):
        _config(GEETEST_SITES=value)
    assert _config(GEETEST_SITES='[{"urls": ["shop.test"]}]').sites[0].urls == ["shop.test"]
    with pytest.raises(ValueError, match="it must be a list"):
        _config(GEETEST_SITES="[oops")


def test_selectors_from_the_command_line() -> None:
    """One is a text; several are JSON, which no selector is."""

    def css(value: str) -> tuple[str, ...]:
        return _config(GEETEST_SITES=[SITE], GEETEST_DETECT_CSS=value).sites[0].rules.css

    assert css("#captcha") == ("#captcha",)
    assert css("[data-captcha]") == ("[data-captcha]",)
    assert css('["#captcha", ".gt"]') == ("#captcha", ".gt")


def test_a_slip_in_a_name_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A limit that is not one limits nothing, so the log says so; the monitors' settings are known."""
    _config(GEETEST_MAX_SOLVE=5, GEETEST_WHATEVER=1, GEETEST_MONITOR_MAX_COST=1)
    assert [record.getMessage() for record in caplog.records] == [
        "GeeTest: did you mean GEETEST_MAX_SOLVES? The unknown setting GEETEST_MAX_SOLVE is ignored",
        "GeeTest: the unknown setting GEETEST_WHATEVER is ignored",
    ]


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("GEETEST_POLL_INTERVAL", -0.1, "a number of seconds of 0 or more"),
        ("GEETEST_POLL_INTERVAL", "nan", "a number of seconds of 0 or more"),
        ("GEETEST_MAX_CONNECTIONS", 0, "a whole number of 1 or more"),
        ("GEETEST_FIRST_POLL", -1, "a number of seconds of 0 or more"),
        ("GEETEST_REQUEST_TIMEOUT", 0, "a number of seconds above 0"),
        ("GEETEST_SOLVE_TIMEOUT", "soon", "a number of seconds above 0"),
        ("GEETEST_SOLUTION_MAX_AGE", [], "a number of seconds above 0"),
        ("GEETEST_MAX_ATTEMPTS", 0, "a whole number of 1 or more"),
        ("GEETEST_MAX_ATTEMPTS", 1.5, "a whole number of 1 or more"),
        ("GEETEST_MAX_ATTEMPTS", True, "a whole number of 1 or more"),
        ("GEETEST_MAX_CONCURRENT_SOLVES", float("inf"), "a whole number of 1 or more"),
        ("GEETEST_MAX_PARKED", -1, "a whole number of 0 or more"),
        ("GEETEST_KEEP_META", [1], "a list of names"),
        ("GEETEST_ON_FAILURE", "ignore", "'raise', 'pass'"),
        ("GEETEST_MAX_SOLVES", -1, "a whole number of 0 or more"),
        ("GEETEST_BUDGET", "200", "a budget like"),
        ("GEETEST_BUDGET", "0/hour", "a budget like"),
        ("GEETEST_SITE_BUDGET", 200, "a budget like"),
        ("GEETEST_REPORT", "C:\reports\\geetest.html", "write a backslash twice, or a raw string"),
        ("GEETEST_BREAKER_FAILURES", 2.5, "a whole number"),
        ("GEETEST_BREAKER_SECONDS", 0, "above 0"),
        ("GEETEST_ENABLED", "perhaps", "True or False"),
        ("GEETEST_TASK_TYPE", 5, "a string"),
        ("GEETEST_API_URL", "http://api.capmonster.cloud", "only sent over https"),
        ("GEETEST_API_URL", "api.capmonster.cloud", "a URL like"),
        ("GEETEST_API_URL", "https://[::1", "a URL like"),
        ("GEETEST_API_URL", "https://h:99999", "a URL like"),
        ("GEETEST_API_URL", "https://h:0", "a URL like"),
        ("GEETEST_API_URL", "https://h:x", "a URL like"),
        ("GEETEST_API_URL", "https://a b", "a URL like"),
        ("GEETEST_API_URL", "https://a\tb", "a URL like"),
        ("GEETEST_API_URL", " ", "a URL like"),
        ("GEETEST_API_URL", 5, "a string"),
        ("GEETEST_PASS_PROXY", [], "True or False"),
        ("GEETEST_PASS_PROXY", {"a": 1}, "True or False"),
    ],
)
def test_a_bad_value_is_named_with_its_rule(setting: str, value: Any, rule: str) -> None:
    """The message holds the setting, the value and the rule."""
    with pytest.raises(ValueError, match=rule) as caught:
        _config(**{setting: value})
    assert setting in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [10**400, 10**5000, "9" * 5000, Decimal("1e400"), float("nan")], ids=type)
@pytest.mark.parametrize("setting", ["GEETEST_MAX_ATTEMPTS", "GEETEST_SOLVE_TIMEOUT"])
def test_a_number_beyond_all_measure_is_named_in_short(setting: str, value: Any) -> None:
    """Not even one that Python itself cannot convert or write out ends in another error, or in pages of digits."""
    with pytest.raises(ValueError, match=f"The setting {setting} = .* is invalid: it must be a") as caught:
        _config(**{setting: value})
    assert len(str(caught.value)) < 350


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost:1", "http://[::1]:5", "https://a.test/x"])
def test_the_key_goes_over_https_or_stays_on_this_machine(url: str) -> None:
    """A loopback address needs no TLS."""
    assert _config(GEETEST_API_URL=url).services[0].api_url == url.rstrip("/")


def test_blanks_around_the_url_do_not_count() -> None:
    """They come along when it is pasted."""
    assert _config(GEETEST_API_URL=" https://a.test/x/ \n").services[0].api_url == "https://a.test/x"
    assert _config(GEETEST_API_URL="None").services[0].api_url == "https://api.capmonster.cloud"


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@a.test",
        "https://a.test?key=secret",
        "https://a.test/#secret",
        "https://me:secret@[::1",
        "me:secret@a.test",
        "https://me:secret@a.test:x",
        "https://me:secret\x00@a.test",
    ],
)
def test_a_url_with_credentials_is_refused_without_repeating_them(url: str) -> None:
    """Secrets stay out of messages."""
    with pytest.raises(ValueError, match="GEETEST_API_URL") as caught:
        _config(GEETEST_API_URL=url)
    assert "secret" not in str(caught.value)


def test_a_storage_with_a_password_is_refused_without_repeating_it() -> None:
    """Secrets stay out of messages and of the repr."""
    with pytest.raises(ValueError, match="GEETEST_STORAGE_URI") as caught:
        _config(GEETEST_STORAGE_URI=":secret@a.test")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(_config(GEETEST_STORAGE_URI="redis://:secret@a.test"))


def test_key_from_the_environment() -> None:
    """``CAPMONSTER_API_KEY`` serves where the setting is not there, and no repr shows it."""
    config = Config.from_settings(Settings(), environ={"CAPMONSTER_API_KEY": "secret-key"})
    assert config.services[0].api_key.reveal() == "secret-key"
    assert "secret-key" not in repr(config)


@pytest.mark.parametrize("key", ["with space", "new\nline", "kéy", 17])
def test_a_malformed_key_is_refused_without_repeating_it(key: Any) -> None:
    """It may be a mistyped key."""
    with pytest.raises(ValueError, match="GEETEST_API_KEY") as caught:
        _config(GEETEST_API_KEY=key)
    assert str(key) not in str(caught.value)


def test_default_selectors_serve_sites_without_their_own() -> None:
    """``GEETEST_DETECT_…`` is for sites that name none."""
    own = {"urls": ["own.test"], "detect_css": "#own"}
    config = _config(GEETEST_SITES=[SITE, own], GEETEST_DETECT_CSS=["#captcha"], GEETEST_DETECT_RE="robot")
    default, named = config.sites
    assert (len(default.rules.css), len(default.rules.re)) == (1, 1)
    assert (len(named.rules.css), len(named.rules.re)) == (1, 0)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("CSS", "["), ("XPATH", "//["), ("RE", "("), ("JMESPATH", "a["), ("CSS", 5)],
)
def test_a_bad_selector_is_named(setting: str, value: Any) -> None:
    """The message names the setting and the selector."""
    with pytest.raises(ValueError, match="GEETEST_DETECT_") as caught:
        _config(**{f"GEETEST_DETECT_{setting}": value})
    assert str(value) in str(caught.value)


def test_the_proxy_of_the_calls_is_a_secret() -> None:
    """Read with its credentials, which no text shows; a bad one is not quoted."""
    config = _config(GEETEST_API_PROXY="http://ann:pass%20word@proxy.example:3128")
    proxy = config.api_proxy
    assert proxy is not None
    assert (proxy.host, proxy.port) == ("proxy.example", 3128)
    assert proxy.authorization is not None
    assert b64decode(proxy.authorization.reveal().removeprefix("Basic ")) == b"ann:pass word"
    assert proxy.authorization.reveal() not in f"{config!r} {proxy!r}"
    for bad in ("https://ann:s3cret@proxy.example", "proxy.example:3128", "http://ann:s3cret@", "http://a:s3cret@b:x"):
        with pytest.raises(ValueError, match="The setting GEETEST_API_PROXY is invalid: a proxy's URL") as failure:
            _config(GEETEST_API_PROXY=bad)
        assert "s3cret" not in str(failure.value)

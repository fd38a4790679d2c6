"""Values are told from what merely looks like one."""

from __future__ import annotations

from stored_pages import CHALLENGE, ID

from scrapy_geetest._pages.calls import brand_of, linked_loader
from scrapy_geetest._pages.values import host, is_challenge, is_site_id, word


def test_values() -> None:
    """What an id, a challenge, a host and a word may be."""
    assert is_site_id(ID)
    assert is_site_id("shop-4711_Login-id")
    assert not any(map(is_site_id, (None, 1, "", "short1", ID + "!", "x" * 65, "no-digits-in-here-at-all")))
    assert is_challenge(CHALLENGE)
    assert is_challenge(CHALLENGE + "9c")
    assert not any(map(is_challenge, (None, "", CHALLENGE[1:], CHALLENGE * 2, "x" * 32, ID[:-1] + "-")))
    assert host("https://API.geetest.com/gettype.php") == "api.geetest.com"
    assert [host(one) for one in (None, "localhost", "a b.test", "1.2.3.4", "x." * 300 + "test", "api.test:80")] == [
        None
    ] * 6
    assert [word(one) for one in ("slide", "two words", 1)] == ["slide", None, None]
    assert [brand_of(one) for one in (None, "notgeetest.com", "api.geetest.com.")] == [None, None, "GeeTest"]
    assert linked_loader("/gt.js", is_about_geetest=False) is None

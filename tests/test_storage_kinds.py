"""What of a storage is its own: the file, the memory, and how a URI is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import storages
from reactor import run

from scrapy_geetest._storage.file import File, FileBackend, FileWindows
from scrapy_geetest._storage.memory import MemoryStorage
from scrapy_geetest._storage.opening import check_uri
from scrapy_geetest._storage.protocol import Entry

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """With what SQLite puts beside it, and also one that was there before."""
    path = tmp_path / "geetest.db"
    path.touch(0o644)
    path.chmod(0o644)
    opened = storages.opened(f"file://{path}")
    run(opened.entries.put("gate", "a", "secret", 60))
    assert {oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()} == {"0o600"}
    assert len(list(tmp_path.iterdir())) == 3
    run(opened.entries.close())
    again = storages.opened(f"file://{path}")
    assert run(again.entries.get("gate", "a")) == "secret"
    run(again.entries.close())


def test_a_file_stays_small(tmp_path: Path) -> None:
    """What has expired makes room, and what it took is given back."""
    now = [0.0]
    path = tmp_path / "geetest.db"
    backend = FileBackend(File(path, lambda: now[0]))
    for number in range(3000):
        now[0] += 1.0
        backend.put("gate", str(number), "x" * 1000, 100.0)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 3_000_000
    now[0] += 1000.0
    for _ in range(20):
        backend.delete("gate", "none")
    assert backend.entries("gate") == []
    backend.close()
    assert path.stat().st_size < 100_000


def test_windows_in_a_file_move(tmp_path: Path) -> None:
    """So many in any stretch of time; two crawls count together, and what left the window makes room."""
    from limits import parse
    from limits.strategies import MovingWindowRateLimiter

    now = [1000.0]
    files = [File(tmp_path / "geetest.db", lambda: now[0]) for _ in range(2)]
    first, second = (MovingWindowRateLimiter(FileWindows(file)) for file in files)
    limit = parse("3/minute")
    assert [first.hit(limit, "all"), second.hit(limit, "all")] == [True, True]
    now[0] += 30.0
    assert first.test(limit, "all")
    assert second.hit(limit, "all")
    assert not first.hit(limit, "all")
    assert not first.test(limit, "all")
    assert first.hit(limit, "site", "a")
    now[0] += 31.0
    assert [first.hit(limit, "all"), second.hit(limit, "all"), first.hit(limit, "all")] == [True, True, False]
    for file in files:
        file.close()


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file:///nowhere/at/all/geetest.db", "No such file or directory"),
        ("file:///proc/self/cmdline", "denied|Permission|not a database|not permitted"),
        ("file:///tmp", "Is a directory"),
        ("redis://:secret@127.0.0.1:1/0", "cannot be reached; is it running"),
    ],
)
def test_a_storage_that_cannot_be_used_stops_the_crawl_at_start(uri: str, words: str) -> None:
    """With one plain line that names the setting, and shows no password."""
    with pytest.raises(ValueError, match=words) as caught:
        storages.opened(uri)
    assert "GEETEST_STORAGE_URI" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    """It is said what it is not, and nothing is written to it."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but my notes\n" * 100)
    with pytest.raises(ValueError, match="file is not a database"):
        storages.opened(f"file://{path}")
    assert path.read_text() == "not a database, but my notes\n" * 100


@pytest.mark.parametrize("uri", ["memory://", "file:///tmp/geetest.db", "redis://h:1", "rediss://:p@h:1/2"])
def test_uris_of_storages(uri: str) -> None:
    """What is documented is taken."""
    check_uri(uri)


@pytest.mark.parametrize(
    "uri", ["", "redis", "file://geetest.db", "file:///tmp/", "memcached://h:1", "async+redis://h:1"]
)
def test_uris_of_nothing(uri: str) -> None:
    """A relative path, another storage: refused."""
    with pytest.raises(ValueError, match="memory://"):
        check_uri(uri)


def test_an_entry_shows_no_secret() -> None:
    """Its value may be cookies."""
    assert repr(Entry("a", "secret")) == "Entry('a')"


async def test_what_expired_in_memory_takes_no_room() -> None:
    """Nobody asks for it again, and it is dropped all the same."""
    now = [0.0]
    storage = MemoryStorage(lambda: now[0])
    for number in range(10_000):
        now[0] += 1.0
        await storage.put("gate", str(number), "value", 10.0)
    assert sum(map(len, storage._kinds.values())) < 2000

"""Kept in Redis, for several processes on any number of machines."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from limits.errors import StorageError

from scrapy_geetest._storage.protocol import MOST_LISTED, Entry

if TYPE_CHECKING:
    from limits.storage import Storage as LimitsStorage

PREFIX = "scrapy-geetest"
TIMEOUT = 5  # seconds for one question
SCHEMES = ("redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster")
_PLAIN = ("redis", "rediss", "redis+unix")  # those whose client takes a way to try again

# KEYS: an entry, and the index of its kind: a sorted set of keys by the time at which they expire, since a search by prefix
# would go through all keys of the server. Both are in one slot of a cluster. The server's own clock counts.
_CLEAN = """
local function drop_unless(key, kind)
    local found = redis.call('TYPE', key).ok
    if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
drop_unless(KEYS[1], 'string')
drop_unless(KEYS[2], 'zset')
"""
# SET comes first: after another write, Redis would take it although it is full.
_WRITE = """
local function write(value, key, lifetime)
    redis.call('SET', KEYS[1], value, 'PX', lifetime)
    redis.call('ZADD', KEYS[2], now + lifetime, key)
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
    if redis.call('PTTL', KEYS[2]) < tonumber(lifetime) then redis.call('PEXPIRE', KEYS[2], lifetime) end
end
"""
_PUT = _CLEAN + _WRITE + "write(ARGV[1], ARGV[2], ARGV[3])"
_SWAP = (
    _CLEAN
    + _WRITE
    + """
local there = redis.call('GET', KEYS[1])
if there ~= ARGV[1] then
    if ARGV[4] == '' and there then return 0 end
    if ARGV[4] ~= '' and there ~= ARGV[5] then return 0 end
end
write(ARGV[1], ARGV[2], ARGV[3])
return 1
"""
)
_DELETE = (
    _CLEAN
    + """
if ARGV[2] == '' or redis.call('GET', KEYS[1]) == ARGV[3] then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], ARGV[1])
end
"""
)
_GET = _CLEAN + "return redis.call('GET', KEYS[1])"
_LIST = (
    _CLEAN
    + """
local found = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if string.sub(key, 1, #ARGV[1]) == ARGV[1] then found[#found + 1] = key end
end
table.sort(found)
local pairs = {}
for _, key in ipairs(found) do
    local entry = KEYS[2] .. ':' .. key
    local value = redis.call('TYPE', entry).ok == 'string' and redis.call('GET', entry)
    if value then
        pairs[#pairs + 1] = key
        pairs[#pairs + 1] = value
    end
    if #pairs >= 2 * tonumber(ARGV[2]) then break end
end
return pairs
"""
)


class RedisBackend:
    """Entries under a prefix, through the client that the ``limits`` library has made of the URI."""

    def __init__(self, windows: LimitsStorage) -> None:
        storage: Any = windows
        client = storage.storage  # of limits 4, which has no method for it, as well
        base = storage.base_exceptions
        self.errors: tuple[type[Exception], ...] = (
            StorageError,
            OSError,
            *(base if isinstance(base, tuple) else (base,)),
        )
        self._check = storage.check
        self._close = client.close
        scripts = {"get": _GET, "put": _PUT, "swap": _SWAP, "delete": _DELETE, "list": _LIST}
        self._scripts = {name: client.register_script(script) for name, script in scripts.items()}

    def check(self) -> bool:
        """Whether it can be reached."""
        return bool(self._check())

    def get(self, kind: str, key: str) -> str | None:
        """The value under a key."""
        value = self._run("get", kind, key)
        return None if value is None else _text(value)

    def put(self, kind: str, key: str, value: str, seconds: float) -> None:
        """Write a value, whatever was there."""
        self._run("put", kind, key, value, key, _milliseconds(seconds))

    def swap(self, kind: str, key: str, old: str | None, new: str, seconds: float) -> bool:
        """Write *new* where *old* is."""
        expected = ("", "") if old is None else ("1", old)
        return bool(self._run("swap", kind, key, new, key, _milliseconds(seconds), *expected))

    def delete(self, kind: str, key: str, value: str | None = None) -> None:
        """Delete an entry."""
        self._run("delete", kind, key, key, *(("", "") if value is None else ("1", value)))

    def entries(self, kind: str, prefix: str = "", limit: int = MOST_LISTED) -> list[Entry]:
        """The entries whose keys begin with *prefix*."""
        flat = [_text(part) for part in self._run("list", kind, "", prefix, limit)]
        return [Entry(key, value) for key, value in zip(flat[::2], flat[1::2], strict=True)]

    def close(self) -> None:
        """No more calls will come."""
        self._close()

    def _run(self, script: str, kind: str, key: str, *values: str | int) -> Any:
        index = f"{PREFIX}:{{{kind}}}"
        return self._scripts[script](keys=[f"{index}:{key}", index], args=values)


def options_of(scheme: str) -> dict[str, Any]:
    """Bounds for the thread that asks; no call is repeated behind its back, since it may have been counted."""
    options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    if scheme in _PLAIN and find_spec("redis") is not None:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options["retry"] = Retry(NoBackoff(), 0)
    return options


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

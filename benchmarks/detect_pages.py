"""Pages made for the benchmark: ordinary ones of several kinds, and hostile ones."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

_TEXT = """the of and to in is that for it as was with be by on not he his but at are this have from or had an they which
one you were her all she there would their we him been has when who will more no if out so said what up its about into than
them can only other new some could time these two may then do first any my now such like our over man me even most made after
also did many before must through back years where much your way well down should because each just those people too mister
how little state good very make world still own see men work long get here between both life being under never day same
another know while last might us great old year off come since against go came right used take three test latest street
letter sheet meeting between greatest estate"""
_WORDS = _TEXT.split()
_SIGNS = "港口的船只随着潮汐进出办事员把它们记在账上天气晴朗适合出海渔民们修补渔网等待明天的顺风和好运气"


def _page(make: Callable[[random.Random], str]) -> Callable[[random.Random, int], bytes]:
    """A page of any size made of parts."""

    def grow(draw: random.Random, size: int) -> bytes:
        parts, length = ["<!DOCTYPE html><html><head><meta charset=utf-8><title>Page</title></head><body>\n"], 0
        while length < size:
            part = make(draw)
            parts.append(part)
            length += len(part.encode())
        return "".join(parts).encode()[:size]

    return grow


def _words(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(_WORDS, k=count))


def _prose(draw: random.Random) -> str:
    return f"<p>{_words(draw, 60).capitalize()}.</p>\n"


def _listing(draw: random.Random) -> str:
    name, number = _words(draw, 3), draw.randrange(100_000)
    return (
        f'<li class="item col-4 item-{number % 7}" data-id="{number}"><a href="/shop/{name.replace(" ", "-")}/{number}">'
        f'<img src="/img/{number}.webp" alt="{name}" loading="lazy"></a><h3>{name}</h3>'
        f'<span class="price">{number % 90}.{number % 100:02} €</span></li>\n'
    )


def _script(draw: random.Random) -> str:
    a, b, c = draw.choices("abcdefghijklmnopqrstuvwxyz", k=3)
    word, number = draw.choice(_WORDS), draw.randrange(1000)
    return (
        f'<script>!function({a},{b}){{var {c}={a}.{word}||"{word}-{number}";if({number}>{b}.length)return {a}.get({c},'
        f'function(t){{return t.set("{_words(draw, 2)}",{number})}});{b}.test(/^{word}$/)&&{a}.next({{id:{number}}})}}'
        f"(window,document);</script>\n"
    )


def _state(draw: random.Random) -> str:
    rows = [{"id": draw.randrange(10**9), "name": _words(draw, 3), "active": True, "score": draw.random()}] * 3
    return f'<script type="application/json">{json.dumps(rows)}</script>\n'


def _style(draw: random.Random) -> str:
    name, number = draw.choice(_WORDS), draw.randrange(64)
    return f"<style>.{name}-{number}{{margin:0 {number}px;color:#{draw.randrange(4096):03x}}}.{name}:hover{{top:4px}}</style>"


def _signs(draw: random.Random) -> str:
    return f"<p>{''.join(draw.choices(_SIGNS, k=80))}。</p>\n"


def _image(draw: random.Random) -> str:
    return f'<img src="data:image/png;base64,{b64encode(draw.randbytes(900)).decode()}">\n'


ORDINARY: Mapping[str, Callable[[random.Random, int], bytes]] = {
    "prose": _page(_prose),
    "listing": _page(_listing),
    "minified scripts": _page(_script),
    "JSON state": _page(_state),
    "styles": _page(_style),
    "Chinese prose": _page(_signs),
    "inlined images": _page(_image),
}
"""By kind: makes one of a size in bytes."""

MENTIONS: Mapping[str, bytes] = {
    "prose": b"<p>We use GeeTest: its page calls initGeetest({gt: ...}) of https://static.geetest.com/v4/gt4.js.</p>",
    "comment": b"<!-- geetest: initGeetest({}); <script src='https://static.geetest.com/v4/gt4.js'></script> -->",
    "comment in a script": b"<script>// geetest: initGeetest4({}) of static.geetest.com/v4/gt4.js\nvar a = 1;</script>",
    "link": b"<a href='https://www.geetest.com/'>GeeTest</a>",
}
"""By kind: what merely names GeeTest, to be put into an ordinary page."""

_CALL = b"<script>initGeetest({gt: a.gt}, b);</script>"
HOSTILE: Mapping[str, tuple[bytes, bytes]] = {
    "nested comments": (b"", b"initGeetest<!--"),
    "unclosed scripts": (b"eetest", b"<script>"),
    "scripts with an open call": (b"", b"<script>initGeetest(</script>"),
    "a million initGeetest": (b"<script>", b"initGeetest "),
    "open calls": (b"<script>", b"initGeetest4({"),
    "open comments in a script": (b"<script>", b"/*initGeetest("),
    "open strings": (b"<script>eetest ", b'"\\'),
    "open templates": (b"<script>eetest ", b"`${"),
    "slashes": (b"<script>eetest ", b"(/a"),
    "unpaired quotes in tags": (b"eetest", b'<a ="'),
    "nested pre": (b"eetest", b"<pre><code>"),
    "open tags": (b"eetest", b"<"),
    "assignments": (b"<script>initGeetest4({captchaId:a});", b"a=a="),
    "requests": (b"<script>initGeetest({gt:data.gt});", b'$.get("/gt/register?t="+Date,'),
    "loaders": (b"<script>eetest ", b'"https://static.geetest.com/a'),
    "spaces": (b"<script>initGeetest", b" "),
    "unclosed quotes": (b"<script>initGeetest({gt: a.gt}, b);", b"'\"`"),
    "escapes": (b"<script>initGeetest({gt: a.gt}, b);", b'"\\"'),
    "divisions": (b"<script>initGeetest({gt: a.gt}, b);", b")/a/"),
    "templates in a live script": (b"<script>initGeetest({gt: a.gt}, b);", b"`${a}`"),
    "scripts that name it": (_CALL, b"<script>'eetest '</script>"),
    "inputs": (_CALL, b"<input name=a value=b>"),
    "comments": (_CALL, b"<!-- -->"),
    "handlers": (_CALL, b"<a onclick='initGeetest({})'>"),
    "functions that return": (_CALL[:-9] + b"$.post('/a', f(x));", b"function f(){return f(x)};"),
    "JSONP": (_CALL[:-9], b"$.ajax({url:'/a',dataType:'jsonp',success:f(x)});"),
    "functions": (b"<script>initGeetest({gt: a.b.c}, b);", b"function(a,b,c){}"),
}
"""By kind: how a page begins, and what is then repeated."""

"""Damage to files, drawn from a seeded generator: bytes, words, numbers, JSON values, archives."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from typing import Any

_MORE_NUMBERS = "0 1 -1 1.0 1.000000 0,5 1,024 1e308 1e400 -1e400 NaN Infinity nan inf true false null 0x10 1e-320 .5"
_NUMBERS = [*_MORE_NUMBERS.split(), "1\x1d", "9" * 20, "9" * 5000, "np.float64(1.5)", "1_0", "\u0663", "", "'1'"]
_MORE_WORDS = "../../a.png /etc/passwd C:\\a.png https://h/a.png ./a.png A.PNG a HC CSP background train .. . %41"
_WORDS = [
    *_MORE_WORDS.split(),
    "\ud83d\ude00",
    "a\u0308",
    "\u2028",
    "\u0000",
    "file://a",
    "x*y",
    "?d=a.png",
    "",
    "a" * 300,
]
_NUMBER = re.compile(rb"-?\d+(\.\d+)?")
_WORD = re.compile(rb"[A-Za-z_.\-/]{1,30}")
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, "1", "1.0", "", 1e308, 10**30, 10**400, float("nan"), float("inf"), "\ud800",
    [], {}, [[]], [{}], {"a": [1]}, "x" * 300, "../a.png", "b.png", [1, 2, 3, 4], [0.1, 0.1, 0.2, 0.2], "\u0663",
)  # fmt: skip


def damaged(data: bytes, name: str, draw: random.Random) -> bytes:
    """Return a damaged copy of a file's content."""
    if name.endswith(".xlsx") and draw.random() < 0.8:
        return _in_archive(data, draw)
    if name.endswith((".json", ".jsonl")) and draw.random() < 0.7:
        return _json_value(data, draw)
    if name.endswith((".yaml", ".yml")) and draw.random() < 0.4:
        return _yaml(data, draw)
    if name.endswith(".safetensors") and draw.random() < 0.8:
        return _in_header(data, draw)
    is_text = not name.endswith((".png", ".tif", ".jpg", ".xlsx", ".safetensors", ".tar"))
    kinds = (_number, _word, _doubled, _bytes) if is_text else (_bytes, _bytes, _cut)
    for _ in range(1 + (draw.random() < 0.3)):
        data = draw.choice(kinds)(data, draw)
    return data


_YAML = (
    *(
        "!!float ''",
        "!!bool x",
        "!!int x",
        "!!timestamp x",
        "!!set {a}",
        "!!python/object/apply:os.getcwd []",
        "!!binary x",
    ),
    *("&a [*a]", "*none", "<<: {a: 1}", "<<: [1]", "? [a]", "[" * 500, "{a: " * 500, "- " * 500, "2024-13-45", ".inf"),
    *("1.0e+400", "0o17", "1:30", "~", "|", ">", "%", "@", "\t", "\x00", "---", "...", "\u2028", "'", '"\\ud800"'),
)


def _yaml(data: bytes, draw: random.Random) -> bytes:
    """Return YAML with a value, or a whole line, replaced by what only YAML can say."""
    lines = data.decode().splitlines()
    at = draw.randrange(len(lines))
    token = draw.choice(_YAML)
    if draw.random() < 0.6 and ":" in lines[at]:
        lines[at] = f"{lines[at].partition(':')[0]}: {token}"
    elif draw.random() < 0.5:
        lines.insert(at, lines[draw.randrange(len(lines))])
    else:
        lines[at] = " " * (len(lines[at]) - len(lines[at].lstrip())) + token
    return "\n".join(lines).encode()


def _in_header(data: bytes, draw: random.Random) -> bytes:
    """Return a safetensors file with its header damaged; its length fits the header as a rule."""
    length = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + length], data[8 + length :]
    header = _json_value(header, draw) if draw.random() < 0.7 else draw.choice((_number, _word))(header, draw)
    if draw.random() < 0.2:
        header = re.sub(
            rb'"F32"|"F16"|"I64"|"U8"', b'"' + draw.choice((b"F8_E4M3", b"BF16", b"F64", b"BOOL")) + b'"', header
        )
    length = draw.choice((len(header),) * 9 + (2**63,))
    return length.to_bytes(8, "little") + header + rest


def _number(data: bytes, draw: random.Random) -> bytes:
    return _replaced(data, _NUMBER, draw.choice(_NUMBERS).encode("utf-8", "surrogatepass"), draw)


def _word(data: bytes, draw: random.Random) -> bytes:
    return _replaced(data, _WORD, draw.choice(_WORDS).encode("utf-8", "surrogatepass"), draw)


def _replaced(data: bytes, pattern: re.Pattern[bytes], by: bytes, draw: random.Random) -> bytes:
    matches = list(pattern.finditer(data))
    if not matches:
        return data + by
    start, end = draw.choice(matches).span()
    return data[:start] + by + data[end:]


def _doubled(data: bytes, draw: random.Random) -> bytes:
    """Return the content with one piece of it repeated somewhere."""
    start = draw.randrange(len(data) + 1)
    piece = data[start : start + draw.randrange(1, 200)]
    at = draw.randrange(len(data) + 1)
    return data[:at] + piece * draw.choice((1, 1, 2, 50)) + data[at:]


def _bytes(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data or b"x")
    for _ in range(draw.choice((1, 1, 2, 8))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _json_value(data: bytes, draw: random.Random) -> bytes:
    """Return JSON with some value anywhere in it replaced, dropped or doubled."""
    try:
        content = json.loads(data)
    except ValueError:
        return _bytes(data, draw)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            places.append((value, key))
            if isinstance(child, (dict, list)):
                walk(child)

    walk(content)
    if not places:
        return _bytes(data, draw)
    parent, key = draw.choice(places)
    action = draw.random()
    if action < 0.7:
        parent[key] = draw.choice(_VALUES)
    elif action < 0.85:
        del parent[key]
    elif isinstance(parent, list):
        parent.append(parent[key])
    return json.dumps(content).encode()


def _in_archive(data: bytes, draw: random.Random) -> bytes:
    """Return a spreadsheet with one part damaged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        chosen = draw.choice(names)
        for name in names:
            content = old.read(name)
            new.writestr(name, damaged(content, "part.xml", draw) if name == chosen else content)
    return buffer.getvalue()

"""How inputs are damaged: bytes, lines of text, JSON values, the opcodes of a pickle.

Every function takes a random.Random, or what hypothesis has in its place, and changes little: most
of a file must stay good for its reader to come as far as the part that is not.
"""

import json
import pickletools
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

#: Numbers at the edges of what fields hold.
EDGES = (0, 1, 2, 7, 8, 127, 128, 255, 256, 4095, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1)
EDGES += (2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1)

#: What stands where something else belongs.
ODD: tuple[Any, ...] = (None, True, False, -1, 0, 1, 2, 1.5, -0.0, 1e308, 1e999, float("nan"))
ODD += (10**12, 2**63, -(2**63), 10**400, "", "x", "\x00", "\n", "\x1b[31m", "../x", "/x", "é" * 99)
ODD += ("\ud800", [], [0], {}, {"": 0}, [[]], ["x"], {"a": {"b": []}})

Mutate = Callable[[bytes, Random], bytes]


def damage(data: bytes, random: Random, tokens: Sequence[bytes] = (), most: int = 1 << 20) -> bytes:
    """Change, add, remove, double or move some bytes; `tokens` are keywords of the format."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        _DAMAGES[random.randrange(len(_DAMAGES))](changed, random, tokens)
    return bytes(changed[:most])


def _place(data: bytearray, random: Random) -> int:
    # Rather near the beginning, where the headers are.
    length = len(data) if random.random() < 0.5 else min(len(data), 64)
    return random.randrange(length + 1)


def _flip(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    at = _place(data, random)
    if at < len(data):
        data[at] ^= 1 << random.randrange(8)


def _set(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    at = _place(data, random)
    data[at : at + 1] = bytes([random.randrange(256)])


def _number(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    """A number of 2, 4 or 8 bytes at an edge, or a little more or less than it was."""
    size = random.choice((2, 4, 8))
    at = _place(data, random)
    order = random.choice(("little", "big"))
    old = int.from_bytes(data[at : at + size], order)
    new = random.choice(EDGES) if random.random() < 0.6 else old + random.randrange(-9, 10)
    data[at : at + size] = (new % 2 ** (8 * size)).to_bytes(size, order)


def _insert(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    at = _place(data, random)
    data[at:at] = bytes(random.randrange(256) for _ in range(random.choice((1, 2, 4, 9))))


def _delete(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    at = _place(data, random)
    del data[at : at + random.choice((1, 1, 2, 4, 16, 200))]


def _double(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    first, to = _place(data, random), _place(data, random)
    part = data[first : first + random.choice((1, 4, 16, 100))]
    data[to:to] = part * random.choice((1, 1, 2, 30))


def _move(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    first, to = _place(data, random), _place(data, random)
    size = random.choice((1, 4, 8, 32))
    part = data[first : first + size]
    del data[first : first + size]
    data[to:to] = part


def _cut(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    if random.random() < 0.2:
        del data[random.randrange(len(data) + 1) :]


def _token(data: bytearray, random: Random, tokens: Sequence[bytes]) -> None:
    if not tokens:
        return _set(data, random, tokens)
    at = _place(data, random)
    token = tokens[random.randrange(len(tokens))]
    data[at : at + (len(token) if random.random() < 0.5 else 0)] = token


_DAMAGES = (_flip, _set, _number, _insert, _delete, _double, _move, _cut, _token, _token)


def damage_lines(data: bytes, random: Random, tokens: Sequence[bytes] = ()) -> bytes:
    """Lines left out, doubled, exchanged, indented otherwise, or with something else behind ':'."""
    lines = data.split(b"\n")
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(lines))
        what = random.randrange(6)
        if what == 0 and len(lines) > 1:
            del lines[at]
        elif what == 1:
            lines.insert(random.randrange(len(lines) + 1), lines[at])
        elif what == 2:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif what == 3:
            lines[at] = random.choice((b" ", b"  ", b"- ", b"\t")) + lines[at]
        elif what == 4 and tokens:
            key = lines[at].partition(b":")[0]
            lines[at] = key + b": " + tokens[random.randrange(len(tokens))]
        else:
            lines[at] = damage(lines[at], random, tokens)
    return b"\n".join(lines)


def damage_json(data: bytes, random: Random) -> bytes:
    """A JSON document with other values, keys or nesting, or with bytes that are no JSON."""
    if random.random() < 0.1:
        return damage(data, random, (b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\u", b"[" * 3000))
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return damage(data, random)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        value = damage_value(value, random)
    return dumped(value)


def dumped(value: Any) -> bytes:
    try:
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return b"{}"


def damage_value(value: Any, random: Random) -> Any:
    """A JSON value with one part of it changed; lists and objects are changed in place."""
    holders: list[Any] = []
    _collect(value, holders)
    if not holders:
        return _other(value, random)
    holder = holders[random.randrange(len(holders))]
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key = keys[random.randrange(len(keys))]
    what = random.random()
    if what < 0.6:
        holder[key] = _other(holder[key], random)
    elif what < 0.7:
        del holder[key]
    elif what < 0.8 and isinstance(holder, dict):
        holder[random.choice(("", "x", "../y", key + "x", "\ud800"))] = holder.pop(key)
    elif what < 0.9:
        another = keys[random.randrange(len(keys))]
        holder[key], holder[another] = holder[another], holder[key]
    elif isinstance(holder, list):
        holder.extend(holder[key : key + 1] * random.choice((1, 1, 5, 200)))
    else:
        holder[key + "2"] = holder[key]
    return value


def _collect(value: Any, holders: list[Any]) -> None:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if parts:
        holders.append(value)
    for part in parts:
        _collect(part, holders)


def _other(value: Any, random: Random) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and random.random() < 0.5:
        if random.random() < 0.5:
            return random.choice(EDGES)
        return value + random.randrange(-3, 4)
    if isinstance(value, str) and value and random.random() < 0.5:
        changed = damage(value.encode("utf-8", "surrogatepass"), random)
        return changed.decode("utf-8", "replace")
    odd = random.choice(ODD)
    return json.loads(json.dumps(odd)) if isinstance(odd, list | dict) else odd


# ------------------------------------------------------------------------------------- pickles

#: Opcodes with arguments that mean something: calls, attributes, names, numbers, nesting.
OPCODES = tuple(b"()]}NRbQP0210aesutl.\x85\x86\x87\x88\x89\x94\x93\x81\x92\x8f\x91\x90\x95")
SNIPPETS = (
    *(bytes([code]) for code in OPCODES),
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"ccollections\nOrderedDict\n",
    b"ctorch\nFloatStorage\n",
    b"ctorch\nBFloat16Storage\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"X\x01\x00\x00\x00a",
    b"X\x06\x00\x00\x00offset",
    b"X\x07\x00\x00\x00strides",
    b"X\x05\x00\x00\x00items",
    b"K\x00",
    b"K\x04",
    b"J\xff\xff\xff\xff",
    b"J\x00\x00\x00\x80",
    b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00",
    b"G\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"h\x00",
    b"h\x05",
    b"q\x05",
    b"N\x85R",
    b"}(X\x06\x00\x00\x00offsetJ\x00\x00\x00\x80ub",
    b"\x85" * 2000,
    b"\x8c\x02os",
    b"\x8c\x06system",
    b"Vjoint\n",
    b"I-1\n",
    b"I99999999999999999999\n",
    b"\x8b\xff\xff\xff\x7f",
    b"C\x04abcd",
    b"B\xff\xff\xff\xff",
    b"\x96\x08\x00\x00\x00\x00\x00\x00\x00abcdefgh",
)


def damage_pickle(data: bytes, random: Random) -> bytes:
    """A pickle with opcodes added, left out, exchanged or with other arguments."""
    if random.random() < 0.15:
        return damage(data, random, SNIPPETS)
    parts = _opcodes(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(parts))
        what = random.random()
        if what < 0.3:
            parts.insert(at, SNIPPETS[random.randrange(len(SNIPPETS))])
        elif what < 0.5:
            parts[at] = SNIPPETS[random.randrange(len(SNIPPETS))]
        elif what < 0.65 and len(parts) > 1:
            del parts[at]
        elif what < 0.8:
            parts.insert(random.randrange(len(parts)), parts[at])
        elif len(parts[at]) > 1:
            part = bytearray(parts[at])
            part[random.randrange(1, len(part))] = random.randrange(256)
            parts[at] = bytes(part)
    return b"".join(parts)


def _opcodes(data: bytes) -> list[bytes]:
    """The pickle cut before every opcode, as far as it can be read."""
    starts: list[int] = []
    with suppress(Exception):  # of a damaged pickle, which can end in any
        for _, _, place in pickletools.genops(data):
            starts.append(place or 0)
    return [data[a:b] for a, b in zip([0, *starts[1:]], [*starts[1:], len(data)], strict=True)]

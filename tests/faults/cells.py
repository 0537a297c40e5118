"""The cells of the fault matrix: what can break, for which request, and what a client may then see.

Of every answer the matrix asks: is it right, is it broken in a way that go stops at, or would go
take it for absence or for the real thing? Only the last two are faults of the gate.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.support.modules import make_zip, noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.client import Reply

__all__ = ["FAULTS", "KINDS", "MODULE_KINDS", "TEMPERATURES", "Cell", "Fault", "judge", "same"]

MODULE_KINDS: Final = ("list", "info", "mod", "zip", "@latest")
KINDS: Final = (*MODULE_KINDS, "lookup", "tile", "latest")
TEMPERATURES: Final = ("cold", "warm")
IMMUTABLE: Final = frozenset({"info", "mod", "zip", "lookup", "tile"})
BROKEN: Final = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Cell:
    """One object: where a client asks for it, where the upstream has it, and its right bytes."""

    kind: str
    temperature: str
    url: str
    upstream: str
    right: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break, and the statuses a cold request may get.

    Attributes:
        name: In reports.
        wire: The name of the fault in `fault_upstream`.
        arguments: Its arguments.
        content: Makes other bytes of the right ones, served instead (wire `file`).
        allowed: Statuses of a cold request.
        database: Statuses of a cold request to the checksum database, where they differ.
        cut: A streamed zip may have begun: 200, then a broken transfer.
        speaks: The upstream itself said absent or denied, so a warm mutable answer may say so too.
        subset: A list may lack lines (nothing tells a shortened list from a short one).
    """

    name: str
    wire: str
    arguments: dict[str, Any] = field(default_factory=dict)
    content: Callable[[Cell], bytes] | None = None
    allowed: frozenset[int] = BROKEN
    database: frozenset[int] | None = None
    cut: bool = False
    speaks: bool = False
    subset: bool = False
    retry_after: bool = False


def _other(cell: Cell) -> bytes:
    """Well-formed bytes of the same kind that belong to something else."""
    match cell.kind:
        case "list":
            return b"<list>\n\x00\xff\n"
        case "info":
            return b'{"Version": "v9.9.9", "Time": "2024-05-06T07:08:09Z"}'
        case "@latest":
            return b'{"Version": "newest", "Time": "2024-05-06T07:08:09Z"}'
        case "mod":
            return b"module evil.test/other\n\ngo 1.21\n"
        case "zip":
            path = cell.upstream.removeprefix("/").split("/@v/", maxsplit=1)[0]
            # A faultless zip, with the very go.mod that is served: only its hash gives it away.
            files = {"go.mod": f"module {path}\n\ngo 1.21\n".encode(), "x.go": b"package x\n"}
            files["padding.bin"] = noise("other", len(cell.right))
            return make_zip({f"{path}@v1.0.0/{name}": data for name, data in files.items()}, store=True)
        case "lookup":
            number, _, rest = cell.right.partition(b"\n")
            return number + b"\nfiller.test/m1 v1.0.0 h1:AAAA=\n\n" + rest.partition(b"\n\n")[2]
        case "tile":
            return bytes(len(cell.right))
        case _:
            return cell.right.replace(b"tree\n", b"tree\n9", 1)


def _flipped(cell: Cell) -> bytes:
    place = 0 if cell.kind in {"info", "@latest"} else len(cell.right) // 2
    return cell.right[:place] + bytes((cell.right[place] ^ 0x80,)) + cell.right[place + 1 :]


def _trailing(cell: Cell) -> bytes:
    return cell.right + b"\x00<trailing>\n"


def _half(cell: Cell) -> bytes:
    return cell.right[: len(cell.right) // 2]


def _status(number: int, **options: Any) -> Fault:
    headers = {"Retry-After": "7"} if options.get("retry_after") else {}
    arguments = {"status": number, "text": f"upstream text {number}\n", "headers": headers}
    return Fault(str(number), "status", arguments, **options)


_SAYS_NO: Final = BROKEN | {403}
FAULTS: Final[tuple[Fault, ...]] = (
    Fault("refuse", "refuse"),
    Fault("rst", "rst"),
    Fault("eof-before-head", "eof"),
    Fault("garbage-head", "garbage"),
    Fault("hang-before-head", "hang"),
    Fault("hang-in-body", "hang-body", cut=True),
    Fault("one-byte-a-second", "drip", cut=True),
    Fault("short-body", "short", cut=True),
    Fault("cut-chunked", "cut-chunked", cut=True),
    _status(500),
    _status(502),
    _status(503, allowed=frozenset({503}), retry_after=True),
    _status(504),
    _status(429, allowed=frozenset({503}), retry_after=True),
    _status(403, allowed=frozenset({403}), database=_SAYS_NO, speaks=True),
    _status(451, allowed=frozenset({403}), database=_SAYS_NO, speaks=True),
    _status(401),
    _status(400),
    _status(418),
    _status(404, allowed=frozenset({404}), database=BROKEN | {404, 410}, speaks=True),
    _status(410, allowed=frozenset({410}), database=BROKEN | {404, 410}, speaks=True),
    Fault("html", "html", cut=True),
    Fault("html-as-text", "html", {"type": "text/plain; charset=utf-8"}, cut=True),
    Fault("empty-body", "file", content=lambda _: b"", cut=True, subset=True),
    Fault("other-bytes", "file", content=_other, cut=True),
    Fault("flipped-bit", "file", content=_flipped, cut=True, subset=True),
    Fault("truncated-with-right-length", "file", content=_half, cut=True, subset=True),
    Fault("trailing-data", "file", content=_trailing, cut=True, subset=True),
    Fault("gzip-bomb", "gzip-bomb", cut=True),
    Fault("redirect-loop", "redirect"),
    Fault("redirect-to-internal-host", "redirect"),
    Fault("redirect-https-to-http", "redirect"),
    Fault("announced-too-large", "announce", {"size": 600 << 20}, cut=True),
    Fault("endless", "endless", cut=True),
)


def same(kind: str, got: bytes, right: bytes, *, subset: bool = False) -> bool:
    """Whether two bodies say the same: byte for byte, but JSON by value and a list by its lines."""
    if kind in {"info", "@latest"}:
        try:
            return bool(json.loads(got) == json.loads(right))
        except ValueError:
            return False
    if kind == "list":
        lines, wanted = set(got.split(b"\n")), set(right.split(b"\n"))
        return lines <= wanted if subset else lines == wanted
    return got == right


def judge(fault: Fault, cell: Cell, reply: Reply) -> str:
    """What is wrong with an answer given during the fault; empty if nothing."""
    if not reply.whole:
        if reply.status == 200 and cell.kind == "zip" and cell.temperature == "cold" and fault.cut:
            return ""
        return f"broken transfer (status {reply.status})"
    if reply.status == 200:
        if not same(cell.kind, reply.body, cell.right, subset=fault.subset):
            return f"WRONG BYTES: {reply.body[:80]!r}"
        if cell.temperature == "warm" or (fault.subset and cell.kind == "list"):
            return ""
        return "200 although the upstream is broken"
    text = _text_fault(reply)
    if text:
        return text
    allowed = fault.allowed if cell.kind in MODULE_KINDS else fault.database or fault.allowed
    if reply.status in {404, 410} and not allowed & {404, 410}:
        return f"BROKEN AS ABSENT: {reply.status}"
    if cell.temperature == "warm" and (cell.kind in IMMUTABLE or not fault.speaks):
        return f"{reply.status} although it is stored: {reply.text}"
    if reply.status not in allowed:
        return f"status {reply.status}, allowed {sorted(allowed)}: {reply.text}"
    if fault.retry_after and cell.kind in MODULE_KINDS and "retry-after" not in reply.headers:
        return "no Retry-After although the upstream gave one"
    if reply.status == 403 and fault.speaks and "upstream text" not in reply.text:
        return f"the upstream's text is lost: {reply.text}"
    return ""


def _text_fault(reply: Reply) -> str:
    if reply.headers.get("content-type") != "text/plain; charset=utf-8":
        return f"go shows no text of type {reply.headers.get('content-type')}"
    lines = reply.text.splitlines()
    if not lines or len(lines) > 8 or not all(line.isprintable() and line for line in lines):
        return f"go would not show this text whole: {reply.text!r}"
    return ""

"""The upstream of a local gate: one line in its configuration, so that it does not ask itself.

A gate takes its upstream from go's GOPROXY where its file says nothing. Once GOPROXY is the gate, a restart
would find itself there, so the chain that was used before goes into the file first. Only a file without the
key is changed, by one line before its first table; everything else stays byte for byte.
"""

from __future__ import annotations

import json
import re
import tomllib

from modgate.client.machine.showing import safe
from modgate.errors import Invalid
from modgate.gomod.proxylist import EntryKind, format_proxy_list, parse_proxy_list

__all__ = ["KEY", "is_loopback", "upstream_for", "upstream_in", "with_upstream"]

KEY = "upstream"
_LINE = re.compile(r"^[ \t]*upstream[ \t]*=.*(?:\n|\Z)", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_LOOPBACK = re.compile(r"https?://(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?(?:/.*)?\Z", re.IGNORECASE)


def is_loopback(url: str) -> bool:
    """Whether a proxy's URL leads to this machine."""
    return _LOOPBACK.match(url) is not None


def upstream_for(previous: str, gate: str) -> str:
    """The chain for the gate: what go used before, without the gate itself.

    Empty where nothing is left, where the chain cannot be read, and where it holds credentials: those
    belong into no second file.
    """
    try:
        entries = parse_proxy_list(previous)
    except Invalid:
        return ""
    kept = tuple(entry for entry in entries if entry.url.rstrip("/") != gate.rstrip("/"))
    if not any(entry.kind is EntryKind.PROXY for entry in kept):
        return ""
    chain = format_proxy_list(kept)
    return chain if safe(chain) == chain else ""


def upstream_in(data: bytes) -> str | None:
    """The upstream that the file names, None where it names none. Raises Invalid for what is no TOML."""
    try:
        found = tomllib.loads(data.decode("utf-8-sig")).get(KEY)
    except (ValueError, RecursionError) as error:
        raise Invalid("the gate's configuration cannot be read", next_step=str(error)) from error
    return None if found is None else str(found)


def with_upstream(data: bytes, value: str | None) -> bytes:
    """The file with this upstream in a line of its own, or without its line for None.

    Raises Invalid where the result would not say so: then the file is written in a way that is not touched.
    """
    text = data.decode()
    end = "\r\n" if "\r\n" in text else "\n"
    line = f"{KEY} = {json.dumps(value, ensure_ascii=False)}{end}" if value is not None else ""
    table = _TABLE.search(text)
    top = text[: table.start()] if table else text
    old = _LINE.search(top)
    if old:
        changed = text[: old.start()] + line + text[old.end() :]
    else:
        gap = end if top and not top.endswith("\n") else ""
        changed = top + gap + line + text[len(top) :]
    result = changed.encode()
    if upstream_in(result) != value:
        raise Invalid("the gate's configuration is written in a way that is left alone")
    return result

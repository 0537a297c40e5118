"""A slip of GOPROXY that shows in what go asked or quoted.

A space, a semicolon or a full-width comma separates nothing: it becomes a part of the URL, which then often
works by luck. Whatever go complained of later, that is where to act. What is wrong with an entry is judged
by the same rules as a setting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from modgate.client.causes import config
from modgate.client.findings import Impact
from modgate.client.golog.making import find
from modgate.client.machine.lint import lint_goproxy

if TYPE_CHECKING:
    from modgate.client.findings import Finding
    from modgate.client.golog.targets import Target

__all__ = ["bogus", "entry_fault", "fault_in_url"]

_ONE_SLASH = re.compile(r"(?:https?|file):/(?!/)", re.IGNORECASE)


def entry_fault(entry: str, source: str) -> Finding | None:
    """What is wrong with an entry of GOPROXY; None where nothing is."""
    return next((found for found in lint_goproxy(entry, source) if found.impact >= Impact.BLOCKS), None)


def fault_in_url(target: Target, source: str) -> Finding | None:
    """A slip of GOPROXY that shows in a URL that go asked; None where there is none.

    Only the proxy's own part is looked at, never the module's.
    """
    if _ONE_SLASH.match(target.url) and target.scheme != "file":
        entry = target.url.partition("/@")[0]
        return find(config.ONE_SLASH, source=source, subject="GOPROXY", value=entry)
    if target.endpoint in {"other", "go-import", "git"} or target.scheme not in {"http", "https"}:
        return None
    name = target.host.partition(":")[0].lower()
    if name in {"http", "https"}:
        rest = target.base.partition("://")[2].partition("/")[2]
        entry = f"{name}//{rest}".removesuffix("/")
        return find(config.NOT_A_URL, source=source, subject="GOPROXY", value=entry, advice=f"{name}://…")
    base = unquote(target.base)
    # Only what can be told from the URL alone: an entry that is merely unwise is no fault of this request.
    fault = entry_fault(base, source) if re.search(r"[^!-~]|[;\"'|]", base) else None
    return fault if fault is not None and fault.cause in _IN_URL else None


def bogus(target: Target, source: str) -> Finding | None:
    """Whether the proxy that a URL asked is one that is known not to exist; None where it is not."""
    if target.scheme not in {"http", "https"} or target.endpoint in {"other", "go-import", "git"}:
        return None
    known = lint_goproxy(target.base, source)
    return next(
        (found for found in known if found.cause in {config.KNOWN_BOGUS, config.UNKNOWN_HOST_WORD}), None
    )


_IN_URL = {config.WRONG_SEPARATOR, config.QUOTES, config.NOT_A_URL}

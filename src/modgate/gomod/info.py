"""The JSON of `.info` and `@latest`: which version, committed when, from where.

The go command reads the keys without regard to case and the last one wins, so a document that says
`Version` twice could mean one thing here and another there: it is refused. What is not such a
document (a login page, say) is a broken source, never an absent version.
Source: cmd/go/internal/modfetch, RevInfo and proxyRepo.Stat.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from modgate.errors import Invalid, Unavailable
from modgate.gomod import module
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, Version

__all__ = ["MAX_INFO", "Info", "encode_info", "is_rfc3339", "parse_info"]

MAX_INFO = 1 << 20
"""Bytes above which a document is no `.info`."""

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)T((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Info:
    """What `.info` says.

    Attributes:
        version: The canonical version.
        time: The commit time in RFC 3339, which the author sets; empty where not said.
        origin: Where it came from (VCS, URL, Hash, Ref, …), as found.
    """

    version: Version
    time: str = ""
    origin: dict[str, Any] | None = None


def is_rfc3339(text: str) -> bool:
    """Whether the text is a time that Go's time.RFC3339 reads."""
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    try:
        datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00")
    except ValueError:
        return False
    return True


def _bad(what: str) -> Unavailable:
    return Unavailable(f"the answer is no valid .info: {what}", kind="bad-answer")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key.casefold() for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _document(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_INFO:
        raise _bad(f"longer than {MAX_INFO} bytes")
    try:
        text = data.decode("utf-8")
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        if data.lstrip()[:1] == b"<":
            raise _bad("it is an HTML page") from None
        raise _bad("it is not JSON with each key once") from None
    if not isinstance(document, dict):
        raise _bad("it is not a JSON object")
    return {key.casefold(): value for key, value in document.items()}


def parse_info(data: bytes, *, asked: str | None, path: ModulePath | None = None) -> Info:
    """What an `.info` or `@latest` document says.

    Args:
        data: The body.
        asked: The canonical version that was asked for, or None for `@latest` and queries.
        path: Where given, the version must fit its major version.

    Raises:
        Unavailable: `bad-answer` for anything else than a JSON object with a canonical `Version`
            (the asked one) and, if present, a `Time` in RFC 3339.
    """
    document = _document(data)
    version = document.get("version")
    if not isinstance(version, str) or not version or module.canonical_version(version) != version:
        raise _bad("it names no full version")
    if asked is not None and version != asked:
        raise _bad(f"it is about {shown(version)}, not {shown(asked)}")
    if path is not None:
        try:
            module.check(path, version)
        except Invalid as error:
            raise _bad(error.what) from None
    time = document.get("time")
    if time is not None and not (isinstance(time, str) and is_rfc3339(time)):
        raise _bad("its Time is not in RFC 3339")
    origin = document.get("origin")
    if origin is not None and not isinstance(origin, dict):
        raise _bad("its Origin is not an object")
    return Info(cast("Version", version), time or "", origin)


def encode_info(info: Info) -> bytes:
    """The compact JSON document, keys as the go command writes them."""
    document: dict[str, Any] = {"Version": info.version}
    if info.time:
        document["Time"] = info.time
    if info.origin is not None:
        document["Origin"] = info.origin
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")

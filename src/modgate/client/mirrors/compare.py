"""Two runs side by side: what became better or worse beyond noise.

Medians are compared with the spread of both runs (`stats.differs`), shares of failures by a two-proportion
test, yes-or-no facts by themselves. What was measured with another module is not compared. An earlier run is
a file that anybody may have edited: what does not fit is left out, and what is no run at all is refused.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from modgate.client.mirrors.document import KIND, SCHEMA, Document
from modgate.client.mirrors.stats import Summary, differs, share_differs
from modgate.client.mirrors.words import cleaned
from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["compare", "read_document"]

_LEAST_SHARE = 0.10
_LEAST_SECONDS = 0.003
_LEAST_RATE = 20_000.0
_MOST = 1e15


def read_document(data: bytes, where: str) -> Document:
    """A saved run. Raises Invalid where it is none, or of another schema."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Invalid("this is no saved run of `modgate mirrors test`", where=where) from None
    if not isinstance(found, dict) or found.get("kind") != KIND or not isinstance(found.get("mirrors"), list):
        raise Invalid("this is no saved run of `modgate mirrors test`", where=where)
    if found.get("schema") != SCHEMA:
        raise Invalid(f"it has schema {str(found.get('schema'))[:20]}, not {SCHEMA}", where=where)
    return found


def compare(before: Document, after: Document) -> Document:
    """The document's `comparison`: changes beyond noise, mirrors that are new or gone."""
    earlier = {str(_at(it, "url")): it for it in before["mirrors"] if isinstance(it, dict)}
    later = {it["url"]: it for it in after["mirrors"]}
    same = _at(before, "subject", "module") == _at(after, "subject", "module")
    changes = [
        {"mirror": it["name"], "what": what, "before": old, "after": new, "change": word}
        for url, it in later.items()
        if url in earlier
        for what, old, new, word in _changes(earlier[url], it, same_subject=same)
    ]
    return {
        "taken": cleaned(str(before.get("taken", ""))),
        "same_subject": same,
        "changes": changes,
        "new": [it["name"] for url, it in later.items() if url not in earlier],
        "gone": [cleaned(str(_at(it, "name"))) for url, it in earlier.items() if url not in later],
    }


if TYPE_CHECKING:
    Change = tuple[str, object, object, str]


def _changes(before: Document, after: Document, *, same_subject: bool) -> Iterator[Change]:
    if same_subject:
        for kind in ("cold", "warm"):
            yield from _median(before, after, kind, ("latency", kind), _LEAST_SECONDS, more_is_better=False)
        path = ("throughput", "spread")
        yield from _median(before, after, "throughput", path, _LEAST_RATE, more_is_better=True)
    yield from _failures(before, after)
    for what, path in (("sumdb", ("sumdb", "works")), ("toolchain", ("toolchain", "available"))):
        old, new = _at(before, *path), _at(after, *path)
        if isinstance(old, bool) and isinstance(new, bool) and old != new:
            yield what, old, new, "better" if new else "worse"
    yield from _checks(before, after)


def _median(
    before: Document,
    after: Document,
    what: str,
    path: tuple[str, ...],
    least: float,
    *,
    more_is_better: bool,
) -> Iterator[Change]:
    old, new = _summary(_at(before, *path)), _summary(_at(after, *path))
    if old is None or new is None or not differs(old, new, least_share=_LEAST_SHARE, least=least):
        return
    better = (new.p50 > old.p50) == more_is_better
    yield what, old.p50, new.p50, "better" if better else "worse"


def _failures(before: Document, after: Document) -> Iterator[Change]:
    counts = [_at(it, "stability", name) for it in (before, after) for name in ("failed", "requests")]
    if not all(isinstance(count, int) and 0 <= count < _MOST for count in counts):
        return
    failed_before, of_before, failed_after, of_after = counts
    if share_differs(failed_before, of_before, failed_after, of_after):
        old, new = failed_before / of_before, failed_after / of_after
        yield "failures", round(old, 4), round(new, 4), "better" if new < old else "worse"


def _checks(before: Document, after: Document) -> Iterator[Change]:
    listed = _at(before, "conformance")
    old = {
        str(_at(it, "check")): str(_at(it, "result")) for it in (listed if isinstance(listed, list) else ())
    }
    for check in after["conformance"]:
        then, now = old.get(check["check"]), check["result"]
        if {then, now} == {"pass", "fail"}:
            yield f"check:{check['check']}", then, now, "better" if now == "pass" else "worse"


def _summary(found: object) -> Summary | None:
    """A summary of a saved run, None where a number is missing or none."""
    if not isinstance(found, dict):
        return None
    values = {field.name: found.get(field.name) for field in fields(Summary)}
    if not all(isinstance(value, int | float) and 0 <= value < _MOST for value in values.values()):
        return None
    return Summary(**values) if values["n"] else None  # type: ignore[arg-type]


def _at(found: Any, *path: str) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found

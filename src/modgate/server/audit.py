"""The audit over HTTP, for whoever collects it: `GET /admin/audit`.

Query: `module`, `version`, `consumer`, `kind`, `since`, `until` (Unix seconds or 2026-01-31), `after` (a
row's number: the rows behind it), `limit`, and `format`, `jsonl` (the default) or `csv`. Rows are read and
sent in batches, so the answer costs the same memory however long the audit is. What breaks off in the middle
breaks the connection: a part never looks like the whole. The last line of `jsonl` is
`{"end": true, "number": N}`.
"""

from __future__ import annotations

import calendar
import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Invalid
from modgate.operations.audit import RowsParams, csv_line, owners_in_rows, row_facts
from modgate.operations.records import records_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from modgate.operations import Works

__all__ = ["audit_response"]

_FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


async def audit_response(works: Works, request: Request) -> Response:
    """The answer to somebody who may ask. Raises Invalid for a query that means nothing, Unavailable."""
    from starlette.responses import StreamingResponse  # noqa: PLC0415  as in admin

    query = dict(request.query_params)
    form = query.pop("format", "jsonl")
    if form not in _FORMATS:
        raise Invalid(f"no format {form[:20]!r}", next_step="format is jsonl or csv.", malformed=True)
    wanted = _params(query)
    records = records_of(works)
    await records.settle()
    await records.audit.head()  # what is broken from the start has a status
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if form == "csv":
        headers["content-disposition"] = 'attachment; filename="modgate-audit.csv"'
    return StreamingResponse(_lines(works, wanted, form), media_type=_FORMATS[form], headers=headers)


async def _lines(works: Works, wanted: RowsParams, form: str) -> AsyncGenerator[bytes, None]:
    records = records_of(works)
    owners, told, last = await owners_in_rows(records), 0, wanted.after
    if form == "csv":
        yield csv_line(None).encode()
    async for batch in records.audit.rows(wanted.filter(), after=wanted.after):
        rows = batch[: wanted.limit - told] if wanted.limit else batch
        facts = [row_facts(row, owners) for row in rows]
        if facts:
            told, last = told + len(facts), facts[-1]["number"]
            yield b"".join(_line(each, form) for each in facts)
        if wanted.limit and told >= wanted.limit:
            break
    if form == "jsonl":
        yield msgspec.json.encode({"end": True, "number": last}) + b"\n"


def _line(facts: Mapping[str, Any], form: str) -> bytes:
    return csv_line(facts).encode() if form == "csv" else msgspec.json.encode(facts) + b"\n"


def _params(query: Mapping[str, str]) -> RowsParams:
    given: dict[str, Any] = {}
    for name, value in query.items():
        if name not in RowsParams.__struct_fields__:
            known = ", ".join((*RowsParams.__struct_fields__, "format"))
            raise Invalid(f"no parameter {name[:40]!r}", next_step=f"Known are {known}.", malformed=True)
        given[name] = _moment(value) if name in {"since", "until"} else value
    try:
        wanted = msgspec.convert(given, RowsParams, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"a parameter is wrong: {error}", malformed=True) from error
    if wanted.after < 0 or wanted.limit < 0:
        raise Invalid("after and limit are not negative", malformed=True)
    wanted.filter()  # what it refuses has a status, as long as nothing was sent
    return wanted


def _moment(value: str) -> float | str:
    try:
        return float(calendar.timegm(time.strptime(value, "%Y-%m-%d"))) if _DAY.fullmatch(value) else value
    except ValueError as error:
        raise Invalid(f"{value!r} is no day", malformed=True) from error

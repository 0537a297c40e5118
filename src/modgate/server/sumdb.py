"""`/sumdb/<name>/…`: the checksum database through the proxy.

Rule: a database's name may hold slashes (cmd/go/internal/modfetch/sumdb.go), so the URL is split
before the endpoint, not after the first element. `supported` is answered by the mirror itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from modgate.errors import Absent, Invalid
from modgate.gomod.protocol import decode_path
from modgate.server.represent import Representation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.checksums import ChecksumMirror
    from modgate.model.context import Context
    from modgate.server.memo import Memo
    from modgate.server.respond import Headers
    from modgate.telemetry import Metrics

__all__ = ["SumDB", "split"]

_KEPT = 64 * 1024


def split(path: str, names: Sequence[str] = ()) -> tuple[str, str]:
    """The database's name and the rest, from the decoded path after `sumdb/`.

    `names` are the databases that are known; others end before the first endpoint word. Raises
    Invalid where there is no endpoint.
    """
    for name in names:
        if path.startswith(f"{name}/"):
            return name, path[len(name) + 1 :]
    elements = path.split("/")
    for at, element in enumerate(elements[1:], 1):
        last = at == len(elements) - 1
        if (element in {"supported", "latest"} and last) or (element in {"lookup", "tile"} and not last):
            return "/".join(elements[:at]), "/".join(elements[at:])
    raise Invalid(
        "no endpoint of the checksum database protocol",
        next_step="Known: supported, latest, lookup/MODULE@VERSION, tile/….",
    )


class SumDB:
    """Answers `/sumdb/` URLs from a mirror; keeps what cannot change in the memo."""

    def __init__(
        self,
        mirror: ChecksumMirror | None,
        memo: Memo,
        metrics: Metrics,
        *,
        names: Sequence[str],
        mount: str,
        extra: Headers,
    ) -> None:
        self._mirror = mirror
        self._memo = memo
        self._metrics = metrics
        self._names = sorted(names, key=len, reverse=True)
        self._mount = mount
        self._extra = extra

    async def answer(self, ctx: Context, raw_path: str) -> Representation:
        """The answer to a path (after the mount prefix) that begins with `/sumdb/`.

        Raises Invalid, Absent (no such mirror: the go command then asks elsewhere), and what the
        mirror raises.
        """
        path = decode_path(raw_path).removeprefix("sumdb/")
        name, rest = split(path, self._names)
        if self._mirror is None:
            raise Absent("no checksum database is mirrored here", where=name)
        generation = self._memo.generation()
        answer = await self._mirror.fetch(ctx, name, rest)
        rep = Representation(
            content_type=answer.content_type.encode("latin-1"),
            body=answer.body,
            size=len(answer.body),
            extra=self._extra,
            immutable=answer.immutable,
            sha256=hashlib.sha256(answer.body).hexdigest() if answer.immutable else "",
            shared=answer.shared,
        )
        kept = answer.immutable and answer.shared and len(answer.body) <= _KEPT
        if kept and "%" not in raw_path and ctx.fetch:
            key = (f"{self._mount}{raw_path}".encode("ascii"), "")
            cell = self._metrics.cell("sumdb", "hit", 200)
            self._memo.put(key, rep, answer.body, kind="sumdb", cell=cell, generation=generation)
        return rep

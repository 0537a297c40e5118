"""Which versions the build still reads: asked of the real go, without network and without a change.

`go mod graph` names every version whose go.mod is read; a line for any other is left over from an earlier
build list. go answers from its module cache alone (GOPROXY=off), and where that does not hold everything the
answer is "not known".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import ModgateError

if TYPE_CHECKING:
    from pathlib import PurePath

    from modgate.client.machine.host import Host

__all__ = ["read_graph"]

_LIMIT = 20.0
_QUIET = {"GOPROXY": "off", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}


async def read_graph(host: Host, folder: PurePath) -> tuple[frozenset[tuple[str, str]] | None, str]:
    """The (path, version) pairs of a module's graph; None and the reason where go could not tell."""
    try:
        ran = await host.run(
            ("go", "-C", str(folder), "mod", "graph"), limit=_LIMIT, environ={**host.environ, **_QUIET}
        )
    except ModgateError as error:
        return None, error.what
    if ran.status:
        return None, " ".join(ran.stderr.split()[:30]) or f"exit status {ran.status}"
    found = set()
    for line in ran.stdout.splitlines():
        for name in line.split():
            path, at, version = name.partition("@")
            if at:
                found.add((path, version))
    return frozenset(found), ""

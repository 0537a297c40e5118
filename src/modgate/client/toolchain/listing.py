"""The modules of a build as `go list -m -json all` lists them, without a download unless one is wanted.

`go list -m all` reads go.mod files of dependencies and fetches those that are missing, so by default every
way out is closed: GOPROXY=off alone is not enough, because go asks the origin of private modules all the
same, so GONOPROXY is set to match nothing. With `-e` go then lists what it knows and names the rest. Where
it lists nothing at all, the requirements of go.mod are told instead, as such. Source: go help list;
cmd/go/internal/modfetch/proxy.go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.doctor.toolchain import go_order
from modgate.errors import Absent, Invalid, Unavailable
from modgate.gomod.harmless import harmless
from modgate.gomod.modfile import parse_lax

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modgate.client.machine.host import Host

__all__ = ["CLOSED", "ListedModule", "Listing", "go_env", "list_modules", "required_paths"]

CLOSED: Mapping[str, str] = {"GOPROXY": "off", "GONOPROXY": "none", "GOVCS": "*:off", "GOSUMDB": "off"}
"""Every way to the network closed, for one go command."""

_LIMIT = 120.0
_PRUNED = (1, 17)
_MOST_LINES = 4
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class ListedModule:
    """One module of the build.

    Attributes:
        path: As required.
        version: Empty for a main module.
        main: A main module.
        indirect: No package of a main module imports it.
        replaced_path: What stands in its place, a module path or a folder; empty for nothing.
        replaced_version: Empty for a folder.
        go: The go line of its go.mod, empty where that is not known.
        error: What go says about it, empty for nothing.
        update: A newer version, where updates were asked for.
        retracted: The reasons of its author, where they were asked for.
        deprecated: Likewise.
    """

    path: str
    version: str = ""
    main: bool = False
    indirect: bool = False
    replaced_path: str = ""
    replaced_version: str = ""
    go: str = ""
    error: str = ""
    update: str = ""
    retracted: tuple[str, ...] = ()
    deprecated: str = ""

    @property
    def fetched(self) -> tuple[str, str]:
        """(path, version) of what go downloads for it; both empty for a main module or a folder."""
        if self.replaced_path:
            return (self.replaced_path, self.replaced_version) if self.replaced_version else ("", "")
        return ("", "") if self.main or not self.version else (self.path, self.version)


@dataclass(frozen=True, slots=True)
class Listing:
    """The modules, and why there are not more of them.

    Attributes:
        modules: In go's order.
        source: `go list` or `go.mod`.
        error: What go said where it could not list all, empty where it could.
    """

    modules: tuple[ListedModule, ...] = ()
    source: str = "go list"
    error: str = ""


async def go_env(host: Host, folder: str) -> dict[str, str]:
    """`go env` in a folder. Raises Absent without a go command, Unavailable where it fails."""
    ran = await host.run(
        ("go", "-C", folder, "env", "-json"), limit=_LIMIT, environ={**host.environ, "GOTOOLCHAIN": "local"}
    )
    try:
        told = json.loads(ran.stdout)
    except ValueError:
        told = None
    if ran.status or not isinstance(told, dict):
        words = (ran.stderr or ran.stdout).strip()
        raise Unavailable(
            f"go env failed: {words.splitlines()[0] if words else ran.status}", kind="bad-answer"
        )
    return {str(name): str(value) for name, value in told.items()}


async def list_modules(host: Host, folder: str, gomod: str, *, network: bool, updates: bool) -> Listing:
    """The modules of the main module in a folder; `gomod` is its file.

    Raises Absent without a go command, Unavailable where it takes too long.
    """
    environ = {
        **host.environ,
        "GOTOOLCHAIN": "local",
        "GOFLAGS": _without_mod(host.environ.get("GOFLAGS", "")),
    }
    if not (network or updates):
        environ |= CLOSED
    more = ("-u", "-retracted") if updates else ()
    ran = await host.run(
        ("go", "-C", folder, "list", "-m", "-e", "-mod=readonly", *more, "-json", "all"),
        limit=_LIMIT,
        environ=environ,
    )
    try:
        modules = tuple(_module(item) for item in _objects(ran.stdout))
    except ValueError:
        modules = ()
    error = _said(ran.stderr) if ran.status or not modules else ""
    if not any(not module.main for module in modules) and error:
        return Listing(_required(host, gomod), "go.mod", error)
    return Listing(modules, error=error)


def _objects(text: str) -> Iterator[dict[str, object]]:
    """The objects of a stream of JSON. Raises ValueError."""
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        item, at = decoder.raw_decode(text, at)
        if isinstance(item, dict):
            yield item


def _module(item: dict[str, object]) -> ListedModule:
    instead, update, error = (_part(item, name) for name in ("Replace", "Update", "Error"))
    retracted = item.get("Retracted")
    return ListedModule(
        path=str(item.get("Path", "")),
        version=str(item.get("Version", "")),
        main=item.get("Main") is True,
        indirect=item.get("Indirect") is True,
        replaced_path=str(instead.get("Path", "")),
        replaced_version=str(instead.get("Version", "")),
        go=str(item.get("GoVersion", "")),
        error=_said(str(error.get("Err", ""))),
        update=str(update.get("Version", "")),
        retracted=tuple(map(str, retracted)) if isinstance(retracted, list) else (),
        deprecated=str(item.get("Deprecated", "")),
    )


def _said(text: str) -> str:
    """What go said, at most four lines of them, without credentials and control characters."""
    lines = [line for line in harmless(text).strip().splitlines() if line.strip()][:_MOST_LINES]
    return "\n".join(
        "".join(char if char.isprintable() else "?" for char in line[:_LONGEST]) for line in lines
    )


def _part(item: dict[str, object], name: str) -> dict[str, object]:
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def _required(host: Host, gomod: str) -> tuple[ListedModule, ...]:
    """What go.mod itself names; nothing where it cannot be read."""
    try:
        read = parse_lax(host.read(host.path(gomod)) or b"")
    except (Unavailable, Invalid, Absent):
        return ()
    replaced = {(one.old_path, one.old_version): one for one in read.replace}
    found = []
    for one in read.require:
        instead = replaced.get((one.path, one.version)) or replaced.get((one.path, ""))
        found.append(
            ListedModule(
                one.path,
                one.version,
                indirect=one.indirect,
                replaced_path=instead.new_path if instead else "",
                replaced_version=instead.new_version if instead else "",
            )
        )
    return tuple(found)


def required_paths(host: Host, gomod: str) -> frozenset[str] | None:
    """The modules that `go mod download` fetches: since Go 1.17 go.mod names all that a build can need, and
    others only stand in the graph. None where it names not all (an older go line).
    """
    try:
        read = parse_lax(host.read(host.path(gomod)) or b"")
    except (Unavailable, Invalid):
        return None
    order = go_order(read.go)
    if order is None or order[:2] < _PRUNED:
        return None
    return frozenset(one.path for one in read.require)


def _without_mod(flags: str) -> str:
    return " ".join(flag for flag in flags.split() if not flag.lstrip("-").startswith("mod="))

"""Reading go's settings: the files and variables themselves, then go's own word as a cross-check.

The layers are computed first, because only they know where a value stands; where a go command is found it is
asked once, with GOTOOLCHAIN=local so that nothing is downloaded for the answer, and what it says otherwise
is kept as a problem. go's answer wins for what only the installed go can know (its GOROOT, its version,
built-in defaults that differ between releases).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.machine.golayers import (
    KNOWN,
    MODERN_DEFAULTS,
    EnvLine,
    goenv_path,
    goroot_of_go_env,
    join_path,
    layered,
    parse_env_file,
)
from modgate.client.machine.settings import GoSettings
from modgate.client.machine.showing import safe
from modgate.errors import Absent, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import Setting

__all__ = ["read_go_settings"]

# go prints them after its own treatment (quoting, canonical forms), so they cannot be compared as text.
_REWRITTEN = frozenset(
    {name for name in KNOWN if name.startswith("CGO_")}
    | {"CC", "CXX", "FC", "GCCGO", "GOEXPERIMENT", "GOTOOLCHAIN", "GOWORK", "GO_EXTLINK_ENABLED"}
    | {"PKG_CONFIG"}
)
_ASKED = tuple(sorted({*KNOWN, "GOVERSION"} - _REWRITTEN))
_OF_THE_RELEASE = frozenset(
    {"GOARCH", "GOOS", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64"}
    | {"GORISCV64", "GOWASM", "GOAUTH", "GOFIPS140"}
)
_LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class _Told:
    """go's answer: values by name, or why there is none (`failure` empty where no go was found)."""

    values: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""


async def read_go_settings(host: Host) -> GoSettings:
    """Go's settings on this machine with the layer of each; nothing is raised, what failed is in
    `problems`.
    """
    told = await _ask_go(host)
    problems: list[str] = [told.failure] if told.failure else []
    goenv_file = goenv_path(host.system, host.environ)
    goenv = _lines(host, goenv_file, problems)
    found = told.values.get("GOROOT", "") or _goroot_of_binary(host)
    goroot = goroot_of_go_env(host.system, host.environ, goenv, found)
    go_env_file = join_path(host.system, goroot, "go.env") if goroot else ""
    go_env = _lines(host, go_env_file, problems)
    settings = layered(
        host.system,
        host.environ,
        (goenv_file, goenv),
        (go_env_file, go_env),
        goroot,
        defaults=_defaults(told, known_go_env=bool(go_env)),
    )
    problems.extend(_differences(settings, told.values))
    return GoSettings(
        settings=settings,
        goenv_file=goenv_file,
        goroot=told.values.get("GOROOT", "") or goroot,
        version=told.values.get("GOVERSION", ""),
        problems=tuple(problems),
        failure=told.failure,
    )


async def _ask_go(host: Host) -> _Told:
    environ = {**host.environ, "GOTOOLCHAIN": "local"}
    try:
        ran = await host.run(("go", "env", "-json", *_ASKED), limit=_LIMIT, environ=environ)
    except Absent:
        return _Told()
    except Unavailable as error:
        return _Told(failure=error.what)
    if ran.status:
        return _Told(failure=(ran.stderr or ran.stdout).strip() or f"go env ended with {ran.status}")
    try:
        values = json.loads(ran.stdout)
    except ValueError:
        return _Told(failure="go env -json printed no JSON")
    if not isinstance(values, dict):
        return _Told(failure="go env -json printed no object")
    return _Told({name: value for name, value in values.items() if isinstance(value, str)})


def _lines(host: Host, file: str, problems: list[str]) -> tuple[EnvLine, ...]:
    if not file:
        return ()
    try:
        data = host.read(host.path(file))
    except Unavailable as error:
        # go ignores such a file without a word.
        problems.append(error.what)
        return ()
    return parse_env_file(data or b"")


def _goroot_of_binary(host: Host) -> str:
    """GOROOT/bin/go: the folder above that of the binary, where it has a go.env."""
    binary = host.which("go")
    if binary is None:
        return ""
    root = binary.parent.parent
    try:
        return str(root) if host.status(root / "go.env") is not None else ""
    except Unavailable:
        return ""


def _defaults(told: _Told, *, known_go_env: bool) -> dict[str, str]:
    """Built-in values. Without go's word and without go.env, those of a go as it is published."""
    if not told.values:
        return {} if known_go_env else dict(MODERN_DEFAULTS)
    # Releases before 1.21 have no go.env: their defaults are compiled in.
    names = _OF_THE_RELEASE if known_go_env else _OF_THE_RELEASE | {"GOPROXY", "GOSUMDB"}
    return {name: text for name, text in told.values.items() if name in names}


def _differences(settings: Mapping[str, Setting], told: Mapping[str, str]) -> list[str]:
    """Where go says otherwise: go itself was changed, or this reading is wrong."""
    found: list[str] = []
    for name in _ASKED:
        if name not in told or name == "GOVERSION":
            continue
        setting = settings.get(name)
        text = setting.value.text if setting else ""
        if _comparable(text) != _comparable(told[name]):
            found.append(f"go says {name}={safe(told[name])}, its files and variables say {safe(text)}")
    return found


def _comparable(text: str) -> str:
    """Python and Go count bytes that are no UTF-8 differently: one mark stands for any number of them."""
    while "��" in text:
        text = text.replace("��", "�")
    return text

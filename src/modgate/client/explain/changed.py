"""Which variables `go env -changed` prints: those whose value is not what it would be on a fresh machine.

"Fresh" means what go.env says where it names the variable, else the built-in default; of a name that stands
twice in go.env the last one is the yardstick, although the first one counts. An empty line in the GOENV file
turns go.env's value off and still is no change, and GOPATH as an OS variable never is one. Source:
cmd/go/internal/envcmd MkEnv, ExtraEnvVarsCostly; cfg.EnvOrAndChanged; cache.DefaultDir; work/gccgo.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.machine.golayers import KNOWN, layered
from modgate.client.machine.host import System
from modgate.client.machine.settings import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings, Setting

__all__ = ["built_in", "changed_variables"]

_SET_AT_ALL = frozenset(
    {"GOBIN", "GOEXPERIMENT", "GOFLAGS", "GOINSECURE", "GOPRIVATE", "GOTMPDIR", "GOVCS", "GODEBUG"}
    | {"CC", "CXX"}
)
_COMPARED = frozenset(
    {"GOAUTH", "GOCACHEPROG", "GOFIPS140", "GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOPATH"}
    | {"GOPROXY", "GOSUMDB", "GOTOOLCHAIN", "AR"}
)
_ARCHITECTURE = {
    "386": "GO386",
    "amd64": "GOAMD64",
    "arm": "GOARM",
    "arm64": "GOARM64",
    "mips": "GOMIPS",
    "mips64": "GOMIPS64",
    "mips64le": "GOMIPS64",
    "mipsle": "GOMIPS",
    "ppc64": "GOPPC64",
    "ppc64le": "GOPPC64",
    "riscv64": "GORISCV64",
    "wasm": "GOWASM",
}
_ARCHITECTURE_DEFAULTS = {
    "GO386": "sse2",
    "GOAMD64": "v1",
    "GOARM": "7",
    "GOARM64": "v8.0",
    "GOMIPS": "hardfloat",
    "GOMIPS64": "hardfloat",
    "GOPPC64": "power8",
    "GORISCV64": "rva20u64",
}
_USUAL_C_FLAGS = ["-O2", "-g"]
_C_FLAGS: Mapping[str, list[str]] = {
    "CGO_CFLAGS": _USUAL_C_FLAGS,
    "CGO_CPPFLAGS": [],
    "CGO_CXXFLAGS": _USUAL_C_FLAGS,
    "CGO_FFLAGS": _USUAL_C_FLAGS,
    "CGO_LDFLAGS": _USUAL_C_FLAGS,
}
_SPACE = re.compile(r"[ \t\r\n]+")


def built_in(system: System, environ: Mapping[str, str], go: GoSettings) -> dict[str, str]:
    """The built-in default of each variable that has one, given the other variables as they are."""
    kept = {"GOENV", "GOROOT"}
    bare = {name: text for name, text in environ.items() if name not in KNOWN or name in kept}
    nothing: tuple[str, tuple[()]] = ("", ())
    alone = layered(system, bare, nothing, nothing, go.goroot, defaults={})
    others = {name: go[name] for name in ("GOPATH", "GOPRIVATE") if go[name]}
    beside = layered(system, bare | others, nothing, nothing, go.goroot, defaults={})
    found = {name: setting.value.text for name, setting in beside.items() if name not in {"GOENV", "GOROOT"}}
    found.pop("GOPRIVATE", None)
    found["GOPATH"] = alone["GOPATH"].value.text if "GOPATH" in alone else ""
    found |= {
        name: text for name, text in _ARCHITECTURE_DEFAULTS.items() if name == _ARCHITECTURE.get(go["GOARCH"])
    }
    return found


def changed_variables(host: Host, go: GoSettings, *, runs_on: tuple[str, str]) -> frozenset[str]:
    """The names that `go env -changed` prints for this host's environment.

    `runs_on` is the system and architecture of the go command itself (GOHOSTOS, GOHOSTARCH).
    """
    defaults = built_in(host.system, host.environ, go)
    # go takes an OS variable GOPATH for the default itself.
    defaults["GOPATH"] = host.environ.get("GOPATH", "") or defaults["GOPATH"]
    found = {name for name in _SET_AT_ALL if go[name]}
    found |= {name for name in _COMPARED if _differs(go.settings.get(name), defaults.get(name, ""))}
    cache = _stated(go.settings.get("GOCACHE"))
    if cache and cache != defaults.get("GOCACHE", "off"):
        found.add("GOCACHE")
    if go["GO111MODULE"] not in {"", "on"}:
        found.add("GO111MODULE")
    if host.environ.get("GOENV", "") not in {"", "off"}:
        found.add("GOENV")
    target = (go["GOOS"] or runs_on[0], go["GOARCH"] or runs_on[1])
    found |= {
        name for name, here, there in zip(("GOOS", "GOARCH"), target, runs_on, strict=True) if here != there
    }
    special = _ARCHITECTURE.get(target[1], "")
    if special and _differs(go.settings.get(special), _ARCHITECTURE_DEFAULTS.get(special, "")):
        found.add(special)
    found |= {name for name, usual in _C_FLAGS.items() if go[name] and _words(go[name]) != usual}
    if go["PKG_CONFIG"] and _words(go["PKG_CONFIG"])[:1] != ["pkg-config"]:
        found.add("PKG_CONFIG")
    gccgo = go["GCCGO"] or "gccgo"
    if gccgo != "gccgo" or host.which(gccgo) is not None:
        found.add("GCCGO")
    if go["CGO_ENABLED"] in {"0", "1"} and (go["CGO_ENABLED"] == "1") != _uses_cgo(
        host, native=target == runs_on
    ):
        found.add("CGO_ENABLED")
    return frozenset(found)


def _stated(setting: Setting | None) -> str:
    """What somebody wrote, empty where nobody did."""
    values = (setting.value, *setting.hidden) if setting else ()
    return next((value.text for value in values if value.layer is not Layer.BUILT_IN), "")


def _differs(setting: Setting | None, default: str) -> bool:
    """cfg.EnvOrAndChanged: an empty value is the default, go.env's value the yardstick where it has one."""
    stated = _stated(setting)
    if setting is None or not stated:
        return False
    of_goroot = [value.text for value in (setting.value, *setting.hidden) if value.layer is Layer.GOROOT]
    return stated != (of_goroot[-1] if of_goroot else default)


def _uses_cgo(host: Host, *, native: bool) -> bool:
    """What CGO_ENABLED would be if nobody set it. With CGO_ENABLED=0 as an OS variable go does not look for
    a compiler.
    """
    if not native:
        return False
    if host.environ.get("CGO_ENABLED") == "0" or host.environ.get("CC"):
        return True
    return host.which("clang" if host.system is System.MACOS else "gcc") is not None


def _words(text: str) -> list[str]:
    return [word for word in _SPACE.split(text) if word]

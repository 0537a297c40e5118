"""The layers of go's settings, computed as the go command computes them.

An OS variable that is not empty wins; then the GOENV file together with `GOROOT/go.env`, where a key that
stands in the GOENV file, even with an empty value, hides the one of go.env; then the built-in default. The
files are read without any trimming: a carriage return, a quotation mark or a space is a part of the value,
a byte order mark a part of the first key. What differs from this by one byte leads people to look in the
wrong place, so a test compares it with the real `go env`. Source: cmd/go/internal/cfg (readEnvFile, Getenv,
findGOROOT), os.UserConfigDir, os.UserCacheDir, cmd/go/internal/cache.DefaultDir, go/build.defaultGOPATH.
"""

from __future__ import annotations

import ntpath
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.machine.host import System
from modgate.client.machine.settings import Layer, Setting, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "COMPUTED",
    "KNOWN",
    "MODERN_DEFAULTS",
    "EnvLine",
    "clean_path",
    "goenv_path",
    "goroot_of_go_env",
    "is_absolute",
    "join_path",
    "layered",
    "parse_env_file",
]

KNOWN: tuple[str, ...] = (
    *("AR", "CC", "CGO_CFLAGS", "CGO_CFLAGS_ALLOW", "CGO_CFLAGS_DISALLOW", "CGO_CPPFLAGS"),
    *("CGO_CPPFLAGS_ALLOW", "CGO_CPPFLAGS_DISALLOW", "CGO_CXXFLAGS", "CGO_CXXFLAGS_ALLOW"),
    *("CGO_CXXFLAGS_DISALLOW", "CGO_ENABLED", "CGO_FFLAGS", "CGO_FFLAGS_ALLOW", "CGO_FFLAGS_DISALLOW"),
    *("CGO_LDFLAGS", "CGO_LDFLAGS_ALLOW", "CGO_LDFLAGS_DISALLOW", "CXX", "FC", "GCCGO", "GO111MODULE"),
    *("GO386", "GOAMD64", "GOARCH", "GOARM", "GOARM64", "GOAUTH", "GOBIN", "GOCACHE", "GOCACHEPROG"),
    *("GODEBUG", "GOENV", "GOEXPERIMENT", "GOFIPS140", "GOFLAGS", "GOINSECURE", "GOMIPS", "GOMIPS64"),
    *("GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOOS", "GOPATH", "GOPPC64", "GOPRIVATE", "GOPROXY"),
    *("GORISCV64", "GOROOT", "GOSUMDB", "GOTMPDIR", "GOTOOLCHAIN", "GOVCS", "GOWASM", "GOWORK"),
    *("GO_EXTLINK_ENABLED", "PKG_CONFIG"),
)
"""The variables that go reads (internal/cfg.KnownEnv), without those that it only reports."""

COMPUTED: frozenset[str] = frozenset(
    {"GOEXE", "GOGCCFLAGS", "GOHOSTARCH", "GOHOSTOS", "GOMOD", "GOTELEMETRY", "GOTELEMETRYDIR"}
    | {"GOTOOLDIR", "GOVERSION"}
)
"""What `go env` reports and nobody sets."""

MODERN_DEFAULTS: Mapping[str, str] = {
    "GOPROXY": "https://proxy.golang.org,direct",
    "GOSUMDB": "sum.golang.org",
    "GOTOOLCHAIN": "auto",
}
"""What go.env holds as it is published: the guess for a machine without a readable go.env."""

_OS_ONLY = frozenset({"GODEBUG", "GOENV"})
_PLAIN_DEFAULTS = {"GOAUTH": "netrc", "GOFIPS140": "off", "AR": "ar", "PKG_CONFIG": "pkg-config"}


@dataclass(frozen=True, slots=True)
class EnvLine:
    """An assignment in a GOENV file or go.env: the value has every byte that stands after the `=`."""

    key: str
    text: str
    line: int


def parse_env_file(data: bytes) -> tuple[EnvLine, ...]:
    """The assignments in order; lines without `=`, or that begin with anything but A to Z, are none."""
    found: list[EnvLine] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        key, mark, text = line.partition(b"=")
        if mark and b"A" <= line[:1] <= b"Z":
            found.append(EnvLine(key.decode(errors="replace"), text.decode(errors="replace"), number))
    return tuple(found)


def join_path(system: System, *pieces: str) -> str:
    """filepath.Join: empty pieces are left out, the result is clean."""
    kept = [piece for piece in pieces if piece]
    return clean_path(system, ("\\" if system is System.WINDOWS else "/").join(kept)) if kept else ""


def clean_path(system: System, text: str) -> str:
    """filepath.Clean."""
    if system is System.WINDOWS:
        return ntpath.normpath(text)
    cleaned = posixpath.normpath(text)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def is_absolute(system: System, text: str) -> bool:
    """filepath.IsAbs; on Windows a drive or a share is needed."""
    if system is System.WINDOWS:
        drive, rest = ntpath.splitdrive(text)
        return bool(drive) and rest[:1] in {"\\", "/"}
    return text.startswith("/")


def goenv_path(system: System, environ: Mapping[str, str]) -> str:
    """The GOENV file's path; empty for GOENV=off and where no configuration folder is known."""
    named = environ.get("GOENV", "")
    if named:
        return "" if named == "off" else named
    folder = _config_folder(system, environ)
    return join_path(system, folder, "go", "env") if folder else ""


def _config_folder(system: System, environ: Mapping[str, str]) -> str:
    """os.UserConfigDir, empty for its errors."""
    if system is System.WINDOWS:
        return environ.get("APPDATA", "")
    home = environ.get("HOME", "")
    if system is System.MACOS:
        return f"{home}/Library/Application Support" if home else ""
    xdg = environ.get("XDG_CONFIG_HOME", "")
    if xdg:
        return xdg if xdg.startswith("/") else ""
    return f"{home}/.config" if home else ""


def _cache_folder(system: System, environ: Mapping[str, str]) -> str:
    """os.UserCacheDir, empty for its errors."""
    if system is System.WINDOWS:
        return environ.get("LOCALAPPDATA", "")
    home = environ.get("HOME", "")
    if system is System.MACOS:
        return f"{home}/Library/Caches" if home else ""
    xdg = environ.get("XDG_CACHE_HOME", "")
    if xdg:
        return xdg if xdg.startswith("/") else ""
    return f"{home}/.cache" if home else ""


def goroot_of_go_env(system: System, environ: Mapping[str, str], goenv: Iterable[EnvLine], found: str) -> str:
    """The GOROOT whose go.env is read: the GOENV file's before the OS variable's, else the one `found`
    from the go binary. For every other purpose the OS variable comes first.
    """
    named = {line.key: line.text for line in goenv}.get("GOROOT", "") or environ.get("GOROOT", "")
    return clean_path(system, named) if named else found


@dataclass(frozen=True, slots=True)
class _Files:
    """What the two files say, by key: every value, the one that counts first."""

    goenv: Mapping[str, tuple[Value, ...]]
    goroot: Mapping[str, tuple[Value, ...]]

    def values(self, name: str) -> tuple[Value, ...]:
        return self.goenv.get(name, ()) + self.goroot.get(name, ())


def layered(
    system: System,
    environ: Mapping[str, str],
    goenv: tuple[str, Iterable[EnvLine]],
    go_env: tuple[str, Iterable[EnvLine]],
    goroot: str,
    *,
    defaults: Mapping[str, str],
) -> dict[str, Setting]:
    """Every variable that is set somewhere or has a default, with what it hides.

    Args:
        system: Whose rules hold for paths.
        environ: The OS variables.
        goenv: Path and lines of the GOENV file.
        go_env: Path and lines of GOROOT/go.env.
        goroot: As `goroot_of_go_env` says.
        defaults: Built-in values that only this go knows, or MODERN_DEFAULTS where none was found.
    """
    files = _Files(_by_key(Layer.GOENV, *goenv), _by_key(Layer.GOROOT, *go_env))
    build = _Builder(system, environ, files, goroot, {**_PLAIN_DEFAULTS, **defaults})
    names = {*KNOWN, *files.goenv, *files.goroot, *defaults}
    settings = {name: build.setting(name) for name in sorted(names - COMPUTED)}
    return {name: setting for name, setting in settings.items() if setting is not None}


def _by_key(layer: Layer, file: str, lines: Iterable[EnvLine]) -> dict[str, tuple[Value, ...]]:
    """Of duplicates the last counts in the GOENV file and the first in go.env, where no key that is known
    already is overwritten.
    """
    found: dict[str, tuple[Value, ...]] = {}
    for line in lines:
        value = Value(layer, line.text, file, line.line)
        seen = found.get(line.key, ())
        found[line.key] = (value, *seen) if layer is Layer.GOENV else (*seen, value)
    return found


class _Builder:
    """The rules of single variables over the common ones."""

    def __init__(
        self,
        system: System,
        environ: Mapping[str, str],
        files: _Files,
        goroot: str,
        defaults: Mapping[str, str],
    ) -> None:
        self._system = system
        self._environ = environ
        self._files = files
        self._goroot = goroot
        self._defaults = defaults

    def setting(self, name: str) -> Setting | None:
        """The variable, None where nothing says anything about it."""
        if name == "GOENV":
            return self._goenv()
        stated = self._stated(name)
        if name == "GOCACHE" and stated and stated[0].text:
            given = stated[0].text
            if given != "off" and not is_absolute(self._system, given):
                return Setting(name, Value(Layer.BUILT_IN, "off"), stated)
        if stated and stated[0].text:
            return Setting(name, stated[0], stated[1:])
        default = self._default(name)
        if default:
            return Setting(name, Value(Layer.BUILT_IN, default), stated)
        return Setting(name, stated[0], stated[1:]) if stated else None

    def text(self, name: str) -> str:
        """The value that wins, empty where there is none."""
        found = self.setting(name)
        return found.value.text if found else ""

    def _stated(self, name: str) -> tuple[Value, ...]:
        """What people wrote, strongest first; an empty OS variable says nothing."""
        given = self._environ.get(name, "")
        from_os = (Value(Layer.OS, given),) if given else ()
        if name in _OS_ONLY:
            return from_os
        if name == "GOROOT":
            return from_os or ((Value(Layer.BUILT_IN, self._goroot),) if self._goroot else ())
        return from_os + self._files.values(name)

    def _goenv(self) -> Setting | None:
        path = goenv_path(self._system, self._environ)
        if self._environ.get("GOENV"):
            return Setting("GOENV", Value(Layer.OS, path))
        return Setting("GOENV", Value(Layer.BUILT_IN, path)) if path else None

    def _default(self, name: str) -> str:
        match name:
            case "GOPATH":
                return self._default_gopath()
            case "GOMODCACHE":
                first = self.text("GOPATH").split(";" if self._system is System.WINDOWS else ":")[0]
                return join_path(self._system, first, "pkg", "mod") if first else ""
            case "GOCACHE":
                folder = _cache_folder(self._system, self._environ)
                return join_path(self._system, folder, "go-build") if folder else "off"
            case "GONOPROXY" | "GONOSUMDB":
                return self.text("GOPRIVATE")
            case _:
                return self._defaults.get(name, "")

    def _default_gopath(self) -> str:
        home = self._environ.get("USERPROFILE" if self._system is System.WINDOWS else "HOME", "")
        if not home or not is_absolute(self._system, home):
            return ""
        folder = join_path(self._system, home, "go")
        root = self._environ.get("GOROOT", "") or self._goroot
        return "" if root and folder == clean_path(self._system, root) else folder

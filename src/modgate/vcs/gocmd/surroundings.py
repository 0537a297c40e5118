"""The world that a run of the go command sees: a home, settings and variables that are all ours.

Nothing of the person or service that runs the gate is passed on but PATH and certificates, so no
hgrc, netrc, credential or key of theirs is read, and what a repository holds names no program. The
way out is the passage's proxy: in Mercurial's own settings, in Subversion's, and in `http_proxy` for
the others. The go command's own proxy is the page (`HTTP_PROXY`, which it prefers). Secrets stand in
files that only this user reads or in the environment, never in argv. (Mercurial shows the passage's
password to the https host that it reaches; it is good for this run and this machine's loopback only.)

Sources: go help environment; hg help config; Subversion's `servers` and `config` files; fossil help
clone (http_proxy).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.model.credentials import Credential
    from modgate.vcs.gocmd.address import Place

__all__ = ["Surroundings"]

_GO_MOD = "module modgate.invalid/asks\n"
# What must never run, given as the program of everything that would reach out by ssh.
_NOTHING = "false"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The folders and variables of one run."""

    folder: Path
    environment: dict[str, str]

    @property
    def working(self) -> Path:
        """The folder that the go command runs in."""
        return self.folder / "work"

    @property
    def downloads(self) -> Path:
        """The module cache's download folder."""
        return self.folder / "mod" / "cache" / "download"

    @classmethod
    def make(
        cls,
        folder: Path,
        *,
        place: Place,
        module: str,
        base: dict[str, str],
        page: str,
        way_out: str,
        mirror: Path | None,
        credential: Credential | None,
    ) -> Surroundings:
        """Write the files of a run below an empty folder.

        `page` and `way_out` are proxies with user info. `mirror` is the folder that go keeps its
        clone in beyond the run. Blocking. Raises Unavailable for a credential that cannot be passed on.
        """
        home = folder / "home"
        for each in (home, folder / "work", folder / "tmp", folder / "mod" / "cache"):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        if mirror is not None:
            (folder / "mod" / "cache" / "vcs").symlink_to(mirror, target_is_directory=True)
        (folder / "work" / "go.mod").write_text(_GO_MOD, encoding="utf-8")
        _private(home / ".config" / "go" / "telemetry" / "mode", "off")
        _private(home / "hgrc", _hgrc(place, way_out, credential))
        _private(home / ".subversion" / "servers", _svn_servers(way_out))
        _private(home / ".subversion" / "config", _svn_config())
        return cls(folder, base | _variables(folder, place, module, page, way_out))


def _private(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)


def _variables(folder: Path, place: Place, module: str, page: str, way_out: str) -> dict[str, str]:
    insecure = place.told or not place.https
    return {
        "HOME": str(folder / "home"),
        "USERPROFILE": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "home" / ".config"),
        "XDG_CACHE_HOME": str(folder / "home" / ".cache"),
        "TMPDIR": str(folder / "tmp"),
        "TMP": str(folder / "tmp"),
        "TEMP": str(folder / "tmp"),
        "USER": "modgate",
        "LOGNAME": "modgate",
        "LANGUAGE": "",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "GOPATH": str(folder / "gopath"),
        "GOMODCACHE": str(folder / "mod"),
        "GOCACHE": str(folder / "build"),
        "GOENV": "off",
        "GOFLAGS": "",
        "GOPROXY": "direct",
        "GOPRIVATE": "",
        "GONOPROXY": "",
        "GONOSUMDB": "",
        "GOSUMDB": "off",
        "GOAUTH": "off",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GODEBUG": "",
        "GOINSECURE": module if insecure else "",
        # No root but this one, and nothing but its own system.
        "GOVCS": f"{place.root}:{place.vcs},*:off",
        "CGO_ENABLED": "0",
        "HTTP_PROXY": page,
        "HTTPS_PROXY": page,
        "http_proxy": way_out,
        "https_proxy": way_out,
        "NO_PROXY": "",
        "no_proxy": "",
        "HGRCPATH": str(folder / "home" / "hgrc"),
        "HGPLAIN": "1",
        "HGENCODING": "UTF-8",
        "SVN_SSH": _NOTHING,
        "BZR_SSH": _NOTHING,
        "GIT_SSH_COMMAND": _NOTHING,
        "GIT_TERMINAL_PROMPT": "0",
    }


def _hgrc(place: Place, way_out: str, credential: Credential | None) -> str:
    proxy = urlsplit(way_out)
    lines = [
        "[http_proxy]",
        f"host = {proxy.hostname}:{proxy.port}",
        f"user = {unquote(proxy.username or '')}",
        f"passwd = {unquote(proxy.password or '')}",
        "no =",
        "always = True",
        "[ui]",
        "interactive = False",
        # A bundle's address is the server's word, and is fetched before anything is checked.
        "clonebundles = False",
        f"ssh = {_NOTHING}",
        f"remotecmd = {_NOTHING}",
        "timeout = 30",
        "[extensions]",
        "[hooks]",
        "[subrepos]",
        "allowed = False",
    ]
    if credential is not None:
        name, password = credential.username, credential.password.reveal()
        # A line's end would be a setting more; Mercurial 6 breaks down at what is not ASCII.
        if not re.fullmatch(r"[\x21-\x7e]*", name) or not re.fullmatch(r"[\x21-\x7e]+", password):
            raise Unavailable(
                f"the credential of {credential.source} holds characters that hg cannot be given",
                where=place.url,
            )
        # Mercurial compares beginnings: without the slash `git.example` would fit `git.example.evil.test`.
        lines += [
            "[auth]",
            f"modgate.prefix = {urlsplit(place.url).netloc}/",
            f"modgate.username = {name}",
            f"modgate.password = {password}",
            "modgate.schemes = https",
        ]
    return "\n".join(lines) + "\n"


def _svn_servers(way_out: str) -> str:
    proxy = urlsplit(way_out)
    return (
        "[global]\n"
        f"http-proxy-host = {proxy.hostname}\n"
        f"http-proxy-port = {proxy.port}\n"
        f"http-proxy-username = {unquote(proxy.username or '')}\n"
        f"http-proxy-password = {unquote(proxy.password or '')}\n"
        "http-proxy-exceptions =\n"
        "store-passwords = no\n"
        "store-plaintext-passwords = no\n"
        "store-ssl-client-cert-pp = no\n"
    )


def _svn_config() -> str:
    return (
        "[auth]\npassword-stores =\nstore-auth-creds = no\n"
        f"[tunnels]\nssh = {_NOTHING}\nrsh = {_NOTHING}\n"
        "[helpers]\n[miscellany]\nenable-auto-props = no\n"
    )
